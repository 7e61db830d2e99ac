"""A stand-in for the node that only runs its embedded servers. Killed by its tests.

    python embedded_node.py DATA_DIR

Prints "starting", then one line with the two servers' process ids, then runs for ever.
"""

import sys
from pathlib import Path

import trio

from halobestie.adapters.embedded import EmbeddedPostgres, EmbeddedValkey
from halobestie.log import configure_logging


async def main(data_dir: Path) -> None:
    servers = [EmbeddedPostgres(data_dir), EmbeddedValkey(data_dir)]
    print("starting", flush=True)
    async with trio.open_nursery() as nursery:
        for server in servers:
            await nursery.start(server.run)
        print(*(server.statistics()["pid"] for server in servers), flush=True)
        await trio.sleep_forever()


if __name__ == "__main__":
    configure_logging("json", stream=sys.stderr)
    trio.run(main, Path(sys.argv[1]))
