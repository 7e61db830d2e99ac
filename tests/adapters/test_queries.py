"""Named statements: what comes back, and how a wrong name or call is told."""

from pathlib import Path

import pytest

from halobestie.adapters.postgres import Database, QueryError
from halobestie.adapters.queries import Queries, read_queries

STATEMENTS = """
-- name: numbers
-- Every number up to a limit, at 10:30 and for a::int casts alike.
SELECT n FROM generate_series(1, :upto::int) AS n;

-- name: one_pair^
SELECT :left::int AS first, :right::int AS second, :left::int AS again WHERE :there::bool;

-- name: answer$
SELECT 42;

-- name: touch!
CREATE TABLE IF NOT EXISTS touched (id int PRIMARY KEY);

-- name: add<!
INSERT INTO touched (id) VALUES (:id) RETURNING id;

-- name: add_pair<!
INSERT INTO touched (id) VALUES (:id) RETURNING id, id + 1 AS following;
"""


@pytest.fixture
def sql(tmp_path: Path) -> Queries:
    path = tmp_path / "sample.sql"
    path.write_text(STATEMENTS)
    return read_queries(path)


async def test_each_mark_says_what_comes_back(db: Database, sql: Queries) -> None:
    assert [row["n"] for row in await db.run(sql.numbers, upto=3)] == [1, 2, 3]
    assert tuple(await db.run(sql.one_pair, left=1, right=2, there=True)) == (1, 2, 1)
    assert await db.run(sql.one_pair, left=1, right=2, there=False) is None
    assert await db.run(sql.answer) == 42
    assert await db.run(sql.touch) == "CREATE TABLE"
    assert await db.run(sql.add, id=7) == 7
    assert tuple(await db.run(sql.add_pair, id=8)) == (8, 9)


def test_a_statement_that_is_not_there_names_the_file(sql: Queries) -> None:
    with pytest.raises(AttributeError, match=r"sql/queries/sample\.sql has no nonsense"):
        _ = sql.nonsense


async def test_a_call_with_other_parameters_is_refused_before_it_is_sent(
    db: Database, sql: Queries
) -> None:
    for arguments in ({}, {"up": 3}, {"upto": 3, "more": 4}):
        with pytest.raises(TypeError, match=r"sample\.numbers\(upto\)"):
            await db.run(sql.numbers, **arguments)
    assert await db.run(sql.answer) == 42


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-- name: several*!\nINSERT INTO touched VALUES (:id);", "unnest"),
        ("-- name: script#\nSELECT 1;", "unnest"),
        ("-- name: 1st\nSELECT 1;", "1st"),
        ("-- name: empty\n", "empty"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_one_line(
    tmp_path: Path, text: str, reason: str
) -> None:
    path = tmp_path / "bad.sql"
    path.write_text(text)
    with pytest.raises(QueryError, match=reason) as refused:
        read_queries(path)
    assert "\n" not in str(refused.value)
