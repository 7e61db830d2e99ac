"""The actors of these tests, and the stage on which they play.

A Stage outlives its players: it is their database, their diary and their gates. It
also watches what must hold always: two incarnations of one player never overlap.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Hashable
from typing import assert_never

import msgspec
import trio

from actors import Actor, ActorSystem, Ask, Kind, Later, Restart, Unavailable

SECRET = "a text that people wrote"


async def outcome(asking: Awaitable[object]) -> object:
    """The reply, or the type of the error. Either must have come at once."""
    before = trio.current_time()
    result: object
    try:
        result = await asking
    except Exception as error:
        result = type(error)
    assert trio.current_time() == before
    return result


class Add(msgspec.Struct, frozen=True):
    """Add to the sum, which is durable."""

    number: int


class Sum(Ask[int], frozen=True):
    """The sum so far."""


class Fail(msgspec.Struct, frozen=True):
    """Fail in this way, see `failure`."""

    how: str = "crash"


class FailToAnswer(Ask[None], frozen=True):
    """The same, with somebody who waits."""

    how: str = "crash"


class Hold(msgspec.Struct, frozen=True):
    """Wait at a gate of the stage."""

    gate: str


class HoldAndAnswer(Ask[str], frozen=True):
    """Wait at a gate, then answer its name."""

    gate: str


class Owe(Ask[str], frozen=True):
    """Answer at the Pay of this name."""

    name: str


class Pay(msgspec.Struct, frozen=True):
    """Give the answer that is owed under this name."""

    name: str


class Leave(msgspec.Struct, frozen=True):
    """Retire."""


class SetAlarm(msgspec.Struct, frozen=True):
    """Set a deadline so many seconds from now."""

    name: str
    seconds: float


class ClearAlarm(msgspec.Struct, frozen=True):
    """Clear it again."""

    name: str


class Alarm(msgspec.Struct, frozen=True):
    """A deadline is due."""

    name: str


Line = (
    Add
    | Sum
    | Fail
    | FailToAnswer
    | Hold
    | HoldAndAnswer
    | Owe
    | Pay
    | Leave
    | SetAlarm
    | ClearAlarm
    | Alarm
)


def failure(how: str) -> Exception:
    """An exception whose text must never be seen."""
    match how:
        case "crash":
            return ValueError(SECRET)
        case "away":
            return Unavailable(SECRET)
        case "away in a group":
            return ExceptionGroup("g", [Unavailable(SECRET), Unavailable(SECRET)])
        case "away and crash":
            return ExceptionGroup("g", [Unavailable(SECRET), ValueError(SECRET)])
        case _:
            raise AssertionError(how)


class Stage:
    """What survives crashes, and what happened."""

    def __init__(self) -> None:
        self.diary: list[str] = []
        self.sums: Counter[Hashable] = Counter()
        self.gates: defaultdict[str, trio.Event] = defaultdict(trio.Event)
        self.failing_starts: deque[str] = deque()
        self.at_stop: Callable[[Player], None] = lambda player: None
        self.rang_at: list[tuple[str, float]] = []
        self._on_stage: dict[Hashable, Player] = {}

    def enter(self, player: Player) -> None:
        """A new incarnation; the previous one must have been dropped by the runtime."""
        previous = self._on_stage.get(player.key)
        assert previous is None or not previous.playing, f"two {player.key} at once"
        self._on_stage[player.key] = player

    def open(self, gate: str) -> None:
        """Let those pass who wait there."""
        self.gates[gate].set()


class Player(Actor[Line]):
    """Does as it is told. Its diary has the sum before and the key in front."""

    def __init__(self, stage: Stage, key: Hashable = "player") -> None:
        self.stage = stage
        self.key = key
        self.playing = False
        self.sum = 0
        self.owed: dict[str, Later[str]] = {}

    async def started(self) -> None:
        self.stage.enter(self)
        if self.stage.failing_starts:
            self.note("fails to start")
            raise failure(self.stage.failing_starts.popleft())
        self.sum = self.stage.sums[self.key]
        self.note("started")

    async def receive(self, message: Line) -> object:
        self.playing = True
        try:
            return await self._act(message)
        finally:
            self.playing = False

    async def _act(self, message: Line) -> object:
        match message:
            case Add(number):
                self.stage.sums[self.key] += number
                self.sum += number
                self.note(f"+{number}")
            case Sum():
                return self.sum
            case Fail(how) | FailToAnswer(how):
                self.note("fails")
                raise failure(how)
            case Hold(gate) | HoldAndAnswer(gate):
                self.note(f"holds {gate}")
                await self.stage.gates[gate].wait()
                self.note(f"passes {gate}")
                return gate
            case Owe(name):
                self.owed[name] = self.defer(message)
            case Pay(name):
                self.owed.pop(name).answer(name)
            case Leave():
                self.note("leaves")
                self.stop()
            case SetAlarm(name, seconds):
                self.deadlines.after(name, seconds, Alarm(name))
            case ClearAlarm(name):
                self.deadlines.clear(name)
            case Alarm(name):
                self.note(f"rings {name}")
                self.stage.rang_at.append((name, trio.current_time()))
            case _:
                assert_never(message)
        return None

    async def stopping(self) -> None:
        self.note("stopping")
        self.stage.at_stop(self)

    def info(self) -> dict[str, object]:
        return {"sum": self.sum}

    def note(self, what: str) -> None:
        """Into the diary."""
        self.stage.diary.append(f"{self.key}: {what}")


#: Restarts that need no patience.
QUICK = Restart(first_delay=0.1, longest_delay=1.0, intensity=3, within=30.0, quarantine=20.0)


def players(system: ActorSystem, stage: Stage, *, capacity: int = 100) -> Kind[Line]:
    """A virtual kind of players."""
    return system.kind(
        "player",
        lambda key: Player(stage, key),
        group="players",
        capacity=capacity,
        restart=QUICK,
    )
