"""The rows of one search and its offers: what its owner writes.

Every write that ends a search is one transaction with what it means for the money:
the payment row is locked first, then the pairing, then the mitra. A write that names an
epoch which is not the latest changes nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec

from actors import Unavailable
from halobestie.adapters.postgres import Database, queries
from halobestie.ids import new_id
from halobestie.payments.messages import PaidRequest, Purse
from halobestie.push.messages import Owed, Pushes

from .messages import Begin, Refusal, RequestType, Running
from .rows import Offers, PairingRow
from .rules import Failure, Fate, Left, window_end

sql = queries("pairing")

Channel = Literal["ws", "fcm", "none"]
NotWon = Literal["request_closed", "at_capacity", "offline"]


class _Refused(Exception):
    """Rolls the transaction back; carries the answer."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer


class PairingStore:
    """Raises `Unavailable` when PostgreSQL is away, and when the search has another owner:
    then it is not known what is written."""

    def __init__(self, db: Database, purse: Purse, pushes: Pushes) -> None:
        self._db = db
        self._purse = purse
        self._pushes = pushes

    async def open(
        self, pairing_id: UUID, begin: Begin, windows: Mapping[RequestType, int], at: datetime
    ) -> PairingRow | Running | Refusal:
        """Open a search with a confirmed payment, and own it.

        Locks the payment, so that a search is never opened with one that is being
        cancelled or ended.
        """

        async def work(conn: Any) -> PairingRow:
            paid = await self._usable(conn, begin, at)
            kind, target = _wanted(begin, paid)
            if target is not None and not await sql.mitra_exists(conn, mitra_id=target):
                raise _Refused(Refusal("not_found"))
            opened = await sql.open_pairing(
                conn,
                id=pairing_id,
                payment_request_id=paid.id,
                customer_id=paid.customer_id,
                request_type=kind,
                targeted_mitra_id=target,
                at=at,
                expires_at=window_end(at, windows[kind], paid.expires_at),
            )
            if opened is None:
                running = await sql.running_search(conn, customer_id=paid.customer_id)
                if running is not None and running["payment_request_id"] == paid.id:
                    raise _Refused(Running(running["id"]))
                raise _Refused(Refusal("already_pairing"))
            session_id = await sql.running_session(conn, customer_id=paid.customer_id)
            if session_id is not None:
                raise _Refused(Refusal("already_active", session_id))
            return msgspec.convert(dict(opened), PairingRow)

        try:
            return await self._db.transaction(work)
        except _Refused as refused:
            answer: Running | Refusal = refused.answer
            return answer

    async def _usable(self, conn: Any, begin: Begin, at: datetime) -> PaidRequest:
        paid = await self._purse.find(conn, begin.payment_request_id, lock=True)
        if paid is None or begin.customer_id not in (None, paid.customer_id) or paid.is_extension:
            raise _Refused(Refusal("not_found"))
        if paid.status == "consumed":
            raise _Refused(Refusal("already_active", paid.session_id))
        if paid.status != "confirmed" or paid.expires_at <= at:
            raise _Refused(Refusal("payment_not_confirmed"))
        return paid

    async def claim(self, pairing_id: UUID) -> tuple[PairingRow, Offers] | None:
        """Become the owner of a search and read it; None if there is none.

        Waits for a commit of the former owner that is under way, so what it reads is final.
        """
        row = await self._db.run(sql.claim_pairing, id=pairing_id)
        if row is None:
            return None
        offers = Offers()
        for offer in await self._db.run(sql.offers_of, pairing_id=pairing_id):
            if offer["was_asked"]:
                offers.asked[offer["mitra_id"]] = offer["fate"]
            else:
                offers.passed_over.add(offer["mitra_id"])
        return msgspec.convert(dict(row), PairingRow), offers

    async def offer(
        self,
        row: PairingRow,
        asked: Sequence[UUID],
        passed_over: Mapping[UUID, Left],
        at: datetime,
        *,
        connected: Collection[UUID],
    ) -> None:
        """Commit who is asked and who is not, and owe a push to those without a socket."""

        road: dict[UUID, Channel] = dict.fromkeys(connected, "ws")
        away = [mitra_id for mitra_id in asked if mitra_id not in road]

        async def work(conn: Any) -> None:
            phones = [found["user_id"] for found in await sql.with_phones(conn, user_ids=away)]
            road.update(dict.fromkeys(phones, "fcm"))
            owed = [
                Owed(
                    user_id=mitra_id,
                    type="chat_request",
                    payment_request_id=row.payment_request_id,
                    expires_at=row.expires_at,
                )
                for mitra_id in phones
            ]
            await self._pushes.owe_all(conn, owed, at)
            _owned(await sql.store_offers(conn, **parameters()))

        def parameters() -> dict[str, object]:
            return {
                "pairing_id": row.id,
                "epoch": row.epoch,
                "mitra_ids": list(asked),
                "channels": [road.get(mitra_id, "none") for mitra_id in asked],
                "passed_over": list(passed_over),
                "reasons": list(passed_over.values()),
                "at": at,
            }

        if away:
            await self._db.transaction(work)
            self._pushes.sent_soon()
        else:
            _owned(await self._db.run(sql.store_offers, **parameters()))

    async def settle(self, row: PairingRow, mitra_id: UUID, fate: Fate, at: datetime) -> None:
        """Commit what became of one open offer."""
        _owned(
            await self._db.run(
                sql.settle_offer,
                pairing_id=row.id,
                epoch=row.epoch,
                mitra_id=mitra_id,
                fate=fate,
                at=at,
            )
        )

    async def win(self, row: PairingRow, mitra_id: UUID, knob: int, at: datetime) -> UUID | NotWon:
        """Commit session, consumed payment and outcome at once; the new session's id.

        Counts the mitra's sessions under a lock, so that no crash of a presence and no
        reroute can give a mitra more than the capacity (`knob`, or the mitra's own).
        """
        session_id = new_id()

        async def work(conn: Any) -> None:
            if not await self._purse.consume(
                conn, row.payment_request_id, session_id=session_id, at=at
            ):
                raise _Refused("request_closed")
            mitra = await sql.win_pairing(
                conn, id=row.id, epoch=row.epoch, session_id=session_id, mitra_id=mitra_id, at=at
            )
            _owned(mitra)
            if not mitra["is_active"]:
                raise _Refused("offline")
            override = mitra["capacity_override"]
            opened = await sql.open_session(
                conn,
                id=session_id,
                pairing_id=row.id,
                customer_id=row.customer_id,
                mitra_id=mitra_id,
                payment_request_id=row.payment_request_id,
                topics=list(row.topics),
                sensitivity=row.sensitivity,
                duration_minutes=row.duration_minutes,
                is_free_trial=row.is_free_trial,
                at=at,
                ends_at=at + timedelta(minutes=row.duration_minutes),
                capacity=knob if override is None else override,
            )
            if opened is None:
                raise _Refused("at_capacity")

        try:
            await self._db.transaction(work)
        except _Refused as refused:
            answer: NotWon = refused.answer
            return answer
        return session_id

    async def fail(self, row: PairingRow, failure: Failure, at: datetime, *, push: bool) -> None:
        """Commit that the search has failed; `push`: the customer hears of it by phone."""

        async def work(conn: Any) -> None:
            await self._purse.fail(
                conn,
                row.payment_request_id,
                cause_tag=failure.cause,
                is_terminal=failure.is_terminal,
                targeted_mitra_id=row.targeted_mitra_id,
                at=at,
                pairing_id=row.id,
            )
            _owned(await self._close(conn, row, "failed", failure, at))
            if push:
                owed = Owed(
                    user_id=row.customer_id,
                    type="pairing_failed",
                    payment_request_id=row.payment_request_id,
                    expires_at=max(row.payment_expires_at, at + PUSH_LIVES),
                )
                await self._pushes.owe_all(conn, [owed], at)

        await self._db.transaction(work)
        if push:
            self._pushes.sent_soon()

    async def cancel(self, row: PairingRow, at: datetime) -> bool:
        """Commit that the customer gave up. False if there is nothing to give up any more."""

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
            cancelled = Failure("customer_cancelled", is_terminal=True)
            if row.status == "searching":
                _owned(await self._close(conn, row, "cancelled", cancelled, at))
            elif not failed or await sql.running_search(conn, customer_id=row.customer_id):
                raise _Refused(False)  # too late, or another search has begun meanwhile
            else:
                _owned(await sql.cancel_retry(conn, id=row.id, epoch=row.epoch))
            return True

        try:
            return await self._db.transaction(work)
        except _Refused:
            return False

    async def _close(
        self, conn: Any, row: PairingRow, status: str, failure: Failure, at: datetime
    ) -> object:
        return await sql.close_pairing(
            conn,
            id=row.id,
            epoch=row.epoch,
            status=status,
            cause_tag=failure.cause,
            is_terminal=failure.is_terminal,
            at=at,
        )


PUSH_LIVES = timedelta(minutes=5)  # at least, for news that a search has failed


def _wanted(begin: Begin, paid: PaidRequest) -> tuple[RequestType, UUID | None]:
    """Whom to ask: as the caller says, else as was paid for."""
    if begin.request_type == "blast":
        return "blast", None
    target = paid.targeted_mitra_id if begin.mitra_id is None else begin.mitra_id
    return ("blast" if target is None else "returning"), target


def _owned(returned: object) -> None:
    """A write that touched no row: the search has another owner, or has moved under us."""
    if returned is None:
        raise Unavailable("the search has another owner")
