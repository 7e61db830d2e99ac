"""The clock and the states of a session. Pure: no await, no clock, no database.

                ┌────── approved ──────┐
                ↓                      │
    begun ─→ active ── time is up ─→ expired ── nobody decides ─→ completed (abandoned)
                │                      │                              ↑
                └── ended, or rejected ┴─→ closing ── both parted, ───┘
                    with no time left                 or grace over

An extension may be pending in `active` and in `expired`; while one is, no decision
deadline runs. It ends by the mitra's answer, by silence, or with the session.
Every function takes a course and gives the course that follows; what a moment allows is
asked before (`may_end`, `may_request`).
"""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple, TypeVar
from uuid import UUID

import msgspec

from halobestie.payments.messages import TerminalCause

from .messages import DefaultAction, ExtensionOutcome, Party, Refusal, SessionStatus

WARNING = timedelta(minutes=1)
TICK_SECONDS = 30.0
LAST_MINUTE_TICK_SECONDS = 5.0

Due = Literal["warn", "end", "extension", "decision", "grace"]
Reason = Literal["timeout", "mitra_offline", "session_ended"]


class Extension(msgspec.Struct, frozen=True, kw_only=True):
    """More time that the customer has paid for, and the mitra has not answered."""

    id: UUID
    payment_request_id: UUID
    duration_minutes: int
    default_action: DefaultAction
    """What the mitra's silence means, as the knob said when it was requested."""
    expires_at: datetime


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """Where a session stands, and when that ends. All deadlines are absolute."""

    status: SessionStatus
    duration_minutes: int
    """All paid time so far."""
    ends_at: datetime
    warned_for: datetime | None
    """The `ends_at` whose one-minute warning was given."""
    decision_deadline: datetime | None
    grace_deadline: datetime | None
    extension: Extension | None = None


C = TypeVar("C", bound=Course)


class Resolution(NamedTuple):
    """How an extension ended, and why if nobody said so."""

    outcome: ExtensionOutcome
    reason: Reason | None = None

    @property
    def is_approved(self) -> bool:
        return self.outcome in ("approved", "auto_approved")

    @property
    def cause(self) -> TerminalCause:
        """What the operators read who decide about the money of a rejected one."""
        match self.reason:
            case "timeout":
                return "extension_timeout"
            case "mitra_offline":
                return "extension_mitra_offline"
            case _:
                return "extension_rejected"


# what a moment allows


def may_end(course: Course, party: Party, *, customer_may: bool, mitra_may: bool) -> Refusal | None:
    """Whether a party may end the session now."""
    if course.status == "active":
        allowed = customer_may if party == "customer" else mitra_may
        return None if allowed else Refusal("early_end_disabled")
    return None if course.status == "expired" else Refusal("session_not_active")


def may_request(course: Course) -> Refusal | None:
    """Whether the customer may ask for more time now."""
    if course.status not in ("active", "expired"):
        return Refusal("session_not_extendable")
    return Refusal("extension_pending") if course.extension is not None else None


def may_reroute(course: Course) -> Refusal | None:
    """Whether another mitra may take the session over now."""
    if course.status not in ("active", "expired"):
        return Refusal("session_not_active")
    return Refusal("extension_pending") if course.extension is not None else None


# what follows


def time_up(course: C, decision_seconds: int) -> C:
    """The paid time is over. Counted from its end, however late this comes."""
    pending = course.extension is not None
    deadline = None if pending else course.ends_at + timedelta(seconds=decision_seconds)
    return msgspec.structs.replace(course, status="expired", decision_deadline=deadline)


def requested(course: C, extension: Extension) -> C:
    """The customer has decided: nothing runs but the mitra's time to answer."""
    return msgspec.structs.replace(course, extension=extension, decision_deadline=None)


def at_silence(default: DefaultAction, *, mitra_is_there: bool) -> Resolution:
    """What the mitra's silence means. Nobody's time is sold while they are away."""
    if not mitra_is_there:
        return Resolution("auto_rejected", "mitra_offline")
    if default == "auto_approve":
        return Resolution("auto_approved")
    return Resolution("auto_rejected", "timeout")


def approved(course: C, now: datetime) -> C:
    """More time: from now if it had run out, else added to what is left."""
    assert course.extension is not None
    minutes = course.extension.duration_minutes
    return msgspec.structs.replace(
        course,
        status="active",
        duration_minutes=course.duration_minutes + minutes,
        ends_at=max(now, course.ends_at) + timedelta(minutes=minutes),
        decision_deadline=None,
        extension=None,
    )


def rejected(course: C, now: datetime, grace_seconds: int) -> C:
    """No more time: on with what is left, or to the end. A rejection by silence counts
    from its deadline, however late it comes: what follows on it follows now."""
    assert course.extension is not None
    as_of = min(now, course.extension.expires_at)
    course = msgspec.structs.replace(course, extension=None)
    if course.status == "active" and as_of < course.ends_at:
        return course
    return closed(course, now, grace_seconds)


def closed(course: C, now: datetime, grace_seconds: int) -> C:
    """The conversation is over; closing messages may come. A pending extension is
    resolved before."""
    return msgspec.structs.replace(
        course,
        status="closing",
        decision_deadline=None,
        grace_deadline=now + timedelta(seconds=grace_seconds),
        extension=None,
    )


def completed(course: C) -> C:
    """Nothing more follows."""
    return msgspec.structs.replace(
        course, status="completed", decision_deadline=None, grace_deadline=None
    )


# the clock


def deadlines(course: Course, now: datetime) -> dict[Due, datetime]:
    """What is due, and when, if nobody does anything before."""
    due: dict[Due, datetime] = {}
    if course.status == "active":
        warning = warning_at(course.ends_at, course.warned_for, now)
        if warning is not None:
            due["warn"] = warning
        due["end"] = course.ends_at
    if course.status in ("active", "expired") and course.extension is not None:
        due["extension"] = course.extension.expires_at
    if course.status == "expired" and course.decision_deadline is not None:
        due["decision"] = course.decision_deadline
    if course.status == "closing" and course.grace_deadline is not None:
        due["grace"] = course.grace_deadline
    return due


def warning_at(ends_at: datetime, warned_for: datetime | None, now: datetime) -> datetime | None:
    """When the one-minute warning of this run-down is due; None if it was given, or is moot."""
    if warned_for == ends_at or now >= ends_at:
        return None
    return ends_at - WARNING


def remaining_seconds(status: SessionStatus, ends_at: datetime, now: datetime) -> int:
    """Whole seconds of paid time that are left."""
    if status != "active":
        return 0
    return max(0, round((ends_at - now).total_seconds()))


def next_tick(ends_at: datetime, now: datetime) -> float:
    """Seconds until both are told the time again: exactly on the last minute, then faster."""
    to_last_minute = (ends_at - WARNING - now).total_seconds()
    if to_last_minute <= 0:
        return LAST_MINUTE_TICK_SECONDS
    return min(TICK_SECONDS, max(1.0, to_last_minute))
