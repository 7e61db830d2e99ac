"""Whatever a client sends: the server lives, keeps nothing, and stops when told to."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from .attacks import ATTACKS, FRAMES, HANGING, REQUESTS
from .target import Target


def test_the_list_is_whole() -> None:
    assert len(ATTACKS) >= 88


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    target = Target(tmp_path_factory.mktemp("edge") / "log")
    yield target
    if target.process.poll() is None:
        target.kill()


@pytest.mark.parametrize("name", ATTACKS)
def test_the_server_outlives(name: str, target: Target) -> None:
    """Alive, answering, nothing in the log, no task and no descriptor left behind."""
    clients = ATTACKS[name](target) or []
    for client in clients:
        client.close()
    stats = target.settled()
    assert stats["edge"]["failures"] == 0, target.log()
    assert target.log() == ""


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Bytes changed, a stretch doubled, the end cut off; or not."""
    changed = bytearray(data[:20_000])
    for _ in range(chance.randrange(6)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    begin, end = sorted(chance.choices(range(len(changed) + 1), k=2))
    if chance.random() < 0.3:
        changed[begin:begin] = changed[begin:end]
    return bytes(changed[: chance.choice((None, end))])


def test_the_server_outlives_inputs_that_nobody_thought_of(target: Target) -> None:
    """The same ones in every run."""
    chance = random.Random(20260703)
    for number in range(600):
        if number % 2:
            client = target.socket()
            client.send_what_goes(mutated(chance.choice(FRAMES), chance))
        else:
            client = target.client()
            client.send_what_goes(mutated(chance.choice(REQUESTS), chance))
        if number % 3:
            client.close()
        else:
            client.reset()
    assert target.settled()["edge"]["failures"] == 0, target.log()
    assert target.log() == ""


def test_the_server_still_stops_after_all_of_them(target: Target) -> None:
    assert target.stop() == 0


@pytest.mark.parametrize("name", sorted(HANGING))
def test_sigterm_ends_the_server_in_the_middle_of(name: str, tmp_path: Path) -> None:
    target = Target(tmp_path / "log")
    try:
        clients = ATTACKS[name](target)
        assert clients
        target.stop()
        for client in clients:
            client.close()
    finally:
        target.kill()
