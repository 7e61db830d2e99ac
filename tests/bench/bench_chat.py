"""The chat's hot path beside the Fastify peer: same machine, same servers, same generator.

    python3 run.py test -m bench tests/bench/bench_chat.py -s
    python -m tests.bench.bench_chat [--load ../shared/bench/load.py] [--repeats 3] [--only open]

Starts PostgreSQL and Valkey (stock settings, TCP on loopback), then for every load and
repeat each peer in turn, fresh, so that what disturbs the machine disturbs both. The
Fastify peer is installed with npm into a copy of the folder beside `load.py`. Prints every
result as a JSON line to --out, and at the end medians and ratios as a table. Needs the
test extra, orjson, Node 20 and npm. A run in which something was lost ends it with 1.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.bench import servers

ROOT = Path(__file__).resolve().parents[2]
LOAD = Path(os.environ.get("BENCH_LOAD", ROOT.parent / "shared" / "bench" / "load.py"))
SECRET = "bench-secret-bench-secret-bench-secret"

LOADS = {
    "closed-20": ["--closed", "--sessions", "20"],
    "closed-100": ["--closed", "--sessions", "100"],
    "closed-400": ["--closed", "--sessions", "400"],
    "open-500": ["--rate", "500", "--sessions", "200"],
    "idle-2000": ["--idle", "2000", "--hold", "20"],
}
Figure = tuple[str, tuple[str, ...], str]
CLOSED: list[Figure] = [
    ("messages/s", ("acked_per_s",), "at least 1.5"),
    ("ack p99 ms", ("ack_ms", "p99"), ""),
    ("server us/message", ("processes", "server", "us_per_msg"), ""),
    ("cores used by others", ("other_cores",), "few"),
]
# What is compared: name, where it is in a result, and the bound wanted of ours / theirs.
FIGURES: dict[str, list[Figure]] = {
    "closed-20": CLOSED,
    "closed-100": CLOSED,
    "closed-400": CLOSED,
    "open-500": [
        ("send-to-peer p50 ms", ("deliver_ms", "p50"), ""),
        ("send-to-peer p99 ms", ("deliver_ms", "p99"), "at most 1.5"),
        ("ack p99 ms", ("ack_ms", "p99"), ""),
        ("server cores", ("processes", "server", "cores"), ""),
        ("cores used by others", ("other_cores",), "few"),
    ],
    "idle-2000": [("KiB per socket", ("kb_per_conn", "5s"), "ours at most 60")],
}

Result = dict[str, Any]


@pytest.mark.bench
def test_the_chat_beside_the_fastify_peer_loses_nothing() -> None:
    assert main([]) == 0


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--load", type=Path, default=LOAD, help="the generator, load.py")
    parser.add_argument("--fastify-dir", type=Path, help="the peer, installed (default: a copy)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--duration", type=float, default=15)
    parser.add_argument("--only", default="", help="loads whose name contains this")
    parser.add_argument("--peers", default="fastify,ours", help="which, in which order")
    parser.add_argument("--out", type=Path, help="a file for the JSON lines")
    options = parser.parse_args(argv)
    if not options.load.exists():
        parser.error(f"no load generator at {options.load}: give --load")
    return trio.run(_measure, options)


async def _measure(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="bench-chat-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL may run as another user
        async with servers.postgres(folder / "postgres") as postgres, servers.valkey() as valkey:
            bench = Bench(options, folder, postgres, valkey)
            results = await bench.all()
    _table(results)
    lost = any(result.get("lost") or result["errors"] for result in results)
    return 1 if lost else 0


class Bench:
    """The loads, one peer after the other."""

    def __init__(
        self, options: argparse.Namespace, folder: Path, postgres: str, valkey: str
    ) -> None:
        self._options = options
        self._folder = folder
        self._postgres = postgres
        self._valkey = valkey
        self._fastify: Path | None = options.fastify_dir

    async def all(self) -> list[Result]:
        for database in ("fastify_peer", "ours"):
            createdb = str(servers.wheel_binary("createdb"))
            server = f"--maintenance-db={self._postgres}/postgres"
            await trio.run_process([createdb, server, database])
        results = []
        for repeat in range(self._options.repeats):
            for load, arguments in LOADS.items():
                if self._options.only not in load:
                    continue
                for peer in self._options.peers.split(","):
                    result = await self._once(peer, load, arguments)
                    result |= {"peer": peer, "load": load, "repeat": repeat}
                    results.append(result)
                    if self._options.out:
                        with self._options.out.open("a") as out:
                            out.write(json.dumps(result) + "\n")
        return results

    async def _once(self, peer: str, load: str, arguments: list[str]) -> Result:
        start = self._start_fastify if peer == "fastify" else self._start_ours
        async with start() as (target, url, port):
            dsn = f"{self._postgres}/{'fastify_peer' if peer == 'fastify' else 'ours'}"
            command = [sys.executable, str(self._options.load), "--target", target, "--url", url]
            command += ["--dsn", dsn, "--secret", SECRET, "--label", load, *arguments]
            command += ["--watch", f"server=:{port}"]
            command += ["--watch", f"postgres=:{self._postgres.rsplit(':', 1)[1]}"]
            if "--idle" not in arguments:
                command += ["--duration", str(self._options.duration)]
            done = await trio.run_process(command, capture_stdout=True, check=False)
        if not done.stdout:
            raise SystemExit(f"{peer} {load}: the generator ended with {done.returncode}")
        result: Result = json.loads(done.stdout)
        return result

    @asynccontextmanager
    async def _start_fastify(self) -> AsyncIterator[tuple[str, str, int]]:
        if self._fastify is None:
            self._fastify = self._folder / "fastify_peer"
            source = self._options.load.parent / "fastify_peer"
            await trio.run_process(["cp", "-r", str(source), str(self._fastify)])
            await trio.run_process(["chmod", "-R", "u+w", str(self._fastify)])
            npm = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"]
            await trio.run_process(npm, cwd=self._fastify, stdout=subprocess.DEVNULL)
        port = servers.free_port()
        environ = {
            **os.environ,
            "DATABASE_URL": f"{self._postgres}/fastify_peer",
            "VALKEY_URL": f"{self._valkey}/0",
            "JWT_SECRET": SECRET,
            "PORT": str(port),
        }
        async with servers.running(
            ["node", "server.js"], cwd=self._fastify, env=environ, stdout=subprocess.DEVNULL
        ) as process:
            await servers.wait_for_port(port, process)
            yield "fastify", f"ws://127.0.0.1:{port}/ws", port

    @asynccontextmanager
    async def _start_ours(self) -> AsyncIterator[tuple[str, str, int]]:
        port = servers.free_port()
        environ = {
            **os.environ,
            "DATABASE_URL": f"{self._postgres}/ours",
            "VALKEY_URL": f"{self._valkey}/1",
            "AUTH_JWT_SECRET": SECRET,
            "SOCKET_FRAMES_PER_SECOND": "100000",  # twenty senders are meant to be fast
            "DATA_DIR": str(self._folder / "data"),
            "PUBLIC_BIND": f"127.0.0.1:{port}",
            "INTERNAL_BIND": "127.0.0.1:0",
            "LOG_FORMAT": "json",
        }
        environ.pop("PORT", None)
        with (self._folder / "ours.log").open("ab") as log:
            command = [sys.executable, str(ROOT / "run.py")]
            async with servers.running(command, env=environ, stdout=log, stderr=log) as process:
                await servers.wait_for_port(port, process)
                yield f"{ROOT / 'tests/bench/ours.py'}:Ours", f"ws://127.0.0.1:{port}", port


def _figure(result: Result, path: tuple[str, ...]) -> float | None:
    value: Any = result
    for key in path:
        value = value[key] if value else None
    return None if value is None else float(value)


def _table(results: list[Result]) -> None:
    """Medians of each peer, and the ratio of the medians."""
    print("| load | figure | Fastify | Halo Bestie | ratio | wanted |")
    print("|---|---|---|---|---|---|")
    for load, figures in FIGURES.items():
        for name, path, wanted in figures:
            medians = {}
            for peer in ("fastify", "ours"):
                of_peer = [r for r in results if (r["peer"], r["load"]) == (peer, load)]
                values = [v for r in of_peer if (v := _figure(r, path)) is not None]
                medians[peer] = statistics.median(values) if values else None
            theirs, ours = medians["fastify"], medians["ours"]
            ratio = f"{ours / theirs:.2f}" if ours is not None and theirs else "–"
            shown = ["–" if v is None else f"{v:,.2f}" for v in (theirs, ours)]
            if theirs is not None or ours is not None:
                print(f"| {load} | {name} | {shown[0]} | {shown[1]} | {ratio} | {wanted} |")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
