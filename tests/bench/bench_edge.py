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
PING = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"


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

    def connect(self, path: bytes = b"/ws") -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not path:
            return client
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


def answers_per_cpu_second(server: Server, path: bytes, question: bytes, end: bytes) -> float:
    """CLIENTS connections in closed loop for a round; an answer ends with `end`."""
    selector = selectors.DefaultSelector()
    clients = [server.connect(path) for _ in range(CLIENTS)]
    for client in clients:
        selector.register(client, selectors.EVENT_READ, client)
        client.sendall(question)
    answers, cpu, stop = 0, server.cpu_seconds(), perf_counter() + ROUND_SECONDS
    while perf_counter() < stop:
        for key, _ in selector.select(1):
            if key.data.recv(4096).endswith(end):
                answers += 1
                key.data.sendall(question)
    cpu = server.cpu_seconds() - cpu
    for client in clients:
        client.close()
    selector.close()
    return answers / cpu


def medians_of(
    kinds: tuple[str, ...], path: bytes, question: bytes, end: bytes
) -> dict[str, float]:
    """Rounds that alternate between the servers; printed beside stock."""
    rates: dict[str, list[float]] = {kind: [] for kind in kinds}
    with running(*kinds) as servers:
        for _ in range(ROUNDS):
            for kind, server in servers.items():
                rates[kind].append(answers_per_cpu_second(server, path, question, end))
    medians = {kind: statistics.median(values) for kind, values in rates.items()}
    for kind, rate in medians.items():
        ratio = rate / medians["stock"]
        print(f"{kind:6} {rate:8.0f} answers per CPU second  {ratio:5.2f} × stock")
    return medians


def test_an_echo_costs_at_most_two_fifths_of_a_stock_one() -> None:
    medians = medians_of(KINDS, b"/ws", FRAME, TEXT)
    assert medians["ours"] >= 2.5 * medians["stock"]


def test_a_request_costs_no_more_than_a_stock_one() -> None:
    # Stock ends a connection after 1,000 requests; it is not asked for so many.
    medians = medians_of(("ours", "stock"), b"", PING, b'{"ok":true}\n')
    assert medians["ours"] >= 0.95 * medians["stock"]


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
