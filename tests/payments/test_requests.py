"""Buying: prices, requests, confirming and cancelling, as an app sees them."""

from datetime import timedelta
from typing import Any

import trio

from halobestie.ids import new_id
from tests.payments.shop import Client, Reply, Shop


async def test_a_new_customer_is_shown_the_trial_alone(sari: Client) -> None:
    prices = await sari.get("/api/client/pricing")

    assert prices.body == {
        "currency": "IDR",
        "is_free_trial_eligible": True,
        "tiers": [
            {
                "id": "free_trial",
                "label": "Gratis 5 menit",
                "duration_minutes": 5,
                "amount": 0,
                "is_free_trial": True,
            }
        ],
    }


async def test_after_any_confirmed_payment_the_paid_tiers_are_shown(sari: Client) -> None:
    await sari.pays("free_trial")

    prices = await sari.get("/api/client/pricing")

    assert prices["is_free_trial_eligible"] is False
    assert [tier["id"] for tier in prices["tiers"]] == ["chat_12", "chat_30", "chat_60", "test_1"]
    assert (await sari.get("/api/client/pricing/extension")).body == prices.body


async def test_a_pending_payment_is_no_transaction_yet(sari: Client) -> None:
    await sari.buys("free_trial")

    assert (await sari.get("/api/client/pricing"))["is_free_trial_eligible"] is True


async def test_a_request_has_the_fields_that_apps_rely_on(shop: Shop, sari: Client) -> None:
    mitra = await shop.mitra()

    made = await sari.buys("chat_30", targeted_mitra_id=str(mitra), topics=["cemas", "cemas"])

    assert made.status == 201
    expires_at, created_at, payment_id = (
        made.body.pop("expires_at"),
        made.body.pop("created_at"),
        made.body.pop("id"),
    )
    assert expires_at > created_at
    assert made.body == {
        "status": "pending",
        "amount": 30000,
        "currency": "IDR",
        "duration_minutes": 30,
        "tier_id": "chat_30",
        "is_free_trial": False,
        "is_extension": False,
        "session_id": None,
        "targeted_mitra_id": str(mitra),
        "topics": ["cemas"],
        "sensitivity": "sensitive",
        "confirmed_at": None,
        "consumed_at": None,
        "xendit_invoice_url": None,
        "pairing": None,
    }
    for family in ("payment-requests", "payment-sessions"):
        seen = await sari.get(f"/api/client/{family}/{payment_id}")
        assert seen.status == 200
        assert seen["amount"] == 30000


async def test_a_length_chooses_the_tier_of_that_length(sari: Client) -> None:
    made = await sari.post("/api/client/payment-sessions", {"duration_minutes": 60})

    assert (made.status, made["tier_id"], made["amount"]) == (201, "chat_60", 50000)


async def test_confirming_announces_the_payment_once(shop: Shop, sari: Client) -> None:
    made = await sari.buys()

    first, again = await sari.confirms(made), await sari.confirms(made)

    assert (first.status, first["status"]) == (200, "confirmed")
    assert again.body == first.body
    assert [str(request.id) for request in shop.confirmed] == [made["id"]]
    assert [change.status for change in shop.told] == ["pending", "confirmed"]


async def test_a_confirm_of_what_was_used_is_a_repeat(shop: Shop, sari: Client) -> None:
    made = await sari.pays()
    assert await shop.consume(made["id"])

    again = await sari.confirms(made)

    assert (again.status, again["status"]) == (200, "consumed")
    assert len(shop.confirmed) == 1


async def test_only_a_pending_request_can_be_cancelled(sari: Client) -> None:
    made = await sari.buys()

    cancelled = await sari.cancels(made)

    assert (cancelled.status, cancelled["status"]) == (200, "abandoned")
    assert (await sari.cancels(made)).refusal == (409, "payment_not_pending")
    assert (await sari.confirms(made)).refusal == (409, "payment_not_pending")
    paid = await sari.pays()
    assert (await sari.cancels(paid)).refusal == (409, "payment_not_pending")


async def test_an_overdue_request_expires_when_it_is_touched(shop: Shop, sari: Client) -> None:
    made = await sari.buys()
    shop.clock.ahead = timedelta(minutes=20)

    assert (await sari.confirms(made)).refusal == (409, "payment_expired")
    assert (await sari.sees(made))["status"] == "expired"
    assert shop.told[-1].status == "expired"
    assert (await sari.cancels(made)).refusal == (409, "payment_not_pending")


async def test_two_taps_make_one_request(sari: Client) -> None:
    made: list[Reply] = []

    async def tap() -> None:
        made.append(await sari.buys())

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(tap)

    assert {reply.status for reply in made} == {201}
    assert len({reply["id"] for reply in made}) == 1


async def test_another_choice_takes_the_place_of_the_pending_request(
    shop: Shop, sari: Client
) -> None:
    first = await sari.buys("chat_12")

    second = await sari.buys("chat_30")

    assert (await sari.sees(first))["status"] == "abandoned"
    assert [(str(change.payment_request_id), change.status) for change in shop.told] == [
        (first["id"], "pending"),
        (first["id"], "abandoned"),
        (second["id"], "pending"),
    ]


async def test_a_request_that_is_half_over_is_not_given_again(shop: Shop, sari: Client) -> None:
    first = await sari.buys()
    shop.clock.ahead = timedelta(minutes=11)

    second = await sari.buys()

    assert second["id"] != first["id"]


async def test_a_second_trial_is_refused(sari: Client) -> None:
    await sari.pays("free_trial")

    assert (await sari.buys("free_trial")).refusal == (409, "free_trial_used")


async def test_two_trials_at_once_end_in_one(sari: Client) -> None:
    refusals: list[tuple[int, str]] = []

    async def take() -> None:
        made = await sari.buys("free_trial")
        reply = await sari.confirms(made) if made.status == 201 else made
        if reply.status != 200:
            refusals.append(reply.refusal)

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(take)

    rows = (await sari.get("/api/client/payment-requests?status=confirmed"))["rows"]
    assert len(rows) == 1
    assert set(refusals) <= {(409, "free_trial_used")}


async def test_a_running_session_is_named_when_another_is_bought(shop: Shop, sari: Client) -> None:
    running = new_id()
    shop.chat.running_sessions[sari.id] = running

    refused = await sari.buys()

    assert refused.refusal == (409, "already_active")
    assert refused["session_id"] == str(running)


async def test_more_time_is_bought_for_a_session_of_ones_own(shop: Shop, sari: Client) -> None:
    session, others, over = new_id(), new_id(), new_id()
    shop.chat.running_sessions[sari.id] = session
    shop.chat.extendable = {(session, sari.id): True, (over, sari.id): False}

    async def extends(session_id: Any, tier: str = "chat_12") -> Reply:
        return await sari.buys(tier, is_extension=True, session_id=str(session_id))

    made = await extends(session)
    assert (made.status, made["is_extension"], made["session_id"]) == (201, True, str(session))
    assert (await extends(others)).refusal == (404, "not_found")
    assert (await extends(over)).refusal == (409, "session_not_extendable")
    assert (await extends(session, "free_trial")).refusal == (400, "free_trial_not_allowed")

    await sari.confirms(made)
    assert shop.confirmed == []  # pairing has nothing to do with it


async def test_an_anonymous_customer_must_register_after_some_sessions(shop: Shop) -> None:
    await shop.knobs.change({"anonymous_max_sessions": 1}, new_id(), shop.clock.now())
    guest = await shop.customer(is_anonymous=True)
    assert await shop.consume((await guest.pays())["id"])

    assert (await guest.buys()).refusal == (403, "registration_required")


WRONG_PURCHASES: list[tuple[Any, int, str, str | None]] = [
    ({}, 422, "validation_failed", "tier_id"),
    ({"tier_id": "gold"}, 422, "unknown_tier", "tier_id"),
    ({"tier_id": ""}, 422, "validation_failed", "tier_id"),
    ({"tier_id": 12}, 422, "validation_failed", "tier_id"),
    ({"tier_id": "chat\x0012"}, 422, "validation_failed", "tier_id"),
    ({"duration_minutes": 13}, 422, "unknown_tier", "duration_minutes"),
    ({"duration_minutes": -12}, 422, "validation_failed", "duration_minutes"),
    ({"duration_minutes": 10**30}, 422, "validation_failed", "duration_minutes"),
    ({"duration_minutes": 12.5}, 422, "validation_failed", "duration_minutes"),
    ({"duration_minutes": True}, 422, "validation_failed", "duration_minutes"),
    ({"tier_id": "chat_12", "is_extension": "yes"}, 422, "validation_failed", "is_extension"),
    ({"tier_id": "chat_12", "is_extension": True}, 422, "validation_failed", "session_id"),
    ({"tier_id": "chat_12", "session_id": "7"}, 422, "validation_failed", "session_id"),
    ({"tier_id": "chat_12", "targeted_mitra_id": 7}, 422, "validation_failed", None),
    ({"tier_id": "chat_12", "topics": "cemas"}, 422, "validation_failed", "topics"),
    ({"tier_id": "chat_12", "topics": ["x"] * 11}, 422, "validation_failed", "topics"),
    ({"tier_id": "chat_12", "topics": ["x" * 41]}, 422, "validation_failed", "topics[0]"),
    ({"tier_id": "chat_12", "topics": ["\x00"]}, 422, "validation_failed", "topics[0]"),
    ({"tier_id": "chat_12", "sensitivity": "secret"}, 422, "validation_failed", "sensitivity"),
    ([], 422, "validation_failed", "body"),
]


async def test_a_wrong_purchase_is_refused_by_name(sari: Client) -> None:
    for body, status, code, field in WRONG_PURCHASES:
        refused = await sari.post("/api/client/payment-requests", body)

        assert refused.refusal == (status, code), body
        if field is not None:
            assert refused["errors"][0]["field"] == field, body
    assert (await sari.get("/api/client/payment-requests"))["rows"] == []


async def test_a_purchase_in_another_language_is_refused(sari: Client) -> None:
    async def sends(raw: bytes, content_type: str) -> tuple[int, str]:
        return (await sari.sends("/api/client/payment-requests", raw, content_type)).refusal

    form = b"tier_id=chat_12"
    unsupported = (415, "unsupported_media_type")
    assert await sends(form, "application/x-www-form-urlencoded") == unsupported
    assert await sends(b'{"tier_id":"chat_12"}', "text/plain") == unsupported
    assert await sends(b"{", "application/json") == (400, "invalid_json")
    assert await sends(b'{"tier_id":"\xff"}', "application/json") == (400, "invalid_json")


async def test_an_unknown_mitra_is_not_found(sari: Client) -> None:
    refused = await sari.buys(targeted_mitra_id=str(new_id()))

    assert refused.refusal == (404, "not_found")


async def test_nobody_reaches_the_payments_of_others(shop: Shop, sari: Client) -> None:
    made = await sari.buys()
    stranger = await shop.customer()

    for reply in (
        await stranger.sees(made),
        await stranger.confirms(made),
        await stranger.cancels(made),
    ):
        assert reply.refusal == (404, "not_found")
    assert (await stranger.get("/api/client/payment-requests"))["rows"] == []
    assert (await sari.sees(made))["status"] == "pending"


async def test_the_list_is_newest_first_and_goes_page_by_page(sari: Client) -> None:
    made = [(await sari.pays())["id"] for _ in range(5)]
    seen: list[str] = []
    cursor = ""

    while True:
        page = await sari.get(f"/api/client/payment-requests?limit=2{cursor}")
        seen += [row["id"] for row in page["rows"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert seen == made[::-1]
    pending = await sari.get("/api/client/payment-requests?status=pending")
    assert pending.body == {"rows": [], "next_cursor": None}
    assert (await sari.get("/api/client/payment-requests?status=lost")).status == 422
