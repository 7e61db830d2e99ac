"""What watching the live tree costs: CPU of a look and the size of its frame, by how many of
5,000 actors have moved since the one before.

    python3 run.py test -m bench tests/bench/bench_tree.py -s
"""

from random import Random
from time import thread_time

import msgspec
import pytest
import trio
import trio.testing

from actors import Actor, Changes, open_system, totals
from halobestie.control.watch import EVERY, ChangeFrame, Snapshot
from halobestie.ids import new_id

pytestmark = pytest.mark.bench

ACTORS = 5000
LOOKS = 20

_encode = msgspec.json.Encoder().encode


class Poke(msgspec.Struct, frozen=True):
    """Move."""


class Session(Actor[Poke]):
    """As large in the tree as a chat session."""

    def __init__(self) -> None:
        self._seq = 0

    async def started(self) -> None:
        self.deadlines.after("end", 1800, Poke())
        self.deadlines.after("tick", 900, Poke())

    async def receive(self, message: Poke) -> None:
        self._seq += 1

    def info(self) -> dict[str, object]:
        return {"status": "active", "last_seq": self._seq, "uncommitted": 0, "extension": False}


async def test_a_look_costs_little_and_most_of_it_for_what_moved() -> None:
    random = Random(1)
    async with open_system() as system:
        kind = system.kind("session", lambda _: Session(), group="sessions")
        keys = [new_id() for _ in range(ACTORS)]
        for key in keys:
            kind.ref(key).tell(Poke())
        await trio.testing.wait_all_tasks_blocked()
        changes = Changes(system)
        await changes.look()
        now = system.clock.now()
        whole = Snapshot("n", now, True, list(changes.rows), totals(system), {})
        print(f"\nsnapshot of {ACTORS} actors: {len(_encode(whole)) / 1024:.0f} KiB")
        costs = {}
        for moved in (0, 100, 500, 2500, ACTORS):
            seconds, size = 0.0, 0
            for _ in range(LOOKS):
                for key in random.sample(keys, moved):
                    kind.ref(key).tell(Poke())
                await trio.testing.wait_all_tasks_blocked()
                began = thread_time()
                change = await changes.look()
                frame = ChangeFrame(now, change.changed, change.gone, totals(system), {})
                size += len(_encode(frame))
                seconds += thread_time() - began
            costs[moved] = seconds / LOOKS
            print(
                f"{moved:5} moved: {1000 * costs[moved]:5.1f} ms CPU a look,"
                f" {100 * costs[moved] / EVERY:4.1f} % of a core, {size / LOOKS / 1024:6.1f} KiB"
            )
    assert costs[0] / EVERY < 0.05
