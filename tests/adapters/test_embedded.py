"""The embedded servers live exactly as long as their node, and keep what was committed."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
import trio

from halobestie.adapters.bridge import Bridge
from halobestie.adapters.embedded import EmbeddedError, EmbeddedPostgres, EmbeddedValkey
from halobestie.adapters.embedded.children import spawn
from halobestie.adapters.valkey import open_valkey
from tests.waiting import until

NODE = Path(__file__).with_name("embedded_node.py")
ROOT = NODE.parents[2]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a cluster in it, shared by the tests that may share one."""
    folder = tmp_path_factory.mktemp("data")
    server = EmbeddedPostgres(folder, durable=False)
    trio.run(server.start)
    trio.run(server.stop)
    return folder


@asynccontextmanager
async def running(
    *servers: EmbeddedPostgres | EmbeddedValkey,
) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        for server in servers:
            await nursery.start(server.run)
        yield
        nursery.cancel_scope.cancel()


async def ask(bridge: Bridge, server: EmbeddedPostgres, statement: str) -> object:
    async def fetch() -> object:
        connection = await asyncpg.connect(server.url, timeout=5)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return await bridge.cross(fetch())


def pid_of(server: EmbeddedPostgres | EmbeddedValkey) -> int:
    pid = server.statistics()["pid"]
    assert isinstance(pid, int)
    return pid


def lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


@asynccontextmanager
async def node(
    data_dir: Path, command: list[str] | None = None
) -> AsyncIterator["subprocess.Popen[str]"]:
    """A node of its own process, killed at the end if it still lives."""
    process = subprocess.Popen(
        command or [sys.executable, str(NODE), str(data_dir)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert await trio.to_thread.run_sync(process.stdout.readline) == "starting\n"
        yield process
    finally:
        process.kill()
        process.communicate()


async def servers_of(process: "subprocess.Popen[str]") -> list[int]:
    assert process.stdout is not None
    with trio.fail_after(20):
        line = await trio.to_thread.run_sync(process.stdout.readline)
    return [int(word) for word in line.split()]


async def test_both_servers_answer_over_unix_sockets_only(bridge: Bridge, data_dir: Path) -> None:
    postgres, valkey = EmbeddedPostgres(data_dir, durable=False), EmbeddedValkey(data_dir)
    async with running(postgres, valkey):
        version = await ask(bridge, postgres, "SHOW server_version")
        assert str(version).startswith("18.")
        assert await ask(bridge, postgres, "SHOW listen_addresses") == ""
        async with open_valkey(bridge, valkey.url) as client:
            await client.ping()
            assert await client.command("CONFIG", "GET", "port") == [b"port", b"0"]


async def test_what_is_stopped_leaves_no_process_and_no_socket(data_dir: Path) -> None:
    postgres, valkey = EmbeddedPostgres(data_dir, durable=False), EmbeddedValkey(data_dir)
    async with running(postgres, valkey):
        pids = [pid_of(postgres), pid_of(valkey)]
        folders = [postgres._sockets, valkey._sockets]
        assert all(folder.is_dir() for folder in folders)
    assert not any(lives(pid) for pid in pids)
    assert not any(folder.exists() for folder in folders)


async def test_postgres_is_durable_unless_a_test_says_otherwise(
    bridge: Bridge, data_dir: Path
) -> None:
    server = EmbeddedPostgres(data_dir)
    async with running(server):
        assert await ask(bridge, server, "SHOW fsync") == "on"
        assert await ask(bridge, server, "SHOW synchronous_commit") == "on"


async def test_text_is_utf_8_and_compared_without_regard_to_case(
    bridge: Bridge, data_dir: Path
) -> None:
    server = EmbeddedPostgres(data_dir, durable=False)
    async with running(server):
        assert await ask(bridge, server, "SELECT lower('ÉLAN') = 'élan'") is True


async def test_a_postgres_that_is_killed_comes_back_with_its_data(
    bridge: Bridge, data_dir: Path
) -> None:
    server = EmbeddedPostgres(data_dir)
    async with running(server):
        url, killed = server.url, pid_of(server)
        await ask(bridge, server, "CREATE TABLE kept AS SELECT 42 AS answer")
        os.kill(killed, signal.SIGKILL)
        await until(lambda: server.statistics()["restarts"] == 1)
        assert server.url == url
        assert pid_of(server) != killed
        assert await ask(bridge, server, "SELECT answer FROM kept") == 42


async def test_a_valkey_that_is_killed_comes_back_at_the_same_place(
    bridge: Bridge, data_dir: Path
) -> None:
    server = EmbeddedValkey(data_dir)
    async with running(server), open_valkey(bridge, server.url) as client:
        for round_ in (1, 2):
            os.kill(pid_of(server), signal.SIGKILL)
            await until(lambda wanted=round_: server.statistics()["restarts"] == wanted)
            await client.ping()


async def test_the_servers_die_with_a_node_that_is_killed_and_the_next_start_recovers(
    bridge: Bridge, tmp_path: Path
) -> None:
    async with node(tmp_path) as process:
        pids = await servers_of(process)
        server = EmbeddedPostgres(tmp_path)
        await ask(bridge, server, "CREATE TABLE kept AS SELECT 42 AS answer")
        process.kill()
        process.wait()
        async with running(server):  # at once, while the old one may still be stopping
            assert await ask(bridge, server, "SELECT answer FROM kept") == 42
        await until(lambda: not any(lives(pid) for pid in pids))


async def test_node_and_servers_killed_together_leave_a_usable_data_directory(
    bridge: Bridge, tmp_path: Path
) -> None:
    async with node(tmp_path) as process:
        pids = await servers_of(process)
        for pid in (*pids, process.pid):
            os.kill(pid, signal.SIGKILL)
        process.wait()
        server = EmbeddedPostgres(tmp_path)
        async with running(server, EmbeddedValkey(tmp_path)):
            assert await ask(bridge, server, "SELECT 1") == 1


async def test_a_pid_file_that_names_a_stranger_is_not_believed(
    bridge: Bridge, data_dir: Path
) -> None:
    (data_dir / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    server = EmbeddedPostgres(data_dir, durable=False)
    async with running(server):
        assert await ask(bridge, server, "SELECT 1") == 1


async def test_a_first_start_that_was_killed_half_way_is_made_again(
    bridge: Bridge, tmp_path: Path
) -> None:
    async with node(tmp_path) as process:
        await until(lambda: any(tmp_path.glob("postgres.new-*/PG_VERSION")))
        process.kill()
        process.wait()
    assert not (tmp_path / "postgres").exists()
    server = EmbeddedPostgres(tmp_path, durable=False)
    async with running(server):
        assert await ask(bridge, server, "SELECT 1") == 1


async def test_a_first_start_that_is_cancelled_leaves_no_process(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path, durable=False)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.run)
        await until(lambda: any(tmp_path.glob("postgres.new-*/*")))
        nursery.cancel_scope.cancel()
    users = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, check=False)
    assert users.stdout == b""


@pytest.mark.parametrize("kind", [EmbeddedPostgres, EmbeddedValkey])
async def test_a_second_owner_of_a_data_directory_is_refused_with_one_line(
    kind: type[EmbeddedPostgres] | type[EmbeddedValkey], data_dir: Path
) -> None:
    async with running(kind(data_dir)):
        with pytest.raises(EmbeddedError, match=r"DATA_DIR .* is in use") as refused:
            await kind(data_dir).start()
    assert "\n" not in str(refused.value)


async def test_a_cluster_that_cannot_start_names_its_log(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    with pytest.raises(EmbeddedError, match=r"see .*postgres\.log"):
        await EmbeddedPostgres(tmp_path).start()


async def test_a_long_data_directory_still_gets_a_short_socket_path(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path / ("x" * 120) / ("y" * 120))
    async with running(server):
        assert len(str(server._socket).encode()) < 108


async def test_servers_start_for_a_user_without_any_privilege(tmp_path: Path) -> None:
    """As nobody when these tests run as root; else this is the user of every other test."""
    command = [sys.executable, str(NODE), str(tmp_path / "data")]
    if os.geteuid() == 0:
        os.chown(tmp_path, 65534, 65534)
        command = _as_nobody(command, tmp_path)
    async with node(tmp_path, command) as process:
        pids = await servers_of(process)
        owners = {Path(f"/proc/{pid}").stat().st_uid for pid in pids}
        assert owners == {65534 if os.geteuid() == 0 else os.geteuid()}


def _as_nobody(command: list[str], folder: Path) -> list[str]:
    launcher = Path(spawn.__code__.co_filename).with_name("launch.py")
    # With reach: the interpreter itself may stand under /root.
    numbers = [str(os.getpid()), str(int(signal.SIGKILL)), "65534", "65534", "1"]
    assert folder.exists()
    return [sys.executable, "-I", "-S", str(launcher), *numbers, *command]


@pytest.fixture
def closed_folder(tmp_path: Path) -> Path:
    """A folder that nobody but its owner may pass through, like /root."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    return closed


async def test_root_may_keep_the_data_where_only_root_may_enter(
    bridge: Bridge, closed_folder: Path
) -> None:
    server = EmbeddedPostgres(closed_folder / "data", durable=False)
    async with running(server):
        assert await ask(bridge, server, "SELECT 1") == 1
        if os.geteuid() == 0:
            assert Path(f"/proc/{pid_of(server)}").stat().st_uid != 0
