"""Payments: what the rest of the house may do with money.

Holds no state: PostgreSQL has it. What is asked on trio's side commits before it returns
and is announced after the commit. `consume`, `fail` and `close_account` run on the asyncio
side inside the caller's transaction, and the caller announces after its own commit.
Announcements are at most once; the reconciler repeats what was lost.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID

import structlog

from actors import Clock
from halobestie.adapters.postgres import Connection, Database
from halobestie.errors import Away, Conflict, NotFound
from halobestie.ids import new_id
from halobestie.knobs.messages import CurrentKnobs

from . import ledger
from .gateway import Gateway
from .invoices import Invoices, ProviderSays
from .ledger import Moved
from .messages import (
    PaidRequest,
    PaymentView,
    RetryableCause,
    Status,
    StatusChange,
    TerminalCause,
)
from .once import Once
from .ports import Sessions
from .pricing import Pricing, extension_prices, price_list
from .purchase import Order, Placed, place
from .rules import Refusal
from .store import PaymentRow, paid_request, payment, sql, view

log = structlog.get_logger("halobestie.payments")

_DETAILS: dict[Refusal, str] = {
    "payment_expired": "The time to pay is over.",
    "payment_not_pending": "The payment is not waiting any more.",
    "payment_not_confirmed": "The payment is not confirmed.",
}


class Payments:
    """One per node.

    announce_confirmed: called after the commit that confirmed an initial payment.
    announce_status: called after each commit that changed a status.
    Both must not block and must not raise.
    search_begun: returns once what was announced as confirmed is being searched for, so
    that the answer to a confirmation can show it; never raises.
    """

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        knobs: CurrentKnobs,
        gateway: Gateway | None,
        sessions: Sessions,
        announce_confirmed: Callable[[PaidRequest], None],
        announce_status: Callable[[StatusChange], None],
        search_begun: Callable[[UUID], Awaitable[None]] | None = None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._knobs = knobs
        self._sessions = sessions
        self._announce_confirmed = announce_confirmed
        self._announce_status = announce_status
        self._search_begun = search_begun
        self.once = Once(db, clock)
        self.invoices = None if gateway is None else Invoices(db, clock, gateway)

    # what a customer does

    async def pricing(self, customer_id: UUID) -> Pricing:
        """The price list of this customer."""
        used = await self._db.run(sql.has_transactions, customer_id=customer_id)
        return price_list(self._knobs.current, has_transactions=used)

    def extension_pricing(self) -> Pricing:
        """What more time costs, for everybody."""
        return extension_prices(self._knobs.current)

    async def create(self, order: Order, request_id: UUID | None = None) -> PaymentView:
        """A pending request for `order`, with an invoice where one is needed.

        Raises the contract's refusals, and 503 `payment_provider_unavailable`; the
        request is abandoned then.
        """
        at = self._clock.now()
        new = new_id() if request_id is None else request_id
        knobs = self._knobs.current

        async def work(conn: Connection) -> Placed:
            return await place(conn, new, order, knobs, self._sessions, at)

        placed = await self._db.transaction(work)
        if placed.replaced is not None:
            self._announce_status(placed.replaced.change())
            await self.close_invoice(placed.replaced)
        if placed.is_new:
            self._announce_status(placed.row.change())
        if self.invoices is None or not self._needs_invoice(placed.row):
            return view(placed.row)
        try:
            return view(await self.invoices.ensure(placed.row, tried_before=not placed.is_new))
        except Away:
            abandoned = await self._apply(lambda conn: ledger.cancel(conn, placed.row.id, at))
            await self.close_invoice(abandoned.row)
            raise

    async def confirm(self, payment_id: UUID, customer_id: UUID | None = None) -> PaymentView:
        """The customer says that it is paid. With a provider, only the provider's word counts.

        Raises 409 `payment_not_received`, `payment_expired`, `payment_not_pending`.
        """
        row = await self._find(payment_id, customer_id)
        if self.invoices is None or not self._needs_invoice(row):
            return await self.force_confirm(payment_id)
        if row.status == "pending":
            for said in await self.invoices.ask(row):
                await self.hear(said)
            row = await self._find(payment_id, customer_id)
        match row.status:
            case "confirmed" | "consumed":
                return await self._confirmed(row)
            case "pending" if row.is_overdue(self._clock.now()):
                raise _refused("payment_expired")
            case "pending":
                raise Conflict("payment_not_received", "The payment has not arrived yet.")
            case "expired":
                raise _refused("payment_expired")
            case _:
                raise _refused("payment_not_pending")

    async def force_confirm(self, payment_id: UUID) -> PaymentView:
        """Confirm without asking a provider: mock, trial, and the test route."""
        at = self._clock.now()
        moved = await self._apply(lambda conn: ledger.confirm(conn, payment_id, at))
        return await self._confirmed(moved.row)

    async def cancel(self, payment_id: UUID, customer_id: UUID) -> PaymentView:
        """Only from `pending`; else 409 `payment_not_pending`."""
        await self._find(payment_id, customer_id)
        at = self._clock.now()
        moved = await self._apply(lambda conn: ledger.cancel(conn, payment_id, at))
        await self.close_invoice(moved.row)
        return view(await self._find(payment_id, customer_id))

    async def get(self, payment_id: UUID, customer_id: UUID) -> PaymentView:
        """One of the customer's own; 404 otherwise."""
        return view(await self._find(payment_id, customer_id))

    async def list_of(
        self, customer_id: UUID, *, status: Status | None, before: UUID | None, limit: int
    ) -> list[PaymentView]:
        """Newest first, older than `before`."""
        records = await self._db.run(
            sql.payments_of_customer,
            customer_id=customer_id,
            status=status,
            before=before,
            limit=limit,
        )
        return [view(payment(record)) for record in records]

    async def latest_pending(self, customer_id: UUID | None = None) -> UUID | None:
        """For the test route: the youngest pending request (of a customer)."""
        found: UUID | None = await self._db.run(sql.latest_pending_payment, customer_id=customer_id)
        return found

    # what the provider says

    async def hear(self, said: ProviderSays) -> bool:
        """Take in the provider's word on an invoice, from webhook or poll, in any order.

        False: there is no such request.
        """
        at = self._clock.now()

        async def work(conn: Connection) -> Moved | None:
            moved: Moved | None
            if said.receipt is not None:
                moved = await ledger.take_money(conn, said.payment_id, said.receipt, at)
            elif said.is_expired:
                moved = await ledger.expire(conn, said.payment_id, at)
            else:
                moved = await ledger.look(conn, said.payment_id, at)
            if moved is not None and (said.receipt is not None or said.is_expired):
                await sql.note_invoice_outcome(
                    conn, id=said.payment_id, invoice_id=said.invoice_id, outcome=said.status
                )
            return moved

        moved = await self._db.transaction(work)
        if moved is not None:
            self._announce(moved)
        return moved is not None

    # inside other features' transactions, on the asyncio side

    async def find(
        self, conn: Connection, payment_request_id: UUID, *, lock: bool = False
    ) -> PaidRequest | None:
        """One request, as it stands; locked, it stays so until the transaction ends."""
        find = sql.lock_payment if lock else sql.find_payment
        record = await find(conn, id=payment_request_id)
        return None if record is None else paid_request(payment(record))

    async def consume(
        self, conn: Connection, payment_request_id: UUID, *, session_id: UUID, at: datetime
    ) -> bool:
        """Confirmed → consumed, and `delivered` in the ledger.

        False if it was not confirmed any more: then nothing was written. Locks the payment
        row: call it before locking pairing or session rows. Announce `consumed` after
        the commit.
        """
        return await ledger.consume(conn, payment_request_id, session_id, at)

    async def fail(
        self,
        conn: Connection,
        payment_request_id: UUID,
        *,
        cause_tag: RetryableCause | TerminalCause,
        is_terminal: bool,
        targeted_mitra_id: UUID | None,
        at: datetime,
        pairing_id: UUID | None = None,
    ) -> bool:
        """Write the failed-pairing row; a terminal failure moves the payment.

        False if it was not confirmed any more: then nothing was written. With a
        `pairing_id`, told twice is written once. Locks and announces as `consume` does.
        """
        return await ledger.fail(
            conn,
            payment_request_id,
            cause_tag,
            at,
            is_terminal=is_terminal,
            targeted_mitra_id=targeted_mitra_id,
            pairing_id=pairing_id,
        )

    async def close_account(
        self, conn: Connection, customer_id: UUID, *, at: datetime
    ) -> list[StatusChange]:
        """The customer is going: what is pending is abandoned, what is confirmed fails.

        Returns what to announce after the commit.
        """
        changes = []
        for record in await sql.lock_open_payments(conn, customer_id=customer_id):
            row = payment(record)
            if row.status == "pending":
                await ledger.cancel(conn, row.id, at)
            else:
                await ledger.fail(conn, row.id, "customer_cancelled", at, is_terminal=True)
            seen = await ledger.look(conn, row.id, at)
            if seen is not None:
                changes.append(seen.row.change())
        return changes

    async def erase_customer(self, conn: Connection, customer_id: UUID) -> None:
        """Remove all payments of a test customer, ledger included. For `reset-phone` alone."""
        await sql.allow_ledger_erasure(conn)
        await sql.erase_failures(conn, customer_id=customer_id)
        await sql.erase_outcomes(conn, customer_id=customer_id)
        await sql.erase_money(conn, customer_id=customer_id)
        await sql.erase_keys(conn, customer_id=customer_id)
        await sql.erase_payments(conn, customer_id=customer_id)

    # after a commit

    def announce(self, changes: Sequence[StatusChange]) -> None:
        """Tell the customers' apps of committed changes."""
        for change in changes:
            self._announce_status(change)

    def announce_again(self, request: PaidRequest) -> None:
        """Tell pairing of a confirmed request once more."""
        self._announce_confirmed(request)

    def _announce(self, moved: Moved) -> None:
        if not moved.changed:
            return
        self._announce_status(moved.row.change())
        if moved.row.status == "confirmed" and not moved.row.is_extension:
            self._announce_confirmed(paid_request(moved.row))

    # verbs

    async def _confirmed(self, row: PaymentRow) -> PaymentView:
        if self._search_begun is not None and row.status == "confirmed" and not row.is_extension:
            await self._search_begun(row.id)
        return view(row)

    async def _apply(self, work: Callable[[Connection], Awaitable[Moved | None]]) -> Moved:
        """One event, one transaction. If it is refused, what the clock did is kept."""
        moved = await self._db.transaction(work)
        if moved is None:
            raise NotFound("There is no such payment request.")
        self._announce(moved)
        if moved.refused is not None:
            raise _refused(moved.refused)
        return moved

    async def _find(self, payment_id: UUID, customer_id: UUID | None) -> PaymentRow:
        record = await self._db.run(sql.find_payment, id=payment_id)
        if record is None or customer_id not in (None, record["customer_id"]):
            raise NotFound("There is no such payment request.")
        return payment(record)

    def _needs_invoice(self, row: PaymentRow) -> bool:
        return self.invoices is not None and row.amount > 0

    async def close_invoice(self, row: PaymentRow) -> None:
        """Let nobody pay a request that has ended; money that was faster is taken in."""
        if self.invoices is not None:
            for said in await self.invoices.close(row):
                await self.hear(said)


def _refused(why: Refusal) -> Conflict:
    return Conflict(why, _DETAILS[why])
