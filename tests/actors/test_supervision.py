"""Crashes: who notices, when the actor comes back, and what it remembers."""

from random import Random

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors import (
    Actor,
    ActorCrashed,
    ActorStopped,
    ActorSystem,
    CrashRequested,
    Kind,
    Quarantined,
    Restart,
    ServiceFailed,
    Unavailable,
    open_system,
)
from actors.cell import AWAY_RETRY
from actors.faults import describe, is_away, split
from actors.restarts import CrashHistory
from actors.testing import running_system, settle

from .cast import (
    QUICK,
    SECRET,
    Add,
    Alarm,
    Fail,
    FailToAnswer,
    HoldAndAnswer,
    Leave,
    Line,
    Owe,
    Player,
    SetAlarm,
    Stage,
    Sum,
    outcome,
    players,
)


async def test_a_crash_never_delays_a_sibling(cast: Kind[Line]) -> None:
    before = trio.current_time()
    for _ in range(20):
        cast.ref("ayu").tell(Fail())
        assert await cast.ref("budi").ask(Sum()) == 0
    assert trio.current_time() == before


async def test_a_restarted_actor_reads_its_state_back(cast: Kind[Line], stage: Stage) -> None:
    ayu = cast.ref("ayu")
    ayu.tell(Add(4))
    ayu.tell(Fail())

    assert await ayu.ask(Sum()) == 4
    assert stage.diary == ["ayu: started", "ayu: +4", "ayu: fails", "ayu: started"]


async def test_the_message_that_crashed_an_actor_is_a_dead_letter_and_no_other(
    cast: Kind[Line], system: ActorSystem
) -> None:
    ayu = cast.ref("ayu")
    for message in (Add(1), Fail(), Add(2)):
        ayu.tell(message)

    assert await ayu.ask(Sum()) == 3
    assert system.dead_letters.counts == {"Fail": 1}


async def test_a_crash_on_request_costs_no_message(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    """The signal arrives while a message is handled: that one is finished first."""
    ayu = cast.ref("ayu")
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def ask() -> None:
            assert await ayu.ask(HoldAndAnswer("gate")) == "gate"

        await wait_all_tasks_blocked()
        assert system.crash("players/player:ayu")
        stage.open("gate")
    await settle(system)

    cell = system.find("players/player:ayu")
    assert cell is not None
    assert cell.restarts == 1
    assert cell.last_error is not None
    assert "CrashRequested" in cell.last_error
    assert system.dead_letters.total == 0
    assert not system.crash("players/player:nobody")


async def test_a_told_message_that_was_finished_is_no_dead_letter_of_a_crash_behind_it(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    cast.ref("ayu").tell(Add(1))
    await settle(system)
    cast.ref("ayu").tell(Add(1))
    system.crash("players/player:ayu")  # both wait when the actor wakes: the signal is first
    assert await cast.ref("ayu").ask(Sum()) == 2
    assert system.dead_letters.total == 0


async def test_restarts_back_off_and_then_the_actor_is_quarantined_and_comes_back(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    ayu = cast.ref("ayu")
    waits: list[float] = []
    for _ in range(QUICK.intensity):
        ayu.tell(Fail())
        before = trio.current_time()
        await ayu.ask(Sum())
        waits.append(trio.current_time() - before)
    for wait, longest in zip(waits, (0.1, 0.2, 0.4), strict=True):
        assert longest / 2 <= wait <= longest

    assert await outcome(ayu.ask(FailToAnswer())) is ActorCrashed
    quarantined_at = trio.current_time()
    await wait_all_tasks_blocked()
    assert await outcome(ayu.ask(Sum())) is Quarantined
    ayu.tell(Add(1))
    assert system.dead_letters.counts["Add"] == 1
    assert await outcome(cast.ref("budi").ask(Sum())) == 0

    await trio.sleep_until(quarantined_at + QUICK.quarantine)
    await settle(system)
    assert await outcome(ayu.ask(Sum())) == 0
    await outcome(ayu.ask(FailToAnswer()))
    before = trio.current_time()
    await ayu.ask(Sum())
    assert trio.current_time() - before <= 0.1  # it counts its crashes anew


async def test_mail_that_waits_for_an_actor_is_refused_when_it_is_quarantined(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    stage.failing_starts.extend(["crash"] * (QUICK.intensity + 1))
    ayu = cast.ref("ayu")
    ayu.tell(Add(1))
    with pytest.raises(Quarantined):
        await ayu.ask(Sum())
    assert system.dead_letters.counts == {"Add": 1}


async def test_crashes_that_lie_far_apart_do_not_add_up(cast: Kind[Line]) -> None:
    ayu = cast.ref("ayu")
    for _ in range(3 * QUICK.intensity):
        ayu.tell(Fail())
        await trio.sleep(QUICK.within / QUICK.intensity + 1)
        assert await outcome(ayu.ask(Sum())) == 0


async def test_a_service_that_keeps_crashing_ends_the_system(stage: Stage) -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(ServiceFailed, match=r"services/player.*ValueError")):
        async with open_system() as system:
            service = system.spawn("player", lambda: Player(stage), group="services", restart=QUICK)
            for _ in range(QUICK.intensity + 1):
                service.tell(Fail())
            with trio.fail_after(60):
                await trio.sleep_forever()


async def test_the_failure_of_a_service_quotes_nothing_that_people_wrote(stage: Stage) -> None:
    def says_nothing(failed: ServiceFailed) -> bool:
        return SECRET not in str(failed) and failed.__cause__ is None is failed.__context__

    stage.failing_starts.extend(["crash"] * 9)
    with pytest.RaisesGroup(pytest.RaisesExc(ServiceFailed, check=says_nothing)):
        async with open_system() as system:
            system.spawn("player", lambda: Player(stage), group="services", restart=QUICK)
            await trio.sleep_forever()


async def test_the_jitter_of_restarts_is_seeded(stage: Stage) -> None:
    async def waits(seed: int) -> list[float]:
        times = []
        async with running_system(seed) as system:
            ayu = players(system, Stage()).ref("ayu")
            for _ in range(3):
                ayu.tell(Fail())
                before = trio.current_time()
                await ayu.ask(Sum())
                times.append(round(trio.current_time() - before, 9))
        return times

    assert await waits(1) == await waits(1) != await waits(2)


def test_the_delay_doubles_up_to_its_longest_and_old_crashes_are_forgotten() -> None:
    class NoJitter(Random):
        def uniform(self, a: float, b: float) -> float:
            return b

    policy = Restart(first_delay=1, longest_delay=3, intensity=3, within=10)
    history = CrashHistory(policy, NoJitter())
    assert [history.crashed(at) for at in (0, 1, 2, 3)] == [1, 2, 3, None]
    assert history.crashed(30) == 1
    history.forget()
    assert history.crashed(31) == 1


# what it needs is away


async def test_an_actor_whose_truth_is_away_refuses_mail_at_once_and_comes_back(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    ayu = cast.ref("ayu")
    await ayu.ask(Sum())
    stage.failing_starts.extend(["away"] * 3)
    before = trio.current_time()

    assert await outcome(ayu.ask(FailToAnswer("away"))) is Unavailable
    await wait_all_tasks_blocked()
    assert await outcome(ayu.ask(Sum())) is Unavailable
    ayu.tell(Add(1))
    assert system.dead_letters.counts == {"Add": 1}

    await trio.sleep(10)
    assert await outcome(ayu.ask(Sum())) == 0
    assert not stage.failing_starts
    assert trio.current_time() - before == 10
    cell = system.find("players/player:ayu")
    assert cell is not None
    assert cell.restarts == 0  # no crash


async def test_mail_that_waited_is_refused_when_the_truth_is_away_at_start(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    stage.failing_starts.append("away")
    cast.ref("ayu").tell(Add(1))
    assert await outcome(cast.ref("ayu").ask(Sum())) is Unavailable
    assert system.dead_letters.counts == {"Add": 1}


async def test_a_crash_after_being_away_takes_mail_again(cast: Kind[Line], stage: Stage) -> None:
    """It waits for the next incarnation, as after any crash."""
    stage.failing_starts.extend(["away", "crash"])
    assert await outcome(cast.ref("ayu").ask(Sum())) is Unavailable
    await trio.sleep(AWAY_RETRY[0])
    assert stage.diary == ["ayu: fails to start", "ayu: fails to start"]
    assert await cast.ref("ayu").ask(Sum()) == 0


@pytest.mark.parametrize(
    ("how", "told"),
    [("away", Unavailable), ("away in a group", Unavailable), ("away and crash", ActorCrashed)],
)
async def test_a_group_of_errors_is_a_crash_unless_all_say_away(
    cast: Kind[Line], how: str, told: type[Exception]
) -> None:
    assert await outcome(cast.ref("ayu").ask(FailToAnswer(how))) is told


async def test_a_static_service_that_is_away_never_ends_the_system(stage: Stage) -> None:
    async with running_system() as system:
        stage.failing_starts.extend(["away"] * 100)
        service = system.spawn("player", lambda: Player(stage), group="services", restart=QUICK)
        await trio.sleep(300)
        assert await outcome(service.ask(Sum())) == 0


# stop


async def test_stopping_from_outside_comes_ahead_of_the_mail_which_the_next_one_gets(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    ayu = cast.ref("ayu")
    ayu.tell(Add(1))
    ayu.stop()
    assert await ayu.ask(Sum()) == 1
    assert stage.diary == ["ayu: started", "ayu: stopping", "ayu: started", "ayu: +1"]
    cast.ref("nobody").stop()


@pytest.mark.parametrize("how", ["crash", "away"])
async def test_an_actor_that_waits_for_its_restart_can_be_stopped(
    cast: Kind[Line], system: ActorSystem, how: str
) -> None:
    await outcome(cast.ref("ayu").ask(FailToAnswer(how)))
    await wait_all_tasks_blocked()
    cast.ref("ayu").stop()
    await wait_all_tasks_blocked()
    assert system.find("players/player:ayu") is None


async def test_stopping_a_crashed_actor_loses_no_mail_that_waits_for_it(
    cast: Kind[Line], system: ActorSystem
) -> None:
    ayu = cast.ref("ayu")
    await outcome(ayu.ask(FailToAnswer()))
    ayu.tell(Add(3))
    ayu.stop()
    assert await ayu.ask(Sum()) == 3
    assert system.dead_letters.total == 0


async def test_an_actor_that_fails_while_it_ends_still_ends(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    def fail(player: Player) -> None:
        player.deadlines.after("never", 1, Alarm("never"))
        raise ValueError(SECRET)

    stage.at_stop = fail
    cast.ref("ayu").tell(Leave())
    await settle(system)
    assert system.find("players/player:ayu") is None
    await trio.sleep(10)
    assert stage.rang_at == []


async def test_an_actor_that_crashes_in_its_last_flush_is_not_started_for_nothing(
    system: ActorSystem, stage: Stage
) -> None:
    class Fragile(Player):
        async def flush(self) -> None:
            if "player: leaves" in stage.diary:
                raise ValueError(SECRET)

    fragile = system.spawn("player", lambda: Fragile(stage), group="services")
    results: list[object] = []
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def ask() -> None:
            results.append(await outcome(fragile.ask(Owe("coffee"))))

        await wait_all_tasks_blocked()
        fragile.tell(Leave())
    await settle(system)
    assert results == [ActorCrashed]
    assert stage.diary == ["player: started", "player: leaves"]


async def test_deadlines_do_not_survive_a_crash(cast: Kind[Line], stage: Stage) -> None:
    """The next incarnation sets them again, from its row."""
    ayu = cast.ref("ayu")
    ayu.tell(SetAlarm("tea", 5))
    ayu.tell(Fail())
    await trio.sleep(10)
    assert await ayu.ask(Sum()) == 0
    assert stage.rang_at == []


# cancellation mixed with errors


@pytest.mark.parametrize("where", ["in receive", "in started", "in stopping"])
async def test_a_crash_amid_the_cancellation_of_everything_does_not_leave_the_system(
    where: str, stage: Stage
) -> None:
    """A nursery in an actor then raises a group of Cancelled and the error."""
    fell = trio.Event()

    async def fall() -> None:
        try:
            await trio.sleep_forever()
        finally:
            fell.set()
            raise ValueError(SECRET)

    async def fall_together() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fall)
            nursery.start_soon(trio.sleep_forever)

    class Careless(Actor[str]):
        async def started(self) -> None:
            if where == "in started":
                await fall_together()

        async def receive(self, message: str) -> None:
            if where == "in receive":
                await fall_together()
            self.stop()

        async def stopping(self) -> None:
            await fall_together()

    async with running_system() as system:
        careless = system.spawn("careless", Careless, group="services")
        careless.tell("go")
        await wait_all_tasks_blocked()
        careless.tell("wait")
    assert fell.is_set()
    assert system.dead_letters.total == {"in receive": 2, "in started": 2, "in stopping": 1}[where]


def test_what_leaves_a_task_is_told_from_what_is_its_own() -> None:
    crash, away, interrupt = ValueError(SECRET), Unavailable(), KeyboardInterrupt()
    mixed = BaseExceptionGroup("m", [interrupt, ExceptionGroup("n", [away, crash])])
    own, leaving = split(mixed)
    assert own is not None
    assert not is_away(own)
    assert is_away(away)
    assert split(crash) == (crash, None)
    assert split(interrupt) == (None, interrupt)
    assert isinstance(leaving, BaseExceptionGroup)
    assert leaving.exceptions == (interrupt,)
    assert describe(own) == "ValueError"


async def test_an_interrupt_in_an_actor_ends_the_program(stage: Stage) -> None:
    class Interrupted(Actor[str]):
        async def receive(self, message: str) -> None:
            raise KeyboardInterrupt

    with pytest.RaisesGroup(KeyboardInterrupt):
        async with running_system() as system:
            system.spawn("interrupted", Interrupted, group="services").tell("go")
            await trio.sleep_forever()


async def test_a_factory_that_fails_is_a_crash_too(system: ActorSystem) -> None:
    def broken(key: object) -> Actor[Sum]:
        raise ValueError(SECRET)

    kind = system.kind("broken", broken, group="g", restart=QUICK)
    with pytest.raises(Quarantined):
        await kind.ref(1).ask(Sum())


async def test_asking_for_a_crash_is_the_error_that_is_seen() -> None:
    assert describe(CrashRequested()) == "CrashRequested"


async def test_a_kind_is_registered_once_and_a_key_spawned_once(
    system: ActorSystem, stage: Stage
) -> None:
    players(system, stage)
    with pytest.raises(ValueError, match="exists"):
        players(system, stage)
    sockets = system.kind("socket", None, group="sockets")
    sockets.spawn(1, lambda: Player(stage))
    with pytest.raises(ValueError, match="is running"):
        sockets.spawn(1, lambda: Player(stage))
    assert await outcome(sockets.ref(2).ask(Sum())) is ActorStopped
