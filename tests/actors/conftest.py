from collections.abc import AsyncIterator
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from actors import ActorSystem, Kind
from actors.testing import running_system
from tests.actors.cast import Line, Stage, players
from tests.conftest import ErrorLog


def run_on_jumping_time(main: Any, *, clock: Any = None, **options: Any) -> Any:
    """Time jumps to the next deadline when all tasks wait. There are no sockets, threads or
    databases in these tests."""
    return trio.run(main, clock=clock or MockClock(autojump_threshold=0), **options)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        here = item.path.is_relative_to(Path(__file__).parent)
        if here and isinstance(item, pytest.Function) and iscoroutinefunction(item.obj):
            item.add_marker(pytest.mark.trio(run=run_on_jumping_time), append=False)


@pytest.fixture(autouse=True)
def claimed_errors(expected_errors: ErrorLog) -> None:
    """Crashes that tests here ask for. Any other, and a failed assertion in an actor, fails."""
    for text in ("crashed: ValueError", "crashed: CrashRequested", "is quarantined"):
        expected_errors.allow(text)


@pytest.fixture
async def system() -> AsyncIterator[ActorSystem]:
    async with running_system() as system:
        yield system


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def cast(system: ActorSystem, stage: Stage) -> Kind[Line]:
    return players(system, stage)
