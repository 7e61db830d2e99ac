"""Decisions of a search. Pure: no await, no clock, no database.

searching ─→ paired       the first accept that commits
    │ ─→ failed           window over, everyone declined, target gone; mostly retryable
    └ ─→ cancelled        the customer gave up (also after a retryable failure)

A blast whom nobody was asked of waits for its whole window. Once somebody has declined it
ends as soon as no offer is open: mitras who went offline or have filled up meanwhile
count as not asked.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from halobestie.payments.messages import RetryableCause, TerminalCause

from .messages import PairingStatus, RequestType

Left = Literal["offline", "at_capacity"]
Fate = Literal["accepted", "declined", "offline", "at_capacity"]
Response = Literal[
    "accepted", "declined", "offline", "at_capacity", "taken", "cancelled", "expired", "waiting"
]


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


def after_answer(request_type: RequestType, fates: Collection[Fate | None]) -> Failure | None:
    """Whether the search is at its end now that one of these has been decided."""
    if None in fates:
        return None
    declined = "declined" in fates
    if request_type == "returning":
        return Failure("targeted_mitra_rejected" if declined else "targeted_mitra_offline")
    return Failure("all_mitras_rejected") if declined else None


def to_ask(fates: Mapping[UUID, Fate | None], free: Iterable[UUID]) -> list[UUID]:
    """Of mitras with a free slot, those to ask now: not the ones who are being asked, and
    not the ones who have declined."""
    return [mitra for mitra in free if fates.get(mitra, "offline") in ("offline", "at_capacity")]


def response(fate: Fate | None, status: PairingStatus) -> Response:
    """What became of an offer: its own fate, or that of the search it was open in."""
    if fate is not None:
        return fate
    by_status: dict[PairingStatus, Response] = {
        "searching": "waiting",
        "paired": "taken",
        "failed": "expired",
        "cancelled": "cancelled",
    }
    return by_status[status]
