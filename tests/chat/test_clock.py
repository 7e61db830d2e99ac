"""The clock of a session: warned once, ended on time, and all that fell due while nobody
ran happens at once, in order."""

from datetime import timedelta
from uuid import UUID

import pytest
import trio

from actors.testing import settle
from halobestie.adapters.embedded import EmbeddedValkey
from halobestie.adapters.postgres import Database
from halobestie.demo.api import Away
from tests.apps import Refused
from tests.chat.couple import Couple, new_couple
from tests.conftest import ErrorLog
from tests.nodes import running_node
from tests.waiting import until


async def test_both_are_warned_when_one_minute_is_left_once_per_run_down(couple: Couple) -> None:
    await couple.time_left(60)
    for person in (couple.sari, couple.ayu):
        warning = await person.wait_for("session_warning", session_id=couple.id)
        assert warning["remaining_seconds"] == 60
    asked = await couple.asks_for_more()
    await couple.mitra_answers(asked, "accept")
    await couple.sari.wait_for("session_resumed")
    assert len(couple.sari.heard("session_warning")) == 1
    await couple.time_left(59)  # the next run-down
    await couple.sari.wait_for("session_warning", remaining_seconds=59)


async def test_connecting_and_changes_of_the_end_tell_the_time(couple: Couple) -> None:
    await couple.time_left(300)
    await couple.sari.wait_for("session_tick", remaining_seconds=300)
    again = await couple.node.mitra_app(UUID(couple.ayu.id))
    tick = await again.wait_for("session_tick", session_id=couple.id)
    assert tick["remaining_seconds"] == pytest.approx(300, abs=2)


async def test_nobody_decides_and_the_session_is_over(couple: Couple) -> None:
    couple.hurries(expired_decision_seconds=0.3)
    await couple.time_is_up()
    done = await couple.sari.wait_for("session_completed", reason="abandoned")
    assert done["session_id"] == couple.id
    assert await couple.events() == ["started", "expired", "completed"]
    assert (await couple.sari.calls("GET", "/api/client/chat-sessions/active"))["session"] is None


async def test_last_words_end_when_both_have_parted(couple: Couple) -> None:
    await couple.time_is_up()
    await couple.sari.ends()
    for person in (couple.sari, couple.ayu):
        await person.wait_for("session_closing", ended_by="customer")
    await couple.sari.parts("terima kasih")
    await couple.ayu.wait_for("closing_message", content="terima kasih", sender_type="customer")
    with pytest.raises(Refused, match="closing_message_exists"):
        await couple.sari.parts("lagi")
    await couple.ayu.parts()
    await couple.sari.wait_for("session_completed", reason="closed")
    left = (await couple.looks())["closing_messages"]
    assert left == [{"sender_type": "customer", "content": "terima kasih"}]


async def test_the_grace_ends_by_itself(couple: Couple) -> None:
    couple.hurries(closing_grace_seconds=0.3)
    await couple.sari.ends()
    await couple.ayu.wait_for("session_completed", reason="grace_over")


async def test_ending_early_is_a_matter_of_the_knob(couple: Couple) -> None:
    with pytest.raises(Refused, match="403 early_end_disabled"):
        await couple.ayu.ends()
    await couple.node.turns(early_end_customer_enabled=False, early_end_mitra_enabled=True)
    with pytest.raises(Refused, match="403 early_end_disabled"):
        await couple.sari.ends()
    assert (await couple.ayu.ends())["status"] == "closing"
    with pytest.raises(Refused, match="session_not_active"):
        await couple.ayu.ends()


async def test_closing_the_account_ends_the_session_and_settles_the_extension(
    couple: Couple,
) -> None:
    asked = await couple.asks_for_more()
    await couple.sari.calls("DELETE", "/api/client/account")
    await couple.ayu.wait_for("extension_resolved", reason="session_ended")
    await couple.ayu.wait_for("session_closing", ended_by="system")
    assert await couple.causes(asked["payment_id"]) == ["customer_cancelled"]


async def passes_unseen(db: Database, session_id: str, gone: timedelta) -> None:
    """Let time pass while no node runs: everything that is stored is that much older."""

    async def work(conn: object) -> None:
        for table, key, columns in (
            ("chat_sessions", "id", ("started_at", "ends_at", "decision_deadline")),
            ("session_extensions", "session_id", ("expires_at",)),
        ):
            older = ", ".join(f"{column} = {column} - $1::interval" for column in columns)
            statement = f"update {table} set {older} where {key} = $2"
            await conn.execute(statement, gone, UUID(session_id))  # type: ignore[attr-defined]

    await db.transaction(work)


async def test_what_fell_due_while_nobody_ran_happens_at_once_and_in_order(
    db: Database, database_url: str, valkey_server: EmbeddedValkey
) -> None:
    """Time ran out, and so did the time to decide. The warning came too late to be given."""
    async with running_node(database_url, valkey_server.url) as node:
        couple = await new_couple(node)
    await passes_unseen(db, couple.id, timedelta(minutes=12 + 6))
    async with running_node(database_url, valkey_server.url) as node:
        couple.node = node
        with trio.fail_after(5):
            while "completed" not in await couple.events():
                await settle(node.house.system)
        story = await node.operator.calls("GET", f"/internal/sessions/{couple.id}")
        assert [one["event"] for one in story["timeline"]] == ["started", "expired", "completed"]
        assert story["session"]["completion_reason"] == "abandoned"
    warned = await db.transaction(
        lambda conn: conn.fetchval("select warned_for from chat_sessions")
    )
    assert warned is None


async def test_an_extension_that_fell_due_while_nobody_ran_sells_nothing(
    db: Database, database_url: str, valkey_server: EmbeddedValkey
) -> None:
    async with running_node(database_url, valkey_server.url) as node:
        couple = await new_couple(node)
        asked = await couple.asks_for_more()
    await passes_unseen(db, couple.id, timedelta(minutes=13))
    async with running_node(database_url, valkey_server.url) as node:
        couple.node = node
        with trio.fail_after(5):
            while "expired" not in await couple.events():
                await settle(node.house.system)
        assert await couple.events() == [
            "started",
            "extension_requested",
            "extension_auto_rejected",
            "expired",
        ]
        assert await couple.causes(asked["payment_id"]) == ["extension_mitra_offline"]


async def test_a_pending_extension_outlives_a_restart(
    database_url: str, valkey_server: EmbeddedValkey
) -> None:
    async with running_node(database_url, valkey_server.url) as node:
        couple = await new_couple(node)
        await node.turns(extension_timeout_seconds=300)
        asked = await couple.asks_for_more()
    async with running_node(database_url, valkey_server.url) as node:
        ayu = await node.mitra_app(UUID(couple.ayu.id))
        [session] = ayu.app.hello["sessions"]  # type: ignore[index]
        assert session["extension"]["id"] == asked["id"]
        path = f"/api/mitra/chat-sessions/{couple.id}/extensions/{asked['id']}/accept"
        assert (await ayu.calls("POST", path))["status"] == "approved"
        await ayu.wait_for("session_resumed", session_id=couple.id)


@pytest.mark.parametrize("moment", ["asked", "given", "ended", "expired", "parted"])
async def test_a_session_that_crashes_after_its_commit_still_tells_both(
    couple: Couple, monkeypatch: pytest.MonkeyPatch, expected_errors: ErrorLog, moment: str
) -> None:
    """Each step is committed first; its teller dies before a word of it is said."""
    from halobestie.chat.life import Life

    expected_errors.expect("crashed: ZeroDivisionError")
    asked = {} if moment == "asked" else await couple.asks_for_more()
    if moment == "parted":
        await couple.sari.ends()

    def die(*_: object) -> None:
        monkeypatch.undo()
        raise ZeroDivisionError

    monkeypatch.setattr(Life, "moved", die)
    with pytest.raises((Away, Refused)):
        match moment:
            case "asked":
                await couple.asks_for_more()
            case "given":
                await couple.mitra_answers(asked, "accept")
            case "ended":
                await couple.sari.ends()
            case "expired":
                await couple.time_left(0)
            case _:
                await couple.sari.parts("dadah")
    match moment:
        case "asked":
            await couple.ayu.wait_for("extension_requested")
        case "given":
            for person in (couple.sari, couple.ayu):
                await person.wait_for("extension_resolved", outcome="approved")
                await person.wait_for("session_resumed")
        case "ended":
            for person in (couple.sari, couple.ayu):
                await person.wait_for("extension_resolved", outcome="rejected")
                await person.wait_for("session_closing", ended_by="customer")
        case "expired":
            for person in (couple.sari, couple.ayu):
                await person.wait_for("session_expired", decision_deadline=None)
        case _:
            await couple.ayu.wait_for("closing_message", content="dadah")


async def test_a_finished_session_leaves_memory_and_can_still_be_read(
    couple: Couple, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("halobestie.chat.session.LINGER", 0.05)
    await couple.over()
    await until(lambda: couple.node.house.system.find(couple.path) is None)
    completed = len(couple.sari.heard("session_completed"))
    assert (await couple.looks())["status"] == "completed"
    assert len(couple.sari.heard("session_completed")) == completed  # not told again
