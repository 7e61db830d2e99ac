"""What others read of searches: handlers, the node at its start, payments, operators.

Reads only, straight from the rows; no actor is asked. Raises `Unavailable` when
PostgreSQL is away.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from halobestie.adapters.postgres import Database, queries

from .messages import PairingStatus, PairingView, RequestType
from .reports import (
    MitraCounts,
    Named,
    OfferReport,
    PairingDetail,
    PairingReport,
    explain,
)
from .rules import response

sql = queries("searches")

NOT_OFFERED_SHOWN = 500  # mitras, in the report on one search


class ReportFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which searches an operator wants to see; None lets everything through."""

    status: PairingStatus | None = None
    cause_tag: str | None = None
    request_type: RequestType | None = None
    customer_id: UUID | None = None
    payment_request_id: UUID | None = None
    mitra_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    id: UUID | None = None


class Searches:
    """One per node, without state."""

    def __init__(self, db: Database) -> None:
        self._db = db

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

    async def latest_running(self) -> UUID | None:
        """The search that runs and began last."""
        found: UUID | None = await self._db.run(sql.latest_search)
        return found

    async def open_offers(self, pairing_id: UUID) -> list[UUID]:
        """The mitras whose answer a search waits for."""
        rows = await self._db.run(sql.open_offers, pairing_id=pairing_id)
        return [row["mitra_id"] for row in rows]

    # what the node begins with

    async def running(self) -> list[UUID]:
        """Every search that runs."""
        return [row["id"] for row in await self._db.run(sql.searching)]

    async def unstarted(self, at: datetime) -> list[UUID]:
        """Confirmed payments whose search a lost node has not begun."""
        waiting = [row["id"] for row in await self._db.run(sql.unstarted, at=at)]
        if not waiting:
            return []
        rows = await self._db.run(sql.never_searched, payment_request_ids=waiting)
        return [row["id"] for row in rows]

    # what operators see

    async def reports(
        self, wanted: ReportFilter, *, limit: int, offset: int
    ) -> tuple[list[PairingReport], int]:
        """Newest first, and how many there are."""
        parameters = msgspec.structs.asdict(wanted)
        rows = await self._db.run(sql.pairing_reports, **parameters, limit=limit, offset=offset)
        if not rows and offset:
            first = await self._db.run(sql.pairing_reports, **parameters, limit=1, offset=0)
            return [], first[0]["total"] if first else 0
        return [_report(row) for row in rows], rows[0]["total"] if rows else 0

    async def explained(self, pairing_id: UUID, at: datetime) -> PairingDetail | None:
        """Every mitra whom a search has asked or passed over; None if there is no such search."""
        found, _ = await self.reports(ReportFilter(id=pairing_id), limit=1, offset=0)
        if not found:
            return None
        report = found[0]
        offers = [
            _offer(row, report)
            for row in await self._db.run(sql.offer_reports, pairing_id=pairing_id)
        ]
        not_offered = [offer for offer in offers if offer.offered_at is None]
        if report.request_type == "blast":
            rows = await self._db.run(
                sql.not_considered,
                pairing_id=pairing_id,
                since=report.started_at,
                until=report.closed_at or at,
                limit=NOT_OFFERED_SHOWN,
            )
            not_offered += [_not_offered(row) for row in rows]
        asked = tuple(offer for offer in offers if offer.offered_at is not None)
        return PairingDetail(report, explain(report), asked, tuple(not_offered))

    async def counts(self, mitra_ids: Sequence[UUID], since: datetime) -> dict[UUID, MitraCounts]:
        """What these mitras were offered since a moment; those without an offer are left out."""
        rows = await self._db.run(sql.counts_of_mitras, mitra_ids=list(mitra_ids), since=since)
        return {
            row["mitra_id"]: MitraCounts(row["offers"], row["accepts"], row["declines"])
            for row in rows
        }


class PaymentUses:
    """Which paid requests have a search: what payments ask of pairing (see their ports)."""

    async def in_use(self, conn: Any, payment_ids: list[UUID]) -> set[UUID]:
        """Those with a running search."""
        rows = await sql.live_searches(conn, payment_request_ids=payment_ids)
        return {row["payment_request_id"] for row in rows}

    async def never_searched(self, conn: Any, payment_ids: list[UUID]) -> set[UUID]:
        """Those for which a search should have begun and never did."""
        rows = await sql.never_searched(conn, payment_request_ids=payment_ids)
        return {row["id"] for row in rows}


def _named(person: UUID | None, name: str | None) -> Named | None:
    return None if person is None else Named(person, name or "")


def _report(row: Any) -> PairingReport:
    closed_at = row["closed_at"]
    return PairingReport(
        id=row["id"],
        payment_request_id=row["payment_request_id"],
        customer=Named(row["customer_id"], row["customer_name"]),
        request_type=row["request_type"],
        targeted_mitra=_named(row["targeted_mitra_id"], row["targeted_mitra_name"]),
        status=row["status"],
        cause_tag=row["cause_tag"],
        is_terminal=row["is_terminal"],
        started_at=row["started_at"],
        expires_at=row["expires_at"],
        closed_at=closed_at,
        seconds=closed_at and round((closed_at - row["started_at"]).total_seconds(), 3),
        session_id=row["session_id"],
        mitra=_named(row["winner_id"], row["winner_name"]),
        mitras_notified=row["offered"],
        mitras_declined=row["declined"],
        mitras_seen=row["seen"],
    )


def _offer(row: Any, report: PairingReport) -> OfferReport:
    fate = row["fate"]
    return OfferReport(
        mitra=Named(row["mitra_id"], row["display_name"] or ""),
        channel=row["channel"],
        offered_at=row["offered_at"],
        seen_at=row["seen_at"],
        response=response(fate, report.status),
        responded_at=report.closed_at if fate is None else row["decided_at"],
        reason=fate if row["offered_at"] is None else None,
    )


def _not_offered(row: Any) -> OfferReport:
    return OfferReport(
        mitra=Named(row["mitra_id"], row["display_name"]),
        channel=None,
        offered_at=None,
        seen_at=None,
        response=row["reason"],
        responded_at=None,
        reason=row["reason"],
    )
