"""The rows of searches and offers.

Every write that ends a search is one transaction with what it means for the money:
the payment row is locked first, then the pairing, then the mitra.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol
from uuid import UUID

import msgspec

from halobestie.adapters.postgres import Database, queries
from halobestie.ids import new_id
from halobestie.payments.messages import PaidRequest, RetryableCause, TerminalCause

from .messages import PairingStatus, PairingView, Refusal, RequestType, Running
from .rules import Failure, Fate

sql = queries("pairing")

Channel = Literal["ws", "fcm", "none"]


class Purse(Protocol):
    """What a search does with the payment behind it, inside its own transaction."""

    async def find(self, conn: Any, payment_request_id: UUID) -> PaidRequest | None: ...

    async def consume(
        self, conn: Any, payment_request_id: UUID, *, session_id: UUID, at: datetime
    ) -> bool: ...

    async def fail(
        self,
        conn: Any,
        payment_request_id: UUID,
        *,
        cause_tag: RetryableCause | TerminalCause,
        is_terminal: bool,
        targeted_mitra_id: UUID | None,
        at: datetime,
        pairing_id: UUID | None = None,
    ) -> bool: ...


class PairingRow(msgspec.Struct, frozen=True):
    """One search as it was last committed, with what its offers show."""

    id: UUID
    payment_request_id: UUID
    customer_id: UUID
    customer_name: str
    request_type: RequestType
    targeted_mitra_id: UUID | None
    status: PairingStatus
    cause_tag: str | None
    is_terminal: bool | None
    expires_at: datetime
    session_id: UUID | None
    epoch: int
    duration_minutes: int
    topics: tuple[str, ...]
    sensitivity: str
    is_free_trial: bool
    payment_expires_at: datetime


class Slots(msgspec.Struct, frozen=True):
    """How many customers a mitra may have, by the knob."""

    knob: int


class _Refused(Exception):
    """Rolls the transaction back; carries the answer."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer


class PairingStore:
    """Raises `Unavailable` when PostgreSQL is away: then nothing is known to be written."""

    def __init__(self, db: Database, purse: Purse) -> None:
        self._db = db
        self._purse = purse

    async def open(
        self,
        pairing_id: UUID,
        payment_request_id: UUID,
        *,
        customer_id: UUID | None,
        request_type: RequestType | None,
        mitra_id: UUID | None,
        windows: dict[RequestType, int],
        at: datetime,
    ) -> Running | Refusal | None:
        """Open a search with a confirmed payment; None when it is open now."""

        async def work(conn: Any) -> None:
            paid = await self._purse.find(conn, payment_request_id)
            if paid is None or customer_id not in (None, paid.customer_id) or paid.is_extension:
                raise _Refused(Refusal("not_found"))
            if paid.status == "consumed":
                raise _Refused(Refusal("already_active", paid.session_id))
            if paid.status != "confirmed" or paid.expires_at <= at:
                raise _Refused(Refusal("payment_not_confirmed"))
            kind, target = request_type, mitra_id
            if kind is None:
                kind, target = ("returning", paid.targeted_mitra_id)
                if target is None:
                    kind = "blast"
            window = timedelta(seconds=windows[kind])
            opened = await sql.open_pairing(
                conn,
                id=pairing_id,
                payment_request_id=payment_request_id,
                customer_id=paid.customer_id,
                request_type=kind,
                targeted_mitra_id=target if kind == "returning" else None,
                at=at,
                expires_at=min(at + window, paid.expires_at),
            )
            if opened is None:
                running = await sql.running_search(conn, customer_id=paid.customer_id)
                if running is not None and running["payment_request_id"] == payment_request_id:
                    raise _Refused(Running(running["id"]))
                raise _Refused(Refusal("already_pairing"))
            session_id = await sql.running_session(conn, customer_id=paid.customer_id)
            if session_id is not None:
                raise _Refused(Refusal("already_active", session_id))

        try:
            await self._db.transaction(work)
        except _Refused as refused:
            answer: Running | Refusal = refused.answer
            return answer
        return None

    async def claim(self, pairing_id: UUID) -> tuple[PairingRow, dict[UUID, Fate | None]] | None:
        """Become the owner of a search and read it with the fates of its offers."""

        async def work(conn: Any) -> Any:
            row = await sql.claim_pairing(conn, id=pairing_id)
            offers = [] if row is None else await sql.offers_of(conn, pairing_id=pairing_id)
            return row, offers

        row, offers = await self._db.transaction(work)
        if row is None:
            return None
        fates: dict[UUID, Fate | None] = {offer["mitra_id"]: offer["fate"] for offer in offers}
        return msgspec.convert(dict(row), PairingRow), fates

    async def offered(
        self, pairing_id: UUID, offers: Sequence[tuple[UUID, Channel]], at: datetime
    ) -> None:
        """Commit that these mitras are asked, and over which road."""
        await self._db.run(
            sql.store_offers,
            pairing_id=pairing_id,
            mitra_ids=[mitra_id for mitra_id, _ in offers],
            channels=[channel for _, channel in offers],
            at=at,
        )

    async def settle(self, pairing_id: UUID, mitra_id: UUID, fate: Fate, at: datetime) -> None:
        """Commit what became of one offer."""
        await self._db.run(
            sql.settle_offer, pairing_id=pairing_id, mitra_id=mitra_id, fate=fate, at=at
        )

    async def win(
        self, row: PairingRow, mitra_id: UUID, slots: Slots, at: datetime
    ) -> UUID | Literal["request_closed", "at_capacity", "offline"]:
        """Commit session, consumed payment and outcome at once; the new session's id.

        Counts the mitra's sessions under a lock, so that no crash of a presence and no
        reroute can give a mitra more than the capacity.
        """
        session_id = new_id()

        async def work(conn: Any) -> None:
            paid = await self._purse.consume(
                conn, row.payment_request_id, session_id=session_id, at=at
            )
            closed = paid and await sql.close_pairing(
                conn,
                id=row.id,
                epoch=row.epoch,
                status="paired",
                cause_tag=None,
                is_terminal=None,
                session_id=session_id,
                at=at,
            )
            if not closed:
                raise _Refused("request_closed")
            mitra = await sql.lock_mitra(conn, mitra_id=mitra_id)
            if mitra is None or not mitra["is_active"]:
                raise _Refused("offline")
            override = mitra["capacity_override"]
            capacity = slots.knob if override is None else override
            if await sql.slots_in_use(conn, mitra_id=mitra_id) >= capacity:
                raise _Refused("at_capacity")
            await sql.open_session(
                conn,
                id=session_id,
                customer_id=row.customer_id,
                mitra_id=mitra_id,
                payment_request_id=row.payment_request_id,
                topics=list(row.topics),
                sensitivity=row.sensitivity,
                duration_minutes=row.duration_minutes,
                is_free_trial=row.is_free_trial,
                at=at,
                ends_at=at + timedelta(minutes=row.duration_minutes),
            )
            await sql.log_started(conn, session_id=session_id, mitra_id=mitra_id, at=at)
            await sql.settle_offer(
                conn, pairing_id=row.id, mitra_id=mitra_id, fate="accepted", at=at
            )
            await sql.settle_open_offers(conn, pairing_id=row.id, fate="taken", at=at)

        try:
            await self._db.transaction(work)
        except _Refused as refused:
            answer: Literal["request_closed", "at_capacity", "offline"] = refused.answer
            return answer
        return session_id

    async def fail(self, row: PairingRow, failure: Failure, fate: Fate, at: datetime) -> bool:
        """Commit that the search has failed. False if it was closed already."""

        async def work(conn: Any) -> bool:
            await self._purse.fail(
                conn,
                row.payment_request_id,
                cause_tag=failure.cause,
                is_terminal=failure.is_terminal,
                targeted_mitra_id=row.targeted_mitra_id,
                at=at,
                pairing_id=row.id,
            )
            closed = await sql.close_pairing(
                conn,
                id=row.id,
                epoch=row.epoch,
                status="failed",
                cause_tag=failure.cause,
                is_terminal=failure.is_terminal,
                session_id=None,
                at=at,
            )
            await sql.settle_open_offers(conn, pairing_id=row.id, fate=fate, at=at)
            return closed is not None

        done: bool = await self._db.transaction(work)
        return done

    async def cancel(self, row: PairingRow, at: datetime) -> bool:
        """Commit that the customer gave up. False if the payment is no longer theirs to give up."""

        async def work(conn: Any) -> bool:
            failed = await self._purse.fail(
                conn,
                row.payment_request_id,
                cause_tag="customer_cancelled",
                is_terminal=True,
                targeted_mitra_id=row.targeted_mitra_id,
                at=at,
                pairing_id=row.id,
            )
            if not failed or not await sql.cancel_pairing(conn, id=row.id, epoch=row.epoch, at=at):
                raise _Refused(False)
            await sql.settle_open_offers(conn, pairing_id=row.id, fate="cancelled", at=at)
            return True

        try:
            done: bool = await self._db.transaction(work)
        except _Refused:
            return False
        return done

    # what handlers and the node ask

    async def views(self, payment_request_ids: Sequence[UUID]) -> dict[UUID, PairingView]:
        """The latest search of each of these payments; those without one are left out."""
        if not payment_request_ids:
            return {}
        rows = await self._db.run(
            sql.latest_of_payments, payment_request_ids=list(payment_request_ids)
        )
        return {row["payment_request_id"]: msgspec.convert(dict(row), PairingView) for row in rows}

    async def latest_of_payment(self, payment_request_id: UUID) -> UUID | None:
        """The search that a payment started last."""
        found: UUID | None = await self._db.run(
            sql.latest_of_payment, payment_request_id=payment_request_id
        )
        return found

    async def running_of_customer(self, customer_id: UUID) -> UUID | None:
        """The search that runs for a customer."""
        found: UUID | None = await self._db.run(sql.running_of_customer, customer_id=customer_id)
        return found

    async def latest_search(self) -> UUID | None:
        """The search that runs and began last."""
        found: UUID | None = await self._db.run(sql.latest_search)
        return found

    async def open_offers(self, pairing_id: UUID) -> list[UUID]:
        """The mitras whose answer a search waits for."""
        rows = await self._db.run(sql.offers_of, pairing_id=pairing_id)
        return [row["mitra_id"] for row in rows if row["fate"] is None]

    async def searching(self) -> list[UUID]:
        """Every search that runs."""
        return [row["id"] for row in await self._db.run(sql.searching)]


class PaymentUses:
    """Which paid requests have a search: what payments ask of pairing (see their ports)."""

    async def in_use(self, conn: Any, payment_ids: list[UUID]) -> set[UUID]:
        """Those with a running search."""
        rows = await sql.live_searches(conn, payment_request_ids=payment_ids)
        return {row["payment_request_id"] for row in rows}

    async def never_searched(self, conn: Any, payment_ids: list[UUID]) -> set[UUID]:
        """Those for which no search ever began and one may begin now."""
        rows = await sql.never_searched(conn, payment_request_ids=payment_ids)
        return {row["id"] for row in rows}
