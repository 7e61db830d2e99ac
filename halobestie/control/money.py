"""Payments, failed pairings and the ledger's sums, for operators."""

from uuid import UUID

import msgspec
from quart.wrappers import Response

from halobestie.errors import Invalid
from halobestie.payments.messages import CAUSE_TAGS, CauseTag, OperatorAction, Status
from halobestie.payments.statements import FailedPairing, FailureFilter, Money, OperatorPayment
from halobestie.web import Area, OffsetPage, SpanPage, house, ok, signed_in

control = Area("/internal", users=("cc_user",))
areas = (control,)


class FailedPairings(msgspec.Struct, frozen=True):
    """One page, newest first."""

    rows: list[FailedPairing]
    total: int


class OperatorPayments(msgspec.Struct, frozen=True):
    """One page, newest first."""

    rows: list[OperatorPayment]
    total: int


class FailureQuery(SpanPage, frozen=True, kw_only=True):
    """Which failed pairings. `cause_tags` is a list with commas."""

    cause_tags: str = ""
    unactioned: bool = False

    @property
    def tags(self) -> tuple[CauseTag, ...] | None:
        """The causes that are meant; None for all."""
        wanted = {tag.strip() for tag in self.cause_tags.split(",")} - {""}
        unknown = wanted - set(CAUSE_TAGS)
        if unknown:
            raise Invalid("cause_tags", f"must be some of {', '.join(CAUSE_TAGS)}")
        return tuple(tag for tag in CAUSE_TAGS if tag in wanted) or None


class Decision(msgspec.Struct, frozen=True):
    """What was done about the money."""

    action: OperatorAction


class StatusQuery(OffsetPage, frozen=True, kw_only=True):
    """Which payments."""

    status: Status | None = None


@control.get("/failed-pairings", answers={200: FailedPairings})
async def failed_pairings(query: FailureQuery) -> Response:
    """Paid requests of which no session came, and why."""
    wanted = FailureFilter(
        cause_tags=query.tags,
        date_from=query.since,
        date_to=query.until,
        unactioned=query.unactioned,
    )
    rows, total = await house().money.failures(wanted, limit=query.limit, offset=query.offset)
    return ok(FailedPairings(rows, total))


@control.post(
    "/failed-pairings/<uuid:failure_id>/action",
    answers={200: FailedPairing},
    refuses=("409 already_actioned", "409 payment_delivered"),
)
async def act_on_failed_pairing(failure_id: UUID, body: Decision) -> Response:
    """Decide about the money, once.

    The decision holds for every failure of the same money. `refunded` and `credited` end
    a payment that the customer could still have used; if it became a session after the
    failure, only `no_action` is left (409 `payment_delivered`).
    """
    return ok(await house().money.act(failure_id, body.action, signed_in().id))


@control.get("/payment-requests", answers={200: OperatorPayments})
async def payment_requests(query: StatusQuery) -> Response:
    """All purchases, newest first."""
    rows, total = await house().money.payments(query.status, limit=query.limit, offset=query.offset)
    return ok(OperatorPayments(rows, total))


@control.get("/money", answers={200: Money})
async def money(query: OffsetPage) -> Response:
    """Where every rupiah stands: sums per outcome, and what has had none for over a minute."""
    return ok(await house().money.money(limit=query.limit, offset=query.offset))
