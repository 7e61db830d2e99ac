"""More time: paid, asked for, given, refused, or met with silence."""

import pytest
import trio

from tests.apps import Refused
from tests.chat.couple import Couple


async def test_accepted_time_is_added_to_what_is_left(couple: Couple) -> None:
    before = await couple.looks()
    asked = await couple.asks_for_more()
    assert asked["status"] == "pending"
    request = await couple.ayu.wait_for("extension_requested", extension_id=asked["id"])
    assert request["duration_minutes"] == 1
    assert request["timeout_seconds"] == 10

    answer = await couple.mitra_answers(asked, "accept")

    assert answer["status"] == "approved"
    for person in (couple.sari, couple.ayu):
        await person.wait_for("extension_resolved", extension_id=asked["id"], outcome="approved")
        resumed = await person.wait_for("session_resumed", session_id=couple.id)
        assert resumed["remaining_seconds"] == pytest.approx(13 * 60, abs=5)
    after = await couple.looks()
    assert after["status"] == "active"
    assert after["extension"] is None
    assert after["ends_at"] > before["ends_at"]
    assert (await couple.payment(asked["payment_id"]))["status"] == "consumed"
    await couple.sari.wait_for("payment_status", status="consumed")
    assert await couple.events() == ["started", "extension_requested", "extension_approved"]


async def test_time_given_after_the_end_counts_from_now_and_the_talk_goes_on(
    couple: Couple,
) -> None:
    await couple.time_is_up()
    with pytest.raises(Refused, match="session_not_active"):
        await couple.sari.calls(
            "POST",
            f"/api/shared/chat-sessions/{couple.id}/messages",
            {"client_message_id": "late", "content": "halo?"},
        )
    asked = await couple.asks_for_more()
    waiting = await couple.looks()
    assert waiting["status"] == "expired"
    assert waiting["decision_deadline"] is None  # nothing runs but the mitra's time
    assert waiting["extension"]["status"] == "pending"

    await couple.mitra_answers(asked, "accept")

    resumed = await couple.sari.wait_for("session_resumed")
    assert resumed["remaining_seconds"] == pytest.approx(60, abs=2)
    await couple.ayu.wait_for("session_resumed")
    await couple.sari.says("masih ada?")
    await couple.ayu.hears("masih ada?")


async def test_a_rejection_in_running_time_leaves_the_rest_and_the_money_to_operators(
    couple: Couple,
) -> None:
    asked = await couple.asks_for_more()

    answer = await couple.mitra_answers(asked, "reject")

    assert answer["status"] == "rejected"
    resolved = await couple.sari.wait_for("extension_resolved", outcome="rejected")
    assert "reason" not in resolved
    assert (await couple.looks())["status"] == "active"
    assert (await couple.payment(asked["payment_id"]))["status"] == "failed_pairing"
    assert await couple.causes(asked["payment_id"]) == ["extension_rejected"]


async def test_a_rejection_after_the_end_leads_to_the_last_words(couple: Couple) -> None:
    await couple.time_is_up()
    asked = await couple.asks_for_more()

    await couple.mitra_answers(asked, "reject")

    for person in (couple.sari, couple.ayu):
        await person.wait_for("extension_resolved", outcome="rejected")
        await person.wait_for("session_closing", ended_by="system")
    assert (await couple.looks())["grace_deadline"] is not None


async def test_silence_of_a_connected_mitra_gives_the_time(couple: Couple) -> None:
    couple.hurries(extension_timeout_seconds=0.5)
    asked = await couple.asks_for_more()

    for person in (couple.sari, couple.ayu):
        await person.wait_for("extension_resolved", outcome="auto_approved")
        await person.wait_for("session_resumed")
    assert (await couple.payment(asked["payment_id"]))["status"] == "consumed"


async def test_silence_rejects_where_the_knob_says_so(couple: Couple) -> None:
    couple.hurries(extension_timeout_seconds=0.5, extension_default_action_on_timeout="auto_reject")
    asked = await couple.asks_for_more()

    await couple.sari.wait_for("extension_resolved", outcome="auto_rejected", reason="timeout")
    assert await couple.causes(asked["payment_id"]) == ["extension_timeout"]


async def test_silence_of_a_mitra_who_is_offline_sells_nothing(couple: Couple) -> None:
    couple.hurries(extension_timeout_seconds=0.5)
    await couple.ayu.goes_offline()
    asked = await couple.asks_for_more()

    await couple.sari.wait_for(
        "extension_resolved", outcome="auto_rejected", reason="mitra_offline"
    )
    assert await couple.causes(asked["payment_id"]) == ["extension_mitra_offline"]


async def test_one_at_a_time(couple: Couple) -> None:
    first, second = await couple.buys_more(), await couple.buys_more()
    await couple.asks_for_more(first)
    for payment in (first, second):
        with pytest.raises(Refused, match="extension_pending"):
            await couple.asks_for_more(payment)


async def test_an_answer_counts_once(couple: Couple) -> None:
    asked = await couple.asks_for_more()
    answers: list[str] = []

    async def answer(verb: str) -> None:
        try:
            answers.append((await couple.mitra_answers(asked, verb))["status"])
        except Refused as refused:
            answers.append(refused.code)

    async with trio.open_nursery() as nursery:
        for verb in ("accept", "reject", "accept"):
            nursery.start_soon(answer, verb)

    assert answers.count("extension_resolved") == 2
    assert {"approved", "rejected"} & set(answers)


async def test_only_a_confirmed_extension_payment_of_this_session_buys_time(
    couple: Couple,
) -> None:
    body = {"tier_id": "test_1", "is_extension": True, "session_id": couple.id}
    pending = await couple.sari.calls("POST", "/api/client/payment-requests", body)
    with pytest.raises(Refused, match="payment_not_confirmed"):
        await couple.asks_for_more(pending["id"])
    with pytest.raises(Refused, match="404 not_found"):
        await couple.asks_for_more(couple.id)
    stranger = await couple.node.customer("Tono")
    with pytest.raises(Refused, match="404 not_found"):
        await stranger.calls(
            "POST",
            f"/api/client/chat-sessions/{couple.id}/extensions",
            {"extension_payment_request_id": pending["id"]},
        )
    with pytest.raises(Refused, match="validation_failed"):
        await couple.sari.calls("POST", f"/api/client/chat-sessions/{couple.id}/extensions", {})


async def test_ending_while_one_waits_rejects_it_first(couple: Couple) -> None:
    asked = await couple.asks_for_more()

    await couple.sari.ends()

    kinds = [frame["type"] for frame in couple.ayu._ear.frames]
    await couple.ayu.wait_for("session_closing", ended_by="customer")
    kinds = [frame["type"] for frame in couple.ayu._ear.frames]
    assert kinds.index("extension_resolved") < kinds.index("session_closing")
    assert await couple.causes(asked["payment_id"]) == ["extension_rejected"]
    with pytest.raises(Refused, match="session_not_extendable"):
        await couple.asks_for_more(asked["payment_id"])
    with pytest.raises(Refused, match="extension_resolved"):
        await couple.mitra_answers(asked, "accept")


async def test_time_that_runs_out_while_one_waits_starts_no_decision(couple: Couple) -> None:
    asked = await couple.asks_for_more()
    expired = await couple.time_is_up()
    assert expired["decision_deadline"] is None
    await couple.mitra_answers(asked, "accept")
    await couple.sari.wait_for("session_resumed")
    assert (await couple.looks())["status"] == "active"
