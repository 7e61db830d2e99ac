"""What one app saw of one session: plain data, kept while the app lives, judged afterwards.

Times are seconds on the app's own monotonic clock (`trio.current_time()`), so two apps
of one process can be compared. Ids are the strings that were on the wire. A history
is only ever appended to; a crash of the app costs the history.
"""

from typing import Literal

import msgspec

Role = Literal["customer", "mitra"]


class Sent(msgspec.Struct):
    """A message that the app wrote; it may have gone over the wire any number of times."""

    client_message_id: str
    content: str
    at: float  # when it was due, not when it first found a socket
    tried_at: float | None = None  # when it last went out
    again_at: float | None = None  # the server said: send it again

    def __repr__(self) -> str:  # the text of a chat shows nowhere
        return f"Sent({self.client_message_id!r}, at={self.at:.3f})"


class Ack(msgspec.Struct, frozen=True):
    """The server said that a message is stored, and under which number."""

    client_message_id: str
    seq: int
    id: str
    at: float


class Sighting(msgspec.Struct, frozen=True):
    """A `message` frame that reached the app, its own messages in a replay included."""

    seq: int
    id: str
    sender_type: Role
    client_message_id: str
    at: float
    connection: int  # the how-manieth socket of this app
    resumed: bool  # while a `resume` of this session was being answered


class History(msgspec.Struct):
    """One app's side of one session."""

    session_id: str
    role: Role
    sent: dict[str, Sent] = msgspec.field(default_factory=dict)
    acks: list[Ack] = msgspec.field(default_factory=list)
    refused: dict[str, str] = msgspec.field(default_factory=dict)  # client_message_id → code
    sightings: list[Sighting] = msgspec.field(default_factory=list)
    # connection → `last_seq` when it began: what is above must come by itself
    baselines: dict[int, int] = msgspec.field(default_factory=dict)
