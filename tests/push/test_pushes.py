"""Who gets a push, when, and that nobody gets two."""

from typing import Any

import pytest
import trio

from halobestie.adapters.embedded import EmbeddedValkey
from halobestie.chat import correspondence
from halobestie.push import rules
from tests.apps import Customer, Mitra
from tests.chat.couple import Couple, new_couple
from tests.conftest import ErrorLog
from tests.fakes.fcm import UNAVAILABLE, FakeFcm, error
from tests.nodes import TestNode, running_node
from tests.waiting import until, until_it_works

SECRET = "aku ingin bercerita"


@pytest.fixture
async def couple(node: TestNode) -> Couple:
    """Sari and Ayu in a session, each with a phone."""
    couple = await new_couple(node)
    for person in (couple.sari, couple.ayu):
        await has_phone(person)
    return couple


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An app has little time to acknowledge."""
    monkeypatch.setattr(correspondence, "ACKNOWLEDGE_SECONDS", 0.2)


async def has_phone(person: Customer | Mitra, token: str | None = None) -> None:
    token = token or f"phone-of-{person.id}"
    await person.calls("PUT", "/api/shared/devices", {"fcm_token": token, "platform": "android"})


async def pushes(node: TestNode, person: Customer | Mitra) -> list[dict[str, Any]]:
    answer = await node.internal.call("GET", f"/internal/_test/pushes?user_id={person.id}")
    return list(answer["rows"])


async def come(node: TestNode, person: Customer | Mitra, *, tried: bool = False) -> None:
    """Wait until a push is owed to a person, or was tried."""

    async def has_come() -> None:
        rows = await pushes(node, person)
        if not [row for row in rows if row["outcome"] or not tried]:
            raise LookupError

    await until_it_works(has_come, instead_of=LookupError)


async def settled(node: TestNode, person: Customer | Mitra, count: int = 1) -> list[str]:
    """The statuses of a person's pushes, newest first, once none is owed."""

    async def statuses() -> list[str]:
        rows = [row["status"] for row in await pushes(node, person)]
        if len(rows) < count or "owed" in rows:
            raise LookupError
        return rows

    return await until_it_works(statuses, instead_of=LookupError)


async def test_a_message_for_a_closed_app_is_pushed_without_its_text(
    couple: Couple, google: FakeFcm
) -> None:
    await couple.node.closes(couple.sari)
    ack = await couple.ayu.says(SECRET)

    assert await settled(couple.node, couple.sari) == ["sent"]

    [message] = google.sent
    assert message["token"] == f"phone-of-{couple.sari.id}"
    assert message["data"] == {
        "type": "chat_message",
        "session_id": couple.id,
        "message_id": ack.id,
        "title": "Halo Bestie",
        "body": "Ada pesan baru untukmu.",
    }
    assert message["android"]["priority"] == "HIGH"
    assert message["android"]["notification"]["channel_id"] == "halobestie_chat_v2"
    assert SECRET not in str(google.tried)
    assert "Ayu" not in str(message)
    [row] = await pushes(couple.node, couple.sari)
    assert (row["type"], row["data"]["message_id"]) == ("chat_message", ack.id)


async def test_what_an_open_app_acknowledges_is_not_pushed(
    couple: Couple, google: FakeFcm, impatient: None
) -> None:
    for number in range(3):
        await couple.ayu.says(str(number))
        await couple.sari.hears(str(number))
    # Two messages for one who is away end the wait: theirs were decided later.
    await couple.node.closes(couple.ayu)
    await couple.sari.says("masih di sana?")
    await settled(couple.node, couple.ayu)
    await trio.sleep(2 * correspondence.ACKNOWLEDGE_SECONDS)
    assert await pushes(couple.node, couple.sari) == []


async def test_a_paused_app_gets_each_message_pushed_once(
    couple: Couple, google: FakeFcm, impatient: None
) -> None:
    """The connection lives, but nothing is acknowledged: the phone sleeps."""
    couple.sari.talk.receipt = lambda _: None  # type: ignore[method-assign]
    first = await couple.ayu.says("satu")
    second = await couple.ayu.says("dua")

    assert await settled(couple.node, couple.sari, 2) == ["sent", "sent"]

    third = await couple.ayu.says("tiga")
    assert await settled(couple.node, couple.sari, 3) == ["sent"] * 3
    ids = [message["data"]["message_id"] for message in google.sent]
    assert sorted(ids) == sorted([first.id, second.id, third.id])


async def test_a_session_that_starts_again_pushes_what_was_left_and_nothing_twice(
    couple: Couple, google: FakeFcm, impatient: None, expected_errors: ErrorLog
) -> None:
    expected_errors.expect("crashed: CrashRequested")
    couple.sari.talk.receipt = lambda _: None  # type: ignore[method-assign]
    await couple.ayu.says("satu")
    assert await settled(couple.node, couple.sari) == ["sent"]
    await couple.ayu.says("dua")
    assert couple.node.crashes(couple.path)
    assert await settled(couple.node, couple.sari, 2) == ["sent", "sent"]
    await couple.ayu.says("tiga")
    assert await settled(couple.node, couple.sari, 3) == ["sent"] * 3


async def test_states_reach_the_phones_of_those_who_are_away(
    couple: Couple, google: FakeFcm
) -> None:
    await couple.node.closes(couple.ayu)
    await couple.asks_for_more()
    await couple.node.closes(couple.sari)
    await couple.time_left(0)
    await until(lambda: len(google.sent) >= 3)
    kinds = sorted((m["data"]["type"], m["token"]) for m in google.sent)
    ayu, sari = f"phone-of-{couple.ayu.id}", f"phone-of-{couple.sari.id}"
    assert kinds[0] == ("extension_requested", ayu)
    assert ("session_expired", ayu) in kinds
    assert ("session_expired", sari) in kinds
    assert all(message["data"]["session_id"] == couple.id for message in google.sent)


async def test_a_dead_token_is_forgotten_and_the_other_phone_still_rings(
    couple: Couple, google: FakeFcm
) -> None:
    google.dead.add(f"phone-of-{couple.sari.id}")
    await has_phone(couple.sari, "tablet")
    await couple.node.closes(couple.sari)
    await couple.ayu.says("halo")
    assert sorted(await settled(couple.node, couple.sari, 2)) == ["dead_token", "sent"]
    assert [message["token"] for message in google.sent] == ["tablet"]
    assert await couple.node.house.outbox.phones(couple.node_id(couple.sari)) == 1


async def test_a_token_that_moved_to_somebody_else_gets_nothing_of_ours(
    couple: Couple, google: FakeFcm, monkeypatch: pytest.MonkeyPatch
) -> None:
    tono = await couple.node.customer("Tono")
    google.answers_with(UNAVAILABLE)
    monkeypatch.setattr(rules, "FIRST_WAIT", 0.5)
    await couple.node.closes(couple.sari)
    await couple.ayu.says("halo")
    await until(lambda: len(google.tried) == 1)
    await has_phone(tono, f"phone-of-{couple.sari.id}")
    assert await settled(couple.node, couple.sari) == ["dead_token"]
    assert google.sent == []


async def test_a_push_is_tried_again_until_it_gets_through(
    couple: Couple, google: FakeFcm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "FIRST_WAIT", 0.05)
    google.answers_with(UNAVAILABLE, times=2)
    await couple.node.closes(couple.sari)
    await couple.ayu.says("halo")
    assert await settled(couple.node, couple.sari) == ["sent"]
    [row] = await pushes(couple.node, couple.sari)
    assert (row["attempts"], len(google.tried)) == (3, 3)


async def test_quota_holds_back_everybody(couple: Couple, google: FakeFcm) -> None:
    google.answers_with(error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", Retry_After="30"))
    await couple.node.closes(couple.sari)
    await couple.ayu.says("halo")
    await until(lambda: len(google.tried) == 1)
    await couple.node.closes(couple.ayu)
    await couple.node.forces("send-chat-message-as-customer", session_id=couple.id, content="hai")
    await come(couple.node, couple.ayu)
    assert (await pushes(couple.node, couple.ayu))[0]["status"] == "owed"
    assert len(google.tried) == 1


async def test_trouble_with_the_apns_key_is_an_alarm_and_keeps_the_token(
    couple: Couple, google: FakeFcm, expected_errors: ErrorLog
) -> None:
    expected_errors.expect("push needs repair")
    google.answers_with(error(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"))
    await couple.node.closes(couple.sari)
    await couple.ayu.says("halo")
    await come(couple.node, couple.sari, tried=True)
    assert (await pushes(couple.node, couple.sari))[0]["status"] == "owed"
    assert await couple.node.house.outbox.phones(couple.node_id(couple.sari)) == 1


async def test_a_google_that_never_answers_holds_up_no_chat(
    couple: Couple, google: FakeFcm
) -> None:
    google.stalls = True
    other = await new_couple(couple.node)
    await couple.node.closes(couple.sari)
    await couple.ayu.says("halo")
    await until(lambda: len(google.tried) == 1)
    slowest = 0.0
    for number in range(50):
        started = trio.current_time()
        await other.sari.says(str(number))
        await other.ayu.hears(str(number))
        slowest = max(slowest, trio.current_time() - started)
    assert slowest < 0.5  # a send may hang for eight seconds


async def test_a_push_that_a_killed_sender_had_claimed_is_sent_by_the_next(
    database_url: str,
    valkey_server: EmbeddedValkey,
    google: FakeFcm,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("halobestie.push.sender.CLAIM_SECONDS", 0.1)
    environ = {
        "FIREBASE_SERVICE_ACCOUNT_PATH": str(google.account_path),
        "FCM_BASE_URL": google.url,
    }
    google.stalls = True
    async with running_node(database_url, valkey_server.url, **environ) as node:
        couple = await new_couple(node)
        await has_phone(couple.sari)
        await node.closes(couple.sari)
        await couple.ayu.says("halo")
        await until(lambda: len(google.tried) == 1)
    google.stalls = False
    async with running_node(database_url, valkey_server.url, **environ) as node:
        assert await settled(node, couple.sari) == ["sent"]


async def test_without_credentials_pushes_are_recorded(
    database_url: str, valkey_server: EmbeddedValkey
) -> None:
    async with running_node(database_url, valkey_server.url) as node:
        couple = await new_couple(node)
        say = {"session_id": couple.id, "content": "halo"}
        said = await node.forces("send-chat-message-as-mitra", **say)
        assert said["delivered_via"] == "ws"
        await couple.ayu.wait_for("message_status", status="delivered", up_to_seq=1)
        await node.closes(couple.sari)
        said = await node.forces("send-chat-message-as-mitra", **say)
        assert said["delivered_via"] == "none"
        assert await settled(node, couple.sari) == ["no_device"]
        await has_phone(couple.sari)
        said = await node.forces("send-chat-message-as-mitra", **say)
        assert said["delivered_via"] == "fcm"
        assert await settled(node, couple.sari, 2) == ["recorded", "no_device"]
        pushed = await node.forces("send-fcm-chat-message", session_id=couple.id, to="customer")
        assert pushed == {"attempted": 1, "recorded": 1}
        rows = await pushes(node, couple.sari)
        assert rows[0]["data"]["type"] == "chat_message"
        assert rows[0]["data"]["session_id"] == couple.id
        assert rows[0]["message"]["android"]["notification"]["channel_id"] == "halobestie_chat_v2"
