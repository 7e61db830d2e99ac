"""What becomes of paid money: delivered, failed, decided by an operator, or listed for one."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import trio

from halobestie.adapters.postgres import Connection
from halobestie.ids import new_id
from halobestie.payments.messages import CAUSE_TAGS
from halobestie.payments.reconciler import Reconciliation
from tests.payments.shop import Client, Reply, Shop


async def sums(rina: Client) -> dict[str, tuple[int, int]]:
    money = await rina.get("/internal/money")
    assert money["is_balanced"] is True
    assert money["received"]["amount"] == sum(one["amount"] for one in money["outcomes"].values())
    return {
        outcome: (one["count"], one["amount"])
        for outcome, one in money["outcomes"].items()
        if one["count"]
    }


async def failed(rina: Client, query: str = "") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await rina.get(f"/internal/failed-pairings?{query}"))["rows"]
    return rows


async def acts(rina: Client, failure: dict[str, Any], action: str = "refunded") -> Reply:
    path = f"/internal/failed-pairings/{failure['id']}/action"
    return await rina.post(path, {"action": action})


async def test_a_session_delivers_its_payment_once(shop: Shop, sari: Client, rina: Client) -> None:
    paid, session = await sari.pays(), new_id()

    assert await shop.consume(paid["id"], session)
    assert not await shop.consume(paid["id"])

    seen = await sari.sees(paid)
    assert (seen["status"], seen["session_id"]) == ("consumed", str(session))
    assert seen["consumed_at"] is not None
    assert await sums(rina) == {"delivered": (1, 15000)}


async def test_of_many_consumers_one_wins(shop: Shop, sari: Client, rina: Client) -> None:
    paid = await sari.pays()
    won: list[bool] = []

    async def consume() -> None:
        won.append(await shop.consume(paid["id"]))

    async with trio.open_nursery() as nursery:
        for _ in range(12):
            nursery.start_soon(consume)

    assert sorted(won) == [False] * 11 + [True]
    assert await sums(rina) == {"delivered": (1, 15000)}


async def test_a_search_without_success_leaves_the_payment_usable(
    shop: Shop, sari: Client, rina: Client
) -> None:
    paid, search = await sari.pays(), new_id()

    for _ in range(2):  # told twice, written once
        assert await shop.fail(
            paid["id"], "no_mitra_available", is_terminal=False, pairing_id=search
        )

    assert (await sari.sees(paid))["status"] == "confirmed"
    (row,) = await failed(rina)
    assert (row["cause_tag"], row["is_terminal"]) == ("no_mitra_available", False)
    assert row["customer"] == {"id": str(sari.id), "display_name": "Sari"}
    assert await sums(rina) == {"open": (1, 15000)}
    assert await shop.consume(paid["id"])


async def test_a_terminal_failure_ends_the_payment(shop: Shop, sari: Client) -> None:
    paid = await sari.pays()

    assert await shop.fail(paid["id"], "customer_cancelled", is_terminal=True)
    assert not await shop.fail(paid["id"], "customer_cancelled", is_terminal=True)
    assert not await shop.consume(paid["id"])

    assert (await sari.sees(paid))["status"] == "failed_pairing"


async def test_what_is_not_paid_can_neither_be_used_nor_fail(
    shop: Shop, sari: Client, rina: Client
) -> None:
    made = await sari.buys()

    assert not await shop.consume(made["id"])
    assert not await shop.fail(made["id"], "no_mitra_available", is_terminal=False)
    assert not await shop.consume(new_id())
    assert await failed(rina) == []


@pytest.mark.parametrize("action", ["refunded", "credited", "no_action"])
async def test_an_operator_decides_once(
    shop: Shop, sari: Client, rina: Client, action: str
) -> None:
    paid = await sari.pays()
    await shop.fail(paid["id"], "all_mitras_rejected", is_terminal=False)
    await shop.fail(paid["id"], "customer_cancelled", is_terminal=True)
    last, first = await failed(rina)

    decided = await acts(rina, last, action)

    assert decided.status == 200
    assert decided["operator_action"] == action
    assert decided["actioned_by"] == {"id": str(rina.id), "display_name": "Rina"}
    assert decided["actioned_at"] is not None
    for failure in (first, last):
        assert (await acts(rina, failure)).refusal == (409, "already_actioned")
    assert await sums(rina) == {action: (1, 15000)}
    assert await failed(rina, "unactioned=true") == []
    assert [row["action"] for row in shop.audited] == ["failed_pairing.action"]


async def test_two_operators_at_once_decide_once(shop: Shop, sari: Client, rina: Client) -> None:
    paid = await sari.pays()
    await shop.fail(paid["id"], "customer_cancelled", is_terminal=True)
    (failure,) = await failed(rina)
    replies: list[int] = []

    async def decide(action: str) -> None:
        replies.append((await acts(rina, failure, action)).status)

    async with trio.open_nursery() as nursery:
        for action in ("refunded", "credited", "no_action") * 2:
            nursery.start_soon(decide, action)

    assert sorted(replies) == [200, *[409] * 5]
    assert sum(count for count, _ in (await sums(rina)).values()) == 1


async def test_a_refund_ends_what_could_still_be_tried(
    shop: Shop, sari: Client, rina: Client
) -> None:
    paid = await sari.pays()
    await shop.fail(paid["id"], "no_mitra_available", is_terminal=False)
    (failure,) = await failed(rina)

    assert (await acts(rina, failure)).status == 200

    assert (await sari.sees(paid))["status"] == "failed_pairing"
    assert shop.told[-1].status == "failed_pairing"
    assert not await shop.consume(paid["id"])


async def test_what_was_delivered_after_all_is_not_refunded(
    shop: Shop, sari: Client, rina: Client
) -> None:
    paid = await sari.pays()
    await shop.fail(paid["id"], "no_mitra_available", is_terminal=False)
    await shop.consume(paid["id"])
    (failure,) = await failed(rina)

    assert (await acts(rina, failure)).refusal == (409, "payment_delivered")
    assert (await acts(rina, failure, "no_action")).status == 200
    assert await sums(rina) == {"delivered": (1, 15000)}


@pytest.mark.parametrize("body", [{}, {"action": "burned"}, {"action": None}, {"action": 1}, []])
async def test_a_decision_that_is_none_is_refused(shop: Shop, rina: Client, body: Any) -> None:
    refused = await rina.post(f"/internal/failed-pairings/{new_id()}/action", body)

    assert refused.refusal == (422, "validation_failed")


async def test_an_unknown_failure_is_not_found(rina: Client) -> None:
    assert (await acts(rina, {"id": new_id()})).refusal == (404, "not_found")


async def test_failures_are_found_by_cause_time_and_page(
    shop: Shop, sari: Client, rina: Client
) -> None:
    paid = await sari.pays()
    for cause in ("no_mitra_available", "all_mitras_rejected", "targeted_mitra_timeout"):
        await shop.fail(paid["id"], cause, is_terminal=False)

    def causes(reply: Reply) -> list[str]:
        return [row["cause_tag"] for row in reply["rows"]]

    path = "/internal/failed-pairings"
    some = await rina.get(f"{path}?cause_tags=no_mitra_available,%20targeted_mitra_timeout")
    assert (causes(some), some["total"]) == (["targeted_mitra_timeout", "no_mitra_available"], 2)
    page = await rina.get(f"{path}?limit=1&offset=1")
    assert (causes(page), page["total"]) == (["all_mitras_rejected"], 3)
    beyond = await rina.get(f"{path}?offset=50")
    assert (causes(beyond), beyond["total"]) == ([], 3)
    today = shop.clock.now().date()
    assert (await rina.get(f"{path}?date_from={today}&date_to={today}"))["total"] == 3
    assert (await rina.get(f"{path}?date_from={today + timedelta(days=1)}"))["total"] == 0
    for wrong in ("cause_tags=bad", "date_from=soon", "unactioned=maybe", "limit=0", "offset=-1"):
        assert (await rina.get(f"{path}?{wrong}")).status == 422


async def test_operators_see_all_payments(shop: Shop, sari: Client, rina: Client) -> None:
    paid = await sari.pays()
    await (await shop.customer()).buys()

    everything = await rina.get("/internal/payment-requests")
    confirmed = await rina.get("/internal/payment-requests?status=confirmed")

    assert everything["total"] == 2
    assert [row["id"] for row in confirmed["rows"]] == [paid["id"]]
    assert confirmed["rows"][0]["customer"]["display_name"] == "Sari"


async def test_money_without_an_outcome_is_listed_after_a_minute(
    shop: Shop, sari: Client, rina: Client
) -> None:
    paid = await sari.pays()
    assert (await rina.get("/internal/money"))["rows"] == []
    shop.clock.ahead = timedelta(seconds=61)

    money = await rina.get("/internal/money")

    assert money["total"] == 1
    (row,) = money["rows"]
    assert (row["payment_request_id"], row["amount"], row["status"]) == (
        paid["id"],
        15000,
        "confirmed",
    )
    assert row["seconds_open"] in (61, 62)
    await shop.fail(paid["id"], "customer_cancelled", is_terminal=True)
    (row,) = (await rina.get("/internal/money"))["rows"]
    assert row["cause_tag"] == "customer_cancelled"
    assert row["failed_pairing_id"] == (await failed(rina))[0]["id"]


@pytest.mark.parametrize(
    "statement",
    [
        "update customer_transactions set amount = 0",
        "delete from customer_transactions",
        "truncate customer_transactions cascade",
    ],
)
async def test_the_ledger_is_append_only(shop: Shop, sari: Client, statement: str) -> None:
    await sari.pays()

    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await shop.sql(statement)


async def test_a_test_customer_can_be_removed_altogether(shop: Shop, sari: Client) -> None:
    paid = await sari.pays()
    await shop.consume(paid["id"])
    await shop.fail((await sari.pays())["id"], "customer_cancelled", is_terminal=True)

    async def erase(conn: Connection) -> None:
        await shop.payments.erase_customer(conn, sari.id)

    await shop.db.transaction(erase)

    for table in ("payment_requests", "customer_transactions", "failed_pairings"):
        assert await shop.sql(f"select from {table}") == []


async def test_a_closed_account_gives_its_payments_up(
    shop: Shop, sari: Client, rina: Client
) -> None:
    paid, pending = await sari.pays(), await sari.buys()

    async def close(conn: Connection) -> Any:
        return await shop.payments.close_account(conn, sari.id, at=shop.clock.now())

    changes = await shop.db.transaction(close)

    assert [(str(change.payment_request_id), change.status) for change in changes] == [
        (paid["id"], "failed_pairing"),
        (pending["id"], "abandoned"),
    ]
    assert [row["cause_tag"] for row in await failed(rina)] == ["customer_cancelled"]


async def test_reconciling_expires_fails_and_announces(
    shop: Shop, sari: Client, rina: Client
) -> None:
    stale, overdue, searching = (
        await (await shop.customer()).buys(),
        await (await shop.customer()).pays(),
        await (await shop.customer()).pays(),
    )
    shop.chat.used = {UUID(searching["id"])}
    shop.clock.ahead = timedelta(minutes=20)
    forgotten = await sari.pays()
    shop.chat.searched = {UUID(searching["id"])}
    shop.confirmed.clear()
    shop.told.clear()
    shop.clock.ahead += timedelta(seconds=11)

    first, second = await shop.reconciliation.round(), await shop.reconciliation.round()

    assert first == {"expired": 1, "failed": 1, "announced": 1}
    assert second == {"expired": 0, "failed": 0, "announced": 1}
    assert {(str(change.payment_request_id), change.status) for change in shop.told} == {
        (stale["id"], "expired"),
        (overdue["id"], "failed_pairing"),
    }
    assert {str(request.id) for request in shop.confirmed} == {forgotten["id"]}
    (row,) = await failed(rina)
    assert (row["payment_request_id"], row["cause_tag"], row["is_terminal"]) == (
        overdue["id"],
        "payment_session_expired",
        True,
    )


async def test_two_nodes_reconcile_once(shop: Shop, rina: Client) -> None:
    for _ in range(10):
        customer = await shop.customer()
        await customer.buys()
        await (await shop.customer()).pays()
    shop.clock.ahead = timedelta(minutes=21)
    shop.told.clear()
    other = Reconciliation(shop.db, shop.clock, shop.payments, shop.chat)

    async with trio.open_nursery() as nursery:
        for node in (shop.reconciliation, other, other):
            nursery.start_soon(node.round)

    assert sorted(change.status for change in shop.told) == (
        ["expired"] * 10 + ["failed_pairing"] * 10
    )
    assert len(await failed(rina)) == 10


def test_every_cause_of_the_contract_is_known() -> None:
    assert set(CAUSE_TAGS) == {
        "no_mitra_available",
        "all_mitras_rejected",
        "targeted_mitra_rejected",
        "targeted_mitra_timeout",
        "targeted_mitra_offline",
        "customer_cancelled",
        "payment_session_expired",
        "extension_rejected",
        "extension_timeout",
        "extension_mitra_offline",
        "payment_amount_mismatch",
        "payment_late",
    }
