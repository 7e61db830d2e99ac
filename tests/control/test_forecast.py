from datetime import UTC, datetime, timedelta

from halobestie.control.forecast import forecast

NOON = datetime(2026, 3, 1, 12, 0, 20, tzinfo=UTC)


def due(name: str, minutes: float) -> tuple[str, datetime]:
    return name, NOON + timedelta(minutes=minutes)


def test_an_empty_house_may_be_restarted_in_the_next_minute() -> None:
    seen = forecast(NOON, [])
    assert (seen.sessions_running, seen.extensions_open, seen.searches_open) == (0, 0, 0)
    assert len(seen.minutes) == 30
    assert seen.quietest.starts_at == NOON.replace(minute=1, second=0)


def test_every_deadline_counts_in_its_minute() -> None:
    seen = forecast(NOON, [due("end", 3), due("end", 3.2), due("decision", 3), due("window", 70)])
    minute = seen.minutes[3]
    assert (minute.sessions_ending, minute.deadlines) == (2, 3)
    assert seen.minutes[3].sessions_running == 2
    assert seen.minutes[4].sessions_running == 0
    assert (seen.sessions_ending_soon, seen.searches_open) == (2, 1)


def test_the_quietest_minute_has_fewest_deadlines_and_then_fewest_sessions() -> None:
    busy = [due("grace", number) for number in range(30) if number not in (7, 12)]
    ends = [due("end", 10)]
    assert forecast(NOON, busy + ends).quietest.starts_at == NOON.replace(minute=12, second=0)


def test_what_is_overdue_does_not_fall_into_a_minute() -> None:
    seen = forecast(NOON, [due("end", -5)])
    assert sum(minute.deadlines for minute in seen.minutes) == 0
    assert seen.sessions_ending_soon == 1
