"""Messages of which every single one is accounted for.

The Ledger numbers all that is sent and notes what became of it. Its `check` is the
promise of the runtime: an accepted message was handled exactly once, or its asker
was told, or it is a dead letter; and incarnations of one actor never overlapped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from itertools import count

import msgspec
import trio

from actors import Actor, ActorError, ActorSystem, Ask, Later, MailboxFull, Ref, Unavailable

VERBS = ("work", "nap", "crash", "away", "fall apart", "leave", "owe", "pay", "alarm")
#: Longer than any test: an asker whom only this ended was forgotten.
PATIENCE = 10_000.0  # seconds


class Parcel(msgspec.Struct, frozen=True):
    """Something to do."""

    number: int
    verb: str


class Errand(Ask[int], frozen=True):
    """The same, with somebody who waits for its number."""

    number: int
    verb: str


class Ring(msgspec.Struct, frozen=True):
    """A deadline is due."""


class Ledger:
    """What was sent, and what became of it. Any sender's and all incarnations' book."""

    def __init__(self) -> None:
        self.told: list[int] = []
        self.asked: list[int] = []
        self.begun: Counter[int] = Counter()
        self.done: Counter[int] = Counter()
        self.dead: Counter[int] = Counter()
        self.outcomes: dict[int, str] = {}
        self.faults: list[str] = []
        self.slow = False  # whether starts and ends take their time
        self._numbers = count(1)
        self._incarnations: Counter[Hashable] = Counter()
        self._inside: dict[Hashable, int] = {}

    def watch(self, system: ActorSystem) -> None:
        """Hear of the dead letters."""

        def add(message: object) -> None:
            assert isinstance(message, Parcel)
            self.dead[message.number] += 1

        system.dead_letters.watch(Parcel, add)

    def tell(self, ref: Ref[Parcel | Errand | Ring], verb: str) -> None:
        parcel = Parcel(next(self._numbers), verb)
        try:
            ref.tell(parcel)
        except MailboxFull:
            return
        self.told.append(parcel.number)

    async def ask(self, ref: Ref[Parcel | Errand | Ring], verb: str) -> None:
        errand = Errand(next(self._numbers), verb)
        self.asked.append(errand.number)
        self.outcomes[errand.number] = "hangs"
        try:
            reply = await ref.ask(errand, timeout=PATIENCE)
            self.outcomes[errand.number] = "answered"
            if reply != errand.number:
                self.faults.append(f"{errand} got the answer of {reply}")
        except ActorError as error:
            self.outcomes[errand.number] = type(error).__name__
        except trio.Cancelled:
            self.outcomes[errand.number] = "cancelled"
            raise

    def born(self, key: Hashable) -> int:
        self._incarnations[key] += 1
        return self._incarnations[key]

    @contextmanager
    def inside(self, key: Hashable, incarnation: int) -> Iterator[None]:
        """Code of an actor runs."""
        if key in self._inside:
            self.faults.append(f"two incarnations of {key} at once")
        if incarnation != self._incarnations[key]:
            self.faults.append(f"a past incarnation of {key} was called")
        self._inside[key] = incarnation
        try:
            yield
        finally:
            del self._inside[key]

    def check(self) -> None:
        """When all is over."""
        assert self.faults == []
        for number in self.told:
            fate = self.done[number] + self.dead[number]
            assert fate == 1, f"parcel {number} has {fate} fates"
        for number in self.asked:
            outcome = self.outcomes[number]
            assert outcome not in ("hangs", "AskTimeout"), f"the asker of {number} {outcome}"
            assert (outcome != "answered") or self.begun[number] == 1
        assert all(times == 1 for times in self.begun.values()), "a message was begun twice"
        assert set(self.dead) <= set(self.told)


class Courier(Actor[Parcel | Errand | Ring]):
    """Does what the verb says, with a checkpoint before and behind everything."""

    def __init__(self, ledger: Ledger, key: Hashable) -> None:
        self.ledger = ledger
        self.key = key
        self.incarnation = ledger.born(key)
        self.owed: list[tuple[Later[int], int]] = []

    async def started(self) -> None:
        with self.ledger.inside(self.key, self.incarnation):
            await self._take_time()

    async def stopping(self) -> None:
        with self.ledger.inside(self.key, self.incarnation):
            await self._take_time()

    async def flush(self) -> None:
        with self.ledger.inside(self.key, self.incarnation):
            await trio.lowlevel.checkpoint()

    async def receive(self, message: Parcel | Errand | Ring) -> int:
        if isinstance(message, Ring):
            return 0
        with self.ledger.inside(self.key, self.incarnation):
            self.ledger.begun[message.number] += 1
            await trio.lowlevel.checkpoint()
            await self._act(message)
            await trio.lowlevel.checkpoint()
        self.ledger.done[message.number] += 1
        return message.number

    async def _act(self, message: Parcel | Errand) -> None:
        match message.verb:
            case "work":
                pass
            case "nap":
                await trio.sleep(1)
            case "crash":
                raise ValueError
            case "away":
                raise Unavailable
            case "fall apart":
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._fall)
                    await trio.sleep_forever()
            case "leave":
                self.stop()
            case "owe":
                if isinstance(message, Errand):
                    self.owed.append((self.defer(message), message.number))
            case "pay":
                for later, number in self.owed:
                    later.answer(number)
                self.owed.clear()
            case "alarm":
                self.deadlines.after("ring", 0.5, Ring())
            case _:
                raise AssertionError(message.verb)

    async def _fall(self) -> None:
        """Raise, also when cancelled meanwhile: then in a group with Cancelled."""
        try:
            await trio.lowlevel.checkpoint()
        finally:
            raise ValueError

    async def _take_time(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.ledger.slow:
            await trio.sleep(0.3)
