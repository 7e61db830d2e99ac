"""§1, §7 and §11 with nodes of their own: starts that are refused, heartbeats, the end."""

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trio

from . import shapes
from .people import PATIENCE, answers, open_town
from .server import Node


@pytest.fixture(scope="module")
def short_lived(server_folder: Path) -> Iterator[Node]:
    """A node with a cadence of one second, which the tests of this file kill and end."""
    data_dir = server_folder / "short-lived"
    node = Node(data_dir, OTP_COOLDOWN_SECONDS="1", MITRA_HEARTBEAT_CADENCE_SECONDS="1")
    node.start()
    yield node
    node.stop()


SECRETS = {
    "AUTH_JWT_SECRET": "s" * 32,
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "VALKEY_URL": "redis://127.0.0.1:1",
}
PRODUCTION = {"HALOBESTIE_ENV": "production", **SECRETS}
REFUSED = {  # the variable that the one line names, and the environment
    "OTP_COOLDOWN_SECONDS": {"OTP_COOLDOWN_SECONDS": "soon"},
    "PUBLIC_BIND": {"PUBLIC_BIND": "nowhere"},
    "LOG_FORMAT": {"LOG_FORMAT": "xml"},
    **{name: {k: v for k, v in PRODUCTION.items() if k != name} for name in SECRETS},
    "TEST_ROUTES_ENABLED": {**PRODUCTION, "TEST_ROUTES_ENABLED": "true"},
}


def test_a_wrong_environment_stops_the_start_with_one_line(tmp_path: Path) -> None:
    nodes = {name: Node(tmp_path / name, **given) for name, given in REFUSED.items()}
    for node in nodes.values():  # side by side: most of it is Python's start
        node.launch()
    for name, node in nodes.items():
        assert node.process.wait(30) != 0, name
        node.reader.join(5)
        said = [line for line in node.lines if line.strip()]
        assert len(said) == 1, said
        assert name in said[0]


async def test_a_silent_mitra_goes_offline_and_a_beating_one_stays(short_lived: Node) -> None:
    shapes_of_status = {**shapes.MITRA_STATUS, "heartbeat_cadence_seconds": {1}}
    async with open_town(short_lived) as town:
        await town.knobs(mitra_stale_after_seconds=2)
        silent, beating = await town.mitra(online=False), await town.mitra(online=False)
        sockets = []
        for mitra in (silent, beating):
            headers = [("Authorization", f"Bearer {mitra.token}")]
            sockets.append(await town.socket("/api/mitra/ws", headers=headers))
            body = {"online": True}
            await mitra.posts("/api/mitra/status", body, shape=shapes_of_status)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_beat, sockets[1])
            told = await sockets[0].hears("presence", is_online=False)
            nursery.cancel_scope.cancel()
        assert told["reason"] == "stale"
        assert (await beating.gets("/api/mitra/status"))["is_online"] is True
        page = await town.admin.gets(f"/internal/mitra-online-logs?mitra_id={silent.id}")
        assert [row["reason"] for row in page["rows"]] == ["stale", "manual"]


async def _beat(socket: object) -> None:
    while True:
        await socket.sends({"type": "heartbeat"})  # type: ignore[attr-defined]
        await trio.sleep(0.5)


async def test_what_was_acknowledged_survives_a_kill(short_lived: Node) -> None:
    async with open_town(short_lived) as town:
        customer = await town.customer()
        payment = await customer.buys()
        short_lived.signal(signal.SIGKILL)
        await short_lived.ended()
        town.forget()
    short_lived.urls.clear()
    await trio.to_thread.run_sync(short_lived.start)
    async with open_town(short_lived) as town:
        town.nobody.token = customer.token
        path = f"/api/client/payment-requests/{payment['id']}"
        await town.nobody.gets(path, shape=shapes.PAYMENT)


async def test_a_sigterm_drains_and_exits_0(short_lived: Node) -> None:
    async with open_town(short_lived) as town:
        customer = await town.customer()
        headers = [("Authorization", f"Bearer {customer.token}")]
        socket = await town.socket("/api/client/ws", headers=headers)
        short_lived.signal(signal.SIGTERM)
        for caller in (town.nobody, town.outsider):
            with trio.fail_after(PATIENCE):
                while (answer := await caller.calls("GET", "/readyz")).status_code == 200:  # noqa: ASYNC110
                    await trio.sleep(0.01)
            assert answer.status_code == 503
            assert answer.json()["status"] == "draining"
            answers(await caller.calls("GET", "/healthz"), 200)
        await socket.hears("server_draining")
        assert await socket.is_closed() == 1012
        with trio.fail_after(9):
            assert await short_lived.ended() == 0
        with pytest.raises(httpx.TransportError):
            await town.nobody.calls("GET", "/healthz")
        town.forget()
