"""What a push says, and when a failed one is tried again."""

from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import pytest

from halobestie.ids import new_id
from halobestie.push.messages import PUSH_TYPES
from halobestie.push.outbox import PushRow
from halobestie.push.ports import DeadToken, Delivered, OurMistake, TryLater
from halobestie.push.rules import TEXTS, after, message_of, wait

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PUSH = PushRow(
    id=1,
    user_id=new_id(),
    fcm_token="phone",
    platform="ios",
    type="extension_requested",
    session_id=new_id(),
    payment_request_id=None,
    message_id=None,
    created_at=NOON,
    due_at=NOON,
    expires_at=NOON + timedelta(hours=5),
    attempts=1,
    status="owed",
    outcome=None,
)


def test_every_type_has_a_neutral_text() -> None:
    assert set(TEXTS) == set(PUSH_TYPES)


def test_what_expires_soon_is_not_kept_for_longer_by_the_provider() -> None:
    push = msgspec.structs.replace(PUSH, expires_at=NOON + timedelta(seconds=10))
    message = message_of(push, NOON + timedelta(seconds=3))
    assert message["android"]["ttl"] == "7s"
    assert message["webpush"]["headers"]["TTL"] == "7"
    assert message["apns"]["headers"]["apns-expiration"] == str(int(NOON.timestamp()) + 10)
    assert len(message["apns"]["headers"]["apns-collapse-id"]) <= 64


def test_a_repr_shows_no_token() -> None:
    assert "phone" not in repr(PUSH)


@pytest.mark.parametrize(
    ("fate", "status"),
    [
        (Delivered("n"), "sent"),
        (DeadToken("UNREGISTERED"), "dead_token"),
        (OurMistake("INVALID_ARGUMENT"), "failed"),
        (TryLater("UNAVAILABLE"), "owed"),
    ],
)
def test_a_fate_becomes_a_status(fate: Delivered | TryLater, status: str) -> None:
    assert after(fate, PUSH, NOON, Random(1))[0] == status


def test_waits_grow_are_spread_and_never_shorter_than_asked() -> None:
    random = Random(1)
    waits = [wait(attempts, None, random) for attempts in range(12)]
    assert min(waits) >= 10
    assert max(waits) <= 600
    assert waits[6] > waits[1]
    assert len({wait(5, None, random) for _ in range(5)}) == 5
    assert wait(1, 500.0, random) == 500


def test_after_an_hour_or_past_its_life_a_push_is_given_up() -> None:
    later = NOON + timedelta(minutes=59, seconds=55)
    assert after(TryLater("UNAVAILABLE"), PUSH, later, Random(1))[0] == "failed"
    short = msgspec.structs.replace(PUSH, expires_at=NOON + timedelta(seconds=10))
    assert after(TryLater("UNAVAILABLE"), short, NOON, Random(1))[0] == "expired"
