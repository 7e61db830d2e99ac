"""Mitras come and go: by hand, by silence, by an operator; and what follows for offers."""

from typing import Any
from uuid import UUID

import pytest

from halobestie.adapters.embedded import EmbeddedValkey
from halobestie.adapters.postgres import Database
from halobestie.presence.messages import GetStatus
from tests.apps import Mitra, Refused
from tests.conftest import ErrorLog
from tests.nodes import TestNode, running_node


async def reasons(node: TestNode, mitra: Mitra) -> list[tuple[bool, str]]:
    """The mitra's online log, oldest first."""
    answer = await node.operator.calls("GET", f"/internal/mitra-online-logs?mitra_id={mitra.id}")
    assert answer["total"] == len(answer["rows"])
    return [(row["is_online"], row["reason"]) for row in reversed(answer["rows"])]


async def shown(mitra: Mitra) -> list[str]:
    """What the mitra's app finds when it asks."""
    answer = await mitra.calls("GET", "/api/mitra/chat-requests")
    return [offer["pairing_id"] for offer in answer["chat_requests"]]


async def status(mitra: Mitra) -> Any:
    return await mitra.calls("GET", "/api/mitra/status")


async def test_every_change_is_told_and_logged_with_its_reason(node: TestNode) -> None:
    ayu = await node.mitra("Ayu")
    await ayu.wait_for("presence", is_online=True, reason="manual")
    await ayu.goes_online()  # said twice
    await ayu.goes_offline()
    await ayu.wait_for("presence", is_online=False, reason="manual")
    await node.forces("force-mitra-online", mitra_id=ayu.id)
    await node.operator.calls("POST", f"/internal/mitras/{ayu.id}/offline")
    await ayu.wait_for("presence", is_online=False, reason="operator")
    assert await reasons(node, ayu) == [
        (True, "manual"),
        (False, "manual"),
        (True, "test"),
        (False, "operator"),
    ]
    audit = await node.operator.calls("GET", f"/internal/audit-log?subject_id={ayu.id}")
    assert "mitra.offline" in [row["action"] for row in audit["rows"]]


async def test_a_silent_mitra_goes_offline_and_keeps_running_sessions(
    database_url: str, valkey_server: EmbeddedValkey
) -> None:
    async with running_node(
        database_url, valkey_server.url, MITRA_HEARTBEAT_CADENCE_SECONDS="1"
    ) as node:
        sari, rina = await node.customer("Sari"), await node.customer("Rina")
        await sari.wait_for("mitra_availability", available=False)
        await node.turns(mitra_stale_after_seconds=2)
        mitra_id = await node.hire("Ayu")
        visitor = node.caller(mitra_id, "mitra")  # no app, so no heartbeats
        await node.forces("force-mitra-online", mitra_id=str(mitra_id))
        first = await sari.pays_and_searches()
        session = await visitor.accepts(first["id"])
        second = await rina.pays_and_searches()
        await sari.wait_for("mitra_availability", available=True)
        await sari.wait_for("mitra_availability", available=False)

        with pytest.raises(Refused, match="409 offline"):
            await visitor.accepts(second["id"])
        log = await node.operator.calls("GET", "/internal/mitra-online-logs?limit=1")
        assert [(row["is_online"], row["reason"]) for row in log["rows"]] == [(False, "stale")]
        running = await visitor.calls("GET", "/api/mitra/chat-sessions/active")
        assert [one["id"] for one in running["sessions"]] == [session["id"]]


async def test_who_fell_silent_while_no_node_ran_is_offline_before_anybody_is_told(
    node: TestNode, db: Database, database_url: str, valkey_server: EmbeddedValkey
) -> None:
    sari, ayu = await node.customer(), await node.mitra("Ayu")
    await sari.pays()
    await ayu.is_asked()

    async def age(conn: Any) -> None:
        await conn.execute("update mitra_presence set last_heartbeat_at = now() - interval '1 h'")

    await db.transaction(age)
    async with running_node(database_url, valkey_server.url) as after:
        presence = await after.house.mitras.ref(UUID(ayu.id)).ask(GetStatus())
        assert not presence.is_online
        assert after.house.board.availability.count == 0


async def test_an_offline_mitra_cannot_send_heartbeats(node: TestNode) -> None:
    ayu = await node.mitra("Ayu", online=False)
    with pytest.raises(Refused, match="409 offline"):
        await ayu.calls("POST", "/api/mitra/heartbeat")
    await ayu.goes_online()
    beat = await ayu.calls("POST", "/api/mitra/heartbeat")
    assert beat["is_online"]
    assert beat["last_heartbeat_at"] >= beat["since"]


async def test_a_mitra_who_connects_finds_the_open_offers(node: TestNode) -> None:
    sari = await node.customer("Sari")
    mitra_id = await node.hire("Ayu")
    await node.forces("force-mitra-online", mitra_id=str(mitra_id))
    pairing = await sari.pays_and_searches()
    ayu = await node.mitra_app(mitra_id)
    assert list(ayu.app.offers) == [pairing["id"]]
    detail = await node.operator.calls("GET", f"/internal/pairings/{pairing['id']}")
    (offer,) = detail["offers"]
    assert (offer["channel"], offer["response"]) == ("none", "waiting")
    assert offer["seen_at"] > offer["offered_at"]


async def test_a_presence_that_crashed_knows_its_offers_and_slots_again(
    node: TestNode, expected_errors: ErrorLog
) -> None:
    expected_errors.expect("crashed")
    sari, rina = await node.customer("Sari"), await node.customer("Rina")
    ayu = await node.mitra("Ayu", capacity=2)
    await sari.pays()
    await ayu.accepts(await ayu.is_asked())
    second = await rina.pays_and_searches()
    await ayu.is_asked()

    assert node.crashes(f"presence/mitra:{ayu.id}")
    assert await shown(ayu) == [second["id"]]
    now = await status(ayu)
    assert (now["is_online"], now["active_sessions"], now["capacity"]) == (True, 1, 2)
    await ayu.accepts(second)
    assert (await status(ayu))["active_sessions"] == 2


async def test_a_pairing_that_crashed_is_still_on_offer_and_is_shown_once(
    node: TestNode, expected_errors: ErrorLog
) -> None:
    expected_errors.expect("crashed")
    sari, ayu = await node.customer(), await node.mitra("Ayu")
    pairing = await sari.pays_and_searches()
    await ayu.is_asked()
    assert node.crashes(f"pairings/pairing:{pairing['id']}")
    assert await shown(ayu) == [pairing["id"]]
    await ayu.accepts(pairing)
    assert len(ayu.heard("chat_request")) == 1


async def test_a_change_of_capacity_is_in_force_at_once(node: TestNode) -> None:
    sari, rina = await node.customer("Sari"), await node.customer("Rina")
    ayu = await node.mitra("Ayu")
    await node.turns(max_customers_per_mitra=1)
    await sari.pays()
    await ayu.accepts(await ayu.is_asked())
    pairing = await rina.pays_and_searches()
    assert pairing["mitras_notified"] == 0
    with pytest.raises(Refused, match="404 not_found"):
        await ayu.accepts(pairing)

    await node.turns(max_customers_per_mitra=2)
    assert (await ayu.is_asked())["pairing_id"] == pairing["id"]
    await node.turns(max_customers_per_mitra=1)
    await ayu.wait_for("chat_request_closed", reason="at_capacity")
    with pytest.raises(Refused, match="409 at_capacity"):
        await ayu.accepts(pairing)
    await node.operator.calls("PATCH", f"/internal/mitras/{ayu.id}", {"capacity_override": 5})
    await ayu.is_asked()
    await ayu.accepts(pairing)
    assert (await status(ayu))["capacity"] == 5


async def test_a_deactivated_mitra_is_offline_and_stays_so(node: TestNode) -> None:
    sari, ayu = await node.customer(), await node.mitra("Ayu")
    pairing = await sari.pays_and_searches()
    await ayu.is_asked()
    visitor = node.caller(UUID(ayu.id), "mitra")  # a token that nobody has revoked
    await node.operator.calls("PATCH", f"/internal/mitras/{ayu.id}", {"is_active": False})
    with pytest.raises(Refused, match="409 offline"):
        await visitor.accepts(pairing["id"])
    back = await visitor.calls("POST", "/api/mitra/status", {"online": True})
    assert not back["is_online"]
    assert (await reasons(node, ayu))[-1] == (False, "deactivated")


async def test_who_was_switched_off_behind_a_presences_back_goes_offline_when_it_looks(
    node: TestNode, db: Database, expected_errors: ErrorLog
) -> None:
    """Accounts commits, and the node may die before it tells."""
    expected_errors.expect("crashed")
    ayu = await node.mitra("Ayu")

    async def switch_off(conn: Any) -> None:
        await conn.execute("update mitras set is_active = false")

    await db.transaction(switch_off)
    node.crashes(f"presence/mitra:{ayu.id}")
    await ayu.wait_for("presence", is_online=False, reason="deactivated")


async def test_the_other_apps_of_the_winner_hear_that_it_was_accepted_elsewhere(
    node: TestNode,
) -> None:
    sari, ayu = await node.customer(), await node.mitra("Ayu")
    tablet = await node.mitra_app(UUID(ayu.id))
    await sari.pays()
    offer = await ayu.is_asked()
    await tablet.is_asked()
    await ayu.accepts(offer)
    await tablet.wait_for("chat_request_closed", reason="accepted_elsewhere")
    await tablet.wait_for("session_started")


async def test_a_mitra_without_a_socket_is_asked_by_a_push_that_lives_no_longer_than_the_offer(
    node: TestNode, db: Database
) -> None:
    sari = await node.customer()
    mitra_id = await node.hire("Ayu")
    user = (await node.house.accounts.mitras.find(mitra_id)).user
    token = (await node.house.accounts.sign_in(user)).access_token
    device = {"fcm_token": "a-phone", "platform": "android"}
    await node.public.call("PUT", "/api/shared/devices", device, token=token)
    await node.forces("force-mitra-online", mitra_id=str(mitra_id))

    pairing = await sari.pays_and_searches()
    detail = await node.operator.calls("GET", f"/internal/pairings/{pairing['id']}")
    assert [offer["channel"] for offer in detail["offers"]] == ["fcm"]

    async def owed(conn: Any) -> Any:
        return await conn.fetch("select type, user_id, expires_at from pushes")

    (push,) = await db.transaction(owed)
    assert (push["type"], push["user_id"]) == ("chat_request", mitra_id)
    assert push["expires_at"].isoformat()[:19] == pairing["expires_at"][:19]
