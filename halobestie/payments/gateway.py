"""The port behind which Xendit stands. Only `adapters/xendit.py` knows its HTTP."""

from typing import Protocol
from uuid import UUID

from msgspec import Struct


class Invoice(Struct, frozen=True):
    """An invoice as the provider tells it. Statuses that are not known here mean nothing yet."""

    id: str
    external_id: str
    status: str
    amounts: tuple[float, ...]
    """What was paid, as far as it says; then what was asked for."""
    currency: str | None
    invoice_url: str | None

    @property
    def is_paid(self) -> bool:
        """Whether the customer's money is there. Not every invoice reaches SETTLED."""
        return self.status in ("PAID", "SETTLED")

    @property
    def is_expired(self) -> bool:
        """Whether nobody can pay it any more."""
        return self.status == "EXPIRED"


class ProviderUnavailable(Exception):
    """The provider gave no usable answer in time; what was asked for may have happened."""


class Gateway(Protocol):
    """Every method raises ProviderUnavailable, within its own time-outs."""

    async def create_invoice(
        self, external_id: UUID, amount: int, description: str, seconds: int, *, known: bool
    ) -> Invoice:
        """An invoice of ours that can be paid for `seconds`.

        At most one is made however often a call is repeated: after a time-out, or when
        the request is `known` to have been tried before, it is looked for first.
        """
        ...

    async def invoice(self, invoice_id: str) -> Invoice | None:
        """One invoice, as it stands now; None if the provider has no such."""
        ...

    async def invoices_of(self, external_id: UUID) -> list[Invoice]:
        """All invoices of one payment request."""
        ...

    async def expire_invoice(self, invoice_id: str) -> bool:
        """See to it that it cannot be paid any more.

        False: the provider refuses, because it is over already; it may have been paid.
        """
        ...
