"""The schema goes forward once, whoever starts it, and never changes behind one's back."""

from pathlib import Path

import pytest
import trio

from actors import Unavailable
from halobestie.adapters.bridge import Bridge
from halobestie.adapters.migrations import MigrationError, migrate, read_migrations
from halobestie.adapters.postgres import Connection, Database


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    # Behind the real ones, which the test's database has already.
    (tmp_path / "9001_cats.sql").write_text("CREATE TABLE cats (name text);")
    (tmp_path / "9002_more_cats.sql").write_text(
        "INSERT INTO cats VALUES ('Tom'); INSERT INTO cats VALUES ('Kit');"
    )
    return tmp_path


async def cats(db: Database) -> object:
    async def count(connection: Connection) -> object:
        return await connection.fetchval("SELECT count(*) FROM cats")

    return await db.transaction(count)


async def test_every_migration_runs_once_in_its_order(
    bridge: Bridge, database_url: str, db: Database, folder: Path
) -> None:
    assert await migrate(bridge, database_url, folder) == ["9001_cats.sql", "9002_more_cats.sql"]
    assert await migrate(bridge, database_url, folder) == []
    assert await cats(db) == 2


async def test_two_nodes_that_start_together_run_each_migration_once(
    bridge: Bridge, database_url: str, db: Database, folder: Path
) -> None:
    ran: list[str] = []

    async def start() -> None:
        ran.extend(await migrate(bridge, database_url, folder))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(start)
    assert ran == ["9001_cats.sql", "9002_more_cats.sql"]
    assert await cats(db) == 2


async def test_a_migration_that_fails_leaves_nothing_of_itself(
    bridge: Bridge, database_url: str, db: Database, folder: Path
) -> None:
    (folder / "9003_bad.sql").write_text("INSERT INTO cats VALUES ('Leo'); SELECT nonsense;")
    with pytest.raises(MigrationError, match=r"^9003_bad\.sql: .*nonsense"):
        await migrate(bridge, database_url, folder)
    assert await cats(db) == 2
    (folder / "9003_bad.sql").write_text("INSERT INTO cats VALUES ('Leo');")
    assert await migrate(bridge, database_url, folder) == ["9003_bad.sql"]


async def test_a_migration_that_changed_after_it_ran_stops_the_start(
    bridge: Bridge, database_url: str, folder: Path
) -> None:
    await migrate(bridge, database_url, folder)
    (folder / "9001_cats.sql").write_text("CREATE TABLE cats (name text, age int);")
    with pytest.raises(MigrationError, match=r"9001_cats\.sql was changed after it ran"):
        await migrate(bridge, database_url, folder)


async def test_a_migration_that_comes_too_late_stops_the_start(
    bridge: Bridge, database_url: str, folder: Path
) -> None:
    await migrate(bridge, database_url, folder)
    (folder / "9000_late.sql").write_text("SELECT 1;")
    with pytest.raises(MigrationError, match=r"9000_late\.sql comes before 9002"):
        await migrate(bridge, database_url, folder)


@pytest.mark.parametrize("name", ["1_short.sql", "9003-dash.sql", "9003_Big.sql", "9002_twice.sql"])
def test_a_file_with_a_wrong_name_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_text("SELECT 1;")
    with pytest.raises(MigrationError, match=name):
        read_migrations(folder)


async def test_a_node_that_is_killed_while_it_migrates_blocks_nobody(
    bridge: Bridge, database_url: str, db: Database, folder: Path
) -> None:
    (folder / "9003_slow.sql").write_text("SELECT pg_sleep(600);")
    killed: list[str] = []

    async def slow() -> None:
        with pytest.raises(Unavailable):
            await migrate(bridge, database_url, folder)
        killed.append("slow")

    async def end_it(connection: Connection) -> object:
        return await connection.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE query LIKE '%pg_sleep(600%' AND pid <> pg_backend_pid()"
        )

    async with trio.open_nursery() as nursery:
        nursery.start_soon(slow)
        while await db.transaction(end_it) == 0:
            await trio.lowlevel.checkpoint()
    assert killed == ["slow"]
    (folder / "9003_slow.sql").write_text("SELECT 1;")
    assert await migrate(bridge, database_url, folder) == ["9003_slow.sql"]


async def test_every_statement_of_the_house_fits_the_schema(db: Database) -> None:
    await db.prepare_all()
