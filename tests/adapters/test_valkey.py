"""The bus and the cache: what they keep, what they announce, and how they fail."""

import os
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
import trio.testing

from halobestie.adapters import valkey as adapter
from halobestie.adapters.bridge import Bridge
from halobestie.adapters.embedded import EmbeddedValkey
from halobestie.adapters.valkey import (
    Gap,
    Message,
    Subscription,
    Valkey,
    ValkeyAway,
    open_valkey,
)
from tests.waiting import until, until_it_works

STORM_SEED = 20_240_817


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedValkey]:
    """A Valkey to be cruel to, watched as in the node."""
    server = EmbeddedValkey(tmp_path)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run)
        yield server
        nursery.cancel_scope.cancel()


@pytest.fixture
async def fragile(bridge: Bridge, server: EmbeddedValkey) -> AsyncIterator[Valkey]:
    async with open_valkey(bridge, server.url) as client:
        yield client


@pytest.fixture
def fast_clock() -> trio.testing.MockClock:
    """Ten of the test's seconds in one of ours."""
    return trio.testing.MockClock(rate=10)


def pid_of(server: EmbeddedValkey) -> int:
    pid = server.statistics()["pid"]
    assert isinstance(pid, int)
    return pid


async def test_values_are_kept_until_their_time_is_over(valkey: Valkey) -> None:
    assert await valkey.get("colour") is None
    await valkey.set("colour", "blue", seconds=60)
    assert await valkey.get("colour") == b"blue"
    assert not await valkey.add("colour", "red", seconds=60)
    assert await valkey.delete("colour", "nothing") == 1
    assert await valkey.add("colour", "red", seconds=0.001)
    while await valkey.get("colour") is not None:
        await trio.lowlevel.checkpoint()


async def test_a_count_starts_a_window_that_later_ones_do_not_move(valkey: Valkey) -> None:
    first = await valkey.count("logins", window=60)
    second = await valkey.count("logins", window=600)
    assert (first.count, second.count) == (1, 2)
    assert 0 < second.seconds_left <= first.seconds_left == 60
    assert (await valkey.count("others", window=60)).count == 1


async def test_a_counter_that_lost_its_window_gets_a_new_one(valkey: Valkey) -> None:
    await valkey.command("SET", "stuck", "7")
    assert await valkey.count("stuck", window=60) == adapter.Count(8, 60)


async def test_a_subscriber_hears_its_channels_in_order_after_the_first_gap(
    valkey: Valkey,
) -> None:
    async with valkey.subscribe("north", "south") as subscription:
        assert await anext(subscription) == Gap()
        assert await valkey.publish("north", "1") == 1
        assert await valkey.publish("east", "lost") == 0
        assert await valkey.publish("south", b"\xff2") == 1
        assert await anext(subscription) == Message("north", b"1")
        assert await anext(subscription) == Message("south", b"\xff2")


async def test_a_reader_that_falls_behind_is_told_of_the_gap(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "BACKLOG", 3)
    subscription = Subscription()
    for number in range(5):
        subscription._put(Message("news", b"%d" % number))
    heard = [await anext(subscription) for _ in range(2)]
    assert heard == [Gap(), Message("news", b"4")]


async def test_random_cancellations_leave_every_answer_right(valkey: Valkey) -> None:
    chance = random.Random(STORM_SEED)
    wrong: list[object] = []
    for number in range(20):
        await valkey.set(f"key{number}", str(number), seconds=60)

    async def ask(number: int) -> None:
        for _ in range(15):
            with trio.move_on_after(chance.random() * 0.003):
                answer = await valkey.get(f"key{number}")
                if answer != str(number).encode():
                    wrong.append((number, answer))

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(ask, number)
    assert wrong == []
    for number in range(20):
        assert await valkey.get(f"key{number}") == str(number).encode()
    assert valkey.statistics()["failures"] == 0


async def test_a_valkey_that_was_never_there_is_away_at_once_and_nothing_else(
    bridge: Bridge, mock_clock: trio.testing.MockClock
) -> None:
    began = trio.current_time()
    async with open_valkey(bridge, "unix:///tmp/nowhere/valkey.sock") as client:
        for _ in range(2):
            with pytest.raises(ValkeyAway):
                await client.ping()
        assert trio.current_time() == began  # the clock stands still: nothing waited for it
        assert client.statistics() == {"calls": 1, "failures": 1}  # the second was not tried
        async with client.subscribe("news"):
            pass


@pytest.mark.faults
async def test_a_killed_valkey_is_used_again_as_soon_as_it_is_back(
    fragile: Valkey, server: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "PAUSE", 0.05)
    await fragile.ping()
    os.kill(pid_of(server), signal.SIGKILL)
    await until(lambda: server.statistics()["restarts"] == 1)
    await until_it_works(fragile.ping, instead_of=ValkeyAway)


@pytest.mark.faults
async def test_a_subscriber_is_told_of_the_gap_after_a_kill_and_hears_on(
    fragile: Valkey, server: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "PAUSE", 0.05)
    async with fragile.subscribe("news") as subscription:
        assert await anext(subscription) == Gap()
        for number in (signal.SIGKILL, signal.SIGTERM):
            os.kill(pid_of(server), number)
            with trio.fail_after(5):
                assert await anext(subscription) == Gap()
            await until_it_works(lambda: fragile.publish("news", "again"), instead_of=ValkeyAway)
            assert await anext(subscription) == Message("news", b"again")


@pytest.mark.faults
async def test_a_stalled_valkey_holds_nobody_up(
    fragile: Valkey, server: EmbeddedValkey, fast_clock: trio.testing.MockClock
) -> None:
    await fragile.ping()
    pid = pid_of(server)
    os.kill(pid, signal.SIGSTOP)
    try:
        began = trio.current_time()
        for _ in range(50):
            with pytest.raises(ValkeyAway):
                await fragile.ping()
        assert trio.current_time() - began < 5
    finally:
        os.kill(pid, signal.SIGCONT)
    await until_it_works(fragile.ping, instead_of=ValkeyAway, within=100)
