from datetime import UTC, datetime, timedelta

from halobestie.adapters.postgres import Connection, Database
from halobestie.figures import last_hours, midnight
from halobestie.ids import new_id
from tests.control.center import Center


def test_the_day_begins_at_midnight_in_jakarta() -> None:
    assert midnight(datetime(2026, 3, 1, 16, 59, tzinfo=UTC)) == datetime(
        2026, 2, 28, 17, tzinfo=UTC
    )
    assert midnight(datetime(2026, 3, 1, 17, 0, tzinfo=UTC)) == datetime(2026, 3, 1, 17, tzinfo=UTC)


def test_the_last_hours_are_24_and_end_with_this_one() -> None:
    hours = last_hours(datetime(2026, 3, 1, 0, 30, tzinfo=UTC))
    assert len(hours) == 24
    assert hours[-1] == datetime(2026, 3, 1, 0, tzinfo=UTC)
    assert hours[0] == datetime(2026, 2, 28, 1, tzinfo=UTC)


async def test_an_empty_house_has_a_dashboard(center: Center) -> None:
    seen = await center.get("/internal/dashboard")
    assert seen["mitras"] == {"online": 0, "available": 0, "total": 3}
    assert seen["sessions"] == {
        "active": 0, "extension_pending": 0, "expired": 0, "closing": 0, "completed_today": 0,
    }  # fmt: skip
    assert seen["pairings"] == {
        "searching": 0, "paired_today": 0, "failed_today": 0,
        "median_seconds_to_pair_today": None,
    }  # fmt: skip
    assert seen["payments"] == {"confirmed_today": 0, "revenue_today": 0}
    assert seen["failures_by_cause_today"] == {}
    assert len(seen["series"]["sessions_per_hour"]) == 24
    assert {one["count"] for one in seen["series"]["sessions_per_hour"]} == {0}
    (node,) = seen["nodes"]
    assert node["status"] == "ready"
    assert node["actors"] > 3


async def test_the_dashboard_counts_what_happened_today(center: Center, db: Database) -> None:
    now = center.house.clock.now()
    day = midnight(now)
    await history(db, now, seconds_to_pair=4, amount=30_000)
    await history(db, now, seconds_to_pair=8, amount=50_000)
    await history(db, day - timedelta(minutes=1), seconds_to_pair=100, amount=15_000)

    seen = await center.get("/internal/dashboard")
    assert seen["sessions"]["active"] == 3
    assert seen["sessions"]["completed_today"] == 0
    assert seen["pairings"]["paired_today"] == 2
    assert seen["pairings"]["median_seconds_to_pair_today"] == 6.0
    assert seen["payments"] == {"confirmed_today": 2, "revenue_today": 80_000}
    per_hour = seen["series"]["sessions_per_hour"]
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    assert datetime.fromisoformat(per_hour[-1]["hour"]) == this_hour
    assert per_hour[-1]["count"] >= 2
    assert seen["series"]["seconds_to_pair_per_hour"][-1]["seconds"] is not None


async def test_the_dashboard_is_told_live(center: Center, db: Database) -> None:
    async with center.page("/internal/dashboard/watch") as page:
        assert (await page.next("dashboard"))["sessions"]["active"] == 0
        await history(db, center.house.clock.now(), seconds_to_pair=4, amount=30_000)
        while (frame := await page.next("dashboard"))["sessions"]["active"] == 0:
            pass
        assert frame["payments"]["revenue_today"] == 30_000


HISTORY = """
    with customer as (
        insert into customers (id, display_name, is_anonymous, created_at, updated_at)
        values ($1, 'Sari', true, $5, $5)
        returning id
    ), payment as (
        insert into payment_requests (
            id, customer_id, status, amount, duration_minutes, tier_id, is_free_trial,
            is_extension, session_id, topics, sensitivity, created_at, expires_at,
            confirmed_at, consumed_at, paid_id
        )
        select $2, id, 'consumed', $7, 30, 'chat_30', false, false, $4, '{}', 'regular', $5,
            $5, $5, $5, $2
        from customer
        returning id, customer_id
    ), pairing as (
        insert into pairings (
            id, payment_request_id, customer_id, request_type, status, started_at,
            expires_at, closed_at, session_id
        )
        select $3, id, customer_id, 'blast', 'paired', $6, $5, $5, $4 from payment
    )
    insert into chat_sessions (
        id, customer_id, mitra_id, payment_request_id, status, topics, sensitivity,
        duration_minutes, is_free_trial, started_at, ends_at
    )
    select $4, customer_id, (select id from mitras limit 1), id, 'active', '{}', 'regular', 30,
        false, $5, $5
    from payment
"""


async def history(db: Database, at: datetime, *, seconds_to_pair: int, amount: int) -> None:
    """A customer who paid, was paired and talks."""

    async def work(conn: Connection) -> None:
        began = at - timedelta(seconds=seconds_to_pair)
        await conn.execute(HISTORY, *(new_id() for _ in range(4)), at, began, amount)

    await db.transaction(work)
