"""PostgreSQL, from trio.

`Database` lives as long as the node and owns a pool; `Dedicated` owns one connection, for
who would only wait in the pool's queue. Both heal by themselves: while PostgreSQL is away
or silent every call ends in `actors.Unavailable` within ANSWER_WITHIN + RELEASE_WITHIN
seconds, and the first call after it is back works. An `Unavailable` from a write means
"not known": a COMMIT whose answer was lost may have happened. Connections carry no
session state.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg
import msgspec
import trio
from asyncpg.exceptions import CheckViolationError as CheckViolation
from asyncpg.exceptions import ForeignKeyViolationError as ForeignKeyViolation
from asyncpg.exceptions import UniqueViolationError as UniqueViolation

from actors import Unavailable
from halobestie.adapters.bridge import Bridge
from halobestie.adapters.queries import (
    Connection,
    Queries,
    Query,
    QueryError,
    all_queries,
    queries,
)

__all__ = [
    "CheckViolation",
    "Connection",
    "Database",
    "Dedicated",
    "ForeignKeyViolation",
    "Queries",
    "Query",
    "QueryError",
    "UniqueViolation",
    "open_database",
    "queries",
]

T = TypeVar("T")
Work = Callable[[Connection], Awaitable[T]]

CONNECTIONS = 10  # more only queue inside PostgreSQL on a machine of few cores
CONNECT_WITHIN = 2.0  # seconds
ANSWER_WITHIN = 3.5  # seconds for one call, waiting for a connection included
RELEASE_WITHIN = 0.5  # seconds that a broken-off statement may take to be cancelled
CLOSE_WITHIN = 2.0  # seconds for the pool to say goodbye
STATEMENTS_KEPT = 512  # prepared per connection; the house has fewer

_JSONB_VERSION = b"\x01"  # jsonb's binary form starts with it

_SERVER_SETTINGS = {
    "application_name": "halobestie",
    "jit": "off",  # costs more than any of our statements
    "idle_in_transaction_session_timeout": "10000",  # ms; a frozen node lets go of its locks
}

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InternalClientError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.QueryCanceledError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InsufficientResourcesError,  # disk, memory, connections
    asyncpg.ReadOnlySQLTransactionError,  # connected to what has become a standby
)
_TRY_AGAIN = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


class _Runner(ABC):
    """What one can do with a database, whoever lends the connection."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._calls = 0
        self._unavailable = 0
        self._repeated = 0

    async def run(self, query: Query, **parameters: object) -> Any:
        """One statement, committed by itself; what comes back is the query's to say."""
        return await self._bridge.cross(
            self._answer(lambda connection: query(connection, **parameters))
        )

    async def transaction(self, work: Work[T]) -> T:
        """One transaction around `work`, which is asyncio-side and awaits only queries.

        Its result is returned after the COMMIT; its exception rolls back and is raised.
        It may be run twice (deadlock, serialization failure): let it change nothing else.
        """

        async def wrapped(connection: Connection) -> T:
            return await _in_transaction(connection, work)

        return await self._bridge.cross(self._answer(wrapped))

    def statistics(self) -> dict[str, object]:
        return {
            "calls": self._calls,
            "unavailable": self._unavailable,
            "repeated": self._repeated,
        }

    async def _answer(self, work: Work[T]) -> T:
        """Asyncio-side: one call, repeated once if it only lost a race inside PostgreSQL."""
        self._calls += 1
        try:
            return await self._once(work)
        except _TRY_AGAIN:
            self._repeated += 1
        try:
            return await self._once(work)
        except _TRY_AGAIN as error:
            self._unavailable += 1
            raise Unavailable(type(error).__name__) from error

    async def _once(self, work: Work[T]) -> T:
        connection: Any = None
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                connection = await self._borrow()
                return await work(connection)
        except Exception as error:
            if not _means_away(error, connection):
                raise
            self._unavailable += 1
            raise Unavailable(type(error).__name__) from error
        finally:
            if connection is not None:
                await self._give_back(connection)

    @abstractmethod
    async def _borrow(self) -> Any: ...

    @abstractmethod
    async def _give_back(self, connection: Any) -> None:
        """Never raises, and never takes longer than RELEASE_WITHIN."""


class Database(_Runner):
    """The pool. Calls wait for a free connection; each crosses to asyncio once."""

    def __init__(self, bridge: Bridge, pool: Any, url: str) -> None:
        super().__init__(bridge)
        self._pool = pool
        self._url = url

    async def prepare_all(self) -> None:
        """Let PostgreSQL check every statement of sql/queries; QueryError names the bad ones."""
        await self._bridge.cross(self._prepare_all())

    @asynccontextmanager
    async def dedicated(self) -> AsyncIterator["Dedicated"]:
        """A connection outside the pool, for one caller at a time."""
        dedicated = Dedicated(self._bridge, self._url)
        try:
            yield dedicated
        finally:
            dedicated.terminate()

    def statistics(self) -> dict[str, object]:
        return {
            **super().statistics(),
            "connections": self._pool.get_size(),
            "idle": self._pool.get_idle_size(),
        }

    async def _prepare_all(self) -> None:
        refused = []
        async with self._pool.acquire() as connection:
            for query in all_queries():
                try:
                    await connection.prepare(query.sql)
                except asyncpg.PostgresError as error:
                    refused.append(f"{query.name}: {str(error).splitlines()[0]}")
        if refused:
            raise QueryError(f"sql/queries: {'; '.join(refused)}")

    async def _borrow(self) -> Any:
        return await self._pool.acquire()

    async def _give_back(self, connection: Any) -> None:
        try:
            await self._pool.release(connection, timeout=RELEASE_WITHIN)
        except (*AWAY, asyncpg.InterfaceError):
            pass  # the pool has terminated it, and makes another


class Dedicated(_Runner):
    """One connection, opened at the first call and again after it broke.

    One call at a time: a second one meanwhile is an error.
    """

    def __init__(self, bridge: Bridge, url: str) -> None:
        super().__init__(bridge)
        self._url = url
        self._connection: Any = None

    def terminate(self) -> None:
        """Drop the connection without a word; a later call opens another."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _borrow(self) -> Any:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(self._url, **_connect_options())
            await _set_up(self._connection)
        return self._connection

    async def _give_back(self, connection: Any) -> None:
        # A statement that was broken off may still run there: cheaper to drop than to wait.
        if connection.is_closed() or connection._protocol._is_cancelling():
            connection.terminate()


@asynccontextmanager
async def open_database(
    bridge: Bridge, url: str, *, connections: int = CONNECTIONS
) -> AsyncIterator[Database]:
    """The database at `url` (postgresql://…), its pool closed at the end of the block.

    Unavailable when it does not answer now; a wrong password or name is asyncpg's error.
    """
    pool = await bridge.cross(_open_pool(url, connections))
    try:
        yield Database(bridge, pool, url)
    finally:
        with trio.CancelScope(shield=True):  # bounded by CLOSE_WITHIN
            await bridge.cross(_close_pool(pool))


async def _open_pool(url: str, connections: int) -> Any:
    pool = await asyncpg.create_pool(
        url,
        min_size=0,  # more, and asyncpg keeps trying in the background, and logs it
        max_size=connections,
        max_inactive_connection_lifetime=0,
        reset=_no_reset,
        init=_set_up,
        **_connect_options(),
    )
    try:
        async with pool.acquire():
            return pool
    except BaseException as error:
        pool.terminate()
        if isinstance(error, AWAY):
            raise Unavailable(f"PostgreSQL cannot be reached: {type(error).__name__}") from error
        raise


async def _close_pool(pool: Any) -> None:
    try:
        async with asyncio.timeout(CLOSE_WITHIN):
            await pool.close()
    except (*AWAY, asyncpg.InterfaceError):
        pool.terminate()


def _connect_options() -> dict[str, Any]:
    return {
        "timeout": CONNECT_WITHIN,
        "statement_cache_size": STATEMENTS_KEPT,
        "max_cached_statement_lifetime": 0,
        "server_settings": _SERVER_SETTINGS,
    }


async def _set_up(connection: Any) -> None:
    """json and jsonb columns are Python values."""
    await connection.set_type_codec(
        "json",
        schema="pg_catalog",
        format="binary",
        encoder=msgspec.json.encode,
        decoder=msgspec.json.decode,
    )
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        encoder=lambda value: _JSONB_VERSION + msgspec.json.encode(value),
        decoder=lambda data: msgspec.json.decode(data[len(_JSONB_VERSION) :]),
    )


async def _no_reset(_connection: Any) -> None:
    """Between two uses there is nothing to forget; the question would cost a round trip."""


async def _in_transaction(connection: Connection, work: Work[T]) -> T:
    await connection.execute("BEGIN")
    try:
        result = await work(connection)
        await connection.execute("COMMIT")
    except BaseException:
        await _roll_back(connection)
        raise
    return result


async def _roll_back(connection: Any) -> None:
    """End the transaction, or the connection if that takes long. Not asyncpg's own
    `transaction()`: on a server that has fallen silent its end waits without limit."""
    try:
        if connection.is_in_transaction() or connection._protocol._is_cancelling():
            await connection.execute("ROLLBACK", timeout=RELEASE_WITHIN)
    except (*AWAY, asyncpg.InterfaceError):
        connection.terminate()


def _means_away(error: Exception, connection: Any) -> bool:
    """Whether it is PostgreSQL's absence, and not a mistake of the statement or of ours."""
    if isinstance(error, asyncpg.InterfaceError):
        # One class for "the connection is closed" and for wrong arguments.
        return connection is None or _is_closed(connection)
    return isinstance(error, AWAY)


def _is_closed(connection: Any) -> bool:
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True  # the pool has taken a broken connection out of our hands already
