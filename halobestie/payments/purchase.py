"""Making a payment request, inside a transaction.

One live request per customer and purpose (the next session, or one session's extension).
Asking again for exactly the same while at least half of its time is left gives the same
request; asking for anything else abandons it in favour of a new one. The customer's row
is locked first, so that two taps are two repeats and never two purchases.
"""

from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from msgspec import Struct

from halobestie.adapters.postgres import Connection
from halobestie.errors import BadRequest, Conflict, Forbidden, Invalid, NotFound, Problem
from halobestie.knobs.messages import Knobs

from . import ledger
from .messages import Sensitivity
from .ports import Sessions
from .pricing import Tier, Unsold, choose, reusable, sensitivity
from .store import PaymentRow, payment, sql


class Order(Struct, frozen=True, kw_only=True):
    """What a customer wants to buy."""

    customer_id: UUID
    tier_id: str | None
    duration_minutes: int | None
    is_extension: bool
    session_id: UUID | None
    """For an extension only."""
    targeted_mitra_id: UUID | None
    topics: tuple[str, ...]
    sensitivity: Sensitivity | None


class Placed(Struct, frozen=True):
    """The request, and the one that it took the place of."""

    row: PaymentRow
    is_new: bool
    replaced: PaymentRow | None = None


async def place(
    conn: Connection, request_id: UUID, order: Order, knobs: Knobs, sessions: Sessions, at: datetime
) -> Placed:
    """A pending request for `order`; a Problem says why it cannot be had.

    `request_id` is the id of a new one. Called again with the same id (the first caller
    died before it could answer), it finds what was made.
    """
    customer = await sql.lock_customer(conn, customer_id=order.customer_id)
    if customer is None:
        raise NotFound("There is no such customer.")
    made_before = await sql.find_payment(conn, id=request_id)
    if made_before is not None:
        return Placed(payment(made_before), is_new=False)
    tier = await _tier(conn, order, knobs)
    await _allow(conn, order, knobs, sessions, is_anonymous=customer["is_anonymous"])
    window = timedelta(minutes=knobs.payment_session_timeout_minutes)
    replaced = None
    pending = await sql.lock_pending_payment(
        conn, customer_id=order.customer_id, session_id=order.session_id
    )
    wanted = _columns(order, tier, knobs)
    if pending is not None:
        seen = await ledger.by_clock(conn, payment(pending), at)
        same = all(getattr(seen.row, name) == value for name, value in wanted.items())
        if seen.row.status == "pending":
            if same and reusable(seen.row.expires_at - at, window):
                return Placed(seen.row, is_new=False)
            cancelled = await ledger.cancel(conn, seen.row.id, at)
            assert cancelled is not None
            seen = cancelled
        replaced = seen.row
    made = await sql.add_payment(conn, id=request_id, at=at, expires_at=at + window, **wanted)
    return Placed(payment(made), is_new=True, replaced=replaced)


def _columns(order: Order, tier: Tier, knobs: Knobs) -> dict[str, object]:
    return {
        "customer_id": order.customer_id,
        "amount": tier.amount,
        "duration_minutes": tier.duration_minutes,
        "tier_id": tier.id,
        "is_free_trial": tier.is_free_trial,
        "is_extension": order.is_extension,
        "session_id": order.session_id,
        "targeted_mitra_id": order.targeted_mitra_id,
        "topics": order.topics,
        "sensitivity": order.sensitivity or sensitivity(order.topics, knobs.topics),
    }


async def _tier(conn: Connection, order: Order, knobs: Knobs) -> Tier:
    chosen = choose(
        knobs,
        order.tier_id,
        order.duration_minutes,
        has_transactions=await sql.has_transactions(conn, customer_id=order.customer_id),
        is_extension=order.is_extension,
    )
    if isinstance(chosen, Tier):
        return chosen
    raise _unsold(order, chosen)


def _unsold(order: Order, why: Unsold) -> Problem:
    match why:
        case "unknown_tier":
            field = "tier_id" if order.tier_id is not None else "duration_minutes"
            return Invalid(field, "there is no such tier", code="unknown_tier")
        case "free_trial_used":
            return Conflict("free_trial_used", "The free trial has been used.")
        case "free_trial_not_allowed":
            return BadRequest("free_trial_not_allowed", "A trial cannot extend a session.")


async def _allow(
    conn: Connection, order: Order, knobs: Knobs, sessions: Sessions, *, is_anonymous: bool
) -> None:
    if order.is_extension:
        session_id = cast("UUID", order.session_id)
        may = await sessions.can_be_extended(conn, session_id, order.customer_id)
        if may is None:
            raise NotFound("There is no such session.")
        if not may:
            raise Conflict("session_not_extendable", "This session cannot be extended any more.")
        return
    if order.targeted_mitra_id is not None and not await sql.mitra_exists(
        conn, mitra_id=order.targeted_mitra_id
    ):
        raise NotFound("There is no such mitra.")
    running = await sessions.running(conn, order.customer_id)
    if running is not None:
        raise Conflict("already_active", "A session is running.", session_id=running)
    most = knobs.anonymous_max_sessions
    if (
        is_anonymous
        and most
        and await sql.sessions_bought(conn, customer_id=order.customer_id) >= most
    ):
        raise Forbidden("registration_required", "Please register to go on.")
