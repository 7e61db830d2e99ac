"""What is said arrives once, in order, and stays; whatever crashes meanwhile."""

from typing import Any

import pytest
import trio

from actors import MailboxFull, Unavailable
from halobestie.chat import correspondence
from halobestie.chat.journal import Journal
from tests.apps import Refused
from tests.chat.couple import Couple
from tests.chat.keeping import all_answered, all_seen, contents, kept_every_promise
from tests.conftest import ErrorLog


async def test_both_talk_at_once_and_see_one_order(couple: Couple, database_url: str) -> None:
    for number in range(100):
        couple.sari.app.say(couple.id, f"s{number}")
        couple.ayu.app.say(couple.id, f"a{number}")
        if not number % 10:  # the apps' budget is 50 frames a second
            await trio.sleep(0.02)
    people = [couple.sari, couple.ayu]
    await all_answered(people)
    await all_seen(people)
    await kept_every_promise(database_url, couple.node, people)
    assert (await couple.looks())["last_seq"] == 200


async def test_a_message_sent_again_has_the_same_answer_also_after_the_end(
    couple: Couple,
) -> None:
    path = f"/api/shared/chat-sessions/{couple.id}/messages"
    body = {"client_message_id": "once", "content": "halo"}
    first = await couple.sari.calls("POST", path, body)
    again = await couple.sari.calls("POST", path, {**body, "content": "something else"})
    assert again == first
    ack = {"type": "message", "session_id": couple.id, **body}
    await couple.sari.posts(**ack)
    status = await couple.sari.wait_for("message_status", client_message_id="once")
    assert (status["id"], status["seq"]) == (first["id"], 1)

    await couple.over()

    assert (await couple.sari.calls("POST", path, body))["id"] == first["id"]
    await couple.sari.posts(**ack)
    status = await couple.sari.wait_for("message_status", client_message_id="once")
    assert status["id"] == first["id"]
    with pytest.raises(Refused, match="session_not_active"):
        await couple.sari.calls("POST", path, {**body, "client_message_id": "new"})
    # The mitra's ids are the mitra's own.
    with pytest.raises(Refused, match="session_not_active"):
        await couple.ayu.calls("POST", path, body)


async def test_what_was_committed_while_the_session_crashed_is_told_by_the_next_one(
    couple: Couple, monkeypatch: pytest.MonkeyPatch, expected_errors: ErrorLog, database_url: str
) -> None:
    """The commit of a message and the crash of its session cross: the message stood in the
    database, and neither the peer nor the author ever heard of it on a living socket."""
    expected_errors.expect("crashed: CrashRequested")
    tell = Journal._tell

    def crash_first(journal: Journal, *what: Any) -> None:
        monkeypatch.setattr(Journal, "_tell", tell)
        assert couple.node.crashes(couple.path)
        tell(journal, *what)

    monkeypatch.setattr(Journal, "_tell", crash_first)
    sent = couple.sari.app.say(couple.id, "halo")

    assert (await couple.ayu.hears("halo"))["seq"] == 1
    await couple.sari.wait_for("message_status", client_message_id=sent.client_message_id)
    await couple.ayu.says("halo juga")
    await couple.sari.hears("halo juga")
    await kept_every_promise(database_url, couple.node, [couple.sari, couple.ayu])


async def test_a_failed_commit_is_not_overtaken_by_the_next_one(
    couple: Couple, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    """A group fails while its session's next message waits in the journal: stored alone it
    would have left a gap in front of it."""
    commit = Journal._commit
    second_is_there = trio.Event()

    async def fail_once(journal: Journal, groups: Any) -> Any:
        monkeypatch.setattr(Journal, "_commit", commit)
        await second_is_there.wait()
        raise Unavailable

    monkeypatch.setattr(Journal, "_commit", fail_once)
    first = couple.sari.app.say(couple.id, "first")
    journal = couple.node.house.system.kinds["journal"].cells["journal"]
    with trio.fail_after(5):
        while journal.busy_with is None:  # noqa: ASYNC110 - nobody tells
            await trio.sleep(0.001)
        second = couple.sari.app.say(couple.id, "second")
        while not journal.mailbox.mail:  # noqa: ASYNC110
            await trio.sleep(0.001)
    second_is_there.set()
    for sent in (first, second):
        error = await couple.sari.wait_for("error", client_message_id=sent.client_message_id)
        assert error["code"] == "unavailable"

    await all_answered([couple.sari])  # the app sends both again

    await couple.ayu.hears("first")
    await couple.ayu.hears("second")
    assert (await couple.looks())["last_seq"] == 2
    await kept_every_promise(database_url, couple.node, [couple.sari, couple.ayu])


async def test_a_session_too_full_to_hear_of_its_commit_holds_up_no_other(
    couple: Couple, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(correspondence, "COMMIT_SECONDS", 0.3)
    tell_running = couple.node.house.sessions.tell_running
    crashes = couple.node.house.system.kinds["journal"].cells["journal"].restarts

    def full_once(key: Any, message: Any) -> None:
        monkeypatch.setattr(couple.node.house.sessions, "tell_running", tell_running)
        raise MailboxFull("1024 messages wait")

    monkeypatch.setattr(couple.node.house.sessions, "tell_running", full_once)
    couple.sari.app.say(couple.id, "halo")
    await couple.ayu.hears("halo")  # after the session has missed the news and read itself
    assert couple.node.house.system.kinds["journal"].cells["journal"].restarts == crashes


async def test_receipts_only_grow_and_reading_is_having(couple: Couple) -> None:
    await couple.sari.says("satu")
    await couple.sari.says("dua")
    await couple.ayu.hears("dua")
    assert (await couple.looks(couple.ayu))["unread_count"] == 2
    await couple.ayu.posts(type="read", session_id=couple.id, up_to_seq=2)
    await couple.sari.wait_for("message_status", status="read", up_to_seq=2)
    await couple.ayu.posts(type="delivered", session_id=couple.id, up_to_seq=1)
    await couple.ayu.posts(type="read", session_id=couple.id, up_to_seq=9_999)
    await couple.sari.says("tiga")
    seen = await couple.looks()
    assert (seen["peer_delivered_seq"] >= 2, seen["peer_read_seq"]) == (True, 2)
    assert (await couple.looks(couple.ayu))["unread_count"] == 1


async def test_a_transcript_is_read_in_pages_with_what_became_of_each(couple: Couple) -> None:
    for number in range(5):
        await couple.sari.says(str(number))
    await couple.ayu.hears("4")
    await couple.ayu.posts(type="read", session_id=couple.id, up_to_seq=3)
    await couple.sari.wait_for("message_status", status="read", up_to_seq=3)
    path = f"/api/shared/chat-sessions/{couple.id}/messages"
    newest = await couple.sari.calls("GET", f"{path}?limit=2")
    assert (contents(newest["messages"]), newest["has_more"]) == (["3", "4"], True)
    older = await couple.sari.calls("GET", f"{path}?limit=9&before_seq=4")
    assert (contents(older["messages"]), older["has_more"]) == (["0", "1", "2"], False)
    assert [one["status"] for one in older["messages"]] == ["read"] * 3
    after = await couple.sari.calls("GET", f"{path}?after_seq=1&limit=2")
    assert (contents(after["messages"]), after["has_more"]) == (["1", "2"], True)


async def test_a_stranger_finds_nothing(couple: Couple) -> None:
    tono = await couple.node.customer("Tono")
    for method, verb in (("GET", ""), ("GET", "/messages"), ("POST", "/end")):
        with pytest.raises(Refused, match="404 not_found"):
            await tono.calls(method, f"/api/shared/chat-sessions/{couple.id}{verb}")
    await tono.posts(type="typing", session_id=couple.id, is_typing=True)
    await tono.wait_for("error", code="not_found", session_id=couple.id)
