"""The provider's invoices: made after our row is committed, asked about, closed.

Trio's side only, and never inside a transaction: a provider may take seconds. What the
provider says is handed to `Payments.hear`, which alone decides what it means.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import structlog
import trio

from actors import Clock
from halobestie.adapters.postgres import Database
from halobestie.errors import Away

from .gateway import Gateway, Invoice, ProviderUnavailable
from .ledger import Receipt
from .store import PaymentRow, payment, sql

log = structlog.get_logger("halobestie.payments")

LONGEST_WATCH = timedelta(days=2)  # a provider that has not had the last word by then never will


class ProviderSays(msgspec.Struct, frozen=True):
    """One statement of the provider about one invoice of ours."""

    payment_id: UUID
    invoice_id: str
    status: str
    is_expired: bool
    receipt: Receipt | None
    """The money, if it is there."""


def said(payment_id: UUID, invoice: Invoice) -> ProviderSays:
    """What an invoice means. PAID and SETTLED are the same money, so they share a receipt."""
    receipt = None
    if invoice.is_paid:
        amount = invoice.amounts[0]
        receipt = Receipt(
            f"xendit:{invoice.id}",
            int(amount),
            invoice.currency,
            is_clear=amount.is_integer() and len(set(invoice.amounts)) == 1,
        )
    return ProviderSays(payment_id, invoice.id, invoice.status, invoice.is_expired, receipt)


class Invoices:
    """One per node that has a provider."""

    def __init__(self, db: Database, clock: Clock, gateway: Gateway) -> None:
        self._db = db
        self._clock = clock
        self._gateway = gateway
        self._making: dict[UUID, tuple[trio.Lock, int]] = {}

    async def ensure(self, row: PaymentRow, *, tried_before: bool) -> PaymentRow:
        """The pending `row` with an invoice, made now if it has none.

        Raises 503 `payment_provider_unavailable`.
        """
        if row.xendit_invoice_id is not None:
            return row
        async with self._alone(row.id) as waited:
            now = await self._reread(row)
            if now.xendit_invoice_id is not None:
                return now
            if now.status != "pending":  # whoever was first has given up
                raise _unavailable()
            seconds = int(self._clock.seconds_until(row.expires_at))
            try:
                invoice = await self._gateway.create_invoice(
                    row.id,
                    row.amount,
                    f"Halo Bestie {row.duration_minutes} menit",
                    max(seconds, 1),
                    known=tried_before or waited,
                )
            except ProviderUnavailable as error:
                log.warning("no invoice", payment_request_id=str(row.id), why=str(error))
                raise _unavailable() from error
            return await self._keep(row, invoice)

    async def _keep(self, row: PaymentRow, invoice: Invoice) -> PaymentRow:
        await self._db.run(
            sql.keep_invoice,
            id=row.id,
            invoice_id=invoice.id,
            invoice_url=invoice.invoice_url,
        )
        now = await self._reread(row)
        if now.xendit_invoice_id != invoice.id:
            # Another node was faster, or the customer cancelled meanwhile. Nobody has its URL.
            await self.close(msgspec.structs.replace(row, xendit_invoice_id=invoice.id))
        return now

    async def ask(self, row: PaymentRow) -> list[ProviderSays]:
        """What the provider says of this request now. Raises 503 when it says nothing."""
        try:
            return await self._ask(row)
        except ProviderUnavailable as error:
            raise _unavailable() from error

    async def _ask(self, row: PaymentRow) -> list[ProviderSays]:
        if row.xendit_invoice_id is None:
            found = await self._gateway.invoices_of(row.id)
        else:
            one = await self._gateway.invoice(row.xendit_invoice_id)
            found = [] if one is None else [one]
        return [said(row.id, invoice) for invoice in found if invoice.external_id == str(row.id)]

    async def due(self, every: timedelta) -> list[PaymentRow]:
        """Requests to ask about now, each about once in that time; claimed for this node."""
        at = self._clock.now()
        records = await self._db.run(
            sql.claim_invoices_to_ask,
            at=at,
            asked_before=at - every / 2,  # a round takes time: the whole would skip every other
            created_after=at - LONGEST_WATCH,
        )
        return [payment(record) for record in records]

    async def close(self, row: PaymentRow) -> list[ProviderSays]:
        """Let nobody pay a cancelled request any more. Left to the reconciler if it fails.

        Returns what the provider says instead, where it was faster: it may be paid.
        """
        if row.xendit_invoice_id is None or row.xendit_outcome is not None:
            return []
        try:
            if await self._expire(row.id, row.xendit_invoice_id):
                return []
            return await self._ask(row)
        except ProviderUnavailable as error:
            log.warning("invoice left open", payment_request_id=str(row.id), why=str(error))
            return []

    async def left_open(self, at: datetime) -> list[PaymentRow]:
        """Cancelled requests whose invoice can still be paid."""
        return [payment(record) for record in await self._db.run(sql.invoices_to_close, at=at)]

    async def _expire(self, payment_id: UUID, invoice_id: str) -> bool:
        is_closed = await self._gateway.expire_invoice(invoice_id)
        if is_closed:
            await self._db.run(
                sql.note_invoice_outcome, id=payment_id, invoice_id=invoice_id, outcome="CLOSED"
            )
        return is_closed

    async def _reread(self, row: PaymentRow) -> PaymentRow:
        return payment(await self._db.run(sql.find_payment, id=row.id))

    @asynccontextmanager
    async def _alone(self, payment_id: UUID) -> AsyncIterator[bool]:
        """One maker of an invoice per request on this node; whether there was one before."""
        lock, users = self._making.get(payment_id, (trio.Lock(), 0))
        self._making[payment_id] = lock, users + 1
        try:
            async with lock:
                yield users > 0
        finally:
            lock, users = self._making.pop(payment_id)
            if users > 1:
                self._making[payment_id] = lock, users - 1


def _unavailable() -> Away:
    return Away("payment_provider_unavailable", "The payment provider does not answer.")
