"""A wall clock that is stepped moves no deadline."""

import time

import pytest
import trio.testing

from actors import Clock


async def test_a_step_of_the_wall_clock_is_not_seen(
    monkeypatch: pytest.MonkeyPatch, mock_clock: trio.testing.MockClock
) -> None:
    clock = Clock()
    before = clock.now()
    stepped = before.timestamp() + 3600
    monkeypatch.setattr(time, "time", lambda: stepped)

    mock_clock.jump(5)

    assert (clock.now() - before).total_seconds() == pytest.approx(5, abs=0.001)
    assert clock.seconds_until(before) == pytest.approx(-5, abs=0.001)
