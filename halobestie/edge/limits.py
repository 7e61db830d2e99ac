"""What a client may take of us: time, bytes, and nothing without a bound.

One frozen struct per listener. Tests make the times short; the sizes are the
contract's (64 KiB) or protect the process, and are not knobs of the operators.
"""

from dataclasses import dataclass

RECEIVE_BYTES = 32 * 1024  # one read; what is parsed between two checkpoints of a connection
BACKLOG = 1024  # connections the kernel holds for us while the loop is busy


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes. Every wait for a client has one of these behind it."""

    # A request head, from its first byte (a first request: from the connect) to its
    # last, in total: one byte every few seconds buys no more time.
    head_seconds: float = 10.0
    # Between two requests of a kept-alive connection.
    idle_seconds: float = 30.0
    # A request body, in total: 64 KiB is the largest that the app takes.
    body_seconds: float = 30.0
    # From an upgrade request to the app's accept or refusal.
    handshake_seconds: float = 10.0
    # A write in which the peer takes nothing; in all, as long again for each 64 KiB.
    send_seconds: float = 10.0
    # What the app may still do once its peer is gone.
    grace_seconds: float = 5.0
    # Reading on after our last byte: closing with unread input resets the
    # connection, and the peer loses the answer (a 413, a close code).
    linger_seconds: float = 2.0
    # From our close frame to the peer's.
    close_seconds: float = 2.0
    # Between our pings. A peer silent for twice this and a second is dropped.
    ping_seconds: float = 20.0

    head_bytes: int = 16 * 1024
    message_bytes: int = 64 * 1024
    fragments: int = 1024  # frames of one message: empty ones cost memory too
