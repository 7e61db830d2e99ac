"""Decisions of presence. Pure: no await, no clock, no database."""

from datetime import datetime, timedelta


def capacity(knob: int, override: int | None, *, is_active: bool) -> int:
    """How many customers a mitra may have at once."""
    if not is_active:
        return 0
    return knob if override is None else override


def stale_at(last_heartbeat: datetime, stale_after_seconds: int) -> datetime:
    """When a mitra who says nothing more goes offline."""
    return last_heartbeat + timedelta(seconds=stale_after_seconds)
