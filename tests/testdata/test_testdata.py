"""What test routes make and unmake, and what a customer's export holds of it."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from halobestie.adapters.embedded import EmbeddedValkey
from halobestie.demo.api import Refused
from tests.apps import Customer
from tests.nodes import TestNode, Visitor, running_node

PHONE = "+6281234567890"


@pytest.fixture
async def node(database_url: str, valkey_server: EmbeddedValkey) -> AsyncIterator[TestNode]:
    async with running_node(database_url, valkey_server.url) as node:
        yield node


async def registered(node: TestNode) -> tuple[Customer, Visitor]:
    """A customer who has verified PHONE with the stub's code."""
    sari = await node.customer("Sari")
    await sari.calls("POST", "/api/client/auth/otp/request", {"phone": PHONE})
    told = await node.internal.call("GET", f"/internal/_test/otp-code?phone=%2B{PHONE[1:]}")
    verify = {"phone": PHONE, "code": told["code"]}
    await sari.calls("POST", "/api/client/auth/otp/verify", verify)
    return sari, node.caller(UUID(sari.id), "customer")


async def test_a_seeded_session_stands_in_the_history_and_in_the_ledger(node: TestNode) -> None:
    await node.hire("Ayu")
    sari = await node.customer("Sari")

    made = await node.forces("seed-history-session", customer_id=sari.id)

    assert (made["status"], made["mitra_name"]) == ("completed", "Bestie Ayu")
    [past] = (await sari.calls("GET", "/api/client/chat-sessions"))["rows"]
    assert past["id"] == made["id"]
    money = await node.operator.calls("GET", "/internal/money")
    assert money["is_balanced"]
    assert money["outcomes"]["delivered"] == {"count": 1, "amount": 15_000}


async def test_a_reset_phone_leaves_nothing_of_its_customer(node: TestNode) -> None:
    sari, same = await registered(node)
    ayu = await node.mitra("Ayu")
    await sari.pays_and_searches()
    await ayu.accepts(await ayu.is_asked())
    await sari.gets_paired()

    assert await node.forces("reset-phone", phone=PHONE) == {"deleted": True}

    with pytest.raises(Refused):
        await same.calls("GET", "/api/client/account/export")
    found = await node.operator.calls("GET", f"/internal/customers?query={PHONE[1:]}")
    assert found["total"] == 0
    money = await node.operator.calls("GET", "/internal/money")
    assert money["is_balanced"]
    assert await node.forces("reset-phone", phone=PHONE) == {"deleted": False}


async def test_an_export_holds_what_every_feature_has_of_the_caller(node: TestNode) -> None:
    sari = await node.customer("Sari")
    ayu = await node.mitra("Ayu")
    await sari.pays_and_searches()
    await ayu.accepts(await ayu.is_asked())
    await sari.gets_paired()
    await sari.says("Aku mau cerita")
    await ayu.hears("Aku mau cerita")

    held = await sari.calls("GET", "/api/client/account/export")

    assert held["account"]["display_name"] == "Sari"
    assert [one["status"] for one in held["payments"]] == ["consumed"]
    assert [one["kind"] for one in held["transactions"]] == ["paid", "delivered"]
    assert [one["status"] for one in held["searches"]] == ["paired"]
    assert [one["mitra"] for one in held["sessions"]] == ["Ayu"]
    assert [one["content"] for one in held["messages"]] == ["Aku mau cerita"]
