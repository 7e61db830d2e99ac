"""What the other features may know of push.

A push is owed inside the transaction of what it announces, and so is neither lost nor
sent for something that did not happen. Who owes one decides that nobody is there to
see it: a push is for people without a live socket, or whose app does not answer.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol, get_args
from uuid import UUID

from msgspec import Struct

from halobestie.adapters.postgres import Connection

PushType = Literal[
    "chat_message",
    "paired",
    "pairing_failed",
    "chat_request",
    "extension_requested",
    "session_expired",
    "session_closing",
]
PUSH_TYPES: tuple[PushType, ...] = get_args(PushType)


class Owed(Struct, frozen=True, kw_only=True):
    """One thing that a person is to hear of, on all their phones, until `expires_at`."""

    user_id: UUID
    type: PushType
    session_id: UUID | None = None
    """What tapping leads to; given whenever there is one."""
    payment_request_id: UUID | None = None
    message_id: UUID | None = None
    expires_at: datetime
    """Nobody wants to hear of it any more."""


class Pushes(Protocol):
    """The outbox, for who has something to announce. See `push.outbox`."""

    async def owe_all(self, conn: Connection, owed: Sequence[Owed], at: datetime) -> int:
        """Asyncio-side, in the caller's transaction, one statement for all: the number of
        phones they will go to."""
        ...

    def sent_soon(self) -> None:
        """After the commit, on trio's side: let the sender look now. Never waits or fails."""
        ...


class LookNow(Struct, frozen=True):
    """To the sender: something is owed, or is due again."""
