"""PostgreSQL is killed, stalls, and comes back: calls end in time, and all recovers.

The stalled server is met on a clock that runs fast: the asyncio loop takes its time-outs
from trio's clock.
"""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
import trio.testing

from actors import Unavailable
from halobestie.adapters.bridge import Bridge
from halobestie.adapters.embedded import EmbeddedPostgres
from halobestie.adapters.postgres import Connection, Database, Dedicated, open_database
from tests.waiting import until, until_it_works

LIMIT = 5.0  # seconds, of the contract: `unavailable` within 5 s


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    server = EmbeddedPostgres(folder)
    trio.run(server.start)
    trio.run(server.stop)
    return folder


@pytest.fixture
def fast_clock() -> trio.testing.MockClock:
    """Ten of the test's seconds in one of ours."""
    return trio.testing.MockClock(rate=10)


@pytest.fixture
async def server(data_dir: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A PostgreSQL to be cruel to, watched as in the node."""
    server = EmbeddedPostgres(data_dir)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run)
        yield server
        nursery.cancel_scope.cancel()


@pytest.fixture
async def database(bridge: Bridge, server: EmbeddedPostgres) -> AsyncIterator[Database]:
    async with open_database(bridge, server.url) as database:
        yield database


async def select(runner: Database | Dedicated, statement: str = "SELECT 1") -> object:
    async def work(connection: Connection) -> object:
        return await connection.fetchval(statement)

    return await runner.transaction(work)


async def processes(runner: Database | Dedicated) -> list[int]:
    """The postmaster and every backend that serves us."""
    found = await select(
        runner,
        "SELECT array_agg(pid) FROM pg_stat_activity WHERE backend_type = 'client backend'",
    )
    assert isinstance(found, list)
    return found


@pytest.mark.faults
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGQUIT])
async def test_calls_fail_at_once_while_postgres_is_gone_and_work_when_it_is_back(
    database: Database, server: EmbeddedPostgres, number: signal.Signals
) -> None:
    async with database.dedicated() as journal:
        for runner in (database, journal):
            assert await select(runner) == 1
        os.kill(_pid(server), number)
        with pytest.raises(Unavailable), trio.fail_after(LIMIT):
            while True:
                await select(database)
        for runner in (journal, database):
            answer = await until_it_works(
                lambda runner=runner: select(runner), instead_of=Unavailable, within=30
            )
            assert answer == 1
    await until(lambda: server.statistics()["restarts"] == 1)


@pytest.mark.faults
async def test_calls_under_way_when_postgres_is_killed_end_at_once(
    database: Database, server: EmbeddedPostgres
) -> None:
    failures: list[Unavailable] = []

    async def wait_long() -> None:
        try:
            await select(database, "SELECT pg_sleep(600)")
        except Unavailable as error:
            failures.append(error)

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(wait_long)
        busy = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%sleep(600%'"
        while await select(database, busy) != 6:  # the five, and the one that asks
            await trio.lowlevel.checkpoint()
        with trio.fail_after(LIMIT):
            os.kill(_pid(server), signal.SIGINT)
            await until(lambda: len(failures) == 5)
    answer = await until_it_works(lambda: select(database), instead_of=Unavailable, within=30)
    assert answer == 1


@pytest.mark.faults
async def test_a_stalled_postgres_is_unavailable_in_time_and_recovers(
    database: Database, server: EmbeddedPostgres, fast_clock: trio.testing.MockClock
) -> None:
    async with database.dedicated() as journal:
        await select(journal)
        stalled = [*await processes(database), _pid(server)]
        for pid in stalled:
            os.kill(pid, signal.SIGSTOP)
        try:
            for runner in (database, journal, database, journal):
                began = trio.current_time()
                with pytest.raises(Unavailable, match="TimeoutError"):
                    await select(runner)
                assert trio.current_time() - began < LIMIT
        finally:
            for pid in stalled:
                os.kill(pid, signal.SIGCONT)
        for runner in (database, journal):
            answer = await until_it_works(
                lambda runner=runner: select(runner), instead_of=Unavailable, within=100
            )
            assert answer == 1
    assert server.statistics()["restarts"] == 0


@pytest.mark.faults
async def test_giving_up_on_a_stalled_postgres_does_not_hang(
    database: Database, server: EmbeddedPostgres, fast_clock: trio.testing.MockClock
) -> None:
    await select(database)
    stalled = [*await processes(database), _pid(server)]
    for pid in stalled:
        os.kill(pid, signal.SIGSTOP)
    try:
        began = trio.current_time()
        with trio.move_on_after(0.5):
            await select(database)
        assert trio.current_time() - began < LIMIT
    finally:
        for pid in stalled:
            os.kill(pid, signal.SIGCONT)
    answer = await until_it_works(lambda: select(database), instead_of=Unavailable, within=100)
    assert answer == 1


@pytest.mark.faults
async def test_the_database_closes_in_time_while_postgres_is_stalled(
    bridge: Bridge, server: EmbeddedPostgres, fast_clock: trio.testing.MockClock
) -> None:
    stalled: list[int] = []
    try:
        async with open_database(bridge, server.url) as database:
            stalled += [*await processes(database), _pid(server)]
            for pid in stalled:
                os.kill(pid, signal.SIGSTOP)
            began = trio.current_time()
        assert trio.current_time() - began < LIMIT
    finally:
        for pid in stalled:
            os.kill(pid, signal.SIGCONT)


def _pid(server: EmbeddedPostgres) -> int:
    pid = server.statistics()["pid"]
    assert isinstance(pid, int)
    return pid
