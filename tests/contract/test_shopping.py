"""§5 and §6, the first half: devices, prices, payments."""

import pytest
import trio

from . import shapes
from .people import Town, answers, fields_of
from .shapes import fits

REQUESTS = "/api/client/payment-requests"
NO_ID = "00000000-0000-7000-8000-000000000000"


async def test_a_device_is_remembered_moved_and_forgotten(town: Town) -> None:
    first, second = await town.customer(), await town.mitra(online=False)
    for person in (first, first, second):
        body = {"fcm_token": "token:of-one_phone", "platform": "android"}
        answers(await person.calls("PUT", "/api/shared/devices", body), 204)
    for person in (second, second, first):
        answers(await person.calls("DELETE", "/api/shared/devices/token:of-one_phone"), 204)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"platform": "ios"}, "fcm_token"),
        ({"fcm_token": "", "platform": "ios"}, "fcm_token"),
        ({"fcm_token": "t"}, "platform"),
        ({"fcm_token": "t", "platform": "windows"}, "platform"),
        ({"fcm_token": "a\0b", "platform": "web"}, "fcm_token"),
    ],
)
async def test_a_wrong_device_is_refused(town: Town, body: object, field: str) -> None:
    answer = await (await town.customer()).calls("PUT", "/api/shared/devices", body)
    assert fields_of(answers(answer, 422, "validation_failed")) == {field}


async def test_a_newcomer_is_shown_the_trial_only_and_may_buy_the_rest(town: Town) -> None:
    customer = await town.customer()
    prices = await customer.gets("/api/client/pricing", shape=shapes.PRICING)
    assert prices["is_free_trial_eligible"] is True
    assert [(t["id"], t["amount"], t["is_free_trial"]) for t in prices["tiers"]] == [
        ("free_trial", 0, True)
    ]
    assert prices["tiers"][0]["duration_minutes"] == 5
    payment = await customer.buys("chat_30")
    assert (payment["amount"], payment["duration_minutes"]) == (30000, 30)


async def test_the_default_tiers_are_shown_after_the_trial(town: Town) -> None:
    await town.sends_everybody_home()
    customer = await town.customer()
    payment = await customer.pays("free_trial")
    assert (payment["is_free_trial"], payment["amount"]) == (True, 0)
    prices = await customer.gets("/api/client/pricing", shape=shapes.PRICING)
    assert prices["is_free_trial_eligible"] is False
    assert {(t["id"], t["duration_minutes"], t["amount"]) for t in prices["tiers"]} == {
        ("chat_12", 12, 15000),
        ("chat_30", 30, 30000),
        ("chat_60", 60, 50000),
        ("test_1", 1, 1000),
    }
    cancel = {"payment_request_id": payment["id"]}
    await customer.posts("/api/client/chat-requests/cancel", cancel)
    await customer.posts(REQUESTS, {"tier_id": "free_trial"}, 409, "free_trial_used")


async def test_an_extension_is_never_a_trial(town: Town) -> None:
    customer = await town.customer()
    prices = await customer.gets("/api/client/pricing/extension", shape=shapes.PRICING)
    assert not any(tier["is_free_trial"] for tier in prices["tiers"])
    assert {tier["id"] for tier in prices["tiers"]} == {"chat_12", "chat_30", "chat_60", "test_1"}


async def test_the_trial_can_be_switched_off(town: Town) -> None:
    await town.knobs(free_trial_enabled=False)
    prices = await (await town.customer()).gets("/api/client/pricing", shape=shapes.PRICING)
    assert prices["is_free_trial_eligible"] is False
    assert "free_trial" not in {tier["id"] for tier in prices["tiers"]}


async def test_everybody_may_know_availability_handles_and_windows(town: Town) -> None:
    customer = await town.customer()
    shape = {"available": shapes.boolean, "count": shapes.count}
    await customer.gets("/api/client/mitra-availability", shape=shape)
    await town.nobody.gets("/api/shared/bestie-availability", shape={"available": shapes.boolean})
    handles = {
        "handles": [{"kind": {"whatsapp", "telegram"}, "label": shapes.text, "url": shapes.text}]
    }
    await town.nobody.gets("/api/shared/support-handles", shape=handles)
    config = await town.nobody.gets("/api/shared/app-config")
    assert "15" in str(config)
    assert "topics" in config


async def test_a_payment_is_made_confirmed_once_and_listed(town: Town) -> None:
    await town.sends_everybody_home()
    customer = await town.customer()
    payment = await customer.buys("chat_12", topics=["family"], sensitivity="sensitive")
    assert (payment["status"], payment["tier_id"]) == ("pending", "chat_12")
    assert payment["topics"] == ["family"]
    assert payment["sensitivity"] == "sensitive"
    assert payment["is_extension"] is False
    assert payment["pairing"] is None
    assert payment["confirmed_at"] is None
    assert payment["xendit_invoice_url"] is None
    socket = await customer.connects()
    path = f"{REQUESTS}/{payment['id']}"
    confirmed = await customer.posts(f"{path}/confirm", shape=shapes.PAYMENT)
    assert confirmed["status"] == "confirmed"
    assert confirmed["confirmed_at"]
    await socket.hears("payment_status", payment_request_id=payment["id"], status="confirmed")
    again = await customer.posts(f"{path}/confirm", shape=shapes.PAYMENT)
    assert again["confirmed_at"] == confirmed["confirmed_at"]
    pairing = await town.pairing_of(customer, payment["id"])
    assert (pairing["request_type"], pairing["status"]) == ("blast", "searching")
    assert (await customer.payment(payment["id"]))["pairing"]["id"] == pairing["id"]
    await customer.posts(f"{path}/cancel", None, 409, "payment_not_pending")
    listed = await customer.gets(f"{REQUESTS}?status=confirmed", shape={"rows": [shapes.PAYMENT]})
    assert [row["id"] for row in listed["rows"]] == [payment["id"]]
    assert (await customer.gets(f"{REQUESTS}?status=pending"))["rows"] == []
    await customer.gets(f"{REQUESTS}?status=nope", 422, "validation_failed")


async def test_a_pending_payment_is_cancelled_once(town: Town) -> None:
    customer = await town.customer()
    payment = await customer.buys()
    path = f"{REQUESTS}/{payment['id']}"
    cancelled = await customer.posts(f"{path}/cancel", shape=shapes.PAYMENT)
    assert cancelled["status"] == "abandoned"
    await customer.posts(f"{path}/cancel", None, 409, "payment_not_pending")
    await customer.posts(f"{path}/confirm", None, 409, "payment_not_pending")


async def test_the_old_names_are_aliases(town: Town) -> None:
    customer = await town.customer()
    old = "/api/client/payment-sessions"
    payment = await customer.posts(old, {"tier_id": "chat_12"}, 201, shape=shapes.PAYMENT)
    assert (await customer.gets(f"{old}/{payment['id']}", shape=shapes.PAYMENT)) == payment
    assert [row["id"] for row in (await customer.gets(old))["rows"]] == [payment["id"]]
    path = f"{old}/{payment['id']}"
    assert (await customer.posts(f"{path}/cancel", shape=shapes.PAYMENT))["status"] == "abandoned"
    second = await customer.posts(old, {"tier_id": "chat_12"}, 201, shape=shapes.PAYMENT)
    path = f"{old}/{second['id']}"
    assert (await customer.posts(f"{path}/confirm"))["status"] == "confirmed"
    body = {"payment_session_id": second["id"]}
    await customer.posts("/api/client/chat/request", body, 202, shape=shapes.PAIRING)
    cancelled = await customer.posts("/api/client/chat-requests/cancel", body)
    assert fits(cancelled, shapes.PAIRING)["status"] == "cancelled"


@pytest.mark.parametrize(("minutes", "tier"), [(12, "chat_12"), (30, "chat_30"), (60, "chat_60")])
async def test_a_length_selects_its_tier(town: Town, minutes: int, tier: str) -> None:
    customer = await town.customer()
    body = {"duration_minutes": minutes}
    assert (await customer.posts(REQUESTS, body, 201, shape=shapes.PAYMENT))["tier_id"] == tier


@pytest.mark.parametrize("body", [{"tier_id": "nope"}, {"duration_minutes": 7}, {"tier_id": ""}])
async def test_an_unknown_tier_is_named(town: Town, body: object) -> None:
    customer = await town.customer()
    answer = await customer.calls("POST", REQUESTS, body)
    assert answers(answer, 422)["code"] in {"unknown_tier", "validation_failed"}
    if body != {"tier_id": ""}:
        answers(answer, 422, "unknown_tier")


async def test_who_is_in_a_session_buys_no_second_one(town: Town) -> None:
    customer, _, session = await town.chatting()
    problem = await customer.posts(REQUESTS, {"tier_id": "chat_12"}, 409, "already_active")
    assert problem["session_id"] == session["id"]


async def test_an_anonymous_customer_past_the_limit_registers_first(town: Town) -> None:
    await town.knobs(anonymous_max_sessions=1)
    customer, _, session = await town.chatting()
    await customer.ends(session["id"])
    await customer.posts(REQUESTS, {"tier_id": "chat_12"}, 403, "registration_required")


async def test_an_idempotency_key_buys_once(town: Town) -> None:
    customer = await town.customer()
    key = {"Idempotency-Key": "k-1"}
    ids: list[str] = []

    async def buy() -> None:
        body = {"tier_id": "chat_12"}
        ids.append((await customer.posts(REQUESTS, body, 201, headers=key))["id"])

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(buy)
    assert len(set(ids)) == 1
    other = {"tier_id": "chat_30"}
    await customer.posts(REQUESTS, other, 422, "idempotency_mismatch", headers=key)
    await (await town.customer()).posts(REQUESTS, other, 201, headers=key)


@pytest.mark.parametrize("key", ["", "x" * 300, "a\tb"])
async def test_an_odd_idempotency_key_harms_nothing(town: Town, key: str) -> None:
    customer = await town.customer()
    answer = await customer.calls(
        "POST", REQUESTS, {"tier_id": "chat_12"}, headers={"Idempotency-Key": key}
    )
    assert answer.status_code in {201, 400, 422}, answer.text


async def test_the_webhook_is_off_without_xendit(town: Town) -> None:
    body = {"id": "x", "external_id": NO_ID, "status": "PAID", "amount": 1}
    path = "/api/shared/payment/webhooks/xendit"
    await town.nobody.posts(path, body, 503, "xendit_disabled")


async def test_a_payment_says_when_it_expires(town: Town) -> None:
    await town.knobs(payment_session_timeout_minutes=1)
    payment = await (await town.customer()).buys()
    created, expires = payment["created_at"], payment["expires_at"]
    assert created < expires
    minutes = (int(expires[14:16]) - int(created[14:16])) % 60
    assert minutes == 1
