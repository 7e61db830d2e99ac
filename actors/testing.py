"""Help for tests of actors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import trio
import trio.testing

from .actor import Actor
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
    """Return once no actor has mail, a signal or a message in hand."""
    while True:
        await trio.testing.wait_all_tasks_blocked()
        cells = [cell for kind in system.kinds.values() for cell in kind.cells.values()]
        if not any(
            cell.mailbox.mail or cell.mailbox.signals or cell.busy_with is not None
            for cell in cells
        ):
            return


async def wait_gone(system: ActorSystem, path: str) -> None:
    """Return once no actor runs at `path`; fails after 5 seconds."""
    with trio.fail_after(5):
        while system.find(path) is not None:
            await trio.testing.wait_all_tasks_blocked()
            await trio.lowlevel.checkpoint()


@asynccontextmanager
async def running_system(seed: int = 0) -> AsyncIterator[ActorSystem]:
    """A system whose jitter is fixed."""
    from random import Random

    async with open_system(random=Random(seed)) as system:
        yield system
