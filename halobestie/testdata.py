"""What test routes make and unmake in the rows. Wired only where test routes are enabled."""

from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

from actors import Clock
from halobestie.adapters.postgres import Connection, Database, ForeignKeyViolation, queries
from halobestie.ids import new_id

sql = queries("testdata")

AGO = timedelta(hours=1)
LENGTH = timedelta(minutes=12)
WORDS = (("customer", "Halo, boleh cerita?"), ("mitra", "Tentu, aku mendengarkan."))


class Payments(Protocol):
    """Who alone may remove money."""

    async def erase_customer(self, conn: Any, customer_id: UUID) -> None: ...


class TestData:
    """Rows for tests. Raises `Unavailable` when PostgreSQL is away."""

    __test__ = False  # no test class, whatever pytest thinks of the name

    def __init__(self, db: Database, clock: Clock, payments: Payments) -> None:
        self._db = db
        self._clock = clock
        self._payments = payments

    async def customer_of_phone(self, phone: str) -> UUID | None:
        """Whose phone it is."""
        found: UUID | None = await self._db.run(sql.customer_of_phone, phone=phone)
        return found

    async def sessions_of(self, customer_id: UUID) -> list[UUID]:
        """Every session a customer ever had."""
        return [row["id"] for row in await self._db.run(sql.sessions_of, customer_id=customer_id)]

    async def erase_customer(self, customer_id: UUID) -> None:
        """Remove a customer and everything of theirs. Nobody may be using it."""

        async def work(conn: Connection) -> None:
            await sql.erase_sessions(conn, customer_id=customer_id)
            await sql.erase_searches(conn, customer_id=customer_id)
            await self._payments.erase_customer(conn, customer_id)
            await sql.erase_pushes(conn, customer_id=customer_id)
            await sql.erase_sign_ins(conn, customer_id=customer_id)
            await sql.erase_person(conn, customer_id=customer_id)

        await self._db.transaction(work)

    async def past_session(
        self, customer_id: UUID, mitra_id: UUID | None
    ) -> tuple[UUID, str] | None:
        """A completed session an hour ago, paid and talked in: its id and the mitra's name.

        None if there is no such customer or mitra.
        """
        session_id, payment_id, paid_id = new_id(), new_id(), new_id()
        began = self._clock.now() - AGO

        async def work(conn: Connection) -> str | None:
            mitra = await sql.any_mitra_for(conn, mitra_id=mitra_id)
            if mitra is None:
                return None
            await sql.add_past_payment(
                conn,
                id=payment_id,
                customer_id=customer_id,
                session_id=session_id,
                began=began,
                paid_id=paid_id,
            )
            await sql.add_past_money(
                conn,
                paid_id=paid_id,
                delivered_id=new_id(),
                customer_id=customer_id,
                payment_id=payment_id,
                session_id=session_id,
                began=began,
            )
            await sql.add_past_session(
                conn,
                id=session_id,
                customer_id=customer_id,
                mitra_id=mitra["id"],
                payment_id=payment_id,
                began=began,
                ended=began + LENGTH,
            )
            people = {"customer": customer_id, "mitra": mitra["id"]}
            for seq, (party, text) in enumerate(WORDS, start=1):
                await sql.add_past_message(
                    conn,
                    session_id=session_id,
                    seq=seq,
                    id=new_id(),
                    sender_type=party,
                    sender_id=people[party],
                    client_message_id=f"seed-{seq}",
                    content=text,
                    at=began + timedelta(minutes=seq),
                )
            name: str = mitra["display_name"]
            return name

        try:
            name = await self._db.transaction(work)
        except ForeignKeyViolation:
            return None
        return None if name is None else (session_id, name)
