"""Apps that are slow, gone without a word, or asleep."""

from typing import Any
from uuid import UUID

import pytest
import trio

from halobestie.edge import Wire
from halobestie.edge.limits import Limits
from tests.chat.couple import Couple


def test_a_peer_that_fell_silent_is_dropped_within_two_cadences() -> None:
    """15 s is the contract's cadence for mitra apps. How the edge does it is its own test."""
    assert 2 * Limits().ping_seconds + 1 <= 3 * 15


async def test_an_app_that_does_not_read_is_closed_and_has_all_by_resuming(
    couple: Couple, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, codes = couple.node.house, []
    [entry] = [one for one in house.roster.everyone() if str(one.user_id) == couple.ayu.id]
    cell = house.sockets.cells[entry.ref.key]
    slow = cell.actor._wire  # type: ignore[union-attr]
    reads_again, send, close = trio.Event(), Wire.send, Wire.close

    async def stuck(wire: Wire, frames: list[bytes]) -> None:
        if wire is slow:
            await reads_again.wait()
        await send(wire, frames)

    async def noted(wire: Wire, *how: Any) -> None:
        codes.extend(how[:1])
        await close(wire, *how)

    monkeypatch.setattr(Wire, "send", stuck)
    monkeypatch.setattr(Wire, "close", noted)
    for number in range(3):
        await couple.sari.says(str(number))  # nobody waits for the slow app
    frame = b'{"type":"typing","session_id":"","is_typing":true}'
    for _ in range(cell.mailbox.capacity + 1):
        house.roster.deliver(UUID(couple.ayu.id), frame)
    assert house.roster.sockets(UUID(couple.ayu.id)) == 1
    await couple.sari.says("masih di sana?")
    reads_again.set()

    await couple.ayu.until(lambda: couple.ayu.app.hellos == 2)
    await couple.ayu.hears("masih di sana?")
    assert 1013 in codes
    assert [frame["seq"] for frame in couple.ayu.heard("message")] == [1, 2, 3, 4]


async def test_two_apps_of_one_person_see_the_same(couple: Couple) -> None:
    second = await couple.node.mitra_app(UUID(couple.ayu.id))
    ack = await couple.ayu.says("halo")
    assert (await second.hears("halo"))["id"] == ack.id
    await couple.sari.says("hai")
    for app in (couple.ayu, second):
        await app.hears("hai")
    assert not couple.ayu.heard("message", content="halo")  # it was the one that wrote
    state = await couple.node.internal.call(
        "GET", f"/internal/_test/ws-connection-state?session_id={couple.id}"
    )
    assert state["mitra"] == {"connected": True, "sockets": 2}
