"""Pings and silence, on a clock that the test moves."""

from math import inf
from typing import cast

import trio
import trio.testing

from halobestie.edge import Wire
from halobestie.edge.heartbeat import Heartbeat
from halobestie.edge.statistics import Counters

INTERVAL = 20.0
TICK = 1.0


class Quiet:
    """As much of a Wire as a heartbeat touches. Its peer answers pings, or does not."""

    def __init__(self, *, answers: bool = True) -> None:
        self.beat = 0
        self.open = True
        self.heard = trio.current_time()
        self.pinged: list[float] = []
        self.killed: float | None = None
        self._answers = answers

    def ping(self) -> None:
        self.pinged.append(trio.current_time())
        if self._answers:
            self.heard = trio.current_time()

    def silent_for(self, now: float) -> float:
        return now - self.heard

    def kill(self) -> None:
        self.killed = trio.current_time()
        self.open = False


async def beating(nursery: trio.Nursery) -> Heartbeat:
    heartbeat = Heartbeat(INTERVAL, Counters())
    nursery.start_soon(heartbeat.run)
    await trio.testing.wait_all_tasks_blocked()
    return heartbeat


async def test_a_peer_that_answers_is_pinged_every_interval(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    heartbeat = await beating(nursery)
    wire = Quiet()
    heartbeat.add(cast(Wire, wire))
    await trio.sleep(10 * INTERVAL + 1)
    gaps = [b - a for a, b in zip(wire.pinged, wire.pinged[1:], strict=False)]
    assert len(wire.pinged) >= 9
    assert INTERVAL / 2 <= wire.pinged[0] <= INTERVAL + TICK
    assert all(INTERVAL <= gap <= INTERVAL + 2 * TICK for gap in gaps)
    assert wire.killed is None
    nursery.cancel_scope.cancel()


async def test_a_silent_peer_is_dropped_after_two_intervals_and_a_second(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    heartbeat = await beating(nursery)
    wire = Quiet(answers=False)
    heartbeat.add(cast(Wire, wire))
    await trio.sleep(4 * INTERVAL)
    assert wire.killed is not None
    assert 2 * INTERVAL + 1 <= wire.killed <= 2 * INTERVAL + 1 + 2 * TICK
    assert len(heartbeat) == 0
    nursery.cancel_scope.cancel()


async def test_a_peer_that_went_while_nobody_read_is_dropped_at_the_next_beat(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    heartbeat = await beating(nursery)
    wire = Quiet()
    wire.heard = -inf
    heartbeat.add(cast(Wire, wire))
    await trio.sleep(INTERVAL + 2 * TICK)
    assert wire.killed is not None
    nursery.cancel_scope.cancel()


async def test_a_closed_wire_leaves_nothing_in_the_wheel(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    heartbeat = await beating(nursery)
    kept, discarded, closed = Quiet(), Quiet(), Quiet()
    for wire in (kept, discarded, closed):
        heartbeat.add(cast(Wire, wire))
    heartbeat.discard(cast(Wire, discarded))
    heartbeat.discard(cast(Wire, discarded))
    closed.open = False
    await trio.sleep(2 * INTERVAL)
    assert len(heartbeat) == 1
    assert not discarded.pinged
    assert not closed.pinged
    nursery.cancel_scope.cancel()


async def test_a_crowd_is_not_pinged_at_once(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    heartbeat = await beating(nursery)
    crowd = [Quiet() for _ in range(1000)]
    for wire in crowd:
        heartbeat.add(cast(Wire, wire))
    await trio.sleep(INTERVAL + 2 * TICK)
    first = [wire.pinged[0] for wire in crowd]
    assert max(first.count(at) for at in set(first)) < 250
    nursery.cancel_scope.cancel()
