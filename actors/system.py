"""The actor system: kinds, groups, and one nursery that holds every actor.

Kinds and keys are the virtual-actor idea: ``sessions.ref(id)`` is valid at any
time, and the first message starts the actor. Groups give the tree its shape and
the drain its order: what was registered first starts first and drains last.
"""

from __future__ import annotations

import contextvars
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from functools import partial
from random import Random
from typing import Any, Generic, TypeVar

import trio

from .actor import Actor
from .cell import Cell, Signal
from .clock import Clock
from .deadletters import DeadLetters
from .deadlines import Timers
from .errors import ActorStopped, MailboxFull
from .mailbox import Gate, Mailbox
from .refs import Ref
from .restarts import Restart

M = TypeVar("M")

DEFAULT_CAPACITY = 1024  # messages in a mailbox


class Kind(Generic[M]):
    """All actors of one sort. Made by `ActorSystem.kind`."""

    def __init__(
        self,
        system: ActorSystem,
        name: str,
        group: str,
        factory: Callable[[Any], Actor[M]] | None,
        *,
        capacity: int,
        restart: Restart,
        static: bool,
    ) -> None:
        self.system = system
        self.name = name
        self.group = group
        self.capacity = capacity
        self.restart = restart
        self.static = static
        self.closed = False
        self.cells: dict[Hashable, Cell] = {}
        self._factory = factory
        self._gone = Mailbox(0)
        self._gone.gate = Gate.GONE

    @property
    def virtual(self) -> bool:
        """Whether a message starts an actor that does not run."""
        return self._factory is not None

    def ref(self, key: Hashable) -> Ref[M]:
        """The address of the actor with this key."""
        return Ref(self, key)

    def spawn(self, key: Hashable, factory: Callable[[], Actor[M]]) -> Ref[M]:
        """Start an actor of a kind that is not virtual. Its key must be free.

        Raises `ActorStopped` once the kind drains.
        """
        if self.closed or self.system.closed:
            raise ActorStopped(self.path_of(key))
        if key in self.cells:
            raise ValueError(f"{self.path_of(key)} is running")
        self._start(key, factory)
        return Ref(self, key)

    def tell_running(self, key: Hashable, message: M) -> None:
        """Tell an actor if it runs. For news that one which starts reads from its rows."""
        if key in self.cells:
            self.ref(key).tell(message)

    def tell_all(self, message: M) -> None:
        """Tell every actor of this kind that runs. One whose mailbox is full misses it."""
        for key in tuple(self.cells):
            try:
                self.ref(key).tell(message)
            except MailboxFull:
                self.dead_letter(message, key, "full")

    def path_of(self, key: Hashable) -> str:
        """``group/kind:key``, or ``group/kind`` for a static service."""
        return f"{self.group}/{self.name}" if self.static else f"{self.group}/{self.name}:{key}"

    # for refs and cells

    def mailbox(self, key: Hashable) -> Mailbox:
        """The mailbox behind a key, starting a virtual actor if need be."""
        cell = self.cells.get(key)
        if cell is not None:
            return cell.mailbox
        if self._factory is None or self.closed or self.system.closed:
            return self._gone
        return self._start(key, None).mailbox

    def make(self, key: Hashable) -> Actor[M]:
        """A new incarnation of a virtual actor."""
        assert self._factory is not None
        return self._factory(key)

    def stop(self, key: Hashable) -> None:
        """See `Ref.stop`."""
        if key in self.cells:
            self.cells[key].mailbox.signal(Signal.STOP)

    def forget(self, cell: Cell) -> None:
        """A cell has ended."""
        del self.cells[cell.key]
        self.system.retired(cell, emptied=not self.cells)

    def dead_letter(self, message: object, key: Hashable, why: str) -> None:
        """A message for `key` will not be handled."""
        self.system.dead_letters.add(message, self.path_of(key), why)

    def _start(self, key: Hashable, factory: Callable[[], Actor[M]] | None) -> Cell:
        cell = Cell(self, key, factory)
        self.cells[key] = cell
        self.system.run_cell(cell)
        return cell


class ActorSystem:
    """Everything alive. Use `open_system`."""

    def __init__(self, nursery: trio.Nursery, clock: Clock, random: Random) -> None:
        self.clock = clock
        self.random = random
        self.timers = Timers()
        self.dead_letters = DeadLetters()
        self.kinds: dict[str, Kind[Any]] = {}
        self.closed = False
        """Whether nothing can start any more."""
        self.messages_of_the_gone = 0
        self.restarts_of_the_gone = 0
        self._nursery = nursery
        self._emptied = trio.Event()
        # Actors start inside whoever sends the first message; they must not inherit
        # its context variables (a request's id, say).
        self._context = contextvars.copy_context()

    def kind(
        self,
        name: str,
        factory: Callable[[Any], Actor[M]] | None,
        *,
        group: str,
        capacity: int = DEFAULT_CAPACITY,
        restart: Restart | None = None,
    ) -> Kind[M]:
        """Register a kind. With a factory (of the key) it is virtual; without one its
        actors are started by `Kind.spawn` and a message to one that is gone is dropped."""
        return self._register(name, factory, group, capacity, restart, static=False)

    def spawn(
        self,
        name: str,
        factory: Callable[[], Actor[M]],
        *,
        group: str,
        capacity: int = DEFAULT_CAPACITY,
        restart: Restart | None = None,
    ) -> Ref[M]:
        """Start a static service: the only one of its kind, alive until the drain.

        One that keeps crashing ends the system with `ServiceFailed`.
        """
        kind: Kind[M] = self._register(name, None, group, capacity, restart, static=True)
        return kind.spawn(name, factory)

    def ref(self, kind: str, key: Hashable) -> Ref[Any]:
        """An address by the name of its kind."""
        return self.kinds[kind].ref(key)

    def find(self, path: str) -> Cell | None:
        """The running cell at a path of the tree."""
        for kind in self.kinds.values():
            for cell in kind.cells.values():
                if cell.path == path:
                    return cell
        return None

    def crash(self, path: str) -> bool:
        """Raise inside the actor at `path`; False if none runs there."""
        cell = self.find(path)
        if cell is not None:
            cell.mailbox.signal(Signal.CRASH)
        return cell is not None

    async def drain(self, timeout: float) -> list[str]:
        """End all actors in reverse order of registration, each after its mail.

        Takes at most `timeout` seconds; returns the paths of those that were cut off.
        """
        cut_off: list[str] = []
        with trio.move_on_after(timeout) as scope:
            for kind in reversed(list(self.kinds.values())):
                kind.closed = True
                for cell in kind.cells.values():
                    cell.mailbox.signal(Signal.DRAIN)
                while kind.cells:
                    if self._emptied.is_set():
                        self._emptied = trio.Event()
                    await self._emptied.wait()
        if scope.cancelled_caught:
            cut_off = [cell.path for kind in self.kinds.values() for cell in kind.cells.values()]
        return cut_off

    # for kinds

    def run_cell(self, cell: Cell) -> None:
        """Give a new cell its task."""
        self._context.run(partial(self._nursery.start_soon, cell.run, name=cell.kind.name))

    def retired(self, cell: Cell, *, emptied: bool) -> None:
        """Keep the totals, and wake the drain when a kind has run empty."""
        self.messages_of_the_gone += cell.processed
        self.restarts_of_the_gone += cell.restarts
        if emptied:
            self._emptied.set()

    def _register(
        self,
        name: str,
        factory: Callable[[Any], Actor[M]] | None,
        group: str,
        capacity: int,
        restart: Restart | None,
        *,
        static: bool,
    ) -> Kind[M]:
        if name in self.kinds:
            raise ValueError(f"a kind {name} exists")
        kind: Kind[M] = Kind(
            self,
            name,
            group,
            factory,
            capacity=capacity,
            restart=restart or Restart(),
            static=static,
        )
        self.kinds[name] = kind
        return kind


@asynccontextmanager
async def open_system(
    *, clock: Clock | None = None, random: Random | None = None
) -> AsyncIterator[ActorSystem]:
    """A running system; leaving the block cancels whatever still runs (drain before).

    Raises (in an exception group) `ServiceFailed` when a static service keeps crashing.
    """
    async with trio.open_nursery() as nursery:
        system = ActorSystem(nursery, clock or Clock(), random or Random())
        nursery.start_soon(system.timers.run)
        try:
            yield system
        finally:
            system.closed = True
        nursery.cancel_scope.cancel()
