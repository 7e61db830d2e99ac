"""What every test may ask for.

PostgreSQL and Valkey are real: one embedded server each per run, one database per test
made from a migrated template. An error in the log fails the test that did not claim it.
"""

import logging
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TypeVar

import asyncpg
import pytest
import trio

from halobestie.adapters.bridge import Bridge, open_bridge
from halobestie.adapters.embedded import EmbeddedPostgres, EmbeddedServer, EmbeddedValkey
from halobestie.adapters.migrations import migrate
from halobestie.adapters.postgres import Database, open_database
from halobestie.adapters.valkey import Valkey, open_valkey
from halobestie.ids import new_id
from halobestie.log import configure_logging

TEMPLATE = "template_migrated"

ServerT = TypeVar("ServerT", bound=EmbeddedServer)


class ErrorLog:
    """The errors that were logged during one test, and those that it says belong to it."""

    def __init__(self) -> None:
        self.logged: list[str] = []
        self._expected: list[str] = []
        self._allowed: list[str] = []

    def expect(self, text: str) -> None:
        """At least one error that contains `text` is logged by the end of the test."""
        self._expected.append(text)

    def allow(self, text: str) -> None:
        """Errors that contain `text` may be logged."""
        self._allowed.append(text)

    def check(self) -> None:
        claimed = (*self._expected, *self._allowed)
        unclaimed = [line for line in self.logged if not any(text in line for text in claimed)]
        missing = [text for text in self._expected if not any(text in line for line in self.logged)]
        assert not unclaimed, f"errors were logged that this test did not claim: {unclaimed}"
        assert not missing, f"these errors were expected in the log, and did not come: {missing}"


class _Collector(logging.Handler):
    def __init__(self, errors: ErrorLog) -> None:
        super().__init__(logging.ERROR)
        self._errors = errors

    def emit(self, record: logging.LogRecord) -> None:
        event = record.msg if isinstance(record.msg, dict) else {"event": record.getMessage()}
        text = f"{event.get('event')} {event.get('exc_info') or record.exc_info or ''}"
        self._errors.logged.append(text)


class _CurrentOutput:
    """Standard output as it is now: pytest changes it from test to test."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()

    def isatty(self) -> bool:
        return False


@pytest.fixture(autouse=True)
def expected_errors() -> Iterator[ErrorLog]:
    """Claim errors with `expected_errors.expect("text of the event")`; others fail the test."""
    errors = ErrorLog()
    configure_logging("console", stream=_CurrentOutput())
    collector = _Collector(errors)
    logging.getLogger().addHandler(collector)
    yield errors
    logging.getLogger().removeHandler(collector)
    errors.check()


@pytest.fixture(scope="session", autouse=True)
def server_folder() -> Iterator[Path]:
    """Where the run's servers and their sockets live; killed ones leave nothing outside it."""
    with tempfile.TemporaryDirectory(prefix="halobestie-test-") as folder:
        before = tempfile.tempdir
        tempfile.tempdir = os.environ["TMPDIR"] = folder
        yield Path(folder)
        tempfile.tempdir = before
        del os.environ["TMPDIR"]


def _running(server: ServerT) -> Iterator[ServerT]:
    trio.run(server.start)
    try:
        yield server
    finally:
        trio.run(server.stop)


class PostgresServer:
    """The run's PostgreSQL, with its migrated template."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self.server = server

    def url_of(self, database: str) -> str:
        return self.server.url.replace("/postgres?", f"/{database}?")


@pytest.fixture(scope="session")
def postgres(server_folder: Path) -> Iterator[PostgresServer]:
    """One PostgreSQL for the run. It may lose its data in a power cut, and nowhere else."""
    for server in _running(EmbeddedPostgres(server_folder, durable=False)):
        running = PostgresServer(server)
        trio.run(_make_template, running)
        yield running


@pytest.fixture(scope="session")
def valkey_server(server_folder: Path) -> Iterator[EmbeddedValkey]:
    """One Valkey for the run."""
    yield from _running(EmbeddedValkey(server_folder))


@pytest.fixture
async def bridge() -> AsyncIterator[Bridge]:
    """The test's own asyncio loop."""
    async with open_bridge() as bridge:
        yield bridge


@pytest.fixture
async def database_url(bridge: Bridge, postgres: PostgresServer) -> AsyncIterator[str]:
    """A database of this test's own, with every migration in it."""
    name = f"test_{new_id().hex}"
    await _administer(bridge, postgres, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    yield postgres.url_of(name)
    await _administer(bridge, postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def db(bridge: Bridge, database_url: str) -> AsyncIterator[Database]:
    """That database, open."""
    async with open_database(bridge, database_url) as database:
        yield database


@pytest.fixture
async def valkey(bridge: Bridge, valkey_server: EmbeddedValkey) -> AsyncIterator[Valkey]:
    """The run's Valkey, empty."""
    async with open_valkey(bridge, valkey_server.url) as valkey:
        await valkey.command("FLUSHALL")
        yield valkey


async def _make_template(postgres: PostgresServer) -> None:
    async with open_bridge() as bridge:
        await _administer(bridge, postgres, f"CREATE DATABASE {TEMPLATE}")
        await migrate(bridge, postgres.url_of(TEMPLATE))


async def _administer(bridge: Bridge, postgres: PostgresServer, statement: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(postgres.server.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    await bridge.cross(execute())
