"""`run.py migrate`: bring the schema forward without serving."""

import argparse
import os
from collections.abc import Sequence

import trio

from halobestie.adapters.bridge import open_bridge
from halobestie.adapters.embedded import EmbeddedPostgres
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
    if settings.database_url is not None:
        async with open_bridge() as bridge:
            return await migrate(bridge, settings.database_url.reveal())
    server = EmbeddedPostgres(settings.data_dir)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run)
        async with open_bridge() as bridge:
            applied = await migrate(bridge, server.url)
        nursery.cancel_scope.cancel()
    return applied
