"""What happens to one payment request, inside a transaction.

Every function here runs on the asyncio side, takes a connection that is in a transaction,
locks the payment row first (the order is customer, payment request, then pairing, session
and failed-pairing rows), and leaves state and ledger agreeing: money and its outcome are
written in the same transaction as the status. So confirm, cancel, webhook, poll, expiry
and consumption may race from any number of tasks and nodes.
"""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from halobestie.adapters.postgres import Connection
from halobestie.errors import Conflict
from halobestie.ids import new_id

from .messages import CURRENCY, CauseTag, RetryableCause, TerminalCause
from .rules import Event, Refusal, Step, by_the_clock, step
from .store import PaymentRow, payment, sql


class Moved(Struct, frozen=True):
    """What became of an event. `changed`: the status is another one than before."""

    row: PaymentRow
    changed: bool
    refused: Refusal | None = None


class Receipt(Struct, frozen=True):
    """Money that a provider says it has. The same `id` is the same money."""

    id: str
    amount: int
    currency: str | None
    is_clear: bool = True
    """False: the amounts that were told contradict one another, or are no whole rupiah."""

    def is_for(self, row: PaymentRow) -> bool:
        """Whether it pays exactly this request."""
        return self.is_clear and self.amount == row.amount and self.currency in (None, CURRENCY)


async def look(conn: Connection, payment_id: UUID, at: datetime) -> Moved | None:
    """The row, locked and up to date with the clock; None if there is none."""
    record = await sql.lock_payment(conn, id=payment_id)
    if record is None:
        return None
    return await by_clock(conn, payment(record), at)


async def by_clock(conn: Connection, row: PaymentRow, at: datetime) -> Moved:
    """A locked row, expired if its time is over."""
    status = by_the_clock(row.status, overdue=row.is_overdue(at))
    if status == row.status:
        return Moved(row, changed=False)
    return Moved(await _end(conn, row, status, at), changed=True)


async def confirm(conn: Connection, payment_id: UUID, at: datetime) -> Moved | None:
    """The customer's own word: a mock payment, or one of nothing.

    Raises 409 `free_trial_used` for a trial when anything was confirmed before.
    """
    record = await sql.find_payment(conn, id=payment_id)
    if record is None:
        return None
    if record["is_free_trial"]:
        await sql.lock_customer(conn, customer_id=record["customer_id"])
    seen = await look(conn, payment_id, at)
    assert seen is not None, "payment requests are not deleted"
    match step(seen.row.status, Event.CONFIRM):
        case Step():
            return await _confirmed(conn, seen, at)
        case refusal:
            return Moved(seen.row, seen.changed, refusal)


async def _confirmed(conn: Connection, seen: Moved, at: datetime) -> Moved:
    row = seen.row
    if row.status != "pending":
        return seen  # a repeat
    if row.is_free_trial and await sql.has_transactions(conn, customer_id=row.customer_id):
        raise Conflict("free_trial_used", "The free trial has been used.")
    receipt = Receipt(f"request:{row.id}", row.amount, CURRENCY)
    return Moved(await _paid(conn, row, receipt, at), changed=True)


async def take_money(
    conn: Connection, payment_id: UUID, receipt: Receipt, at: datetime
) -> Moved | None:
    """A provider has money for this request. Told again, nothing happens.

    The right amount in time confirms; anything else is written down for the operators.
    """
    seen = await look(conn, payment_id, at)
    if seen is None or await sql.receipt_is_known(conn, receipt=receipt.id):
        return seen
    row = seen.row
    taken = step(row.status, Event.PAID if receipt.is_for(row) else Event.PAID_WRONG)
    assert isinstance(taken, Step), "money is never refused"
    if taken.money is None:
        return Moved(await _paid(conn, row, receipt, at), changed=True)
    paid_id = await _add_money(conn, row, receipt, at)
    if taken.to != row.status:
        row = await _end(conn, row, taken.to, at, paid_id)
    await _add_failure(conn, row, taken.money, paid_id, receipt.amount, at, is_terminal=True)
    return Moved(row, changed=seen.changed or taken.to != seen.row.status)


async def cancel(conn: Connection, payment_id: UUID, at: datetime) -> Moved | None:
    """The customer does not want it any more."""
    return await _leave_pending(conn, payment_id, Event.CANCEL, at)


async def expire(conn: Connection, payment_id: UUID, at: datetime) -> Moved | None:
    """The provider says that nobody can pay it any more."""
    return await _leave_pending(conn, payment_id, Event.EXPIRE, at)


async def _leave_pending(
    conn: Connection, payment_id: UUID, event: Event, at: datetime
) -> Moved | None:
    seen = await look(conn, payment_id, at)
    if seen is None:
        return None
    match step(seen.row.status, event):
        case Step(to):
            return Moved(await _end(conn, seen.row, to, at), changed=True)
        case refusal:
            return Moved(seen.row, seen.changed, refusal)


async def consume(conn: Connection, payment_id: UUID, session_id: UUID, at: datetime) -> bool:
    """It became `session_id`, or more time in it. False if it is not confirmed (any more).

    A confirmed request past its `expires_at` is still consumed: whether its time is over
    was decided by whoever holds it, and the reconciler asks before it ends one.
    """
    seen = await look(conn, payment_id, at)
    if seen is None or not isinstance(step(seen.row.status, Event.CONSUME), Step):
        return False
    row = payment(await sql.consume_payment(conn, id=payment_id, session_id=session_id, at=at))
    await settle(conn, _money_of(row), "delivered", at, session_id=session_id)
    return True


async def fail(
    conn: Connection,
    payment_id: UUID,
    cause: RetryableCause | TerminalCause,
    at: datetime,
    *,
    is_terminal: bool,
    targeted_mitra_id: UUID | None = None,
    pairing_id: UUID | None = None,
) -> bool:
    """No session came of it, this time or for good. False if it is not confirmed (any more)."""
    event = Event.FAIL if is_terminal else Event.FAIL_RETRYABLE
    seen = await look(conn, payment_id, at)
    if seen is None:
        return False
    taken = step(seen.row.status, event)
    if not isinstance(taken, Step):
        return False
    row = seen.row
    if taken.to != row.status:
        row = await _end(conn, row, taken.to, at)
    await _add_failure(
        conn,
        row,
        cause,
        _money_of(row),
        row.amount,
        at,
        is_terminal=is_terminal,
        targeted_mitra_id=targeted_mitra_id,
        pairing_id=pairing_id,
    )
    return True


async def withdraw(conn: Connection, row: PaymentRow, at: datetime) -> PaymentRow:
    """An operator settles a locked, confirmed request: nobody can use it any more."""
    assert isinstance(step(row.status, Event.FAIL), Step)
    return await _end(conn, row, "failed_pairing", at)


async def settle(
    conn: Connection,
    paid_id: UUID,
    outcome: str,
    at: datetime,
    *,
    session_id: UUID | None = None,
    by_operator: UUID | None = None,
) -> None:
    """Write the one outcome of one money."""
    await sql.add_outcome(
        conn,
        id=new_id(),
        paid_id=paid_id,
        kind=outcome,
        session_id=session_id,
        by_operator=by_operator,
        at=at,
    )


def _money_of(row: PaymentRow) -> UUID:
    assert row.paid_id is not None, "a check constraint of the table"
    return row.paid_id


async def _paid(conn: Connection, row: PaymentRow, receipt: Receipt, at: datetime) -> PaymentRow:
    paid_id = await _add_money(conn, row, receipt, at)
    return payment(await sql.confirm_payment(conn, id=row.id, paid_id=paid_id, at=at))


async def _add_money(conn: Connection, row: PaymentRow, receipt: Receipt, at: datetime) -> UUID:
    paid_id = new_id()
    await sql.add_money(
        conn,
        id=paid_id,
        customer_id=row.customer_id,
        payment_request_id=row.id,
        amount=receipt.amount,
        receipt=receipt.id,
        at=at,
    )
    return paid_id


async def _end(
    conn: Connection, row: PaymentRow, status: str, at: datetime, paid_id: UUID | None = None
) -> PaymentRow:
    return payment(await sql.end_payment(conn, id=row.id, status=status, at=at, paid_id=paid_id))


async def _add_failure(
    conn: Connection,
    row: PaymentRow,
    cause: CauseTag,
    paid_id: UUID,
    amount: int,
    at: datetime,
    *,
    is_terminal: bool,
    targeted_mitra_id: UUID | None = None,
    pairing_id: UUID | None = None,
) -> None:
    await sql.add_failure(
        conn,
        id=new_id(),
        payment_request_id=row.id,
        customer_id=row.customer_id,
        pairing_id=pairing_id,
        targeted_mitra_id=targeted_mitra_id or row.targeted_mitra_id,
        cause_tag=cause,
        is_terminal=is_terminal,
        amount=amount,
        paid_id=paid_id,
        at=at,
    )
