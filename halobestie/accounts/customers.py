"""Customers: coming without a name, registering, leaving, being blocked.

Whoever proves a phone or a social identity gets its account. An anonymous customer who
proves one that has no account yet becomes its account, and keeps id and history.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple
from uuid import UUID

import structlog

from actors import ActorError, Clock
from halobestie.accounts.audit import write_audit
from halobestie.accounts.messages import NOBODY, Ports
from halobestie.accounts.sessions import AuthSessions
from halobestie.accounts.store import CustomerRow, maybe, row, rows, session_sql, sql
from halobestie.adapters.postgres import Connection, Database
from halobestie.errors import Forbidden, NotFound, Problem
from halobestie.ids import new_id

_log = structlog.get_logger("halobestie.accounts")


class Identity(NamedTuple):
    """Who Google or Apple say it is: their name for themselves, theirs for the person."""

    issuer: str
    subject: str


class Arrival(NamedTuple):
    """A customer who has proved who they are. `upgraded`: by registering this very account."""

    customer: CustomerRow
    upgraded: bool


class Customers:
    """The customers' accounts."""

    def __init__(self, db: Database, sessions: AuthSessions, ports: Ports, clock: Clock) -> None:
        self._db = db
        self._sessions = sessions
        self._ports = ports
        self._clock = clock

    async def find(self, customer_id: UUID) -> CustomerRow:
        """NotFound if there is none."""
        found = maybe(CustomerRow, await self._db.run(sql.find_customer, id=customer_id))
        if found is None:
            raise NotFound
        return found

    async def add_anonymous(self, display_name: str | None) -> CustomerRow:
        """A new customer about whom nothing is known."""
        added = await self._db.run(
            sql.add_customer,
            id=new_id(),
            display_name=display_name or NOBODY,
            phone=None,
            is_anonymous=True,
            at=self._clock.now(),
        )
        return row(CustomerRow, added)

    async def arrive_by_phone(
        self, phone: str, display_name: str | None, anonymous_id: UUID | None
    ) -> Arrival:
        """The account of a proved phone. Forbidden `account_blocked`."""

        async def find(connection: Connection) -> CustomerRow | None:
            return maybe(CustomerRow, await sql.find_customer_by_phone(connection, phone=phone))

        return await self._arrive(f"phone:{phone}", find, phone, None, display_name, anonymous_id)

    async def arrive_by_identity(
        self, identity: Identity, display_name: str | None, anonymous_id: UUID | None
    ) -> Arrival:
        """The account of a proved social identity. Forbidden `account_blocked`."""

        async def find(connection: Connection) -> CustomerRow | None:
            return maybe(
                CustomerRow,
                await sql.find_customer_by_identity(
                    connection, issuer=identity.issuer, subject=identity.subject
                ),
            )

        key = f"social:{identity.issuer}:{identity.subject}"
        return await self._arrive(key, find, None, identity, display_name, anonymous_id)

    async def _arrive(
        self,
        lock: str,
        find: Callable[[Connection], Awaitable[CustomerRow | None]],
        phone: str | None,
        identity: Identity | None,
        display_name: str | None,
        anonymous_id: UUID | None,
    ) -> Arrival:
        at = self._clock.now()

        async def work(connection: Connection) -> Arrival:
            await sql.lock_identity(connection, identity=lock)
            if (known := await find(connection)) is not None:
                return Arrival(known, False)
            upgraded = None
            if anonymous_id is not None:
                upgraded = await sql.register_customer(
                    connection, id=anonymous_id, phone=phone, display_name=display_name, at=at
                )
            record = upgraded or await sql.add_customer(
                connection,
                id=new_id(),
                display_name=display_name or NOBODY,
                phone=phone,
                is_anonymous=False,
                at=at,
            )
            customer = row(CustomerRow, record)
            if identity is not None:
                await sql.add_identity(
                    connection, **identity._asdict(), customer_id=customer.id, at=at
                )
            return Arrival(customer, upgraded is not None)

        arrival = await self._db.transaction(work)
        if arrival.customer.blocked_at is not None:
            raise Forbidden("account_blocked", "This account has been blocked.")
        return arrival

    async def rename(self, customer_id: UUID, display_name: str) -> CustomerRow:
        found = await self._db.run(
            sql.rename_customer, id=customer_id, display_name=display_name, at=self._clock.now()
        )
        if found is None:
            raise NotFound
        return row(CustomerRow, found)

    async def close(self, customer_id: UUID) -> None:
        """The customer leaves: personal data erased, signed out, the rest of the house told."""
        at = self._clock.now()

        async def work(connection: Connection) -> list[UUID]:
            await sql.forget_phone(connection, customer_id=customer_id)
            if await sql.close_customer(connection, id=customer_id, nobody=NOBODY, at=at) is None:
                return []
            await sql.forget_identities(connection, customer_id=customer_id)
            return await self._sessions.revoke_within(connection, customer_id, "closed")

        await self._sessions.announce(await self._db.transaction(work))
        await self._say_farewell(customer_id)

    async def block(self, customer_id: UUID, *, blocked: bool, by: UUID) -> CustomerRow:
        """An operator blocks or unblocks; a block signs out and ends what runs."""
        at = self._clock.now()

        async def work(connection: Connection) -> tuple[CustomerRow | None, list[UUID]]:
            changed = await sql.block_customer(
                connection, id=customer_id, is_blocked=blocked, at=at
            )
            if changed is None:
                found = await sql.find_customer(connection, id=customer_id)
                return maybe(CustomerRow, found), []
            await write_audit(
                connection,
                actor_id=by,
                action="customer.block" if blocked else "customer.unblock",
                subject=customer_id,
                old={"is_blocked": not blocked},
                new={"is_blocked": blocked},
                at=at,
            )
            revoked = []
            if blocked:
                revoked = await self._sessions.revoke_within(connection, customer_id, "blocked")
            return row(CustomerRow, changed), revoked

        customer, revoked = await self._db.transaction(work)
        if customer is None:
            raise NotFound
        await self._sessions.announce(revoked)
        if blocked:
            await self._say_farewell(customer_id)
        return customer

    async def say_farewells(self) -> None:
        """Tell the other features again what a crash or an absence left half told."""
        for due in await self._db.run(sql.farewells_due):
            await self._say_farewell(due["id"])

    async def _say_farewell(self, customer_id: UUID) -> None:
        try:
            await self._ports.customer_gone(customer_id)
            await self._db.run(sql.farewell_said, id=customer_id)
        except (ActorError, Problem) as error:
            # It stays due; the account itself is closed already.
            _log.warning("farewell put off", error=type(error).__name__)

    async def list(
        self, search: str | None, *, limit: int, offset: int
    ) -> tuple[list[CustomerRow], int]:
        """Newest first, and how many there are. `search`: part of a name or phone, or an id."""
        found = await self._db.run(sql.list_customers, search=search, limit=limit, offset=offset)
        total: int = await self._db.run(sql.count_customers, search=search)
        return rows(CustomerRow, found), total

    async def export(self, customer_id: UUID) -> dict[str, object]:
        """All that is held about a customer, features' parts included."""
        customer = await self.find(customer_id)
        identities = await self._db.run(sql.identities_of, customer_id=customer_id)
        signed_in = await self._db.run(session_sql.sessions_of, user_id=customer_id)
        devices = await self._db.run(sql.devices_of, user_id=customer_id)
        held: dict[str, object] = {
            "exported_at": self._clock.now(),
            "account": {
                "id": customer.id,
                "display_name": customer.display_name,
                "phone": customer.phone,
                "is_anonymous": customer.is_anonymous,
                "created_at": customer.created_at,
            },
            "social_identities": [dict(record) for record in identities],
            "sign_ins": [dict(record) for record in signed_in],
            "devices": [dict(record) for record in devices],
        }
        for name, ask in self._ports.exports.items():
            held[name] = await ask(customer_id)
        return held
