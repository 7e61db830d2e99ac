"""Whatever a client sends: the server lives, keeps nothing, and stops when told to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .attacks import ATTACKS, HANGING
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
