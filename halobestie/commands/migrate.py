"""`run.py migrate`: bring the schema forward without serving."""

import argparse
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio

from halobestie.adapters.bridge import open_bridge
from halobestie.adapters.embedded import EmbeddedPostgres, EmbeddedValkey
from halobestie.adapters.migrations import migrate
from halobestie.log import configure_logging
from halobestie.settings import Settings, read_settings


def main(arguments: Sequence[str]) -> int:
    """0 when the schema is as this version wants it."""
    argparse.ArgumentParser(
        prog="run.py migrate",
        description="Bring the schema of DATABASE_URL, or of the embedded PostgreSQL, forward.",
    ).parse_args(arguments)
    settings = read_settings(os.environ)
    configure_logging(settings.log_format)
    applied = trio.run(_migrate, settings)
    print(f"{len(applied)} migrations ran" if applied else "nothing to migrate")
    return 0


async def _migrate(settings: Settings) -> list[str]:
    async with open_servers(settings) as (database_url, _), open_bridge() as bridge:
        return await migrate(bridge, database_url)


@asynccontextmanager
async def open_servers(settings: Settings) -> AsyncIterator[tuple[str, str]]:
    """The URLs of PostgreSQL and Valkey, for a command without a node.

    Servers that have no URL are started for the length of the block; EmbeddedError when a
    node runs on the same DATA_DIR.
    """
    async with trio.open_nursery() as nursery:
        postgres, valkey = EmbeddedPostgres(settings.data_dir), EmbeddedValkey(settings.data_dir)
        if settings.database_url is None:
            await nursery.start(postgres.run)
        if settings.valkey_url is None:
            await nursery.start(valkey.run)
        database_url, valkey_url = settings.database_url, settings.valkey_url
        yield (
            postgres.url if database_url is None else database_url.reveal(),
            valkey.url if valkey_url is None else valkey_url.reveal(),
        )
        nursery.cancel_scope.cancel()
