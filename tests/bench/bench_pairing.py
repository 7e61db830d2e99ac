"""Two hundred customers search at once, and five hundred mitras hear of each.

    python3 run.py test -m bench tests/bench/bench_pairing.py -s
    python -m tests.bench.bench_pairing [--mitras 500] [--searches 200]

Starts PostgreSQL, Valkey and a node, writes accounts and unpaid orders into the database,
connects everybody by plain sockets, and measures: from the first confirmation to the last
offer at the last mitra; from an accept to `paired` at the customer, with accepts spread
over some seconds and with all of them in one instant; and how many offer frames a second
that is beside a process that does nothing but send the same frames over as many sockets.
"""

import argparse
import asyncio
import os
import socket
import statistics
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import trio

from actors import Clock
from halobestie.accounts.tokens import AccessTokens
from halobestie.callers import Caller, UserType
from halobestie.ids import new_id
from tests.bench import servers

ROOT = Path(__file__).resolve().parents[2]
SECRET = "bench-secret-bench-secret-bench-secret"
SPREAD = 4.0  # seconds over which the calm accepts are spread

MITRAS = """
insert into mitras (id, display_name, phone, is_active, capacity_override, created_at, updated_at)
values ($1, 'bench', $2, true, 50, $3, $3)"""
CUSTOMERS = """
insert into customers (id, display_name, is_anonymous, created_at, updated_at)
values ($1, 'bench', true, $2, $2)"""
ORDERS = """
insert into payment_requests (
    id, customer_id, status, amount, duration_minutes, tier_id, is_free_trial, is_extension,
    topics, sensitivity, created_at, expires_at
) values ($1, $2, 'pending', 1000, 720, 'test_1', false, false, '{}', 'regular', $3, $4)"""


@pytest.mark.bench
def test_two_hundred_searches_reach_five_hundred_mitras_within_two_seconds() -> None:
    assert main([]) == 0


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--mitras", type=int, default=500)
    parser.add_argument("--searches", type=int, default=200)
    parser.add_argument("--raw", nargs=2, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.raw:
        return _send_raw(*options.raw)
    return trio.run(_measure, options)


class Phone:
    """One connection of somebody's, for calls or as their socket."""

    def __init__(self, stream: trio.SocketStream, token: str) -> None:
        self.stream = stream
        self.token = token
        self.offers = 0
        self.paired_at: trio.Event = trio.Event()
        self.at = 0.0

    async def post(self, path: str, body: bytes = b"") -> int:
        """The status of one call."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        await self.stream.send_all(head.encode() + body)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += await self.stream.receive_some(65536)
        top, rest = answer.split(b"\r\n\r\n", 1)
        lowered = top.lower()
        length = int(lowered.split(b"content-length:")[1].split(b"\r\n")[0])
        while len(rest) < length:
            rest += await self.stream.receive_some(65536)
        return int(top.split()[1])

    async def listen(self, path: str, hall: "Hall", task_status: Any) -> None:
        """Open the socket, and count what comes."""
        head = (
            f"GET {path} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Authorization: Bearer {self.token}\r\n\r\n"
        )
        await self.stream.send_all(head.encode())
        tail = b""
        greeted = False
        while data := await self.stream.receive_some(65536):
            data = tail + data
            if not greeted and b'"type":"hello"' in data:
                greeted = True
                data = data.split(b'"chat_requests":')[1]
                task_status.started()
            offers = data.count(b'"type":"chat_request",')
            if offers:
                hall.heard(offers)
            if not self.paired_at.is_set() and b'"type":"paired"' in data:
                self.at = trio.current_time()
                self.paired_at.set()
            tail = data[-21:] if not data.endswith(b"}") else b""


class Hall:
    """Everybody's offers, counted together."""

    def __init__(self) -> None:
        self.offers = 0
        self.wanted = 0
        self.at = 0.0
        self._all = trio.Event()

    def expect(self, offers: int) -> None:
        self.offers, self.wanted, self._all = 0, offers, trio.Event()

    def heard(self, offers: int) -> None:
        self.offers += offers
        self.at = trio.current_time()
        if self.offers >= self.wanted:
            self._all.set()

    async def all(self) -> None:
        with trio.move_on_after(60):
            await self._all.wait()
        if self.offers != self.wanted:
            raise SystemExit(f"{self.offers} of {self.wanted} offers came")


class Bench:
    """One node, its people, and what is measured of them."""

    def __init__(self, options: argparse.Namespace, port: int, nursery: trio.Nursery) -> None:
        self._mitras_wanted, self._searches = options.mitras, options.searches
        self._port = port
        self._nursery = nursery
        self._tokens = AccessTokens(SECRET, Clock())
        self._hall = Hall()
        self._mitras: list[tuple[UUID, Phone]] = []

    async def fill(self, dsn: str, rounds: int) -> list[list[tuple[UUID, UUID]]]:
        """Mitras, and per round customers with an unpaid order each."""
        now = datetime.now(UTC)  # noqa: TID251 - a program of its own
        mitras = [new_id() for _ in range(self._mitras_wanted)]
        orders = [[(new_id(), new_id()) for _ in range(self._searches)] for _ in range(rounds)]

        async def write() -> None:
            connection = await asyncpg.connect(dsn)
            rows = [(m, f"+62999{n:08d}", now) for n, m in enumerate(mitras)]
            await connection.executemany(MITRAS, rows)
            for group in orders:
                await connection.executemany(CUSTOMERS, [(c, now) for c, _ in group])
                late = now + timedelta(hours=1)
                await connection.executemany(ORDERS, [(p, c, now, late) for c, p in group])
            await connection.execute("analyze")
            await connection.close()

        await trio.to_thread.run_sync(lambda: asyncio.run(write()))
        for mitra in mitras:  # one by one: coming online is not what is measured
            phone = await self._phone(mitra, "mitra")
            status = await phone.post("/api/mitra/status", b'{"online":true}')
            if status != 200:
                raise SystemExit(f"a mitra could not go online: {status}")
            await self._connect(mitra, "mitra")
            self._mitras.append((mitra, phone))
        return orders

    async def _phone(self, user_id: UUID, user_type: UserType) -> Phone:
        token = self._tokens.make(Caller(user_id, user_type, new_id()))
        stream = await trio.open_tcp_stream("127.0.0.1", self._port)
        return Phone(stream, token)

    async def _connect(self, user_id: UUID, user_type: UserType) -> Phone:
        phone = await self._phone(user_id, user_type)
        path = "/api/client/ws" if user_type == "customer" else "/api/mitra/ws"

        async def listen(task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
            await phone.listen(path, self._hall, task_status)

        await self._nursery.start(listen)
        return phone

    async def round(self, orders: list[tuple[UUID, UUID]], spread: float) -> dict[str, float]:
        """All confirm at once; then each search is accepted by a mitra of its own."""
        phones = [await self._phone(customer, "customer") for customer, _ in orders]
        sockets = [await self._connect(customer, "customer") for customer, _ in orders]
        self._hall.expect(len(orders) * len(self._mitras))
        begun = trio.current_time()
        async with trio.open_nursery() as nursery:
            for (_, payment), phone in zip(orders, phones, strict=True):
                nursery.start_soon(self._confirm, phone, payment)
            await self._hall.all()
            offers_out = self._hall.at - begun
        answered = trio.current_time() - begun

        latencies: list[float] = []
        async with trio.open_nursery() as nursery:
            for number, (_, payment) in enumerate(orders):
                _, mitra = self._mitras[number]
                wait = spread * number / len(orders)
                nursery.start_soon(self._accept, mitra, payment, sockets[number], wait, latencies)
        latencies.sort()
        return {
            "offers out s": offers_out,
            "confirmations answered s": answered,
            "offer frames/s": self._hall.wanted / offers_out,
            "paired p50 ms": statistics.median(latencies) * 1000,
            "paired p99 ms": latencies[round(len(latencies) * 0.99) - 1] * 1000,
        }

    async def _confirm(self, phone: Phone, payment: UUID) -> None:
        status = await phone.post(f"/api/client/payment-requests/{payment}/confirm")
        if status != 200:
            raise SystemExit(f"a confirmation was answered {status}")

    async def _accept(
        self, mitra: Phone, pairing: UUID, customer: Phone, wait: float, latencies: list[float]
    ) -> None:
        await trio.sleep(wait)
        at = trio.current_time()
        # The first search of a payment has the payment's id.
        status = await mitra.post(f"/api/mitra/chat-requests/{pairing}/accept", b"{}")
        if status != 200:
            raise SystemExit(f"an accept was answered {status}")
        with trio.fail_after(30):
            await customer.paired_at.wait()
        latencies.append(customer.at - at)


async def _measure(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="bench-pairing-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL may run as another user
        async with servers.postgres(folder / "postgres") as postgres, servers.valkey() as valkey:
            createdb = str(servers.wheel_binary("createdb"))
            server = f"--maintenance-db={postgres}/postgres"
            await trio.run_process([createdb, server, "ours"])
            port = servers.free_port()
            environ = {
                **os.environ,
                "DATABASE_URL": f"{postgres}/ours",
                "VALKEY_URL": f"{valkey}/0",
                "AUTH_JWT_SECRET": SECRET,
                "DATA_DIR": str(folder / "data"),
                "PUBLIC_BIND": f"127.0.0.1:{port}",
                "INTERNAL_BIND": "127.0.0.1:0",
                "LOG_FORMAT": "json",
            }
            with (folder / "ours.log").open("ab") as log:
                command = [sys.executable, str(ROOT / "run.py")]
                async with servers.running(command, env=environ, stdout=log, stderr=log) as process:
                    await servers.wait_for_port(port, process)
                    results = await _rounds(options, port, f"{postgres}/ours")
        raw = await _raw(options)
    return _report(results, raw)


async def _rounds(options: argparse.Namespace, port: int, dsn: str) -> dict[str, dict[str, float]]:
    results: dict[str, dict[str, float]] = {}
    async with trio.open_nursery() as nursery:
        bench = Bench(options, port, nursery)
        warm, calm, burst = await bench.fill(dsn, 3)
        await bench.round(warm[:20], 0.5)
        results["spread"] = await bench.round(calm, SPREAD)
        results["at once"] = await bench.round(burst, 0.0)
        nursery.cancel_scope.cancel()
    return results


# the floor: nothing but sends


FRAME = b"\x81\x7e\x01\x40" + b'{"type":"chat_request",' + b"x" * 297


def _send_raw(sockets: int, frames: int) -> int:
    """Accept as many sockets, wait for a byte on the first, send every frame by itself."""
    with socket.create_server(("127.0.0.1", 0), backlog=sockets) as server:
        print(server.getsockname()[1], flush=True)
        accepted = [server.accept()[0] for _ in range(sockets)]
        accepted[0].recv(1)
        for _ in range(frames):
            for one in accepted:
                one.sendall(FRAME)
        accepted[0].recv(1)
    return 0


async def _raw(options: argparse.Namespace) -> float:
    """Frames a second of that, counted by the same readers."""
    command = [sys.executable, "-m", "tests.bench.bench_pairing", "--raw"]
    command += [str(options.mitras), str(options.searches)]
    process = await trio.lowlevel.open_process(command, stdout=-1, cwd=ROOT)
    assert process.stdout is not None
    port = int(await process.stdout.receive_some(100))
    hall = Hall()
    hall.expect(options.mitras * options.searches)
    streams = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(options.mitras)]

    async def read(stream: trio.SocketStream) -> None:
        tail = b""
        while data := await stream.receive_some(65536):
            data = tail + data
            hall.heard(data.count(b'"type":"chat_request",'))
            tail = data[-21:]

    async with trio.open_nursery() as nursery:
        for stream in streams:
            nursery.start_soon(read, stream)
        begun = trio.current_time()
        await streams[0].send_all(b".")
        await hall.all()
        nursery.cancel_scope.cancel()
    await streams[0].send_all(b".")
    await process.wait()
    return hall.wanted / (hall.at - begun)


def _report(results: dict[str, dict[str, float]], raw: float) -> int:
    for name, result in results.items():
        for figure, value in result.items():
            print(f"{name:8} {figure:26} {value:10,.2f}")
        print(f"{name:8} {'of raw sends':26} {result['offer frames/s'] / raw:10,.2f}")
    print(f"raw      {'frames/s':26} {raw:10,.0f}")
    slow = [name for name, result in results.items() if result["offers out s"] >= 2.0]
    return 1 if slow or results["spread"]["paired p99 ms"] >= 200 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
