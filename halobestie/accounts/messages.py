"""What other features and the handlers see of accounts: plain data."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Protocol
from uuid import UUID

from msgspec import Meta

from halobestie.adapters.postgres import Connection
from halobestie.callers import Role, UserType
from halobestie.quiet import Quiet

# Shown for a customer who gave no name, and in place of the name of one who left.
NOBODY = "Sahabat"


class Audit(Protocol):
    """Writes one row of the audit log, in the transaction of what it tells of.

    The port of every feature that operators change or read. See `audit.write_audit`.
    """

    async def __call__(
        self,
        connection: Connection,
        /,
        *,
        actor_id: UUID | None,
        action: str,
        subject: UUID | str,
        at: datetime,
        old: object = None,
        new: object = None,
        reason: str | None = None,
    ) -> None: ...


DisplayName = Annotated[str, Meta(min_length=1, max_length=40)]


class User(Quiet, frozen=True):
    """A customer or mitra as they see themselves: `me`, and a part of the token answer."""

    id: UUID
    user_type: UserType
    display_name: str
    is_anonymous: bool
    phone: str | None


class TokenAnswer(Quiet, frozen=True, kw_only=True):
    """A pair of tokens and whose they are."""

    access_token: str
    refresh_token: str
    token_type: str = "Bearer"
    expires_in: int
    user: User


class OperatorView(Quiet, frozen=True):
    """A control-center user as they see themselves."""

    id: UUID
    email: str
    display_name: str
    role: Role


async def _nothing(_id: UUID) -> None:
    return None


def _nobody_online() -> Collection[UUID]:
    return ()


def _close_nothing(_session_ids: Sequence[UUID]) -> None:
    return None


@dataclass
class Ports:
    """What accounts needs of the other features; wired by the node before it listens.

    Every callable may be called again for the same thing, also after a restart.
    """

    # Auth sessions were revoked, here or on another node: close their sockets with 4403.
    close_sockets: Callable[[Sequence[UUID]], None] = _close_nothing
    # A customer was blocked or has left: cancel the search, close the session, settle what
    # was paid. Told until it returns; may raise Unavailable or other refusals.
    customer_gone: Callable[[UUID], Awaitable[None]] = _nothing
    # A mitra's account was switched off: presence goes offline (`deactivated`).
    mitra_deactivated: Callable[[UUID], Awaitable[None]] = _nothing
    # A mitra's capacity, name or activity has changed.
    mitra_changed: Callable[[UUID], Awaitable[None]] = _nothing
    # A mitra has signed out of the app: presence goes offline (`logout`).
    mitra_signed_out: Callable[[UUID], Awaitable[None]] = _nothing
    # Who is online now, for the control center's filter.
    online_mitras: Callable[[], Collection[UUID]] = _nobody_online
    # What other features hold about a customer, by the name it has in the export.
    exports: dict[str, Callable[[UUID], Awaitable[object]]] = field(default_factory=dict)
