"""What operators see and decide: failed pairings, payments, and the sums of the ledger."""

from datetime import datetime, timedelta
from uuid import UUID

from actors import Clock
from halobestie.accounts.messages import Audit
from halobestie.adapters.postgres import Connection, Database
from halobestie.errors import Conflict, NotFound

from . import ledger
from .messages import OperatorAction, Status, StatusChange
from .service import Payments
from .statements import (
    Disagreement,
    FailedPairing,
    FailureFilter,
    Money,
    OperatorPayment,
    Outcomes,
    Sum,
    failure_of,
    payment_of,
    unexplained_of,
)
from .store import money_sql as sql

GRACE = timedelta(seconds=60)  # a search needs some time before money counts as unexplained


class MoneyDesk:
    """Reads by anybody of the control center; decisions with their audit row."""

    def __init__(self, db: Database, clock: Clock, payments: Payments, audit: Audit) -> None:
        self._db = db
        self._clock = clock
        self._payments = payments
        self._audit = audit

    async def failures(
        self, wanted: FailureFilter, *, limit: int, offset: int
    ) -> tuple[list[FailedPairing], int]:
        """Newest first, and how many there are in all."""
        which = {
            "cause_tags": wanted.cause_tags,
            "date_from": wanted.date_from,
            "date_to": wanted.date_to,
            "unactioned": wanted.unactioned,
        }
        rows = await self._db.run(sql.failures, id=None, limit=limit, offset=offset, **which)
        total = await self._db.run(sql.count_failures, **which)
        return [failure_of(row) for row in rows], total

    async def act(self, failure_id: UUID, action: OperatorAction, by: UUID) -> FailedPairing:
        """Decide about the money of a failed pairing, once.

        The decision holds for all failures of the same money. A payment that could still
        be tried again ends with `refunded` or `credited`; one that became a session since
        then can only get `no_action`. Raises 404, 409 `already_actioned`, 409
        `payment_delivered`.
        """
        at = self._clock.now()

        async def work(conn: Connection) -> tuple[FailedPairing, StatusChange | None]:
            payment_id = await sql.failure_request(conn, id=failure_id)
            if payment_id is None:
                raise NotFound("There is no such failed pairing.")
            change = await _decide(conn, payment_id, failure_id, action, by, at)
            after = await _one_failure(conn, failure_id)
            await self._audit(
                conn,
                actor_id=by,
                action="failed_pairing.action",
                subject=failure_id,
                old=None,
                new={"action": action, "amount": after.amount},
                at=at,
            )
            return after, change

        after, change = await self._db.transaction(work)
        if change is not None:
            self._payments.announce([change])
        return after

    async def payments(
        self, status: Status | None, *, limit: int, offset: int
    ) -> tuple[list[OperatorPayment], int]:
        """Newest first, and how many there are in all."""
        rows = await self._db.run(sql.payments, status=status, limit=limit, offset=offset)
        total = await self._db.run(sql.count_payments, status=status)
        return [payment_of(row) for row in rows], total

    async def money(self, *, limit: int, offset: int) -> Money:
        """Sums per outcome, what is unexplained, and whether state and ledger agree."""
        at = self._clock.now()
        before = at - GRACE
        sums = await self._db.run(sql.sums)
        by_outcome = {row["outcome"]: Sum(row["count"], row["amount"]) for row in sums}
        rows = await self._db.run(
            sql.without_outcome, paid_before=before, limit=limit, offset=offset
        )
        disagreements = tuple(
            Disagreement(row["id"], row["status"], row["outcome"])
            for row in await self._db.run(sql.disagreements)
        )
        return Money(
            received=Sum(
                sum(one.count for one in by_outcome.values()),
                sum(one.amount for one in by_outcome.values()),
            ),
            outcomes=Outcomes(**by_outcome),
            is_balanced=not disagreements,
            disagreements=disagreements,
            rows=tuple(unexplained_of(row, at) for row in rows),
            total=await self._db.run(sql.count_without_outcome, paid_before=before),
        )


async def _decide(
    conn: Connection,
    payment_id: UUID,
    failure_id: UUID,
    action: OperatorAction,
    by: UUID,
    at: datetime,
) -> StatusChange | None:
    """Write the decision; what the customer hears of it."""
    seen = await ledger.look(conn, payment_id, at)
    assert seen is not None, "a foreign key"
    failure = await sql.lock_failure(conn, id=failure_id)
    if failure["operator_action"] is not None:
        raise Conflict("already_actioned", "This has been decided already.")
    decision = {"action": action, "by_operator": by, "at": at}
    is_live = failure["paid_id"] == seen.row.paid_id and seen.row.status in (
        "confirmed",
        "consumed",
    )
    if is_live and action == "no_action":
        # The money itself is not settled by it: the customer may try again, or has.
        await sql.action_failure(conn, id=failure_id, **decision)
        return None
    if is_live and seen.row.status == "consumed":
        raise Conflict("payment_delivered", "The payment became a session after all.")
    change = None
    if is_live:
        ended = await ledger.withdraw(conn, seen.row, at)
        change = ended.change()
    await ledger.settle(conn, failure["paid_id"], action, at, by_operator=by)
    await sql.action_failures(conn, paid_id=failure["paid_id"], **decision)
    return change


async def _one_failure(conn: Connection, failure_id: UUID) -> FailedPairing:
    (row,) = await sql.failures(
        conn,
        id=failure_id,
        cause_tags=None,
        date_from=None,
        date_to=None,
        unactioned=False,
        limit=1,
        offset=0,
    )
    return failure_of(row)
