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
ExtensionOutcome = Literal["approved", "auto_approved", "rejected", "auto_rejected"]
ExtensionStatus = Literal["pending", ExtensionOutcome]
DefaultAction = Literal["auto_approve", "auto_reject"]
Refused = Literal[
    "not_found",
    "session_not_active",
    "session_not_closing",
    "early_end_disabled",
    "closing_message_exists",
    "session_not_extendable",
    "extension_pending",
    "extension_resolved",
    "payment_not_confirmed",
    "free_trial_not_allowed",
    "mitra_unavailable",
    "already_rated",
    "session_not_completed",
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


class ExtensionView(Struct, frozen=True):
    """The contract's EXTENSION."""

    id: UUID
    status: ExtensionStatus
    duration_minutes: int
    expires_at: datetime


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
    extension: ExtensionView | None
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
    """The session has just begun. It tells both parties as it starts, so this starts it."""


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


class RequestExtension(Ask[ExtensionView | Refusal], frozen=True):
    """The customer wants more time, and has paid for it."""

    user_id: UUID
    payment_request_id: UUID


class AnswerExtension(Ask[ExtensionView | Refusal], frozen=True):
    """The mitra gives more time, or does not."""

    user_id: UUID
    extension_id: UUID
    accepts: bool


class Reroute(Ask[Refusal | None], frozen=True):
    """An operator gives the session to another mitra."""

    mitra_id: UUID
    operator_id: UUID


class OperatorEnd(Ask[Refusal | None], frozen=True):
    """An operator ends the session."""

    operator_id: UUID
    reason: str

    def __repr__(self) -> str:
        return "OperatorEnd(…)"


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


class Pushed(Struct, frozen=True):
    """Pushes are owed to a reader for everything up to a seq; what came at `next_at` and
    later is still given time to be acknowledged."""

    reader: Party
    seq: int
    next_at: datetime | None


# a session's deadlines


class Tick(Struct, frozen=True):
    """Tell both how much time is left."""


class OneMinuteLeft(Struct, frozen=True):
    """Warn both."""


class TimeUp(Struct, frozen=True):
    """The paid time is over."""


class DecisionOver(Struct, frozen=True):
    """The customer has not decided in time."""


class ExtensionOver(Struct, frozen=True):
    """The mitra has said nothing about the extension in time."""


class PushDue(Struct, frozen=True):
    """What this reader's app has not acknowledged by now is to be pushed."""

    reader: Party


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
    | RequestExtension
    | AnswerExtension
    | Reroute
    | OperatorEnd
    | MoveEnd
    | Wake
    | Committed
    | NotCommitted
    | Pushed
    | Tick
    | OneMinuteLeft
    | TimeUp
    | DecisionOver
    | ExtensionOver
    | PushDue
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


# to the herald


class OweMessages(Struct, frozen=True):
    """A reader has not acknowledged what was written above a seq: push it, if it stands
    since before `older_than`."""

    session_id: UUID
    reader: Party
    reader_id: UUID
    above: int
    older_than: datetime
