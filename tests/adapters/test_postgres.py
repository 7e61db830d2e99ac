"""The database while PostgreSQL is well: values, transactions, races, cancellations."""

import random
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import trio
import trio.testing

from actors import Unavailable
from halobestie.adapters import postgres as adapter
from halobestie.adapters.bridge import Bridge
from halobestie.adapters.postgres import (
    Connection,
    Database,
    QueryError,
    UniqueViolation,
    open_database,
)
from halobestie.adapters.queries import read_queries

STORM_SEED = 20_240_817
STORM_CALLS = 400


async def execute(db: Database, statement: str, *values: object) -> Any:
    return await db.transaction(lambda connection: connection.fetch(statement, *values))


async def value(db: Database, statement: str, *values: object) -> Any:
    return await db.transaction(lambda connection: connection.fetchval(statement, *values))


async def test_json_columns_are_python_values(db: Database) -> None:
    document = {"topics": ["sleep", "família"], "count": 3, "none": None}
    assert await value(db, "SELECT $1::jsonb", document) == document
    assert await value(db, "SELECT $1::json", document) == document
    assert await value(db, "SELECT $1::jsonb ->> 'count'", document) == "3"


async def test_a_transaction_commits_what_it_did_and_returns_its_result(db: Database) -> None:
    async def work(connection: Connection) -> str:
        await connection.execute("CREATE TABLE kept (id int)")
        await connection.execute("INSERT INTO kept VALUES (1)")
        return "done"

    assert await db.transaction(work) == "done"
    assert await value(db, "SELECT count(*) FROM kept") == 1


async def test_an_exception_rolls_the_transaction_back_and_is_raised(db: Database) -> None:
    class Refused(Exception):
        pass

    async def work(connection: Connection) -> None:
        await connection.execute("CREATE TABLE unkept (id int)")
        raise Refused

    with pytest.raises(Refused):
        await db.transaction(work)
    assert await value(db, "SELECT to_regclass('unkept')") is None


async def test_a_broken_rule_of_the_schema_is_its_own_error_and_no_outage(db: Database) -> None:
    await execute(db, "CREATE TABLE once (id int PRIMARY KEY)")
    await execute(db, "INSERT INTO once VALUES (1)")
    with pytest.raises(UniqueViolation):
        await execute(db, "INSERT INTO once VALUES (1)")
    assert db.statistics()["unavailable"] == 0


async def test_a_value_of_the_wrong_type_is_a_bug_and_no_outage(db: Database) -> None:
    with pytest.raises(asyncpg.DataError, match="invalid input for query argument"):
        await value(db, "SELECT $1::int", "three")
    assert await value(db, "SELECT 1") == 1


async def test_the_loser_of_a_deadlock_is_run_again(db: Database) -> None:
    await execute(db, "CREATE TABLE seats (id int PRIMARY KEY, sold int)")
    await execute(db, "INSERT INTO seats VALUES (1, 0), (2, 0)")
    locked: list[int] = []

    async def sell(first: int, second: int) -> None:
        async def work(connection: Connection) -> None:
            await connection.execute("SET LOCAL deadlock_timeout = '10ms'")
            await connection.execute("UPDATE seats SET sold = sold + 1 WHERE id = $1", first)
            locked.append(first)
            while len(locked) < 2:  # both hold their first row now
                await connection.fetchval("SELECT 1")
            await connection.execute("UPDATE seats SET sold = sold + 1 WHERE id = $1", second)

        await db.transaction(work)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sell, 1, 2)
        nursery.start_soon(sell, 2, 1)
    assert await value(db, "SELECT array_agg(sold) FROM seats") == [2, 2]
    assert db.statistics()["repeated"] == 1


async def test_a_race_lost_twice_is_unavailable(db: Database) -> None:
    async def work(connection: Connection) -> None:
        await connection.execute("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")

    with pytest.raises(Unavailable, match="SerializationError"):
        await db.transaction(work)


async def test_a_statement_that_takes_too_long_is_unavailable_and_is_ended(
    db: Database, mock_clock: trio.testing.MockClock
) -> None:
    mock_clock.rate = 8
    began = trio.current_time()
    with pytest.raises(Unavailable, match="TimeoutError"):
        await value(db, "SELECT pg_sleep(60)")
    assert trio.current_time() - began < 5
    assert await running_sleeps(db) == 0


async def running_sleeps(db: Database) -> int:
    count: int = await value(
        db,
        "SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle' "
        "AND datname = current_database() AND query LIKE '%pg_sleep(6%'"
        "AND pid <> pg_backend_pid()",
    )
    return count


async def test_waiting_for_a_free_connection_counts_too(
    bridge: Bridge, database_url: str, mock_clock: trio.testing.MockClock
) -> None:
    async with open_database(bridge, database_url, connections=1) as db:
        async with trio.open_nursery() as nursery:
            holding = trio.Event()

            async def hold(connection: Connection) -> None:
                holding.set()
                await connection.fetchval("SELECT pg_sleep(60)")

            nursery.start_soon(db.transaction, hold)
            await holding.wait()
            mock_clock.rate = 8
            with pytest.raises(Unavailable):
                with trio.fail_after(5):
                    await value(db, "SELECT 1")
            nursery.cancel_scope.cancel()
        assert await value(db, "SELECT 1") == 1


async def test_a_storm_of_cancellations_leaves_the_pool_whole_and_no_half_transaction(
    db: Database,
) -> None:
    chance = random.Random(STORM_SEED)
    await execute(db, "CREATE TABLE ledger (amount int)")
    wrong: list[object] = []

    async def transfer(number: int) -> int:
        async def work(connection: Connection) -> int:
            await connection.execute("INSERT INTO ledger VALUES (1)")
            await connection.execute("INSERT INTO ledger VALUES (-1)")
            answer: int = await connection.fetchval("SELECT $1::int", number)
            return answer

        return await db.transaction(work)

    async def one(number: int) -> None:
        with trio.move_on_after(chance.random() * 0.02):
            back = await (transfer(number) if number % 2 else value(db, "SELECT $1::int", number))
            if back != number:
                wrong.append((number, back))

    for batch in range(0, STORM_CALLS, 20):
        async with trio.open_nursery() as nursery:
            for number in range(batch, batch + 20):
                nursery.start_soon(one, number)

    assert wrong == []
    assert await value(db, "SELECT coalesce(sum(amount), 0) FROM ledger") == 0
    with trio.fail_after(3):  # every connection can be had at once, none is stuck
        async with trio.open_nursery() as nursery:
            for _ in range(adapter.CONNECTIONS):
                nursery.start_soon(value, db, "SELECT pg_sleep(0.05)")
    stuck = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%'"
    assert await value(db, stuck) == 0


async def test_a_dedicated_connection_survives_cancellations(db: Database) -> None:
    chance = random.Random(STORM_SEED)
    await execute(db, "CREATE TABLE journal (id int)")

    async def write(connection: Connection) -> None:
        await connection.execute("INSERT INTO journal VALUES (1)")
        await connection.execute("INSERT INTO journal VALUES (2)")

    async with db.dedicated() as journal:
        for _ in range(60):
            with trio.move_on_after(chance.random() * 0.006):
                await journal.transaction(write)
        await journal.transaction(write)
    counts = await value(db, "SELECT count(*) FILTER (WHERE id = 1) = count(*) / 2 FROM journal")
    assert counts is True


async def test_the_start_stops_at_a_misspelt_column_and_names_the_statement(
    db: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sample.sql").write_text("-- name: misspelt\nSELECT nmae FROM pg_class;\n")
    monkeypatch.setattr(adapter, "all_queries", lambda: iter(read_queries(tmp_path / "sample.sql")))
    with pytest.raises(QueryError, match=r"sample\.misspelt: column .nmae. does not exist"):
        await db.prepare_all()


async def test_a_database_that_is_not_there_is_unavailable(bridge: Bridge) -> None:
    nowhere = "postgresql://postgres@/postgres?host=%2Ftmp%2Fnowhere"
    with pytest.raises(Unavailable, match="cannot be reached"):
        async with open_database(bridge, nowhere):
            pass
