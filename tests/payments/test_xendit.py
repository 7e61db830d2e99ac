"""Invoices: made once, paid in any order, closed, and asked about."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import trio

from actors.testing import running_system
from halobestie.adapters.postgres import Database
from halobestie.adapters.xendit import XenditGateway
from halobestie.demo.fake_xendit import FakeXendit, Fault
from halobestie.ids import new_id
from halobestie.payments.poller import AskNow, Poller
from tests.payments.shop import TOKEN, Client, Reply, Shop

WEBHOOK = "/api/shared/payment/webhooks/xendit"


@pytest.fixture
async def xendit() -> AsyncIterator[FakeXendit]:
    async with trio.open_nursery() as nursery:
        fake = FakeXendit()
        await nursery.start(fake.run)
        yield fake
        nursery.cancel_scope.cancel()


@pytest.fixture
async def shop(db: Database, xendit: FakeXendit) -> AsyncIterator[Shop]:
    """Payments with a provider."""
    gateway = XenditGateway(xendit.url, "xnd_development_test", call_timeout=0.4)
    yield Shop(db, gateway=gateway)
    await gateway.aclose()


async def called_back(shop: Shop, body: Any, token: str | None = TOKEN) -> Reply:
    headers = {} if token is None else {"x-callback-token": token}
    return await Client(shop, new_id(), None).request("POST", WEBHOOK, body, headers)


async def failures(rina: Client) -> list[tuple[str, int]]:
    rows = (await rina.get("/internal/failed-pairings"))["rows"]
    return [(row["cause_tag"], row["amount"]) for row in rows]


async def test_a_request_comes_with_an_invoice(sari: Client, xendit: FakeXendit) -> None:
    made = await sari.buys()

    (invoice,) = xendit.of(made["id"])
    assert made["xendit_invoice_url"] == invoice["invoice_url"]
    assert (invoice["amount"], invoice["currency"]) == (15000, "IDR")


async def test_a_trial_needs_no_invoice(sari: Client, xendit: FakeXendit) -> None:
    paid = await sari.pays("free_trial")

    assert (paid["status"], paid["xendit_invoice_url"]) == ("confirmed", None)
    assert xendit.calls == []


@pytest.mark.parametrize("fault", [Fault.SILENCE_AFTER, Fault.HTML_AFTER])
async def test_an_answer_that_was_lost_makes_no_second_invoice(
    sari: Client, xendit: FakeXendit, fault: Fault
) -> None:
    xendit.faults.append(fault)

    made = await sari.buys()

    (invoice,) = xendit.of(made["id"])
    assert made["xendit_invoice_url"] == invoice["invoice_url"]
    assert xendit.calls == ["POST /v2/invoices/", "GET /v2/invoices"]


@pytest.mark.parametrize(
    "faults",
    [
        [Fault.SILENCE],
        [Fault.HTML],
        [Fault.SERVER_ERROR, Fault.HTML],
        [Fault.RATE_LIMIT],
        [Fault.HTML_AFTER, Fault.RATE_LIMIT],
    ],
)
async def test_a_bad_moment_of_the_provider_is_waited_out(
    sari: Client, xendit: FakeXendit, faults: list[Fault]
) -> None:
    xendit.faults.extend(faults)

    made = await sari.buys()

    assert made.status == 201
    assert len(xendit.of(made["id"])) == 1


@pytest.mark.parametrize("fault", [Fault.REFUSAL, Fault.LONG_RATE_LIMIT])
async def test_without_an_invoice_there_is_no_request(
    shop: Shop, sari: Client, xendit: FakeXendit, fault: Fault
) -> None:
    xendit.faults.append(fault)

    refused = await sari.post(
        "/api/client/payment-requests", {"tier_id": "chat_12"}, Idempotency_Key="k"
    )

    assert refused.refusal == (503, "payment_provider_unavailable")
    assert [change.status for change in shop.told] == ["pending", "abandoned"]
    again = await sari.post(
        "/api/client/payment-requests", {"tier_id": "chat_12"}, Idempotency_Key="k"
    )
    assert again.status == 201  # an answer that may be better next time is not kept


async def test_two_taps_make_one_invoice(sari: Client, xendit: FakeXendit) -> None:
    made: list[Reply] = []

    async def tap() -> None:
        made.append(await sari.buys())

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(tap)

    assert len(xendit.invoices) == 1
    assert len({reply["xendit_invoice_url"] for reply in made}) == 1


async def test_only_the_providers_word_confirms(sari: Client, xendit: FakeXendit) -> None:
    made = await sari.buys()
    assert (await sari.confirms(made)).refusal == (409, "payment_not_received")

    xendit.pay(xendit.of(made["id"])[0]["id"])

    assert (await sari.confirms(made))["status"] == "confirmed"


async def test_a_silent_provider_confirms_nothing(sari: Client, xendit: FakeXendit) -> None:
    made = await sari.buys()
    xendit.is_down = True

    assert (await sari.confirms(made)).refusal == (503, "payment_provider_unavailable")
    assert (await sari.sees(made))["status"] == "pending"


async def test_a_callback_confirms_and_repeats_do_nothing(
    shop: Shop, sari: Client, xendit: FakeXendit
) -> None:
    made = await sari.buys()
    paid = xendit.pay(xendit.of(made["id"])[0]["id"])

    for body in (paid, paid, {**paid, "status": "SETTLED"}, {**paid, "status": "EXPIRED"}):
        answer = await called_back(shop, body)
        assert (answer.status, answer.body) == (200, {"received": True})

    assert (await sari.sees(made))["status"] == "confirmed"
    assert len(shop.confirmed) == 1
    assert await shop.disagreements() == []


async def test_the_same_callback_at_once_confirms_once(
    shop: Shop, sari: Client, rina: Client, xendit: FakeXendit
) -> None:
    made = await sari.buys()
    paid = xendit.pay(xendit.of(made["id"])[0]["id"])

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(called_back, shop, paid)
        nursery.start_soon(sari.confirms, made)

    assert len(shop.confirmed) == 1
    assert await failures(rina) == []
    assert await shop.sql("select count(*) from customer_transactions") == [(1,)]


async def test_an_expired_invoice_expires_the_request(
    shop: Shop, sari: Client, xendit: FakeXendit
) -> None:
    made = await sari.buys()

    await called_back(shop, xendit.expire(xendit.of(made["id"])[0]["id"]))

    assert (await sari.sees(made))["status"] == "expired"


@pytest.mark.parametrize("ending", ["expired", "abandoned", "overdue"])
async def test_money_for_a_request_that_has_ended_is_for_the_operators(
    shop: Shop, sari: Client, rina: Client, xendit: FakeXendit, ending: str
) -> None:
    made = await sari.buys()
    (invoice,) = xendit.of(made["id"])
    match ending:
        case "expired":
            await called_back(shop, xendit.expire(invoice["id"]))
        case "abandoned":
            await sari.cancels(made)
        case _:
            shop.clock.ahead = timedelta(minutes=21)
    paid = xendit.pay(invoice["id"])

    for _ in range(2):
        assert (await called_back(shop, paid)).status == 200

    assert (await sari.sees(made))["status"] == "failed_pairing"
    assert await failures(rina) == [("payment_late", 15000)]
    assert shop.confirmed == []
    assert await shop.disagreements() == []


@pytest.mark.parametrize(
    ("other", "amount"),
    [
        ({"paid_amount": 1000}, 1000),
        ({"amount": 1000}, 15000),
        ({"amount": 14999, "paid_amount": None}, 14999),
        ({"paid_amount": 15000.5}, 15000),
        ({"currency": "USD"}, 15000),
        ({"amount": 10**11, "paid_amount": 10**11}, 10**11),
    ],
)
async def test_another_amount_is_for_the_operators(
    shop: Shop, sari: Client, rina: Client, xendit: FakeXendit, other: Any, amount: int
) -> None:
    made = await sari.buys()
    paid = xendit.pay(xendit.of(made["id"])[0]["id"])

    assert (await called_back(shop, {**paid, **other})).status == 200

    assert (await sari.sees(made))["status"] == "failed_pairing"
    assert await failures(rina) == [("payment_amount_mismatch", amount)]
    assert shop.confirmed == []


async def test_paying_a_second_invoice_is_for_the_operators(
    shop: Shop, sari: Client, rina: Client, xendit: FakeXendit
) -> None:
    made = await sari.buys()
    paid = xendit.pay(xendit.of(made["id"])[0]["id"])
    await called_back(shop, paid)

    await called_back(shop, {**paid, "id": "another-invoice"})

    assert (await sari.sees(made))["status"] == "confirmed"
    assert await failures(rina) == [("payment_late", 15000)]
    assert await shop.disagreements() == []


async def test_a_callback_about_nothing_of_ours_is_answered_all_the_same(shop: Shop) -> None:
    for external_id in (str(new_id()), "invoice_123124123"):
        body = {"id": "x", "external_id": external_id, "status": "PAID", "amount": 50000}
        assert (await called_back(shop, body)).body == {"received": True}


async def test_a_forged_callback_is_refused(shop: Shop, sari: Client, xendit: FakeXendit) -> None:
    made = await sari.buys()
    paid = xendit.pay(xendit.of(made["id"])[0]["id"])

    for token in (None, "", "wrong", TOKEN[:-1], TOKEN + "x", "tökén"):
        refused = await called_back(shop, paid, token)

        assert refused.refusal == (401, "invalid_callback_token")
    assert (await sari.sees(made))["status"] == "pending"


async def test_callbacks_are_refused_while_xendit_is_off(db: Database) -> None:
    assert (await called_back(Shop(db), {})).refusal == (503, "xendit_disabled")


NONSENSE: list[tuple[dict[str, Any], str]] = [
    ({"external_id": None}, "external_id"),
    ({"external_id": 7}, "external_id"),
    ({"status": None}, "status"),
    ({"status": ""}, "status"),
    ({"amount": "15000"}, "amount"),
    ({"amount": -15000}, "amount"),
    ({"amount": 1e300}, "amount"),
    ({"amount": None, "paid_amount": None}, "paid_amount"),
    ({"id": "x" * 300}, "id"),
]


async def test_a_callback_that_makes_no_sense_is_refused_so_that_it_comes_again(
    shop: Shop, sari: Client, xendit: FakeXendit
) -> None:
    made = await sari.buys()
    paid = xendit.pay(xendit.of(made["id"])[0]["id"])

    for change, field in NONSENSE:
        refused = await called_back(shop, {**paid, **change})

        assert refused.refusal == (422, "validation_failed"), change
        assert refused["errors"][0]["field"] == field
    assert (await sari.sees(made))["status"] == "pending"


@pytest.mark.parametrize("left_out", ["id", "currency", "paid_amount", "paid_at", "user_id"])
async def test_a_callback_may_lack_what_does_not_matter(
    shop: Shop, sari: Client, xendit: FakeXendit, left_out: str
) -> None:
    made = await sari.buys()
    paid = xendit.pay(xendit.of(made["id"])[0]["id"])
    del paid[left_out]

    assert (await called_back(shop, {**paid, "fees": [{"type": "x", "value": 1}]})).status == 200

    assert (await sari.sees(made))["status"] == "confirmed"


async def test_a_cancelled_request_can_be_paid_by_nobody(
    shop: Shop, sari: Client, xendit: FakeXendit
) -> None:
    first = await sari.buys()
    await sari.cancels(first)
    assert xendit.of(first["id"])[0]["status"] == "EXPIRED"

    second = await sari.buys()
    xendit.is_down = True
    assert (await sari.cancels(second))["status"] == "abandoned"
    assert xendit.of(second["id"])[0]["status"] == "PENDING"
    xendit.is_down = False

    await shop.reconciliation.round()

    assert xendit.of(second["id"])[0]["status"] == "EXPIRED"


async def test_a_payment_that_was_faster_than_the_cancellation_is_found_at_once(
    shop: Shop, sari: Client, rina: Client, xendit: FakeXendit
) -> None:
    made = await sari.buys()
    xendit.pay(xendit.of(made["id"])[0]["id"])  # and its callback is lost

    cancelled = await sari.cancels(made)

    assert cancelled["status"] == "failed_pairing"
    assert await failures(rina) == [("payment_late", 15000)]


async def test_polling_finds_what_no_callback_told(
    shop: Shop, sari: Client, rina: Client, xendit: FakeXendit
) -> None:
    paid, late, gone = [await (await shop.customer()).buys() for _ in range(3)]
    for made in (paid, late):
        xendit.pay(xendit.of(made["id"])[0]["id"])
    xendit.expire(xendit.of(gone["id"])[0]["id"])
    await shop.sql(
        "update payment_requests set status = 'expired', ended_at = created_at where id = $1",
        UUID(late["id"]),
    )
    assert shop.payments.invoices is not None

    invoices = shop.payments.invoices
    async with running_system() as system:
        poller = system.spawn(
            "poller",
            lambda: Poller(shop.payments, invoices, timedelta(hours=1)),
            group="services",
        )
        await poller.ask(AskNow())

    found = await shop.sql("select status from payment_requests order by id")
    assert [row["status"] for row in found] == ["confirmed", "failed_pairing", "expired"]
    assert await failures(rina) == [("payment_late", 15000)]
    assert await shop.payments.invoices.due(timedelta()) == []  # nothing more is asked


async def test_the_page_of_the_fake_pays(xendit: FakeXendit, sari: Client) -> None:
    made = await sari.buys()
    page = made["xendit_invoice_url"].removeprefix(xendit.url)
    browser = xendit.app.test_client()

    assert "Bayar</button>" in await (await browser.get(page)).get_data(as_text=True)
    await browser.post(page)

    assert "Sudah dibayar" in await (await browser.get(page)).get_data(as_text=True)
    assert (await sari.confirms(made))["status"] == "confirmed"
