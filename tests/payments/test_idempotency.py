"""The Idempotency-Key: the first answer again, whatever happens in between."""

from datetime import timedelta
from typing import Any

import trio

from halobestie.ids import new_id
from halobestie.payments.once import CLAIM, KEPT, Answer
from tests.payments.shop import Client, Reply, Shop

PATH = "/api/client/payment-requests"


async def buys(customer: Client, key: str, tier: str = "chat_12") -> Reply:
    return await customer.post(PATH, {"tier_id": tier}, Idempotency_Key=key)


async def test_the_same_key_gives_the_first_answer_again(shop: Shop, sari: Client) -> None:
    first = await buys(sari, "a")
    await sari.confirms(first)

    again = await buys(sari, "a")

    assert (again.status, again.raw) == (201, first.raw)
    assert len(shop.confirmed) == 1


async def test_concurrent_repeats_wait_for_the_first_answer(sari: Client) -> None:
    replies: list[Reply] = []

    async def tap() -> None:
        replies.append(await buys(sari, "a"))

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(tap)

    assert {(reply.status, reply.raw) for reply in replies} == {(201, replies[0].raw)}


async def test_a_repeat_waits_while_the_first_is_at_work(shop: Shop, sari: Client) -> None:
    at_work, go_on = trio.Event(), trio.Event()
    answers: list[Answer] = []

    async def slow(_request_id: Any) -> Answer:
        at_work.set()
        await go_on.wait()
        return Answer(201, b'"first"')

    async def ask() -> None:
        answers.append(await shop.payments.once.answer(sari.id, "a", {}, slow))

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await at_work.wait()
            at_work = trio.Event()
            nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked(0.02)
            assert answers == []
            go_on.set()

    assert answers == [Answer(201, b'"first"')] * 2
    assert not at_work.is_set()  # the repeat did no work of its own


async def test_another_body_under_the_same_key_is_refused(sari: Client) -> None:
    await buys(sari, "a")

    assert (await buys(sari, "a", "chat_30")).refusal == (422, "idempotency_mismatch")


async def test_a_key_belongs_to_one_customer(shop: Shop, sari: Client) -> None:
    first = await buys(sari, "a")
    other = await buys(await shop.customer(), "a", "chat_30")

    assert other.status == 201
    assert other["id"] != first["id"]


async def test_a_refusal_is_an_answer_too(shop: Shop, sari: Client) -> None:
    running = new_id()
    shop.chat.running_sessions[sari.id] = running
    first = await buys(sari, "a")
    shop.chat.running_sessions.clear()

    again = await buys(sari, "a")

    assert again.refusal == (409, "already_active")
    assert again.body == first.body


async def test_a_key_is_forgotten_after_a_day(shop: Shop, sari: Client) -> None:
    first = await buys(sari, "a")
    shop.clock.ahead = KEPT

    later = await buys(sari, "a", "chat_30")

    assert later.status == 201
    assert later["id"] != first["id"]
    shop.clock.ahead = 2 * KEPT
    await shop.reconciliation.round()
    assert await shop.sql("select from idempotency_keys") == []


async def test_who_repeats_after_a_crash_gets_what_the_first_one_made(
    shop: Shop, sari: Client
) -> None:
    first = await buys(sari, "a")
    await shop.sql("update idempotency_keys set status = null, answer = null")
    shop.clock.ahead = CLAIM + timedelta(seconds=1)

    again = await buys(sari, "a")

    assert again["id"] == first["id"]
    assert len((await sari.get(PATH))["rows"]) == 1


async def test_a_cancelled_first_request_leaves_the_key_free(shop: Shop, sari: Client) -> None:
    at_work = trio.Event()

    async def never(_request_id: Any) -> Answer:
        at_work.set()
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(shop.payments.once.answer, sari.id, "a", {}, never)
        await at_work.wait()
        nursery.cancel_scope.cancel()

    assert (await buys(sari, "a")).status == 201


async def test_a_key_that_is_none_is_refused(sari: Client) -> None:
    for key in ("", "x" * 256, "schlüssel", "a\tb"):
        refused = await buys(sari, key)

        assert refused.refusal == (422, "validation_failed")
        assert refused["errors"][0]["field"] == "Idempotency-Key"
