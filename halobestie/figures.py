"""The figures of the control center's first page.

Who is here is read from memory, what has happened by small statements over the newest
rows. "Today" is the day in Jakarta, where the company and its customers are; the hours
are those of UTC, like every time in an answer.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from msgspec import Struct

from halobestie.adapters.postgres import Connection, Database, queries

sql = queries("dashboard")

JAKARTA = timezone(timedelta(hours=7), "WIB")  # no summer time
HOURS = 24
LONGEST = timedelta(days=2)  # a session of a day and its extensions


class SessionFigures(Struct, frozen=True):
    """Sessions by how they stand."""

    active: int
    extension_pending: int
    expired: int
    closing: int
    completed_today: int


class PairingFigures(Struct, frozen=True):
    """Searches, and how long the successful ones of today took."""

    searching: int
    paired_today: int
    failed_today: int
    median_seconds_to_pair_today: float | None


class PaymentFigures(Struct, frozen=True):
    """Money that came in today, in rupiah."""

    confirmed_today: int
    revenue_today: int


class HourCount(Struct, frozen=True):
    """How many began within an hour."""

    hour: datetime
    count: int


class HourMedian(Struct, frozen=True):
    """The median of an hour; null if nobody was paired."""

    hour: datetime
    seconds: float | None


class Series(Struct, frozen=True):
    """The last 24 hours, oldest first; the last one is not over."""

    sessions_per_hour: list[HourCount]
    seconds_to_pair_per_hour: list[HourMedian]


class Counted(Struct, frozen=True):
    """What the database says."""

    active_mitras: int
    sessions: SessionFigures
    pairings: PairingFigures
    payments: PaymentFigures
    failures_by_cause_today: dict[str, int]
    series: Series


class Figures:
    """Counts. Raises `Unavailable` when PostgreSQL is away."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def count(self, at: datetime, *, extension_pending: int) -> Counted:
        """All figures as of `at`, in one visit to the database."""
        day = midnight(at)
        hours = last_hours(at)

        async def work(conn: Connection) -> Counted:
            by_status = _column(await sql.unfinished_sessions(conn), "status", "count")
            completed = await sql.completed_sessions(conn, since=day, begun=day - LONGEST)
            closed = await sql.closed_searches(conn, since=day)
            paid = await sql.confirmed_payments(conn, since=day)
            sessions = await sql.sessions_per_hour(conn, since=hours[0])
            medians = await sql.seconds_to_pair_per_hour(conn, since=hours[0])
            return Counted(
                await sql.active_mitras(conn),
                SessionFigures(
                    by_status.get("active", 0),
                    extension_pending,
                    by_status.get("expired", 0),
                    by_status.get("closing", 0),
                    completed,
                ),
                PairingFigures(
                    await sql.open_searches(conn),
                    closed["paired"],
                    closed["failed"],
                    _rounded(closed["median_seconds"]),
                ),
                PaymentFigures(paid["count"], paid["amount"]),
                _column(await sql.failures_by_cause(conn, since=day), "cause_tag", "count"),
                _series(hours, sessions, medians),
            )

        return await self._db.transaction(work)


def midnight(at: datetime) -> datetime:
    """When the day of `at` began in Jakarta."""
    return at.astimezone(JAKARTA).replace(hour=0, minute=0, second=0, microsecond=0)


def last_hours(at: datetime) -> list[datetime]:
    """The beginnings of the last 24 hours, the one of `at` last."""
    current = at.replace(minute=0, second=0, microsecond=0)
    return [current - timedelta(hours=ago) for ago in reversed(range(HOURS))]


def _series(
    hours: list[datetime],
    sessions: Iterable[Mapping[str, Any]],
    medians: Iterable[Mapping[str, Any]],
) -> Series:
    counts = _column(sessions, "hour", "count")
    seconds = _column(medians, "hour", "median_seconds")
    return Series(
        [HourCount(hour, counts.get(hour, 0)) for hour in hours],
        [HourMedian(hour, _rounded(seconds.get(hour))) for hour in hours],
    )


def _column(rows: Iterable[Mapping[str, Any]], key: str, value: str) -> dict[Any, Any]:
    return {row[key]: row[value] for row in rows}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(float(seconds), 3)
