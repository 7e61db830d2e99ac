"""What fell between two steps, found and put right: at start and every minute.

Stale pending requests expire; confirmed ones whose time is over and that nobody is using
fail for the operators; confirmed ones for which no search ever began are announced again;
cancelled invoices that are still open are closed. Rows are claimed with SKIP LOCKED and
each change is one transaction, so that two nodes doing it at once do it once. A crash
costs one round.
"""

from datetime import datetime, timedelta

import structlog

from actors import Actor, Ask, Clock
from halobestie.adapters.postgres import Connection, Database

from . import ledger
from .messages import PaidRequest, StatusChange
from .ports import Uses
from .service import Payments
from .store import paid_request, payment, sql

log = structlog.get_logger("halobestie.payments")

EVERY = 60.0  # seconds
SETTLING = timedelta(seconds=10)  # what was confirmed within it is still being announced


class Reconcile(Ask[None], frozen=True):
    """It is time. Answered when the round is over."""


class Reconciliation:
    """The work of one round."""

    def __init__(self, db: Database, clock: Clock, payments: Payments, uses: Uses) -> None:
        self._db = db
        self._clock = clock
        self._payments = payments
        self._uses = uses

    async def round(self) -> dict[str, int]:
        """Put right what there is; how many of each. Raises Unavailable without PostgreSQL."""
        at = self._clock.now()
        expired = await self._expire_stale(at)
        failed = await self._fail_overdue(at)
        announced = await self._announce_again(at)
        await self._payments.once.forget_old(at)
        if self._payments.invoices is not None:
            for row in await self._payments.invoices.left_open(at):
                await self._payments.close_invoice(row)
        return {"expired": expired, "failed": failed, "announced": announced}

    async def _expire_stale(self, at: datetime) -> int:
        records = await self._db.run(sql.expire_stale_payments, at=at)
        self._payments.announce([payment(record).change() for record in records])
        return len(records)

    async def _fail_overdue(self, at: datetime) -> int:
        async def work(conn: Connection) -> list[StatusChange]:
            rows = [payment(record) for record in await sql.lock_overdue_payments(conn, at=at)]
            used = await self._uses.in_use(conn, [row.id for row in rows]) if rows else set()
            changes = []
            for row in rows:
                if row.id not in used:
                    await ledger.fail(conn, row.id, "payment_session_expired", at, is_terminal=True)
                    changes.append(StatusChange(row.customer_id, row.id, "failed_pairing"))
            return changes

        changes = await self._db.transaction(work)
        self._payments.announce(changes)
        return len(changes)

    async def _announce_again(self, at: datetime) -> int:
        async def work(conn: Connection) -> list[PaidRequest]:
            records = await sql.waiting_payments(conn, at=at, confirmed_before=at - SETTLING)
            waiting = [paid_request(payment(record)) for record in records]
            ids = [request.id for request in waiting]
            new = await self._uses.never_searched(conn, ids) if ids else set()
            return [request for request in waiting if request.id in new]

        requests = await self._db.transaction(work)
        for request in requests:
            self._payments.announce_again(request)
        return len(requests)


class Reconciler(Actor[Reconcile]):
    """A static service with one deadline."""

    def __init__(self, work: Reconciliation) -> None:
        self._work = work
        self._last: dict[str, int] = {}

    async def started(self) -> None:
        self.deadlines.set("round", self.clock.now(), Reconcile())

    async def receive(self, message: Reconcile) -> None:
        self.deadlines.set("round", self.clock.in_seconds(EVERY), message)
        self._last = await self._work.round()
        if any(self._last.values()):
            log.info("payments reconciled", **self._last)

    def info(self) -> dict[str, object]:
        return {f"last_{what}": count for what, count in self._last.items()}
