"""Auth sessions: signing in, staying in, being put out.

One row per sign-in. A refresh makes generation n into n + 1; whoever presents n again
within GRACE (an app that refreshed ten times at once, or lost the answer) gets the same
n + 1. Any other earlier generation is a copy in strange hands: the whole session ends.

    generation n ──refresh(n)──▶ n + 1     refresh(n) within GRACE: n + 1 again
                                           refresh(< n), or n later: revoked
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final, Literal, NamedTuple
from uuid import UUID

from actors import Clock
from halobestie.accounts.hashing import Hasher
from halobestie.accounts.limits import Budget, Limiter
from halobestie.accounts.revocations import Revocations
from halobestie.accounts.store import SessionRow, maybe, session_sql
from halobestie.accounts.tokens import (
    ACCESS_LIFETIME,
    REFRESH_LIFETIME,
    AccessTokens,
    RefreshTokens,
)
from halobestie.adapters.postgres import Connection, Database
from halobestie.callers import Caller, Role, UserType
from halobestie.errors import Unauthenticated
from halobestie.ids import new_id

GRACE: Final = timedelta(seconds=30)
REFRESHES = Budget("refresh", 60, 60.0)

Reason = Literal["logout", "reused", "blocked", "deactivated", "closed", "changed"]

_OPEN = {
    "customer": session_sql.open_customer_session,
    "mitra": session_sql.open_mitra_session,
    "cc_user": session_sql.open_operator_session,
}


class Pair(NamedTuple):
    """Working tokens of one auth session."""

    access_token: str
    refresh_token: str
    expires_in: int


class AuthSessions:
    """All sign-ins of all kinds of user."""

    def __init__(
        self,
        db: Database,
        access: AccessTokens,
        refresh: RefreshTokens,
        hasher: Hasher,
        revocations: Revocations,
        limiter: Limiter,
        clock: Clock,
    ) -> None:
        self._db = db
        self._access = access
        self._refresh = refresh
        self._hasher = hasher
        self._revocations = revocations
        self._limiter = limiter
        self._clock = clock

    def check(self, access_token: str) -> Caller:
        """Whose access token it is. No query; Unauthenticated if it is not valid any more."""
        caller = self._access.check(access_token)
        if self.is_over(caller.session_id):
            raise Unauthenticated(detail="This sign-in is over.")
        return caller

    def is_over(self, session_id: UUID) -> bool:
        """Whether it was revoked. No query.

        A socket asks once more after it has been registered: a revocation that fell
        between its handshake and that found no socket to close.
        """
        return session_id in self._revocations

    async def open(self, user_type: UserType, user_id: UUID, role: Role | None = None) -> Pair:
        """Sign a user in. Unauthenticated if they may not (any more)."""
        at = self._clock.now()
        session_id = new_id()
        token = self._refresh.make(session_id, 1)
        opened = await self._db.run(
            _OPEN[user_type],
            id=session_id,
            user_id=user_id,
            refresh_hash=await self._hasher.hash(token),
            at=at,
            expires_at=at + REFRESH_LIFETIME,
        )
        if opened is None:
            raise Unauthenticated(detail="This account cannot sign in.")
        return self._pair(Caller(user_id, user_type, session_id, role), 1)

    async def refresh(self, token: str, user_types: Iterable[UserType]) -> SessionRow:
        """Rotate. The session as it was found; `pair_of` makes its next pair.

        401 `refresh_invalid`; 401 `refresh_reused`, and then the session is revoked.
        """
        said = self._refresh.read(token)
        if said is None:
            raise _refresh_invalid()
        await self._limiter.take(REFRESHES, said.session_id)
        session = await self._find(said.session_id)
        if session is None or session.user_type not in user_types:
            raise _refresh_invalid()
        if session.revoked_at is not None or session.expires_at <= self._clock.now():
            raise _refresh_invalid()
        if said.generation == session.generation:
            if not await self._hasher.matches(token, session.refresh_hash):
                raise _refresh_invalid()
            return await self._rotated(session)
        if said.generation == session.generation - 1 and self._in_grace(session):
            return session
        await self.revoke(session.id, "reused")
        raise Unauthenticated("refresh_reused", "This refresh token was used before.")

    async def renew(self, session_id: UUID) -> SessionRow:
        """Rotate for a caller who has proved more than a refresh token would."""
        session = await self._find(session_id)
        if session is None or session.revoked_at is not None:
            raise Unauthenticated(detail="This sign-in is over.")
        return await self._rotated(session)

    def pair_of(self, session: SessionRow, role: Role | None = None) -> Pair:
        """The tokens of the session's present generation."""
        caller = Caller(session.user_id, session.user_type, session.id, role)
        return self._pair(caller, session.generation)

    async def revoke(self, session_id: UUID, reason: Reason) -> None:
        """End one sign-in: tokens, sockets and device tokens, on every node."""

        async def work(connection: Connection) -> list[UUID]:
            found = await session_sql.revoke_session(
                connection, id=session_id, at=self._clock.now(), reason=reason
            )
            return await _forget_devices(connection, found)

        await self._revocations.announce(await self._db.transaction(work))

    async def revoke_within(
        self, connection: Connection, user_id: UUID, reason: Reason
    ) -> list[UUID]:
        """Asyncio-side: end all of a user's sign-ins within a transaction.

        Announce what comes back once that transaction has committed.
        """
        found = await session_sql.revoke_sessions_of(
            connection, user_id=user_id, at=self._clock.now(), reason=reason
        )
        return await _forget_devices(connection, found)

    async def announce(self, session_ids: list[UUID]) -> None:
        """These were revoked, and committed."""
        await self._revocations.announce(session_ids)

    async def _find(self, session_id: UUID) -> SessionRow | None:
        return maybe(SessionRow, await self._db.run(session_sql.find_session, id=session_id))

    async def _rotated(self, session: SessionRow) -> SessionRow:
        """The session one generation on, whether by us or by whoever was faster."""
        at = self._clock.now()
        following = self._refresh.make(session.id, session.generation + 1)
        await self._db.run(
            session_sql.rotate_session,
            id=session.id,
            generation=session.generation,
            refresh_hash=await self._hasher.hash(following),
            at=at,
            expires_at=at + REFRESH_LIFETIME,
        )
        found = await self._find(session.id)
        if found is None or found.revoked_at is not None:
            raise _refresh_invalid()
        return found

    def _in_grace(self, session: SessionRow) -> bool:
        return self._clock.now() - session.rotated_at <= GRACE

    def _pair(self, caller: Caller, generation: int) -> Pair:
        return Pair(
            self._access.make(caller),
            self._refresh.make(caller.session_id, generation),
            int(ACCESS_LIFETIME.total_seconds()),
        )


async def _forget_devices(connection: Connection, found: list[dict[str, UUID]]) -> list[UUID]:
    ids = [record["id"] for record in found]
    if ids:
        await session_sql.forget_devices_of_sessions(connection, ids=ids)
    return ids


def _refresh_invalid() -> Unauthenticated:
    return Unauthenticated("refresh_invalid", "The refresh token is not valid.")
