"""The actor runtime beside what one would write with trio's memory channels.

    python3 tests/bench/bench_actors.py        a table
    python3 run.py test -m bench tests/bench/bench_actors.py     the goals, as tests

All rivals handle the same message with the same coroutine. Rounds are interleaved,
so that a noisy machine disturbs all alike, and medians are given.
"""

from __future__ import annotations

import gc
import statistics
import sys
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

import msgspec
import pytest
import trio
import trio.testing

from actors import Actor, ActorSystem, Ask, MailboxFull, Ref, open_system

ROUNDS = 15
TELLS = 30_000  # a round
ASKS = 2_000
ACTORS = 10_000
CAPACITY = 1000  # of channel and mailbox alike

# The goals of issue 2.
TELL_GOAL = 8.0  # times the channel loop
ASK_GOAL = 2.0  # times the channel loop
BYTES_GOAL = 4096  # an idle actor
SPAWN_GOAL = 2.0  # seconds for ACTORS

Round = Callable[[], Awaitable[None]]


class Increment(msgspec.Struct, frozen=True):
    by: int


class Total(Ask[int], frozen=True):
    pass


class Counting(Actor[Increment | Total]):
    """Also serves the rivals, who call its `receive` themselves."""

    def __init__(self) -> None:
        self.total = 0

    async def receive(self, message: Increment | Total) -> int:
        match message:
            case Increment(by):
                self.total += by
            case Total():
                pass
        return self.total


class Figures(NamedTuple):
    tells: dict[str, float]  # messages a second
    asks: dict[str, float]  # round trips a second
    idle_bytes: float
    spawn_seconds: float

    @property
    def tell_ratio(self) -> float:
        return self.tells["actor"] / self.tells["channel"]

    @property
    def ask_ratio(self) -> float:
        return self.asks["actor"] / self.asks["channel"]


async def tell_an_actor(ref: Ref[Increment | Total], actor: Counting) -> None:
    message = Increment(1)
    actor.total = told = 0
    while told < TELLS:
        try:
            ref.tell(message)
            told += 1
        except MailboxFull:
            await trio.lowlevel.checkpoint()
    while actor.total < TELLS:
        await trio.lowlevel.checkpoint()


async def send_through_a_channel() -> None:
    sender, receiver = trio.open_memory_channel[Increment](CAPACITY)
    actor, message = Counting(), Increment(1)

    async def loop() -> None:
        async for item in receiver:
            await actor.receive(item)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop)
        async with sender:
            for _ in range(TELLS):
                await sender.send(message)
    assert actor.total == TELLS


async def append_to_a_deque() -> None:
    """The floor: no bound, no errors, no stop, nothing to see."""
    mail: deque[Increment] = deque()
    parked: list[trio.lowlevel.Task] = []
    actor, message = Counting(), Increment(1)

    async def loop() -> None:
        while actor.total < TELLS:
            while mail:
                await actor.receive(mail.popleft())
            if actor.total < TELLS:
                parked.append(trio.lowlevel.current_task())
                await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.FAILED)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop)
        await trio.lowlevel.checkpoint()
        for number in range(TELLS):
            mail.append(message)
            if parked:
                trio.lowlevel.reschedule(parked.pop())
            if number % CAPACITY == 0:
                await trio.lowlevel.checkpoint()


async def ask_an_actor(ref: Ref[Increment | Total]) -> None:
    message = Total()
    for _ in range(ASKS):
        await ref.ask(message, timeout=5)


async def ask_through_channels() -> None:
    """One reply channel per question, and a time-out: the same promise."""
    sender, receiver = trio.open_memory_channel[tuple[Total, trio.MemorySendChannel[int]]](CAPACITY)
    actor, message = Counting(), Total()

    async def loop() -> None:
        async for question, reply in receiver:
            reply.send_nowait(await actor.receive(question))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop)
        async with sender:
            for _ in range(ASKS):
                with trio.fail_after(5):
                    reply_to, reply = trio.open_memory_channel[int](1)
                    await sender.send((message, reply_to))
                    await reply.receive()


async def race(rivals: dict[str, Round], count: int) -> dict[str, float]:
    """What each does in a second: the median of interleaved rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(ROUNDS):
        for name, play in rivals.items():
            start = perf_counter()
            await play()
            seconds[name].append(perf_counter() - start)
    return {name: count / statistics.median(times) for name, times in seconds.items()}


def resident_bytes() -> int:
    """Memory of this process that is its own."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    raise OSError("no RssAnon: this needs Linux")


async def spawn(system: ActorSystem) -> tuple[float, float]:
    """Bytes of an idle actor that has handled a message, and seconds until all have."""
    kind = system.kind("idle", lambda key: Counting(), group="bench")
    message = Increment(1)
    gc.collect()
    before = resident_bytes()
    start = perf_counter()
    for key in range(ACTORS):
        kind.ref(key).tell(message)
    await trio.testing.wait_all_tasks_blocked()
    seconds = perf_counter() - start
    gc.collect()
    assert all(cell.processed for cell in kind.cells.values())
    return (resident_bytes() - before) / ACTORS, seconds


async def measure() -> Figures:
    async with open_system() as system:
        idle_bytes, spawn_seconds = await spawn(system)  # first, in fresh memory
    async with open_system() as system:
        actor = Counting()
        counter = system.spawn("counter", lambda: actor, group="bench", capacity=CAPACITY)
        tells = await race(
            {
                "channel": send_through_a_channel,
                "actor": lambda: tell_an_actor(counter, actor),
                "bare deque": append_to_a_deque,
            },
            TELLS,
        )
        asks = await race(
            {"channel": ask_through_channels, "actor": lambda: ask_an_actor(counter)}, ASKS
        )
    return Figures(tells, asks, idle_bytes, spawn_seconds)


def table(figures: Figures) -> str:
    lines = ["                         per second     × channel      goal"]
    for what, rates, goal in (
        ("tell", figures.tells, TELL_GOAL),
        ("ask", figures.asks, ASK_GOAL),
    ):
        for name, rate in rates.items():
            ratio = rate / rates["channel"]
            aim = f"≥ {goal:.0f} ×" if name == "actor" else ""
            lines.append(f"{what:5} {name:14} {rate:15,.0f} {ratio:13.1f} {aim:>9}")
    lines.append(f"idle actor     {figures.idle_bytes:12,.0f} bytes              ≤ {BYTES_GOAL:,}")
    lines.append(
        f"{ACTORS:,} spawned {figures.spawn_seconds:13.2f} s                  < {SPAWN_GOAL} s"
    )
    return "\n".join(lines)


@pytest.fixture(scope="module")
def figures() -> Figures:
    figures = trio.run(measure)
    print("\n" + table(figures))
    return figures


@pytest.mark.bench
def test_a_tell_is_many_times_as_fast_as_a_memory_channel(figures: Figures) -> None:
    assert figures.tell_ratio >= TELL_GOAL


@pytest.mark.bench
def test_an_ask_is_twice_as_fast_as_memory_channels(figures: Figures) -> None:
    assert figures.ask_ratio >= ASK_GOAL


@pytest.mark.bench
def test_an_idle_actor_is_small_and_quick_to_start(figures: Figures) -> None:
    assert figures.idle_bytes <= BYTES_GOAL
    assert figures.spawn_seconds < SPAWN_GOAL


if __name__ == "__main__":
    print(table(trio.run(measure)))
