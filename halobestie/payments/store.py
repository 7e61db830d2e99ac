"""Rows of payment requests, and the queries of this feature."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from halobestie.adapters.postgres import queries

from .messages import PaidRequest, PaymentView, Sensitivity, Status, StatusChange

sql = queries("payments")
money_sql = queries("money")


class PaymentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of payment_requests."""

    id: UUID
    customer_id: UUID
    status: Status
    amount: int
    duration_minutes: int
    tier_id: str
    is_free_trial: bool
    is_extension: bool
    session_id: UUID | None
    targeted_mitra_id: UUID | None
    topics: tuple[str, ...]
    sensitivity: Sensitivity
    created_at: datetime
    expires_at: datetime
    confirmed_at: datetime | None
    consumed_at: datetime | None
    xendit_invoice_id: str | None
    xendit_invoice_url: str | None
    xendit_outcome: str | None
    paid_id: UUID | None
    """Its money in the ledger."""

    def is_overdue(self, at: datetime) -> bool:
        """Whether its time is over, whatever its status says."""
        return self.expires_at <= at

    def change(self) -> StatusChange:
        """What the customer's apps hear of the status it has now."""
        return StatusChange(self.customer_id, self.id, self.status)


def payment(record: Mapping[str, Any]) -> PaymentRow:
    """The row that a record holds."""
    return msgspec.convert(dict(record), PaymentRow)


def paid_request(row: PaymentRow) -> PaidRequest:
    """What other features see of a row."""
    return _narrowed(row, PaidRequest)


def view(row: PaymentRow) -> PaymentView:
    """What the customer sees of a row."""
    return _narrowed(row, PaymentView)


T = TypeVar("T", PaidRequest, PaymentView)


def _narrowed(row: PaymentRow, kind: type[T]) -> T:
    return msgspec.convert(row, kind, from_attributes=True)
