"""The demo's own node as a process: found, read, killed, started again where it was."""

import sys
from pathlib import Path

import pytest
import trio

from halobestie.demo.codes import CodesInFile
from halobestie.demo.own_node import NodeFailed, own_node

# Listens where it is told, says so, and lives until it is ended.
STAND_IN = """
import os, signal, socket, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
listeners = []
for name in ("public", "internal"):
    host, port = os.environ[name.upper() + "_BIND"].split(":")
    listener = socket.create_server((host, int(port)))
    listeners.append(listener)
    print(f"{name} listening on http://{host}:{listener.getsockname()[1]}", flush=True)
print('{"event": "[OTP STUB] phone=+628110000001 code=123456"}', flush=True)
while True:
    signal.pause()
"""


def stand_in(folder: Path, program: str = STAND_IN) -> list[str]:
    path = folder / "stand_in.py"
    path.write_text(program)
    return [sys.executable, "-I", str(path)]


async def test_a_killed_node_comes_back_at_the_same_addresses(tmp_path: Path) -> None:
    with trio.fail_after(20):
        async with own_node(tmp_path, {}, stand_in(tmp_path)) as node:
            first = (node.public_url, node.internal_url)
            await node.kill()
            await node.start()
            assert (node.public_url, node.internal_url) == first
            assert node.starts == 2
            assert await node.stop() == 0


async def test_a_code_is_read_from_the_nodes_output_and_handed_out_once(tmp_path: Path) -> None:
    with trio.fail_after(20):
        async with own_node(tmp_path, {}, stand_in(tmp_path)) as node:
            assert await node.codes.code_for("+628110000001") == "123456"
            with trio.move_on_after(0.01) as waiting:
                await node.codes.code_for("+628110000001")
            assert waiting.cancelled_caught


async def test_the_newest_code_of_a_phone_is_found_in_the_log_of_another_node(
    tmp_path: Path,
) -> None:
    log = tmp_path / "node.log"
    log.write_text(
        "[OTP STUB] phone=+628110000001 code=111111\n"
        "[OTP STUB] phone=+628110000002 code=222222\n"
        "[OTP STUB] phone=+628110000001 code=333333\n"
    )
    assert await CodesInFile(log).code_for("+628110000001") == "333333"


async def test_a_node_that_ends_at_its_start_is_said_to(tmp_path: Path) -> None:
    command = stand_in(tmp_path, "import sys; print('no way'); sys.exit(3)")
    with (
        trio.fail_after(20),
        pytest.RaisesGroup(pytest.RaisesExc(NodeFailed, match="ended with 3")),
    ):
        async with own_node(tmp_path, {}, command):
            pass
    assert (tmp_path / "node.log").read_text() == "no way\n"
