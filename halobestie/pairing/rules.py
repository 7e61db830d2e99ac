"""Decisions of a search. Pure: no await, no clock, no database.

searching ─→ paired       the first accept that commits
    │ ─→ failed           window over, everyone declined, target gone; mostly retryable
    └ ─→ cancelled        the customer gave up (also after a retryable failure)
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from halobestie.payments.messages import RetryableCause, TerminalCause

from .messages import NotYours, RequestType

Fate = Literal["accepted", "declined", "taken", "cancelled", "expired", "offline", "at_capacity"]

_MITRA_LEFT: dict[Fate, NotYours] = {"offline": "offline", "at_capacity": "at_capacity"}


class Failure(NamedTuple):
    """Why a search ended without a session, and whether its payment may try again."""

    cause: RetryableCause | TerminalCause
    is_terminal: bool = False


def window_end(now: datetime, window_seconds: int, payment_expires_at: datetime) -> datetime:
    """A search runs for its window, and never past its payment."""
    return min(now + timedelta(seconds=window_seconds), payment_expires_at)


def at_window_end(
    request_type: RequestType, expires_at: datetime, payment_expires_at: datetime
) -> Failure:
    """What a search that nobody accepted in time has failed of."""
    if expires_at >= payment_expires_at:
        return Failure("payment_session_expired", is_terminal=True)
    if request_type == "returning":
        return Failure("targeted_mitra_timeout")
    return Failure("no_mitra_available")


def after_decline(request_type: RequestType, fates: Collection[Fate | None]) -> Failure | None:
    """A search ends at once when everyone who was asked has declined."""
    if any(fate != "declined" for fate in fates):
        return None
    return Failure(
        "targeted_mitra_rejected" if request_type == "returning" else "all_mitras_rejected"
    )


def after_leaving(request_type: RequestType) -> Failure | None:
    """A search for one mitra ends at once when that mitra leaves; a blast goes on."""
    return Failure("targeted_mitra_offline") if request_type == "returning" else None


def why_closed(fate: Fate | None) -> NotYours:
    """What a mitra hears whose own offer is no longer open, though the search runs."""
    return "request_closed" if fate is None else _MITRA_LEFT.get(fate, "request_closed")
