"""The money half of the checker: every confirmed payment is delivered or explained.

A payment that an app was told is confirmed must be so in the store, and be in exactly
one of these states: consumed, by one session (or as the extension of one); failed, with
a row for the operators; still confirmed, while it may be used and something says why
it was not yet: a search that runs, a search that failed, a session of the same customer.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta

from .evidence import Stored, StoredPayment, Told, Violation

RECONCILED_WITHIN = timedelta(seconds=90)  # the reconciler runs every minute


def money_violations(told: Told, stored: Stored) -> Iterator[Violation]:
    payments = {payment.id: payment for payment in stored.payments}
    for payment_id in sorted(told.confirmed_payments):
        payment = payments.get(payment_id)
        if payment is None:
            yield Violation("payment_lost", payment_id, "an app was told it is confirmed, no row")
        elif not payment.confirmed:
            yield Violation("confirmation_lost", payment_id, f"stored as {payment.status}")
    for payment in stored.payments:
        if payment.confirmed:
            yield from _explained(payment, stored)
    yield from _sessions_are_paid(stored, payments)


def _explained(payment: StoredPayment, stored: Stored) -> Iterator[Violation]:
    sessions = [s.id for s in stored.sessions if s.payment_request_id == payment.id]
    failures = [f for f in stored.failures if f.payment_request_id == payment.id]
    match payment.status:
        case "consumed":
            if payment.is_extension:
                if payment.session_id not in {s.id for s in stored.sessions}:
                    yield Violation("consumed_by_nothing", payment.id, "extends no known session")
            elif not sessions:
                yield Violation("consumed_by_nothing", payment.id, "no session was paid by it")
        case "failed_pairing":
            if not any(failure.is_terminal for failure in failures):
                yield Violation("failed_unlisted", payment.id, "no row for the operators")
        case "confirmed":
            yield from _waits_for_a_reason(payment, stored, bool(failures))
        case status:
            yield Violation("confirmed_and_forgotten", payment.id, f"was confirmed, is {status}")


def _waits_for_a_reason(
    payment: StoredPayment, stored: Stored, failed_before: bool
) -> Iterator[Violation]:
    if payment.expires_at + RECONCILED_WITHIN < stored.as_of:
        yield Violation("confirmed_past_its_end", payment.id, f"ended {payment.expires_at}")
    engaged = any(
        session.customer_id == payment.customer_id and session.status != "completed"
        for session in stored.sessions
    )
    if not (payment.id in stored.searching or failed_before or engaged):
        yield Violation("confirmed_unexplained", payment.id, "neither searching nor ever failed")


def _sessions_are_paid(stored: Stored, payments: dict[str, StoredPayment]) -> Iterator[Violation]:
    """One session per payment, and that payment consumed by it; one at a time per customer."""
    for payment_id, count in Counter(s.payment_request_id for s in stored.sessions).items():
        if count > 1:
            yield Violation("paid_once_used_twice", payment_id, f"{count} sessions")
    running: dict[str, list[str]] = defaultdict(list)
    for session in stored.sessions:
        payment = payments.get(session.payment_request_id)
        if payment is None or payment.status != "consumed":
            status = "missing" if payment is None else payment.status
            yield Violation("session_unpaid", session.id, f"its payment is {status}")
        if session.status in ("active", "expired"):
            running[session.customer_id].append(session.id)
    for customer_id, ids in running.items():
        if len(ids) > 1:
            yield Violation("two_sessions_at_once", customer_id, ", ".join(sorted(ids)))
