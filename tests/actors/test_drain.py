"""The end of a system: in order, with its mail done, within its bound."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors import Actor, ActorError, ActorStopped, ActorSystem, AskTimeout, Kind
from actors.testing import running_system

from .cast import (
    QUICK,
    Add,
    Fail,
    FailToAnswer,
    Hold,
    HoldAndAnswer,
    Leave,
    Line,
    Owe,
    Pay,
    Player,
    SetAlarm,
    Stage,
    Sum,
    outcome,
)


async def test_actors_finish_their_mail_and_end_in_reverse_order(
    system: ActorSystem, stage: Stage
) -> None:
    for name in ("first", "second", "third"):
        system.spawn(name, lambda name=name: Player(stage, name), group="g")  # type: ignore[misc]
    await wait_all_tasks_blocked()
    stage.diary.clear()
    for name in ("first", "second", "third"):
        system.ref(name, name).tell(Add(1))

    assert await system.drain(10) == []
    assert [line for line in stage.diary if "stopping" in line] == [
        "third: stopping",
        "second: stopping",
        "first: stopping",
    ]
    assert stage.sums == {"first": 1, "second": 1, "third": 1}


async def test_mail_that_an_ending_actor_sends_down_is_finished_too(
    system: ActorSystem, stage: Stage
) -> None:
    journal = system.spawn("journal", lambda: Player(stage, "journal"), group="services")
    session = system.spawn("session", lambda: Player(stage, "session"), group="sessions")
    stage.at_stop = lambda player: journal.tell(Add(1)) if player.key == "session" else None
    await session.ask(Sum())
    await system.drain(10)
    assert stage.sums["journal"] == 1
    assert system.dead_letters.total == 0


async def test_the_drain_waits_for_owed_answers(cast: Kind[Line], system: ActorSystem) -> None:
    ayu = cast.ref("ayu")
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def ask() -> None:
            assert await ayu.ask(Owe("coffee")) == "coffee"

        await wait_all_tasks_blocked()

        @nursery.start_soon
        async def pay_later() -> None:
            await trio.sleep(2)
            ayu.tell(Pay("coffee"))

        assert await system.drain(10) == []


async def test_an_answer_from_elsewhere_lets_the_drain_go_on(system: ActorSystem) -> None:
    class Helped(Actor[Owe]):
        async def receive(self, message: Owe) -> None:
            later.append(self.defer(message))

    later: list[object] = []
    helped = system.spawn("helped", Helped, group="g")
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def ask() -> None:
            assert await helped.ask(Owe("coffee")) == "coffee"

        await wait_all_tasks_blocked()

        @nursery.start_soon
        async def pay_later() -> None:
            await trio.sleep(1)
            later[0].answer("coffee")  # type: ignore[attr-defined]

        before = trio.current_time()
        assert await system.drain(10) == []
        assert trio.current_time() - before == 1


@pytest.mark.parametrize("why", ["timed out", "cancelled"])
async def test_the_drain_does_not_wait_for_an_answer_that_nobody_waits_for(
    cast: Kind[Line], system: ActorSystem, why: str
) -> None:
    ayu = cast.ref("ayu")
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def ask() -> None:
            if why == "cancelled":
                with trio.move_on_after(3):
                    await ayu.ask(Owe("coffee"))
            else:
                with pytest.raises(AskTimeout):
                    await ayu.ask(Owe("coffee"), timeout=3)

        await wait_all_tasks_blocked()
        before = trio.current_time()
        assert await system.drain(10) == []
        assert trio.current_time() - before == 3


async def test_the_drain_does_not_wait_to_answer_one_who_left_before_his_turn(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    ayu = cast.ref("ayu")
    ayu.tell(Hold("gate"))
    with trio.move_on_after(1):
        await ayu.ask(Owe("coffee"))
    stage.open("gate")
    before = trio.current_time()
    assert await system.drain(10) == []
    assert trio.current_time() == before


async def test_the_drain_ends_at_its_bound_and_names_those_cut_off(
    system: ActorSystem, stage: Stage
) -> None:
    for name in ("first", "second"):
        system.spawn(name, lambda name=name: Player(stage, name), group="g")  # type: ignore[misc]
    system.ref("second", "second").tell(Hold("never"))
    before = trio.current_time()
    assert await system.drain(10) == ["g/first", "g/second"]
    assert trio.current_time() - before == 10


async def test_the_drain_does_not_wait_for_deadlines(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    cast.ref("ayu").tell(SetAlarm("tea", 3))
    await wait_all_tasks_blocked()
    before = trio.current_time()
    await system.drain(10)
    assert trio.current_time() == before
    assert stage.rang_at == []


async def test_an_actor_that_waits_for_its_restart_comes_back_for_its_mail(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    cast.ref("ayu").tell(Fail())
    cast.ref("ayu").tell(Add(1))
    cast.ref("budi").tell(Fail())
    await wait_all_tasks_blocked()
    before = trio.current_time()
    assert await system.drain(10) == []
    assert trio.current_time() == before
    assert stage.sums["ayu"] == 1
    assert system.dead_letters.counts == {"Fail": 2}


async def test_an_actor_that_crashes_while_it_drains_comes_back_for_its_mail(
    system: ActorSystem, stage: Stage
) -> None:
    service = system.spawn("player", lambda: Player(stage), group="g", restart=QUICK)
    for message in (Add(1), Fail(), Add(2), Fail()):
        service.tell(message)
    assert await system.drain(10) == []
    assert stage.sums["player"] == 3
    assert system.dead_letters.counts == {"Fail": 2}


@pytest.mark.parametrize("how", ["away", "quarantined"])
@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_the_drain_does_not_wait_for_what_is_away_or_quarantined(
    cast: Kind[Line], system: ActorSystem, stage: Stage, how: str, when: str
) -> None:
    stage.failing_starts.extend(["away" if how == "away" else "crash"] * 99)
    cast.ref("ayu").tell(Add(1))
    if when == "before":
        await trio.sleep(3)
    before = trio.current_time()
    assert await system.drain(10) == []
    assert trio.current_time() - before < 3
    assert system.dead_letters.counts == {"Add": 1}


async def test_mail_to_a_retiring_actor_is_done_by_one_more_incarnation(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    cast.ref("ayu").tell(Leave())
    cast.ref("ayu").tell(Add(1))
    await system.drain(10)
    assert stage.sums["ayu"] == 1


async def test_nothing_starts_once_its_kind_has_drained(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    sockets = system.kind("socket", None, group="sockets")
    await system.drain(10)

    assert await outcome(cast.ref("ayu").ask(Sum())) is ActorStopped
    cast.ref("ayu").tell(Add(1))
    with pytest.raises(ActorStopped):
        sockets.spawn(1, lambda: Player(stage))
    assert system.dead_letters.counts == {"Add": 1}
    assert stage.diary == []


async def test_an_asker_during_the_drain_gets_its_answer_or_is_told(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    ayu = cast.ref("ayu")
    results: list[object] = []
    async with trio.open_nursery() as nursery:

        async def ask(message: HoldAndAnswer | FailToAnswer) -> None:
            try:
                results.append(await ayu.ask(message))
            except ActorError as error:
                results.append(type(error).__name__)

        nursery.start_soon(ask, HoldAndAnswer("gate"))
        await wait_all_tasks_blocked()
        nursery.start_soon(system.drain, 10)
        await trio.sleep(1)
        nursery.start_soon(ask, FailToAnswer())
        await wait_all_tasks_blocked()
        nursery.start_soon(ask, HoldAndAnswer("gate"))
        await wait_all_tasks_blocked()
        stage.open("gate")
    assert sorted(map(str, results)) == ["ActorCrashed", "gate", "gate"]


async def test_two_drains_at_once_both_end(cast: Kind[Line], system: ActorSystem) -> None:
    await cast.ref("ayu").ask(Sum())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(system.drain, 10)
        nursery.start_soon(system.drain, 10)
        before = trio.current_time()
    assert trio.current_time() == before


async def test_leaving_the_system_without_a_drain_settles_everything(stage: Stage) -> None:
    results: list[object] = []
    async with trio.open_nursery() as nursery, running_system() as system:
        service = system.spawn("player", lambda: Player(stage), group="services")

        async def ask(message: Owe | HoldAndAnswer | Sum) -> None:
            results.append(await outcome(service.ask(message)))

        for message in (Owe("coffee"), HoldAndAnswer("never"), Sum()):
            nursery.start_soon(ask, message)
            await wait_all_tasks_blocked()
        service.tell(Add(1))
    assert results == [ActorStopped] * 3
    assert system.dead_letters.counts == {"Add": 1}
    assert "player: stopping" not in stage.diary
