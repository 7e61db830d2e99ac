"""Whatever happens in whatever order, no accepted message is silently lost.

Hypothesis sends, crashes, stops, cancels and lets time pass as it likes. It lives in
a thread and the actors in trio; between two rules all tasks wait, so that a run can
be repeated. Time is moved by hand.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import ActorSystem, Kind, Ref, Restart
from actors.messages import Question
from actors.testing import running_system
from tests.conftest import ErrorLog

from .couriers import VERBS, Courier, Errand, Ledger, Parcel, Ring

RESTART = Restart(first_delay=0.2, longest_delay=1.0, intensity=3, within=10.0, quarantine=5.0)
CAPACITY = 6

NAMES = st.sampled_from(["ayu", "budi", "desk", "socket"])
LETTERS = st.lists(st.tuples(NAMES, st.sampled_from(VERBS), st.booleans()), min_size=1, max_size=9)


class World:
    """A system with two virtual actors, one service and one spawned actor."""

    def __init__(self, clock: MockClock) -> None:
        self.clock = clock
        self.ledger = Ledger()
        self.asking: list[trio.CancelScope] = []
        self.draining = False
        self.drained = trio.Event()
        self._over = trio.Event()
        self._ended = trio.Event()
        self.system: ActorSystem
        self._askers: trio.Nursery
        self._couriers: Kind[Parcel | Errand | Ring]

    async def run(self, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as self._askers, running_system() as self.system:
            system = self.system
            self.ledger.watch(system)
            # A service that may crash as often as it likes.
            system.spawn(
                "desk",
                lambda: Courier(self.ledger, "desk"),
                group="g",
                capacity=CAPACITY,
                restart=Restart(first_delay=0.2, intensity=1000),
            )
            self._couriers = system.kind(
                "courier",
                lambda key: Courier(self.ledger, key),
                group="g",
                capacity=CAPACITY,
                restart=RESTART,
            )
            sockets = system.kind("socket", None, group="g", capacity=CAPACITY, restart=RESTART)
            sockets.spawn("socket", lambda: Courier(self.ledger, "socket"))
            task_status.started()
            await self._over.wait()
        self._ended.set()

    def ref(self, name: str) -> Ref[Parcel | Errand | Ring]:
        if name in self.system.kinds:
            return self.system.ref(name, name)
        return self._couriers.ref(name)

    async def _ask(self, name: str, verb: str) -> None:
        with trio.CancelScope() as scope:
            self.asking.append(scope)
            await self.ledger.ask(self.ref(name), verb)
        self.asking.remove(scope)

    async def send(self, letters: list[tuple[str, str, bool]]) -> None:
        for name, verb, asked in letters:
            if asked:
                self._askers.start_soon(self._ask, name, verb)
            else:
                self.ledger.tell(self.ref(name), verb)
        await wait_all_tasks_blocked()

    async def act(self, action: Callable[[], object]) -> None:
        action()
        await wait_all_tasks_blocked()

    async def drain(self) -> None:
        self.draining = True
        self._askers.start_soon(self._drain)
        await wait_all_tasks_blocked()

    async def _drain(self) -> None:
        await self.system.drain(1000)
        self.drained.set()

    async def end(self) -> None:
        """Let time pass until all have drained, pay what is owed, and leave."""
        if not self.draining:
            await self.drain()
        self.ledger.slow = False
        for moment in range(200):
            if self.drained.is_set():
                break
            if moment % 20 == 0:
                await self.send(
                    [(name, "pay", False) for name in ("ayu", "budi", "desk", "socket")]
                )
            self.clock.jump(0.5)
            await wait_all_tasks_blocked()
        assert self.drained.is_set(), "the drain hangs"
        self._over.set()
        await self._ended.wait()

    def unaccounted(self) -> set[int]:
        """What was told and is neither handled, nor dead, nor waiting, nor in hand."""
        items = [
            item
            for kind in self.system.kinds.values()
            for cell in kind.cells.values()
            for item in (*cell.mailbox.mail, cell.busy_with)
        ]
        assert all(item.debtor is None for item in items if isinstance(item, Question))
        waiting = {item.number for item in items if isinstance(item, Parcel)}
        return set(self.ledger.told) - set(self.ledger.done) - set(self.ledger.dead) - waiting


def machine(open_world: Callable[[], Awaitable[World]]) -> type[RuleBasedStateMachine]:
    """The rules, for worlds that are opened in trio."""

    class AnyDay(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.world = trio.from_thread.run(open_world)

        @rule(letters=LETTERS)
        def send(self, letters: list[tuple[str, str, bool]]) -> None:
            trio.from_thread.run(self.world.send, letters)

        @rule(seconds=st.sampled_from([0.1, 0.3, 1.0, 2.5, 6.0]))
        def time_passes(self, seconds: float) -> None:
            trio.from_thread.run(self.world.act, lambda: self.world.clock.jump(seconds))

        @rule(name=NAMES)
        def stop(self, name: str) -> None:
            if name != "desk":
                trio.from_thread.run(self.world.act, self.world.ref(name).stop)

        @rule(name=NAMES)
        def crash(self, name: str) -> None:
            path = self.world.ref(name).path
            trio.from_thread.run(self.world.act, lambda: self.world.system.crash(path))

        @rule(slow=st.booleans())
        def starts_and_ends_take_time(self, slow: bool) -> None:
            self.world.ledger.slow = slow

        @precondition(lambda self: self.world.asking)
        @rule(data=st.data())
        def an_asker_is_cancelled(self, data: st.DataObject) -> None:
            scope = data.draw(st.sampled_from(self.world.asking))
            trio.from_thread.run(self.world.act, scope.cancel)

        @precondition(lambda self: not self.world.draining)
        @rule()
        def drain(self) -> None:
            trio.from_thread.run(self.world.drain)

        @invariant()
        def every_message_is_somewhere(self) -> None:
            assert self.world.unaccounted() == set()
            assert self.world.ledger.faults == []

        def teardown(self) -> None:
            trio.from_thread.run(self.world.end)
            self.world.ledger.check()

    return AnyDay


def test_whatever_happens_every_accepted_message_is_handled_told_or_counted(
    expected_errors: ErrorLog, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL", "actors")  # thousands of crashes
    rules = settings(
        max_examples=150,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )

    async def main() -> None:
        async with trio.open_nursery() as nursery:

            async def open_world() -> World:
                world = World(clock)
                await nursery.start(world.run)
                return world

            await trio.to_thread.run_sync(
                lambda: run_state_machine_as_test(machine(open_world), settings=rules)
            )

    clock = MockClock()
    trio.run(main, clock=clock)
