"""What may be said to a session and to the journal, and what they answer."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from actors import Ask

Party = Literal["customer", "mitra"]
SessionStatus = Literal["active", "expired", "closing", "completed"]
EndedBy = Literal["customer", "mitra", "operator", "system"]
Completion = Literal["closed", "grace_over", "abandoned", "operator", "account_closed"]
Refused = Literal[
    "not_found",
    "session_not_active",
    "session_not_closing",
    "early_end_disabled",
    "closing_message_exists",
]


def other(party: Party) -> Party:
    """The one who is not `party`."""
    return "mitra" if party == "customer" else "customer"


# views


class Person(Struct, frozen=True):
    """A party as the other sees it."""

    id: UUID
    display_name: str


class Bestie(Struct, frozen=True):
    """A mitra as a customer sees it."""

    id: UUID
    display_name: str
    is_online: bool


class ClosingMessage(Struct, frozen=True):
    """What a party left at the end; `content` is null for a skip."""

    sender_type: Party
    content: str | None

    def __repr__(self) -> str:
        return f"ClosingMessage(sender_type={self.sender_type!r})"


class SessionView(Struct, frozen=True, kw_only=True):
    """The contract's SESSION, as one party sees it."""

    id: UUID
    status: SessionStatus
    customer: Person
    mitra: Bestie
    topics: tuple[str, ...]
    sensitivity: str
    duration_minutes: int
    started_at: datetime
    ends_at: datetime
    remaining_seconds: int
    decision_deadline: datetime | None
    grace_deadline: datetime | None
    extension: None = None
    last_seq: int
    unread_count: int
    peer_delivered_seq: int
    peer_read_seq: int
    own_delivered_seq: int
    own_read_seq: int
    payment_request_id: UUID
    closing_messages: tuple[ClosingMessage, ...]


class StoredMessage(Struct, frozen=True, kw_only=True):
    """A chat message as it stands in the database."""

    session_id: UUID
    id: UUID
    seq: int
    sender_type: Party
    sender_id: UUID
    content: str
    client_message_id: str
    created_at: datetime

    def __repr__(self) -> str:
        return f"StoredMessage(id={self.id}, seq={self.seq})"


class Sent(Struct, frozen=True):
    """The message stands in the database; `again` if it had been sent before."""

    id: UUID
    seq: int
    created_at: datetime
    again: bool = False


class Refusal(Struct, frozen=True):
    """Nothing was changed; the code says why."""

    code: Refused


# to a session


class Announce(Struct, frozen=True):
    """The session has just begun: tell both parties."""


class Look(Ask[SessionView | Refusal], frozen=True):
    """How does the session stand, for this user?"""

    user_id: UUID


class SendMessage(Ask[Sent | Refusal], frozen=True):
    """A party writes. Answered after the commit; to a socket by frames as well."""

    user_id: UUID
    client_message_id: str
    content: str
    socket_id: UUID | None = None

    def __repr__(self) -> str:
        return "SendMessage(…)"


class Receipt(Ask[Refusal | None], frozen=True):
    """A party has received or read what the other wrote, up to a seq."""

    user_id: UUID
    delivered_up_to: int = 0
    read_up_to: int = 0
    socket_id: UUID | None = None


class Typing(Struct, frozen=True):
    """A party types, or has stopped."""

    user_id: UUID
    is_typing: bool
    socket_id: UUID


class End(Ask[SessionView | Refusal], frozen=True):
    """A party ends the session."""

    user_id: UUID


class LeaveClosing(Ask[SessionView | Refusal], frozen=True):
    """A party leaves a closing message, or skips it (None)."""

    user_id: UUID
    content: str | None

    def __repr__(self) -> str:
        return "LeaveClosing(…)"


class CloseAccount(Ask[None], frozen=True):
    """The customer's account is closed, or blocked: the session is to close."""


class MoveEnd(Ask[SessionView | Refusal], frozen=True):
    """For tests: let the time that remains be this."""

    remaining_seconds: int


class Wake(Struct, frozen=True):
    """Run, if only to mind your deadlines. The node says it to what it finds at start."""


class Receipts(Struct, frozen=True):
    """What each party has of the other's messages, up to a seq."""

    customer_delivered: int = 0
    customer_read: int = 0
    mitra_delivered: int = 0
    mitra_read: int = 0


class Committed(Struct, frozen=True):
    """The journal has stored everything of this session up to `seq`, and these receipts."""

    epoch: int
    seq: int
    receipts: Receipts


class NotCommitted(Struct, frozen=True):
    """The journal could not store what it was given; whether it is stored is not known."""

    epoch: int


# a session's deadlines


class Tick(Struct, frozen=True):
    """Tell both how much time is left."""


class OneMinuteLeft(Struct, frozen=True):
    """Warn both."""


class TimeUp(Struct, frozen=True):
    """The paid time is over."""


class DecisionOver(Struct, frozen=True):
    """The customer has not decided in time."""


class GraceOver(Struct, frozen=True):
    """The time for closing messages is over."""


class CommitOverdue(Struct, frozen=True):
    """The journal has been silent for too long."""


class Forgotten(Struct, frozen=True):
    """Completed long enough to leave memory."""


SessionMessage = (
    Announce
    | Look
    | SendMessage
    | Receipt
    | Typing
    | End
    | LeaveClosing
    | CloseAccount
    | MoveEnd
    | Wake
    | Committed
    | NotCommitted
    | Tick
    | OneMinuteLeft
    | TimeUp
    | DecisionOver
    | GraceOver
    | CommitOverdue
    | Forgotten
)


# to the journal


class Write(Struct, frozen=True):
    """Store this of one session: a message, or receipts, or both."""

    session_id: UUID
    epoch: int
    message: StoredMessage | None
    receipts: Receipts
