"""The clock and the states of a session. Pure: no await, no clock, no database.

    active ─→ expired ─→ closing ─→ completed
       │         └── nobody decides ───↑ (abandoned)
       └── ended early ──↑

`active` runs until `ends_at`, `expired` until the decision deadline, `closing` until
both have left a closing message or the grace is over.
"""

from datetime import datetime, timedelta

from .messages import Party, Refusal, SessionStatus

WARNING = timedelta(minutes=1)
TICK_SECONDS = 30.0
LAST_MINUTE_TICK_SECONDS = 5.0


def remaining_seconds(status: SessionStatus, ends_at: datetime, now: datetime) -> int:
    """Whole seconds of paid time that are left."""
    if status != "active":
        return 0
    return max(0, round((ends_at - now).total_seconds()))


def warning_at(ends_at: datetime, warned_for: datetime | None, now: datetime) -> datetime | None:
    """When the one-minute warning of this run-down is due; None if it was given, or is moot."""
    if warned_for == ends_at or now >= ends_at:
        return None
    return ends_at - WARNING


def next_tick(ends_at: datetime, now: datetime) -> float:
    """Seconds until both are told the time again: exactly on the last minute, then faster."""
    to_last_minute = (ends_at - WARNING - now).total_seconds()
    if to_last_minute <= 0:
        return LAST_MINUTE_TICK_SECONDS
    return min(TICK_SECONDS, max(1.0, to_last_minute))


def may_end(
    status: SessionStatus, party: Party, *, customer_may: bool, mitra_may: bool
) -> Refusal | None:
    """Whether a party may end the session now."""
    if status == "active":
        allowed = customer_may if party == "customer" else mitra_may
        return None if allowed else Refusal("early_end_disabled")
    return None if status == "expired" else Refusal("session_not_active")
