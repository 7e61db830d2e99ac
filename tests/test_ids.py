"""Ids are version 7 UUIDs that grow."""

import time
from datetime import UTC, datetime

import pytest

from halobestie.ids import new_id


def test_every_id_is_new_and_greater_than_the_last() -> None:
    made = [new_id() for _ in range(10_000)]
    assert made == sorted(set(made))


def test_an_id_says_when_it_was_made() -> None:
    before = time.time_ns() // 1_000_000
    made = new_id()
    milliseconds = made.int >> 80
    assert before <= milliseconds <= before + 5_000
    assert datetime.fromtimestamp(milliseconds / 1000, UTC).year >= 2024
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"


def test_a_wall_clock_that_steps_back_does_not_take_the_ids_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    last = new_id()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    following = [new_id() for _ in range(3)]
    assert [last, *following] == sorted([last, *following])
