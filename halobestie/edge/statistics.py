"""What one listener has seen: counters while it runs, a frozen copy for readers."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counters:
    """Totals since the start. Kept by everything below the listener."""

    accepted: int = 0
    requests: int = 0
    sockets: int = 0  # WebSockets accepted
    frames_in: int = 0
    frames_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    failures: int = 0  # exceptions of ours or the app's: each is in the log
    # What clients did wrong, by kind ("malformed", "early_data", "message_too_big" …).
    # Counted, never logged: a log line per fault would be the next flood.
    faults: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Statistics:
    """A listener at one moment."""

    name: str
    address: tuple[str, int] | None
    accepting: bool
    open_connections: int
    open_sockets: int
    accepted: int
    requests: int
    sockets: int
    frames_in: int
    frames_out: int
    bytes_in: int
    bytes_out: int
    failures: int
    faults: Mapping[str, int]
