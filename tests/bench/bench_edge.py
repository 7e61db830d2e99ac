"""What the edge costs: echoes a CPU second and memory an idle socket, as ratios.

Throughput is counted per CPU second of the server, in rounds that alternate between the
servers, because the machine is shared and its clock is noisy.

    python3 run.py test -m bench tests/bench/bench_edge.py -s
"""

import selectors
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import pack
from time import perf_counter

import psutil
import pytest

from tests.bench.edge_servers import KINDS

pytestmark = pytest.mark.bench

ROOT = Path(__file__).parents[2]
CLIENTS = 50
ROUNDS = 5
ROUND_SECONDS = 2.0
IDLE_SOCKETS = 2000
TEXT = b"x" * 150  # a chat message with its envelope
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
FRAME = pack("!BBH4x", 0x81, 0x80 | 126, len(TEXT)) + TEXT
REPLY_BYTES = 4 + len(TEXT)


class Server:
    def __init__(self, kind: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.edge_servers", kind],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        self.stats = psutil.Process(self.process.pid)

    def cpu_seconds(self) -> float:
        times = self.stats.cpu_times()
        return float(times.user + times.system)

    def rss(self) -> int:
        return int(self.stats.memory_info().rss)

    def connect(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(HANDSHAKE)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(4096)
        assert b" 101 " in head
        return client


@contextmanager
def running(*kinds: str) -> Iterator[dict[str, Server]]:
    servers = {kind: Server(kind) for kind in kinds}
    try:
        yield servers
    finally:
        for server in servers.values():
            server.process.kill()
            server.process.communicate()


def echoes_per_cpu_second(server: Server) -> float:
    """CLIENTS sockets in closed loop for a round."""
    selector = selectors.DefaultSelector()
    pending: dict[socket.socket, int] = {}
    for _ in range(CLIENTS):
        client = server.connect()
        selector.register(client, selectors.EVENT_READ)
        pending[client] = REPLY_BYTES
        client.sendall(FRAME)
    echoes, cpu, end = 0, server.cpu_seconds(), perf_counter() + ROUND_SECONDS
    while perf_counter() < end:
        for key, _ in selector.select(1):
            client = key.fileobj
            assert isinstance(client, socket.socket)
            pending[client] -= len(client.recv(4096))
            if pending[client] == 0:
                echoes += 1
                pending[client] = REPLY_BYTES
                client.sendall(FRAME)
    cpu = server.cpu_seconds() - cpu
    for client in pending:
        client.close()
    selector.close()
    return echoes / cpu


def test_an_echo_costs_at_most_two_fifths_of_a_stock_one() -> None:
    rates: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with running(*KINDS) as servers:
        for _ in range(ROUNDS):
            for kind, server in servers.items():
                rates[kind].append(echoes_per_cpu_second(server))
    medians = {kind: statistics.median(values) for kind, values in rates.items()}
    stock = medians["stock"]
    for kind, rate in medians.items():
        print(f"{kind:6} {rate:9.0f} echoes per CPU second  {rate / stock:5.2f} × stock")
    assert medians["ours"] >= 2.5 * stock


def test_an_idle_socket_stays_under_forty_kilobytes() -> None:
    with running("ours", "stock") as servers:
        each: dict[str, float] = {}
        for kind, server in servers.items():
            for client in [server.connect() for _ in range(100)]:  # what is paid once
                client.close()
            before = server.rss()
            clients = [server.connect() for _ in range(IDLE_SOCKETS)]
            for client in clients:
                client.sendall(FRAME)
                client.recv(4096)
            each[kind] = (server.rss() - before) / IDLE_SOCKETS / 1024
            for client in clients:
                client.close()
            print(f"{kind:6} {each[kind]:5.1f} KB per idle socket")
    assert each["ours"] <= 40
