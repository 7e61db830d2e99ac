"""What operators see of sessions, and the two things they can do to one."""

from uuid import UUID

import pytest

from halobestie.accounts.mitras import MitraChange
from halobestie.ids import new_id
from tests.apps import Refused
from tests.chat.couple import Couple, meet, new_couple
from tests.chat.keeping import contents


async def reroute(couple: Couple, mitra_id: str) -> dict[str, object]:
    answer = await couple.node.operator.calls(
        "POST", f"/internal/sessions/{couple.id}/reroute", {"mitra_id": mitra_id}
    )
    return dict(answer["session"])


async def test_another_mitra_goes_on_with_history_and_timer(couple: Couple) -> None:
    await couple.sari.says("halo")
    await couple.ayu.says("halo juga")
    before = await couple.looks()
    budi = await couple.node.mitra("Budi")

    row = await reroute(couple, budi.id)

    assert row["mitra"]["display_name"] == "Budi"  # type: ignore[index]
    told_ayu = await couple.ayu.wait_for("session_rerouted", session_id=couple.id)
    assert "session" not in told_ayu
    told_sari = await couple.sari.wait_for("session_rerouted", session_id=couple.id)
    assert told_sari["mitra"] == {"id": budi.id, "display_name": "Budi", "is_online": True}
    assert told_sari["session"]["ends_at"] == before["ends_at"]
    told_budi = await budi.wait_for("session_rerouted", session_id=couple.id)
    assert told_budi["session"]["last_seq"] == 2

    await couple.sari.says("siapa ini?")
    assert await budi.hears("siapa ini?")
    assert not couple.ayu.heard("message", content="siapa ini?")
    with pytest.raises(Refused, match="404 not_found"):
        await couple.looks(couple.ayu)
    page = await budi.calls("GET", f"/api/shared/chat-sessions/{couple.id}/messages")
    assert contents(page["messages"]) == ["halo", "halo juga", "siapa ini?"]
    assert await couple.events() == ["started", "rerouted"]
    # The slot has moved too.
    assert (await couple.ayu.calls("GET", "/api/mitra/status"))["active_sessions"] == 0
    assert (await budi.calls("GET", "/api/mitra/status"))["active_sessions"] == 1


async def test_a_mitra_who_cannot_take_it_does_not_get_it(couple: Couple) -> None:
    offline = await couple.node.mitra("Citra", online=False)
    full = await couple.node.mitra("Dewi", capacity=1)
    await couple.ayu.goes_offline()
    other = await couple.node.customer("Tono")
    await meet(couple.node, other, full)
    for nobody in (offline.id, full.id, str(new_id())):
        with pytest.raises(Refused, match="409 mitra_unavailable"):
            await reroute(couple, nobody)
    assert (await couple.looks())["mitra"]["id"] == couple.ayu.id


async def test_a_session_that_waits_for_an_extension_stays(couple: Couple) -> None:
    budi = await couple.node.mitra("Budi")
    await couple.asks_for_more()
    with pytest.raises(Refused, match="409 extension_pending"):
        await reroute(couple, budi.id)


async def test_a_mitra_whose_account_is_switched_off_leaves_sessions_to_be_rerouted(
    couple: Couple,
) -> None:
    await couple.node.house.accounts.mitras.change(
        UUID(couple.ayu.id), MitraChange(is_active=False), by=new_id()
    )
    answer = await couple.node.operator.calls("GET", "/internal/sessions?needs_reroute=true")
    assert [row["id"] for row in answer["rows"]] == [couple.id]
    assert answer["rows"][0]["needs_reroute"] is True
    budi = await couple.node.mitra("Budi")
    assert (await reroute(couple, budi.id))["needs_reroute"] is False


async def test_an_operator_ends_a_session_and_says_why(couple: Couple) -> None:
    path = f"/internal/sessions/{couple.id}"
    answer = await couple.node.operator.calls("POST", f"{path}/end", {"reason": "diminta"})
    assert answer["session"]["status"] == "closing"
    await couple.sari.wait_for("session_closing", ended_by="operator")
    await couple.sari.parts()
    await couple.ayu.parts()
    await couple.sari.wait_for("session_completed", reason="operator")
    story = await couple.node.operator.calls("GET", path)
    closing = next(one for one in story["timeline"] if one["event"] == "closing")
    assert (closing["actor_type"], closing["detail"]) == ("operator", {"reason": "diminta"})
    with pytest.raises(Refused, match="409 session_not_active"):
        await couple.node.operator.calls("POST", f"{path}/end", {"reason": "lagi"})
    log = await couple.node.operator.calls("GET", "/internal/audit-log?action=session.end")
    assert [(row["subject_id"], row["reason"]) for row in log["rows"]] == [(couple.id, "diminta")]


async def test_what_was_said_is_read_for_a_reason_and_on_record(couple: Couple) -> None:
    await couple.sari.says("rahasia")
    operator, path = couple.node.operator, f"/internal/sessions/{couple.id}/messages"
    with pytest.raises(Refused, match="422"):
        await operator.calls("GET", path)
    answer = await operator.calls("GET", f"{path}?reason=keluhan%20pelanggan")
    assert contents(answer["messages"]) == ["rahasia"]
    log = await operator.calls("GET", "/internal/audit-log?action=transcript.read")
    [row] = log["rows"]
    assert (row["subject_id"], row["reason"]) == (couple.id, "keluhan pelanggan")
    assert row["actor_id"] == str(operator.id)


async def test_sessions_are_found_by_what_they_are(couple: Couple) -> None:
    other = await new_couple(couple.node)
    await other.over()
    operator = couple.node.operator

    async def found(query: str) -> list[str]:
        answer = await operator.calls("GET", f"/internal/sessions?{query}")
        assert answer["total"] >= len(answer["rows"])
        return [row["id"] for row in answer["rows"]]

    assert await found("") == [other.id, couple.id]
    assert await found("status=active") == [couple.id]
    assert await found(f"mitra_id={other.ayu.id}") == [other.id]
    assert await found(f"customer_id={couple.sari.id}") == [couple.id]
    assert await found("limit=1&offset=1") == [couple.id]
    assert await found("date_to=2020-01-01") == []
    with pytest.raises(Refused, match="404"):
        await operator.calls("GET", f"/internal/sessions/{new_id()}")
