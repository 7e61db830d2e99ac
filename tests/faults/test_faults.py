"""Real processes are killed, stalled and stopped while people talk. What was acknowledged
stays, once and in order; and everybody hears everything in the end.

In the suite with few sessions; with many by `-m soak`.
"""

import os
import signal
from pathlib import Path

import pytest
import trio

from tests.faults.town import Town, town

pytestmark = pytest.mark.faults

SIZES = [
    pytest.param(4, id="few"),
    pytest.param(100, id="many", marks=pytest.mark.soak),
]
sizes = pytest.mark.parametrize("sessions", SIZES)


@sizes
async def test_a_node_that_is_killed_while_all_talk_loses_nothing_it_acknowledged(
    tmp_path: Path, sessions: int
) -> None:
    async with town(tmp_path, sessions) as place:
        for _ in range(2):
            async with place.talking():
                await place.hears_acks(5 * sessions)
                await place.node.kill()
                await place.node.start()
                await place.hears_acks(2 * sessions)
        await place.kept_every_promise()


@sizes
async def test_a_postgresql_that_is_killed_is_back_and_so_is_the_talk(
    tmp_path: Path, sessions: int
) -> None:
    async with town(tmp_path, sessions) as place:
        async with place.talking():
            await place.hears_acks(5 * sessions)
            place.signals("postgres", signal.SIGKILL)
            await place.hears_acks(3 * sessions)
        await place.kept_every_promise()


@sizes
async def test_a_postgresql_that_stalls_is_waited_for_and_answered_for(
    tmp_path: Path, sessions: int
) -> None:
    """Every backend stops for longer than a write may take: apps hear `unavailable`, keep
    their sockets, and send again."""
    stalled = 6.0 if sessions < 10 else 30.0
    async with town(tmp_path, sessions) as place:
        async with place.talking():
            await place.hears_acks(5 * sessions)
            hellos = [one.app.hellos for one in place.people]
            with stopped(place):
                await trio.sleep(stalled)
            await place.hears_acks(3 * sessions)
        assert [one.app.hellos for one in place.people] == hellos
        heard = [one.heard("error", code="unavailable") for one in place.people]
        assert any(heard)
        await place.kept_every_promise()


@sizes
async def test_a_valkey_that_is_killed_holds_up_no_message(tmp_path: Path, sessions: int) -> None:
    async with town(tmp_path, sessions) as place:
        async with place.talking():
            await place.hears_acks(2 * sessions)
            place.signals("valkey", signal.SIGKILL)
            await place.hears_acks(5 * sessions)
        errors = {frame["code"] for one in place.people for frame in one.heard("error")}
        assert errors == set()
        await place.kept_every_promise()


@pytest.mark.parametrize(
    "sessions",
    [pytest.param(4, id="few"), pytest.param(500, id="many", marks=pytest.mark.soak)],
)
async def test_a_node_that_is_told_to_stop_sends_everybody_home_and_ends_in_time(
    tmp_path: Path, sessions: int
) -> None:
    async with town(tmp_path, sessions) as place:
        async with place.talking():
            await place.hears_acks(2 * sessions)
            with trio.fail_after(8.5):
                assert await place.node.stop() == 0
            drained = [one.heard("server_draining") for one in place.people]
            await place.node.start()
            await place.hears_acks(2 * sessions)
        assert all(drained)
        await place.kept_every_promise()


class stopped:  # noqa: N801 - reads as a state
    """PostgreSQL, all its processes, stands still for the length of a block."""

    def __init__(self, place: Town) -> None:
        parent = place.pid("postgres")
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        self._pids = [parent, *map(int, children)]

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue  # a backend that ended meanwhile

    def __enter__(self) -> None:
        self._signal(signal.SIGSTOP)

    def __exit__(self, *_: object) -> None:
        self._signal(signal.SIGCONT)
