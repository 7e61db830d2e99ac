"""Searches and their offers, for operators: why a search ended as it did."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta
from quart.wrappers import Response

from halobestie.errors import NotFound
from halobestie.pairing.messages import PairingStatus, RequestType
from halobestie.pairing.reports import PairingDetail, PairingReport
from halobestie.pairing.searches import ReportFilter
from halobestie.web import Area, SpanPage, house, ok

control = Area("/internal", users=("cc_user",))
areas = (control,)


class PairingList(msgspec.Struct, frozen=True):
    """One page, newest first."""

    rows: list[PairingReport]
    total: int


class PairingQuery(SpanPage, frozen=True, kw_only=True):
    """Which searches. `mitra_id`: those that have asked that mitra, or passed them over."""

    status: PairingStatus | None = None
    cause_tag: Annotated[str, Meta(max_length=40)] | None = None
    request_type: RequestType | None = None
    customer_id: UUID | None = None
    payment_request_id: UUID | None = None
    mitra_id: UUID | None = None


@control.get("/pairings", answers={200: PairingList})
async def list_pairings(query: PairingQuery) -> Response:
    """Searches, newest first."""
    wanted = ReportFilter(
        status=query.status,
        cause_tag=query.cause_tag,
        request_type=query.request_type,
        customer_id=query.customer_id,
        payment_request_id=query.payment_request_id,
        mitra_id=query.mitra_id,
        since=query.since,
        until=query.until,
    )
    rows, total = await house().searches.reports(wanted, limit=query.limit, offset=query.offset)
    return ok(PairingList(rows, total))


@control.get("/pairings/<uuid:pairing_id>", answers={200: PairingDetail})
async def get_pairing(pairing_id: UUID) -> Response:
    """One search, explained: every offer with mitra, channel, response and times, and for
    every active mitra who was not asked the reason."""
    detail = await house().searches.explained(pairing_id, house().clock.now())
    if detail is None:
        raise NotFound("There is no such search.")
    return ok(detail)
