"""Deadlines: once, never early, never after they were moved or cleared."""

from datetime import UTC, datetime, timedelta

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import Actor, ActorSystem, AskTimeout, Clock, Kind
from actors.testing import Probe, running_system, settle

from .cast import (
    Add,
    Alarm,
    ClearAlarm,
    Hold,
    HoldAndAnswer,
    Line,
    Player,
    SetAlarm,
    Stage,
    Sum,
)


async def test_a_deadline_is_handled_when_it_is_due(cast: Kind[Line], stage: Stage) -> None:
    start = trio.current_time()
    cast.ref("ayu").tell(SetAlarm("tea", 5))
    await trio.sleep(4.999)
    assert stage.rang_at == []
    await trio.sleep(10)
    assert stage.rang_at == [("tea", pytest.approx(start + 5, abs=1e-6))]


async def test_a_deadline_that_is_set_again_has_moved(cast: Kind[Line], stage: Stage) -> None:
    start = trio.current_time()
    ayu = cast.ref("ayu")
    for seconds in (5, 9, 7):  # later, then earlier
        ayu.tell(SetAlarm("tea", seconds))
    await trio.sleep(20)
    assert stage.rang_at == [("tea", pytest.approx(start + 7, abs=1e-6))]


async def test_a_cleared_deadline_is_not_heard_of_again(cast: Kind[Line], stage: Stage) -> None:
    ayu = cast.ref("ayu")
    ayu.tell(SetAlarm("tea", 5))
    ayu.tell(ClearAlarm("tea"))
    ayu.tell(ClearAlarm("no such"))
    await trio.sleep(20)
    assert stage.rang_at == []


@pytest.mark.parametrize(
    ("change", "rings"), [(ClearAlarm("tea"), []), (SetAlarm("tea", 10), ["tea"])]
)
async def test_a_deadline_changed_by_a_message_in_hand_when_it_was_due_is_not_handled(
    cast: Kind[Line], stage: Stage, change: Line, rings: list[str]
) -> None:
    """The actor was busy with `Hold`, so the deadline waits in its lane; then it has a
    deadline of its own first, which moves or clears the one that waits."""

    class Fickle(Player):
        async def receive(self, message: Line) -> object:
            result = await super().receive(message)
            if message == Alarm("first"):
                await super().receive(change)
            return result

    fickle = cast.system.kind("fickle", lambda key: Fickle(stage), group="g").ref(1)
    fickle.tell(SetAlarm("first", 1))
    fickle.tell(SetAlarm("tea", 2))
    fickle.tell(Hold("gate"))
    await trio.sleep(3)
    stage.open("gate")
    await settle(cast.system)
    assert [name for name, _ in stage.rang_at] == ["first"]
    await trio.sleep(20)
    assert [name for name, _ in stage.rang_at[1:]] == rings


async def test_deadlines_come_in_the_order_of_their_times_and_ahead_of_the_mail(
    cast: Kind[Line], stage: Stage
) -> None:
    ayu = cast.ref("ayu")
    for name, seconds in (("c", 3), ("a", 1), ("b", 2)):
        ayu.tell(SetAlarm(name, seconds))
    ayu.tell(Hold("gate"))
    await trio.sleep(4)
    ayu.tell(Add(1))
    stage.open("gate")
    await settle(cast.system)
    assert stage.diary[-4:] == ["ayu: rings a", "ayu: rings b", "ayu: rings c", "ayu: +1"]


async def test_what_fell_due_while_nobody_ran_is_handled_at_start_before_the_mail(
    system: ActorSystem, stage: Stage
) -> None:
    """In the order of their times, though they were set in another; with its lateness."""

    class Sleeper(Player):
        async def started(self) -> None:
            await super().started()
            now = self.clock.now()
            self.deadlines.set("expiry", now - timedelta(seconds=10), Alarm("expiry"))
            self.deadlines.set("warning", now - timedelta(seconds=190), Alarm("warning"))

    sleeper = system.kind("sleeper", lambda key: Sleeper(stage), group="g").ref(1)
    sleeper.tell(Add(1))
    await settle(system)
    assert stage.diary[1:] == ["player: rings warning", "player: rings expiry", "player: +1"]
    (cell,) = system.kinds["sleeper"].cells.values()
    assert cell.latest == pytest.approx(190, abs=1e-5)


async def test_a_deadline_that_sets_itself_anew_in_the_past_does_not_hold_the_loop(
    system: ActorSystem,
) -> None:
    class Hasty(Actor[Alarm]):
        async def receive(self, message: Alarm) -> None:
            self.deadlines.after("again", 0, message)

    system.spawn("hasty", Hasty, group="services").tell(Alarm("x"))
    for _ in range(10):
        await trio.lowlevel.checkpoint()
    system.ref("hasty", "hasty").stop()
    await settle(system)


async def test_deadlines_are_flushed_like_messages(system: ActorSystem) -> None:
    flushes: list[int] = []

    class Gatherer(Player):
        async def flush(self) -> None:
            flushes.append(len(self.stage.rang_at))

    gatherer = system.spawn("gatherer", lambda: Gatherer(Stage()), group="services")
    gatherer.tell(SetAlarm("a", 1))
    gatherer.tell(SetAlarm("b", 1))
    await trio.sleep(2)
    assert flushes == [0, 2]


async def test_a_thousand_deadlines_moved_many_times_each_fire_once(system: ActorSystem) -> None:
    """Also exercises the sweep of dead entries."""
    probes = {key: Probe() for key in range(1000)}
    kind = system.kind("probe", probes.__getitem__, group="g", capacity=10)
    for key in probes:
        kind.ref(key).tell("hello")
    await settle(system)
    for move in range(20):
        for key, probe in probes.items():
            probe.deadlines.after("alarm", 10 + (key * 7 + move) % 13, move)
        await trio.sleep(1)
    await trio.sleep(30)
    assert all(probe.heard == ["hello", 19] for probe in probes.values())
    assert len(system.timers._heap) < 100


async def test_clearing_what_has_been_handled_changes_nothing(
    cast: Kind[Line], stage: Stage
) -> None:
    ayu = cast.ref("ayu")
    ayu.tell(SetAlarm("tea", 1))
    await trio.sleep(2)
    ayu.tell(ClearAlarm("tea"))
    ayu.tell(SetAlarm("tea", 1))
    await trio.sleep(2)
    assert len(stage.rang_at) == 2


async def test_the_time_out_of_an_ask_and_a_deadline_share_a_moment_in_peace(
    cast: Kind[Line], stage: Stage
) -> None:
    ayu = cast.ref("ayu")
    ayu.tell(SetAlarm("tea", 5))
    with pytest.raises(AskTimeout):
        await ayu.ask(HoldAndAnswer("gate"), timeout=5)
    stage.open("gate")
    assert await ayu.ask(Sum()) == 0
    assert [name for name, _ in stage.rang_at] == ["tea"]


def test_whoever_looks_at_the_clock_when_a_deadline_is_due_finds_it_past() -> None:
    """Not a microsecond early, whatever the fractions; not late by the clock of a test."""

    class Checker(Actor[datetime]):
        async def receive(self, message: datetime) -> None:
            late.append(self.clock.now() - message)

    late: list[timedelta] = []

    @given(
        st.datetimes(datetime(2020, 1, 1), datetime(2080, 1, 1)),  # noqa: DTZ001
        st.floats(0, 1000),
        st.floats(1e-6, 1000),
    )
    def check(wall: datetime, start: float, seconds: float) -> None:
        async def main() -> None:
            clock.jump(start)
            wall_clock = Clock(wall.replace(tzinfo=UTC))
            async with running_system(clock=wall_clock) as system:
                checker = Checker()
                system.spawn("checker", lambda: checker, group="g")
                await wait_all_tasks_blocked()
                at = wall_clock.in_seconds(seconds)
                checker.deadlines.set("x", at, at)
                # To the very moment, and on by what a datetime cannot tell.
                for step in (wall_clock.trio_time(at) - trio.current_time(), 1e-6):
                    clock.jump(max(0.0, step))
                    await settle(system)

        late.clear()
        clock = MockClock()
        trio.run(main, clock=clock)
        assert len(late) == 1
        assert timedelta(0) <= late[0] <= timedelta(microseconds=2)

    check()


async def test_the_clock_moves_with_trio_and_only_with_it() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    clock = Clock(noon)
    await trio.sleep(90)
    assert clock.now() == noon + timedelta(seconds=90)
    assert clock.seconds_until(noon) == pytest.approx(-90, abs=1e-6)
    assert clock.in_seconds(10) == noon + timedelta(seconds=100)
    assert clock.trio_time(noon) == pytest.approx(trio.current_time() - 90, abs=1e-6)
    assert abs(Clock().now() - datetime.now(UTC)) < timedelta(seconds=1)  # noqa: TID251


async def test_a_moment_without_a_time_zone_is_refused(system: ActorSystem) -> None:
    with pytest.raises(TypeError):
        system.clock.trio_time(datetime(2026, 1, 1))  # noqa: DTZ001
