"""The life of a payment request, as a table. Pure: no await, no clock, no database.

    pending ──paid──→ confirmed ──consume──→ consumed
       │                  └──────fail──────→ failed_pairing
       ├──cancel──→ abandoned ──┐                  ↑
       ├──expire──→ expired ────┴──money all the same (late PAID beats EXPIRED)
       └──wrong amount paid─────────────────────→──┘

Money is never refused: where the request cannot take it, it is written down as a failure
for the operators. A request leaves `pending` by its clock before any event is looked at.
"""

from enum import Enum
from typing import Literal

from msgspec import Struct

from .messages import MoneyCause, Status


class Event(Enum):
    """What may happen to a payment request."""

    CONFIRM = "confirm"
    """The customer's own word counts as payment: mock, or nothing to pay."""
    PAID = "paid"
    """The provider has the right amount, on a receipt not seen before."""
    PAID_WRONG = "paid_wrong"
    """The provider has another amount or currency, on a receipt not seen before."""
    CANCEL = "cancel"
    EXPIRE = "expire"
    CONSUME = "consume"
    """It became a session, or more time in one."""
    FAIL = "fail"
    """For good: only an operator can settle the money now."""
    FAIL_RETRYABLE = "fail_retryable"
    """One search found nobody; the customer may try again."""


class Step(Struct, frozen=True):
    """What an event leads to. `money` names the failure that takes money in."""

    to: Status
    money: MoneyCause | None = None


Refusal = Literal["payment_not_pending", "payment_expired", "payment_not_confirmed"]

_NOT_PENDING: Refusal = "payment_not_pending"
_NOT_CONFIRMED: Refusal = "payment_not_confirmed"

TABLE: dict[Status, dict[Event, Step | Refusal]] = {
    "pending": {
        Event.CONFIRM: Step("confirmed"),
        Event.PAID: Step("confirmed"),
        Event.PAID_WRONG: Step("failed_pairing", "payment_amount_mismatch"),
        Event.CANCEL: Step("abandoned"),
        Event.EXPIRE: Step("expired"),
        Event.CONSUME: _NOT_CONFIRMED,
        Event.FAIL: _NOT_CONFIRMED,
        Event.FAIL_RETRYABLE: _NOT_CONFIRMED,
    },
    "confirmed": {
        Event.CONFIRM: Step("confirmed"),
        Event.PAID: Step("confirmed", "payment_late"),
        Event.PAID_WRONG: Step("confirmed", "payment_amount_mismatch"),
        Event.CANCEL: _NOT_PENDING,
        Event.EXPIRE: _NOT_PENDING,
        Event.CONSUME: Step("consumed"),
        Event.FAIL: Step("failed_pairing"),
        Event.FAIL_RETRYABLE: Step("confirmed"),
    },
    "consumed": {
        Event.CONFIRM: Step("consumed"),
        Event.PAID: Step("consumed", "payment_late"),
        Event.PAID_WRONG: Step("consumed", "payment_amount_mismatch"),
        Event.CANCEL: _NOT_PENDING,
        Event.EXPIRE: _NOT_PENDING,
        Event.CONSUME: _NOT_CONFIRMED,
        Event.FAIL: _NOT_CONFIRMED,
        Event.FAIL_RETRYABLE: _NOT_CONFIRMED,
    },
    "failed_pairing": {
        Event.CONFIRM: _NOT_PENDING,
        Event.PAID: Step("failed_pairing", "payment_late"),
        Event.PAID_WRONG: Step("failed_pairing", "payment_amount_mismatch"),
        Event.CANCEL: _NOT_PENDING,
        Event.EXPIRE: _NOT_PENDING,
        Event.CONSUME: _NOT_CONFIRMED,
        Event.FAIL: _NOT_CONFIRMED,
        Event.FAIL_RETRYABLE: _NOT_CONFIRMED,
    },
    "abandoned": {
        Event.CONFIRM: _NOT_PENDING,
        Event.PAID: Step("failed_pairing", "payment_late"),
        Event.PAID_WRONG: Step("failed_pairing", "payment_amount_mismatch"),
        Event.CANCEL: _NOT_PENDING,
        Event.EXPIRE: _NOT_PENDING,
        Event.CONSUME: _NOT_CONFIRMED,
        Event.FAIL: _NOT_CONFIRMED,
        Event.FAIL_RETRYABLE: _NOT_CONFIRMED,
    },
    "expired": {
        Event.CONFIRM: "payment_expired",
        Event.PAID: Step("failed_pairing", "payment_late"),
        Event.PAID_WRONG: Step("failed_pairing", "payment_amount_mismatch"),
        Event.CANCEL: _NOT_PENDING,
        Event.EXPIRE: _NOT_PENDING,
        Event.CONSUME: _NOT_CONFIRMED,
        Event.FAIL: _NOT_CONFIRMED,
        Event.FAIL_RETRYABLE: _NOT_CONFIRMED,
    },
}


def step(status: Status, event: Event) -> Step | Refusal:
    """Where `event` takes a request, or why it does not."""
    return TABLE[status][event]


def by_the_clock(status: Status, *, overdue: bool) -> Status:
    """The status once the clock has been looked at."""
    return "expired" if status == "pending" and overdue else status
