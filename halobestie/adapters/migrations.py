"""The schema, brought forward.

sql/migrations/NNNN_name.sql run in the order of their numbers, each in a transaction of
its own with its row in `schema_migrations`. Nodes that start together queue at an
advisory lock, so each file runs once. A file that has run must never change.
"""

import hashlib
import re
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import structlog

from actors import Unavailable
from halobestie.adapters.bridge import Bridge
from halobestie.adapters.postgres import AWAY
from halobestie.adapters.queries import SQL_FOLDER

MIGRATIONS = SQL_FOLDER / "migrations"
CONNECT_WITHIN = 5.0  # seconds
ADVISORY_LOCK = 0x48616C6F  # "Halo"

_FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_TABLE = """
    CREATE TABLE IF NOT EXISTS schema_migrations (
        number     integer PRIMARY KEY,
        name       text NOT NULL,
        checksum   text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    )
"""

log = structlog.get_logger(__name__)


class MigrationError(Exception):
    """One line naming the file and what is wrong with it."""


class Migration(NamedTuple):
    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """Every migration in its order. MigrationError for a bad name or a number used twice."""
    found: list[Migration] = []
    for path in sorted(folder.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name}: a migration is named NNNN_name.sql")
        if found and found[-1].number == int(match[1]):
            raise MigrationError(f"{path.name}: {found[-1].name} has that number already")
        found.append(Migration(int(match[1]), path.name, path.read_text()))
    return found


async def migrate(bridge: Bridge, url: str, folder: Path = MIGRATIONS) -> list[str]:
    """Run what has not run yet; the names of the files that ran now.

    MigrationError when a file fails or was changed after it ran; Unavailable when the
    database is away or goes away meanwhile: what had not committed then did not run.
    """
    try:
        return await bridge.cross(_migrate(url, read_migrations(folder)))
    except (*AWAY, asyncpg.InterfaceError) as error:
        raise Unavailable(f"PostgreSQL cannot be reached: {type(error).__name__}") from error


async def _migrate(url: str, migrations: list[Migration]) -> list[str]:
    connection = await asyncpg.connect(url, timeout=CONNECT_WITHIN)
    try:
        # Held by the session: a node that dies here lets go of it.
        await connection.execute("SELECT pg_advisory_lock($1)", ADVISORY_LOCK)
        await connection.execute(_TABLE)
        rows = await connection.fetch("SELECT number, checksum FROM schema_migrations")
        done = {row["number"]: row["checksum"] for row in rows}
        return [each.name for each in migrations if await _apply(connection, each, done)]
    finally:
        await connection.close(timeout=CONNECT_WITHIN)


async def _apply(connection: Any, migration: Migration, done: dict[int, str]) -> bool:
    if migration.number in done:
        if done[migration.number] != migration.checksum:
            raise MigrationError(f"{migration.name} was changed after it ran: write a new one")
        return False
    if done and migration.number < max(done):
        raise MigrationError(f"{migration.name} comes before {max(done):04}, which has run")
    try:
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)",
                migration.number,
                migration.name,
                migration.checksum,
            )
    except AWAY:
        raise
    except asyncpg.PostgresError as error:
        raise MigrationError(f"{migration.name}: {error}") from error
    done[migration.number] = migration.checksum
    log.info("migrated", migration=migration.name)
    return True
