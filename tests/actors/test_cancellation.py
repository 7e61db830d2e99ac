"""Cancellation at every single step of a day leaves nothing hanging and nothing lost.

The same day is played again and again, and cancelled one scheduler step later each
time, until it comes to its end uncancelled.
"""

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock

from actors import ActorSystem
from actors.testing import running_system

from .cast import QUICK
from .couriers import Courier, Ledger

DAY = 100.0  # seconds that no play of the day may take

Play = Callable[["Ledger", "CancelAtStep"], None]


class CancelAtStep(trio.abc.Instrument):
    """Cancels its scope just before the n-th step of any task, once it has a scope."""

    def __init__(self, step: int) -> None:
        self.steps_left = step
        self.scope: trio.CancelScope | None = None

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if self.scope is not None:
            self.steps_left -= 1
            if self.steps_left == 0:
                self.scope.cancel()


async def send_everything(system: ActorSystem, ledger: Ledger, askers: trio.Nursery) -> None:
    """Every verb, told and asked, to a virtual actor and to a service; with pauses in
    which crashed ones come back and without."""
    ledger.watch(system)
    desk = system.spawn("desk", lambda: Courier(ledger, "desk"), group="g", restart=QUICK)
    kind = system.kind("courier", lambda key: Courier(ledger, key), group="g", restart=QUICK)
    for ref in (kind.ref("ayu"), desk):
        for verb in ("work", "alarm", "owe", "crash", "owe", "nap", "pay", "away", "work"):
            ledger.tell(ref, verb)
            askers.start_soon(ledger.ask, ref, verb)
            if verb in ("crash", "pay", "away"):
                await trio.sleep(3)
    ayu = kind.ref("ayu")
    for verb in ("leave", "work", "owe", "leave", "fall apart", "nap", "fall apart", "owe"):
        ledger.tell(ayu, verb)
        askers.start_soon(ledger.ask, ayu, verb)
    await trio.sleep(0.3)


async def cancel_everything(ledger: Ledger, cancel: CancelAtStep) -> None:
    async with trio.open_nursery() as askers:
        with trio.CancelScope() as cancel.scope:
            async with running_system() as system:
                await send_everything(system, ledger, askers)
                await system.drain(5)


async def cancel_the_askers(ledger: Ledger, cancel: CancelAtStep) -> None:
    async with running_system() as system, trio.open_nursery() as askers:
        cancel.scope = askers.cancel_scope
        await send_everything(system, ledger, askers)
        with trio.CancelScope(shield=True):
            await system.drain(5)


async def cancel_the_drain(ledger: Ledger, cancel: CancelAtStep) -> None:
    async with trio.open_nursery() as askers, running_system() as system:
        await send_everything(system, ledger, askers)
        with trio.CancelScope() as cancel.scope:
            await system.drain(5)


async def cancel_a_draining_system(ledger: Ledger, cancel: CancelAtStep) -> None:
    async with trio.open_nursery() as askers:
        with trio.CancelScope() as scope:
            async with running_system() as system:
                await send_everything(system, ledger, askers)
                cancel.scope = scope
                await system.drain(5)


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize(
    "play", [cancel_everything, cancel_the_askers, cancel_the_drain, cancel_a_draining_system]
)
def test_cancellation_at_every_step_leaves_nothing_hanging_and_loses_nothing(
    play: Callable[[Ledger, CancelAtStep], object], slow: bool
) -> None:
    async def day() -> None:
        start = trio.current_time()
        with trio.fail_after(DAY):
            await play(ledger, cancel)  # type: ignore[misc]
        assert trio.current_time() - start < DAY
        ledger.check()

    step = 0
    cancelled = True
    while cancelled:
        step += 1
        ledger, cancel = Ledger(), CancelAtStep(step)
        ledger.slow = slow
        trio.run(day, clock=MockClock(autojump_threshold=0), instruments=[cancel])
        cancelled = cancel.steps_left <= 0
    assert step > 20
