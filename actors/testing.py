"""Help for tests of actors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import chain, repeat
from random import Random
from typing import Any, TypeVar

import trio
import trio.testing

from .actor import Actor
from .cell import Cell, State
from .clock import Clock
from .system import ActorSystem, open_system

T = TypeVar("T")


class Probe(Actor[Any]):
    """An inbox to look into: remembers what it was told, in order."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self._news = trio.Event()

    async def receive(self, message: Any) -> None:
        self.heard.append(message)
        self._news.set()

    async def wait_for(self, message_type: type[T], count: int = 1) -> list[T]:
        """The messages of one type once there are `count`; fails after 5 seconds."""
        with trio.fail_after(5):
            while True:
                found = [one for one in self.heard if isinstance(one, message_type)]
                if len(found) >= count:
                    return found
                self._news = trio.Event()
                await self._news.wait()


async def settle(system: ActorSystem) -> None:
    """Return once nothing more happens unless time passes or somebody acts.

    An actor that waits for its restart does not count, whatever mail it has.
    `TooSlowError` when one is busy for seconds.
    """

    def settled() -> bool:
        return all(_settled(cell) for kind in system.kinds.values() for cell in kind.cells.values())

    await _until(settled)


async def wait_gone(system: ActorSystem, path: str) -> None:
    """Return once no actor runs at `path`; `TooSlowError` after seconds."""
    await _until(lambda: system.find(path) is None)


def _settled(cell: Cell) -> bool:
    if cell.state is State.RUNNING:
        return not (cell.mailbox.mail or cell.mailbox.signals or cell.busy_with is not None)
    return cell.state not in (State.STARTING, State.STOPPING)


async def _until(condition: Callable[[], bool]) -> None:
    """Poll in real time, but only while all tasks wait: trio's clock may stand still."""
    for patience in chain([0.0], repeat(0.001, 5000)):
        await trio.testing.wait_all_tasks_blocked(patience)
        if condition():
            return
    raise trio.TooSlowError


@asynccontextmanager
async def running_system(
    seed: int = 0, *, clock: Clock | None = None
) -> AsyncIterator[ActorSystem]:
    """A system whose jitter is fixed, and its wall clock too if one is given."""
    async with open_system(clock=clock, random=Random(seed)) as system:
        yield system
