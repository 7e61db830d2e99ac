"""Whatever happens at once, every rupiah that came in stands in exactly one place.

Several tasks do random things to the same few payments, over the routes and through the
doors that pairing, chat and the provider use. Afterwards the ledger is compared with the
states, and both with what each task was told. The seed in the test's name gives the plan;
the interleaving is PostgreSQL's.
"""

from collections import Counter
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
import trio

from halobestie.ids import new_id
from halobestie.payments.invoices import ProviderSays
from halobestie.payments.ledger import Receipt
from tests.payments.shop import Client, Shop

CUSTOMERS = 6
TASKS = 6
ACTIONS = 35  # of each task
PRICE = {"chat_12": 15_000, "chat_30": 30_000, "free_trial": 0}


class Crowd:
    """Everybody who may touch a payment, and what they were told."""

    def __init__(self, shop: Shop, customers: list[Client], rina: Client) -> None:
        self.shop = shop
        self.customers = customers
        self.rina = rina
        self.payments: list[str] = []
        self.owner: dict[str, Client] = {}
        self.receipts: dict[str, int] = {}
        self.consumed: Counter[str] = Counter()
        self.unexpected: list[object] = []

    async def buy(self, random: Random) -> None:
        customer = random.choice(self.customers)
        more: dict[str, Any] = {}
        if random.random() < 0.4:
            session = new_id()
            self.shop.chat.extendable[session, customer.id] = True
            more = {"is_extension": True, "session_id": str(session)}
        tier = random.choice(list(PRICE) if not more else ["chat_12", "chat_30"])
        made = await customer.buys(tier, **more)
        self._expect(made.status, 201, 409)
        if made.status == 201:
            self.payments.append(made["id"])
            self.owner[made["id"]] = customer

    async def confirm(self, random: Random) -> None:
        payment = random.choice(self.payments)
        path = f"/api/client/payment-requests/{payment}/confirm"
        self._expect((await self.owner[payment].post(path)).status, 200, 409)

    async def cancel(self, random: Random) -> None:
        payment = random.choice(self.payments)
        path = f"/api/client/payment-requests/{payment}/cancel"
        self._expect((await self.owner[payment].post(path)).status, 200, 409)

    async def provider_says(self, random: Random) -> None:
        payment = random.choice(self.payments)
        invoice = f"{payment}-{random.choice('aab')}"
        status = random.choice(["PAID", "SETTLED", "EXPIRED", "PENDING"])
        receipt = None
        if status in ("PAID", "SETTLED"):
            amount = self.receipts.setdefault(
                f"xendit:{invoice}", random.choice([15_000, 30_000, 1])
            )
            receipt = Receipt(f"xendit:{invoice}", amount, "IDR")
        said = ProviderSays(UUID(payment), invoice, status, status == "EXPIRED", receipt)
        self._expect(await self.shop.payments.hear(said), True)

    async def consume(self, random: Random) -> None:
        payment = random.choice(self.payments)
        won = await self.shop.consume(payment)
        self.consumed[payment] += won  # after the await: others count meanwhile

    async def fail_for_now(self, random: Random) -> None:
        payment = random.choice(self.payments)
        await self.shop.fail(payment, "no_mitra_available", is_terminal=False)

    async def fail_for_good(self, random: Random) -> None:
        payment = random.choice(self.payments)
        cause = random.choice(["customer_cancelled", "extension_rejected", "extension_timeout"])
        await self.shop.fail(payment, cause, is_terminal=True)

    async def decide(self, random: Random) -> None:
        rows = (await self.rina.get("/internal/failed-pairings?limit=200"))["rows"]
        if rows:
            row = random.choice(rows)
            action = random.choice(["refunded", "credited", "no_action"])
            path = f"/internal/failed-pairings/{row['id']}/action"
            answer = await self.rina.post(path, {"action": action})
            self._expect(answer.status, 200, 409)

    async def reconcile(self, random: Random) -> None:
        await self.shop.reconciliation.round()

    async def wait(self, random: Random) -> None:
        self.shop.clock.ahead += timedelta(minutes=random.randrange(4))

    def _expect(self, found: object, *allowed: object) -> None:
        if found not in allowed:
            self.unexpected.append((found, allowed))

    async def live(self, random: Random) -> None:
        """One task's random life."""
        verbs = [
            *[self.buy] * 3,
            *[self.confirm] * 4,
            *[self.provider_says] * 4,
            *[self.consume] * 3,
            *[self.decide] * 2,
            self.cancel,
            self.fail_for_now,
            self.fail_for_good,
            self.reconcile,
            self.wait,
        ]
        for _ in range(ACTIONS):
            await random.choice(verbs)(random)


@pytest.mark.parametrize("seed", range(5))
async def test_no_rupiah_is_lost_or_used_twice(shop: Shop, rina: Client, seed: int) -> None:
    crowd = Crowd(shop, [await shop.customer() for _ in range(CUSTOMERS)], rina)
    for _ in range(4):
        await crowd.buy(Random(seed))

    async with trio.open_nursery() as nursery:
        for task in range(TASKS):
            nursery.start_soon(crowd.live, Random(f"{seed}/{task}"))

    assert crowd.unexpected == []
    await _states_and_ledger_agree(shop, crowd)
    await _everything_open_is_listed(shop)
    await _sums_are_those_of_the_receipts(shop, rina, crowd)


async def _states_and_ledger_agree(shop: Shop, crowd: Crowd) -> None:
    assert await shop.disagreements() == []
    assert max(crowd.consumed.values(), default=0) <= 1
    consumed = await shop.sql("select id::text from payment_requests where status = 'consumed'")
    assert {row["id"] for row in consumed} == set(+crowd.consumed)
    confirmed = await shop.sql(
        "select id from payment_requests where confirmed_at is not null and not is_extension"
    )
    told = Counter(request.id for request in shop.confirmed)
    assert set(told) == {row["id"] for row in confirmed}
    trials = await shop.sql(
        "select customer_id from payment_requests where is_free_trial and confirmed_at is not null"
    )
    assert len(trials) == len({row["customer_id"] for row in trials})


async def _everything_open_is_listed(shop: Shop) -> None:
    """Money without an outcome can still be used, or waits for an operator's decision."""
    forgotten = await shop.sql(
        "select p.id from customer_transactions p join payment_requests r on r.id = "
        "p.payment_request_id where p.kind = 'paid' and not exists (select from "
        "customer_transactions o where o.paid_id = p.id) and not (r.status = 'confirmed' and "
        "r.paid_id = p.id) and not exists (select from failed_pairings f where f.paid_id = p.id "
        "and f.operator_action is null)"
    )
    assert forgotten == []


async def _sums_are_those_of_the_receipts(shop: Shop, rina: Client, crowd: Crowd) -> None:
    money = (await rina.get("/internal/money")).body
    mocked = await shop.sql(
        "select coalesce(sum(amount), 0)::bigint as amount, count(*) as count "
        "from customer_transactions where receipt like 'request:%'"
    )
    told = await shop.sql(
        "select receipt, amount from customer_transactions where receipt like 'xendit:%'"
    )
    assert {row["receipt"]: row["amount"] for row in told} == crowd.receipts
    assert money["received"] == {
        "count": mocked[0]["count"] + len(crowd.receipts),
        "amount": mocked[0]["amount"] + sum(crowd.receipts.values()),
    }
    assert sum(one["amount"] for one in money["outcomes"].values()) == money["received"]["amount"]
