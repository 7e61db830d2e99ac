"""Control-center users: signing in with a password, and being managed by admins."""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import UNSET, UnsetType

from actors import Clock
from halobestie.accounts.audit import write_audit
from halobestie.accounts.hashing import Hasher
from halobestie.accounts.limits import Budget, Limiter
from halobestie.accounts.sessions import AuthSessions, Reason
from halobestie.accounts.store import CredentialsRow, OperatorRow, maybe, operator_sql, row, rows
from halobestie.accounts.store import sql as account_sql
from halobestie.adapters.postgres import Connection, Database
from halobestie.callers import Role
from halobestie.errors import Conflict, NotFound, Unauthenticated
from halobestie.ids import new_id
from halobestie.quiet import Quiet

FAILURES_PER_EMAIL: Final = Budget("login-email", 10, 15 * 60.0)
FAILURES_PER_ADDRESS: Final = Budget("login-address", 100, 15 * 60.0)


class OperatorChange(Quiet, frozen=True, kw_only=True):
    """What is to be different; what is unset stays."""

    email: str | UnsetType = UNSET
    display_name: str | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    password: str | UnsetType = UNSET


class Operators:
    """The control-center users."""

    def __init__(
        self,
        db: Database,
        sessions: AuthSessions,
        hasher: Hasher,
        limiter: Limiter,
        clock: Clock,
    ) -> None:
        self._db = db
        self._sessions = sessions
        self._hasher = hasher
        self._limiter = limiter
        self._clock = clock

    async def log_in(self, email: str, password: str, address: str) -> OperatorRow:
        """Whose password it is. Unauthenticated `invalid_credentials`, after the same work
        for unknown e-mails; TooMany once the failures are spent, right password or not."""
        email = email.strip().lower()
        # Taken before the check, so that simultaneous guesses get no more than their number.
        by_address = await self._limiter.take(FAILURES_PER_ADDRESS, address)
        by_email = await self._limiter.take(FAILURES_PER_EMAIL, email)
        found = maybe(
            CredentialsRow, await self._db.run(operator_sql.find_credentials, email=email)
        )
        right = await self._hasher.matches(password, found.password_hash if found else None)
        if found is None or not right or not found.is_active:
            raise Unauthenticated("invalid_credentials", "E-mail or password is wrong.")
        await self._limiter.give_back(by_email)
        await self._limiter.give_back(by_address)
        return found

    async def find(self, operator_id: UUID) -> OperatorRow:
        """NotFound if there is none."""
        found = maybe(OperatorRow, await self._db.run(operator_sql.find_operator, id=operator_id))
        if found is None:
            raise NotFound
        return found

    async def add(
        self, email: str, display_name: str, role: Role, password: str, *, by: UUID
    ) -> OperatorRow:
        """Conflict `email_taken`."""
        at = self._clock.now()
        hashed = await self._hasher.hash(password)

        async def work(connection: Connection) -> OperatorRow:
            added = await operator_sql.add_operator(
                connection,
                id=new_id(),
                email=email.lower(),
                display_name=display_name,
                role=role,
                password_hash=hashed,
                at=at,
            )
            if added is None:
                raise _email_taken()
            operator = row(OperatorRow, added)
            await write_audit(
                connection,
                actor_id=by,
                action="cc_user.add",
                subject=operator.id,
                new=_told(operator),
                at=at,
            )
            return operator

        return await self._db.transaction(work)

    async def change(self, operator_id: UUID, wanted: OperatorChange, *, by: UUID) -> OperatorRow:
        """Conflict `last_admin` or `email_taken`.

        Losing the account, another role or another password signs the operator out.
        """
        hashed = None if wanted.password is UNSET else await self._hasher.hash(wanted.password)
        at = self._clock.now()

        async def work(connection: Connection) -> tuple[OperatorRow, list[UUID]]:
            # All admins are locked first: two admins who demote each other take turns.
            admins = [record["id"] for record in await operator_sql.lock_admins(connection)]
            before = maybe(
                OperatorRow, await operator_sql.lock_operator(connection, id=operator_id)
            )
            if before is None:
                raise NotFound
            after = await self._changed(connection, before, wanted, hashed, at)
            stays_admin = after.role == "admin" and after.is_active
            if admins == [operator_id] and not stays_admin:
                raise Conflict("last_admin", "There must be an admin.")
            if after == before and hashed is None:
                return after, []
            await write_audit(
                connection,
                actor_id=by,
                action="cc_user.change",
                subject=operator_id,
                old=_told(before),
                new=_told(after) | ({"password": "changed"} if hashed else {}),
                at=at,
            )
            if hashed is None and (after.role, after.is_active) == (before.role, before.is_active):
                return after, []
            reason: Reason = "changed" if after.is_active else "deactivated"
            return after, await self._sessions.revoke_within(connection, operator_id, reason)

        after, revoked = await self._db.transaction(work)
        await self._sessions.announce(revoked)
        return after

    async def _changed(
        self,
        connection: Connection,
        before: OperatorRow,
        wanted: OperatorChange,
        hashed: str | None,
        at: datetime,
    ) -> OperatorRow:
        values = {
            name: getattr(before if getattr(wanted, name) is UNSET else wanted, name)
            for name in ("email", "display_name", "role", "is_active")
        }
        values["email"] = values["email"].lower()
        changed = await operator_sql.change_operator(
            connection, id=before.id, **values, password_hash=hashed, at=at
        )
        if changed is None:
            raise _email_taken()
        return row(OperatorRow, changed)

    async def add_first_admin(self, email: str, password: str) -> bool:
        """Make the first admin if there is none; whether it was made now."""
        if await self._db.run(operator_sql.any_admin):
            return False
        hashed = await self._hasher.hash(password)

        async def work(connection: Connection) -> bool:
            await account_sql.lock_identity(connection, identity="first admin")
            added = await operator_sql.add_first_admin(
                connection,
                id=new_id(),
                email=email.lower(),
                display_name="Admin",
                password_hash=hashed,
                at=self._clock.now(),
            )
            return added is not None

        return await self._db.transaction(work)

    async def make_admin(self, email: str, display_name: str, password: str) -> OperatorRow:
        """`run.py create-admin`: a new admin, or an operator made admin with this password."""
        hashed = await self._hasher.hash(password)
        at = self._clock.now()

        async def work(connection: Connection) -> tuple[OperatorRow, list[UUID]]:
            made = await operator_sql.make_admin(
                connection,
                id=new_id(),
                email=email.strip().lower(),
                display_name=display_name,
                password_hash=hashed,
                at=at,
            )
            operator = row(OperatorRow, made)
            await write_audit(
                connection,
                actor_id=None,
                action="cc_user.make_admin",
                subject=operator.id,
                new=_told(operator),
                at=at,
            )
            revoked = await self._sessions.revoke_within(connection, operator.id, "changed")
            return operator, revoked

        operator, revoked = await self._db.transaction(work)
        await self._sessions.announce(revoked)
        return operator

    async def list(self, *, limit: int, offset: int) -> tuple[list[OperatorRow], int]:
        """In the order of their making, and how many there are."""
        found = await self._db.run(operator_sql.list_operators, limit=limit, offset=offset)
        total: int = await self._db.run(operator_sql.count_operators)
        return rows(OperatorRow, found), total


def _told(operator: OperatorRow) -> dict[str, object]:
    return {
        name: getattr(operator, name) for name in ("email", "display_name", "role", "is_active")
    }


def _email_taken() -> Conflict:
    return Conflict("email_taken", "Another operator has this e-mail.")
