"""The named statements of sql/queries, as things to call.

A file holds blocks `-- name: find_customer^`; the mark after the name says what comes
back: `^` one row or None, `$` one value or None, `!` nothing (the server's status text),
`<!` one row of a RETURNING (the bare value if it has one column), no mark a list of rows.
Parameters are `:name`; a call that names others is a TypeError before anything is sent.
aiosql reads the files; calling is ours, because its asyncpg adapter costs more than the
statement and hands lists back as asynchronous generators.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import aiosql
from aiosql.types import SQLOperationType

SQL_FOLDER = Path(__file__).resolve().parents[2] / "sql"
QUERIES = SQL_FOLDER / "queries"

_BACK: dict[SQLOperationType, str] = {
    SQLOperationType.SELECT: "fetch",
    SQLOperationType.SELECT_ONE: "fetchrow",
    SQLOperationType.SELECT_VALUE: "fetchval",
    SQLOperationType.INSERT_UPDATE_DELETE: "execute",
    SQLOperationType.INSERT_RETURNING: "fetchrow",
}


class Connection(Protocol):
    """The asyncio side of one connection to PostgreSQL, inside a transaction or not."""

    async def fetch(self, query: str, *args: object) -> list[Any]: ...
    async def fetchrow(self, query: str, *args: object) -> Any: ...
    async def fetchval(self, query: str, *args: object) -> Any: ...
    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str: ...


class QueryError(Exception):
    """One line naming the file and the statement that cannot work."""


class Query:
    """One named statement. Asyncio-side: only `Database` and its transactions await it."""

    __slots__ = ("_names", "_parameters", "_unwrap", "_verb", "name", "sql")

    def __init__(
        self, name: str, sql: str, operation: SQLOperationType, parameters: Sequence[str]
    ) -> None:
        if operation not in _BACK:
            raise QueryError(f"{name}: `#` and `*!` are not used here; pass arrays and unnest them")
        self.name = name
        self.sql = sql
        self._verb = _BACK[operation]
        self._unwrap = operation is SQLOperationType.INSERT_RETURNING
        self._parameters = tuple(parameters)
        self._names = frozenset(parameters)

    @property
    def parameters(self) -> tuple[str, ...]:
        """What a call must name, in the order of $1, $2, …"""
        return self._parameters

    def __repr__(self) -> str:
        return f"<Query {self.name}({', '.join(self._parameters)})>"

    def __call__(self, connection: Connection, /, **arguments: object) -> Any:
        """Run it on that connection; await the answer on the asyncio side."""
        if arguments.keys() != self._names:
            raise TypeError(f"{self!r} was called with {', '.join(arguments) or 'nothing'}")
        values = [arguments[name] for name in self._parameters]
        answer = getattr(connection, self._verb)(self.sql, *values)
        return _bare_value(answer) if self._unwrap else answer


async def _bare_value(answer: Any) -> Any:
    row = await answer
    return row[0] if row is not None and len(row) == 1 else row


class Queries:
    """The statements of one file, by name. An unknown name is an AttributeError."""

    def __init__(self, name: str, statements: dict[str, Query]) -> None:
        self._name = name
        self._statements = statements

    def __getattr__(self, name: str) -> Query:
        try:
            return self._statements[name]
        except KeyError:
            raise AttributeError(f"sql/queries/{self._name}.sql has no {name}") from None

    def __iter__(self) -> Iterator[Query]:
        return iter(self._statements.values())


@cache
def queries(name: str) -> Queries:
    """The statements of sql/queries/`name`.sql."""
    return read_queries(QUERIES / f"{name}.sql")


def read_queries(path: Path) -> Queries:
    """The statements of any file. QueryError when it cannot be read as such."""
    try:
        found = aiosql.from_path(path, "asyncpg", mandatory_parameters=False)
    except Exception as error:
        raise QueryError(f"{path.name}: {error}") from error
    order = found.driver_adapter.var_sorted
    statements = {}
    for name in found.available_queries:
        if name.endswith("_cursor"):
            continue  # aiosql makes one beside every list
        function = getattr(found, name)
        full_name = f"{path.stem}.{name}"
        statements[name] = Query(full_name, function.sql, function.operation, order[name])
    return Queries(path.stem, statements)


def all_queries() -> Iterator[Query]:
    """Every statement of every file."""
    for path in sorted(QUERIES.glob("*.sql")):
        yield from queries(path.stem)
