"""What is stored, as plain rows, and what is wrong with it, as plain sentences.

The checker reads these and `history`; `rows` fills them from PostgreSQL. Ids are strings
here, as the apps saw them on the wire.
"""

from datetime import datetime

import msgspec

from .history import History, Role


class Violation(msgspec.Struct, frozen=True, order=True):
    """One broken promise: which, of what, and the numbers that show it. Never a text."""

    rule: str
    where: str
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.where}: {self.detail}"


class StoredMessage(msgspec.Struct, frozen=True):
    """A row of chat_messages."""

    session_id: str
    seq: int
    id: str
    sender_type: Role
    client_message_id: str
    content: str

    def __repr__(self) -> str:  # the text of a chat shows nowhere
        return f"StoredMessage({self.session_id!r}, {self.seq}, {self.id!r})"


class StoredSession(msgspec.Struct, frozen=True):
    """A row of chat_sessions."""

    id: str
    customer_id: str
    payment_request_id: str
    status: str
    last_seq: int


class StoredPayment(msgspec.Struct, frozen=True):
    """A row of payment_requests."""

    id: str
    customer_id: str
    status: str
    is_extension: bool
    session_id: str | None
    confirmed: bool  # was it ever
    expires_at: datetime


class StoredFailure(msgspec.Struct, frozen=True):
    """A row of failed_pairings."""

    payment_request_id: str
    cause_tag: str
    is_terminal: bool


class Stored(msgspec.Struct, frozen=True):
    """Everything the checker looks at, read at one moment."""

    as_of: datetime
    messages: tuple[StoredMessage, ...] = ()
    sessions: tuple[StoredSession, ...] = ()
    payments: tuple[StoredPayment, ...] = ()
    failures: tuple[StoredFailure, ...] = ()
    searching: frozenset[str] = frozenset()  # payments whose pairing is open


class Told(msgspec.Struct, frozen=True):
    """What the apps were told: one history per app and session, and the confirmations."""

    histories: tuple[History, ...] = ()
    confirmed_payments: frozenset[str] = frozenset()
