"""What operators read of the money: rows of the database as structs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from .messages import CURRENCY, CauseTag, OperatorAction, PaymentView, Status


class Person(Struct, frozen=True):
    """Someone, by name."""

    id: UUID
    display_name: str


class FailedPairing(Struct, frozen=True, kw_only=True):
    """One row of the list."""

    id: UUID
    payment_request_id: UUID
    customer: Person
    targeted_mitra: Person | None
    cause_tag: CauseTag
    is_terminal: bool
    amount: int
    operator_action: OperatorAction | None
    actioned_by: Person | None
    actioned_at: datetime | None
    created_at: datetime


class FailureFilter(Struct, frozen=True, kw_only=True):
    """Which failed pairings."""

    cause_tags: tuple[CauseTag, ...] | None = None
    date_from: datetime | None = None
    date_to: datetime | None = None
    unactioned: bool = False


class OperatorPayment(PaymentView, frozen=True, kw_only=True):
    """A payment with who made it."""

    customer: Person


class Sum(Struct, frozen=True):
    """How many payments, and how many rupiah together."""

    count: int = 0
    amount: int = 0


class Outcomes(Struct, frozen=True):
    """Where all money that came in stands: every rupiah in exactly one place."""

    delivered: Sum = Sum()
    refunded: Sum = Sum()
    credited: Sum = Sum()
    no_action: Sum = Sum()
    open: Sum = Sum()


class Unexplained(Struct, frozen=True, kw_only=True):
    """Money that has had no outcome for over a minute, and why."""

    payment_request_id: UUID
    customer: Person
    amount: int
    status: Status
    paid_at: datetime
    seconds_open: int
    failed_pairing_id: UUID | None
    cause_tag: CauseTag | None


class Disagreement(Struct, frozen=True):
    """A request whose status and ledger contradict one another."""

    payment_request_id: UUID
    status: Status
    outcome: str | None


class Money(Struct, frozen=True, kw_only=True):
    """The conservation of money, checked."""

    currency: str = CURRENCY
    received: Sum
    outcomes: Outcomes
    is_balanced: bool
    disagreements: tuple[Disagreement, ...]
    rows: tuple[Unexplained, ...]
    total: int


def _person(person_id: UUID | None, name: str | None) -> Person | None:
    return None if person_id is None else Person(person_id, name or "")


def failure_of(row: Mapping[str, Any]) -> FailedPairing:
    """A failed pairing with the names beside it."""
    return FailedPairing(
        id=row["id"],
        payment_request_id=row["payment_request_id"],
        customer=Person(row["customer_id"], row["customer_name"]),
        targeted_mitra=_person(row["targeted_mitra_id"], row["mitra_name"]),
        cause_tag=row["cause_tag"],
        is_terminal=row["is_terminal"],
        amount=row["amount"],
        operator_action=row["operator_action"],
        actioned_by=_person(row["actioned_by"], row["operator_name"]),
        actioned_at=row["actioned_at"],
        created_at=row["created_at"],
    )


def payment_of(row: Mapping[str, Any]) -> OperatorPayment:
    """A payment with who made it."""
    customer = Person(row["customer_id"], row["customer_name"])
    return msgspec.convert({**row, "customer": customer}, OperatorPayment)


def unexplained_of(row: Mapping[str, Any], at: datetime) -> Unexplained:
    """Money that has had no outcome yet."""
    return Unexplained(
        payment_request_id=row["payment_request_id"],
        customer=Person(row["customer_id"], row["customer_name"]),
        amount=row["amount"],
        status=row["status"],
        paid_at=row["at"],
        seconds_open=int((at - row["at"]).total_seconds()),
        failed_pairing_id=row["failed_pairing_id"],
        cause_tag=row["cause_tag"],
    )
