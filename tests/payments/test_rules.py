"""The table of a payment's life, pair by pair, and the price list."""

from datetime import timedelta
from itertools import product

import pytest

from halobestie.knobs.messages import Knobs
from halobestie.payments.messages import STATUSES, Status
from halobestie.payments.pricing import choose, reusable
from halobestie.payments.rules import TABLE, Event, Step, by_the_clock, step

PAID_IN = {Event.PAID, Event.PAID_WRONG}

# What the product owner expects, written a second time and the other way round: by event.
EXPECTED = {
    Event.CONFIRM: {
        "pending": "confirmed",
        "confirmed": "confirmed",
        "consumed": "consumed",
        "failed_pairing": "payment_not_pending",
        "abandoned": "payment_not_pending",
        "expired": "payment_expired",
    },
    Event.PAID: {
        "pending": "confirmed",
        "confirmed": "confirmed + payment_late",
        "consumed": "consumed + payment_late",
        "failed_pairing": "failed_pairing + payment_late",
        "abandoned": "failed_pairing + payment_late",
        "expired": "failed_pairing + payment_late",
    },
    Event.PAID_WRONG: {
        "pending": "failed_pairing + payment_amount_mismatch",
        "confirmed": "confirmed + payment_amount_mismatch",
        "consumed": "consumed + payment_amount_mismatch",
        "failed_pairing": "failed_pairing + payment_amount_mismatch",
        "abandoned": "failed_pairing + payment_amount_mismatch",
        "expired": "failed_pairing + payment_amount_mismatch",
    },
    Event.CANCEL: dict.fromkeys(STATUSES, "payment_not_pending") | {"pending": "abandoned"},
    Event.EXPIRE: dict.fromkeys(STATUSES, "payment_not_pending") | {"pending": "expired"},
    Event.CONSUME: dict.fromkeys(STATUSES, "payment_not_confirmed") | {"confirmed": "consumed"},
    Event.FAIL: dict.fromkeys(STATUSES, "payment_not_confirmed") | {"confirmed": "failed_pairing"},
    Event.FAIL_RETRYABLE: dict.fromkeys(STATUSES, "payment_not_confirmed")
    | {"confirmed": "confirmed"},
}


@pytest.mark.parametrize(("status", "event"), list(product(STATUSES, Event)))
def test_every_event_in_every_state_leads_where_it_should(status: Status, event: Event) -> None:
    match step(status, event):
        case Step(to, None):
            found: str = to
        case Step(to, money):
            found = f"{to} + {money}"
        case refusal:
            found = refusal

    assert found == EXPECTED[event][status]


def test_the_table_knows_every_pair_and_no_other() -> None:
    assert set(TABLE) == set(STATUSES)
    assert all(set(row) == set(Event) for row in TABLE.values())


@pytest.mark.parametrize("status", STATUSES)
def test_money_is_taken_in_every_state(status: Status) -> None:
    assert all(isinstance(step(status, event), Step) for event in PAID_IN)


@pytest.mark.parametrize(("status", "overdue"), list(product(STATUSES, (False, True))))
def test_the_clock_ends_only_what_is_pending(status: Status, overdue: bool) -> None:
    ended = by_the_clock(status, overdue=overdue)

    assert ended == ("expired" if status == "pending" and overdue else status)


@pytest.mark.parametrize(
    ("tier_id", "minutes", "used", "extension", "enabled", "expected"),
    [
        ("chat_12", None, False, False, True, "chat_12"),
        ("chat_12", 60, False, False, True, "chat_12"),
        (None, 60, True, True, True, "chat_60"),
        (None, 5, False, False, True, "free_trial"),
        (None, 5, True, False, True, "free_trial_used"),
        (None, 5, False, False, False, "unknown_tier"),
        ("free_trial", None, False, False, True, "free_trial"),
        ("free_trial", None, True, False, True, "free_trial_used"),
        ("free_trial", None, False, True, True, "free_trial_not_allowed"),
        ("free_trial", None, False, False, False, "unknown_tier"),
        (None, 7, False, False, True, "unknown_tier"),
        ("CHAT_12", 12, False, False, True, "unknown_tier"),
    ],
)
def test_what_is_chosen_is_what_is_sold(
    tier_id: str | None,
    minutes: int | None,
    used: bool,
    extension: bool,
    enabled: bool,
    expected: str,
) -> None:
    chosen = choose(
        Knobs(free_trial_enabled=enabled),
        tier_id,
        minutes,
        has_transactions=used,
        is_extension=extension,
    )

    assert (chosen if isinstance(chosen, str) else chosen.id) == expected


def test_a_request_is_worth_paying_while_half_of_its_time_is_left() -> None:
    window = timedelta(minutes=20)

    assert reusable(timedelta(minutes=10), window)
    assert not reusable(timedelta(minutes=9, seconds=59), window)
