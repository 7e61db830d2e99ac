"""What Xendit posts to us. Pure: the token is compared, the body read; nothing is decided."""

import hmac
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from .gateway import Invoice
from .invoices import ProviderSays, said

Amount = Annotated[float, Meta(ge=0, le=1e12)]  # xendit sends whole rupiah, at times as 15000.0
Short = Annotated[str, Meta(min_length=1, max_length=200)]


class InvoiceCallback(Struct, frozen=True):
    """The fields of an invoice callback that matter here; the others are let go."""

    external_id: Short
    status: Short
    id: Short | None = None
    amount: Amount | None = None
    paid_amount: Amount | None = None
    currency: Annotated[str, Meta(max_length=10)] | None = None


class NoAmount(ValueError):
    """Money without saying how much."""


def token_is_right(given: str | None, expected: str) -> bool:
    """In constant time; a missing token and an empty expectation are both wrong."""
    return hmac.compare_digest((given or "").encode(), expected.encode()) and expected != ""


def heard(callback: InvoiceCallback) -> ProviderSays | None:
    """What a callback says; None for one that is about nothing of ours (a dashboard's test).
    Raises NoAmount for a payment that does not say how much.
    """
    try:
        payment_id = UUID(callback.external_id)
    except ValueError:
        return None
    invoice = Invoice(
        id=callback.id or f"external:{payment_id}",
        external_id=str(payment_id),
        status=callback.status.upper(),
        amounts=tuple(one for one in (callback.paid_amount, callback.amount) if one is not None),
        currency=callback.currency,
        invoice_url=None,
    )
    if invoice.is_paid and not invoice.amounts:
        raise NoAmount
    return said(payment_id, invoice)
