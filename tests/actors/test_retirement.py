"""Virtual actors come and go; their mail does not notice."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors import Actor, ActorStopped, ActorSystem, Kind
from actors.testing import settle, wait_gone

from .cast import Add, HoldAndAnswer, Leave, Line, Owe, Player, SetAlarm, Stage, Sum, outcome

AYU = "players/player:ayu"


async def test_a_retired_actor_is_gone_and_the_next_message_starts_it_anew(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    ayu = cast.ref("ayu")
    ayu.tell(Add(1))
    ayu.tell(Leave())
    await wait_gone(system, AYU)

    assert await ayu.ask(Sum()) == 1
    assert stage.diary == [
        "ayu: started",
        "ayu: +1",
        "ayu: leaves",
        "ayu: stopping",
        "ayu: started",
    ]


async def test_mail_that_crosses_a_retirement_goes_to_the_next_incarnation(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    ayu = cast.ref("ayu")
    stage.at_stop = lambda player: player.me.tell(Add(10))
    ayu.tell(Leave())
    ayu.tell(Add(1))
    await settle(system)
    assert await ayu.ask(Sum()) == 11
    assert system.dead_letters.total == 0


async def test_mail_that_comes_while_an_actor_still_ends_waits_for_the_next(
    system: ActorSystem, stage: Stage
) -> None:
    class Slow(Player):
        async def stopping(self) -> None:
            await trio.sleep(3)
            await super().stopping()

    slow = system.kind("slow", lambda key: Slow(stage, key), group="g").ref("slow")
    slow.tell(Leave())
    await wait_all_tasks_blocked()
    before = trio.current_time()
    assert await slow.ask(Sum()) == 0
    assert trio.current_time() - before == 3
    assert stage.diary[-2:] == ["slow: stopping", "slow: started"]


async def test_mail_to_a_spawned_actor_that_ends_is_refused_at_once(
    system: ActorSystem, stage: Stage
) -> None:
    class Slow(Player):
        async def stopping(self) -> None:
            await trio.sleep(3)

    socket = system.kind("socket", None, group="sockets").spawn(1, lambda: Slow(stage))
    socket.tell(Leave())
    socket.tell(Add(1))
    await wait_all_tasks_blocked()
    assert await outcome(socket.ask(Sum())) is ActorStopped
    assert system.dead_letters.counts == {"Add": 1}


async def test_an_actor_that_stops_in_its_start_refuses_its_mail(system: ActorSystem) -> None:
    """There is no such entity: a next incarnation would find the same, for ever."""
    starts: list[int] = []

    class Nobody(Actor[Sum]):
        async def started(self) -> None:
            starts.append(1)
            self.stop()

        async def receive(self, message: Sum) -> int:
            return 0

    kind = system.kind("nobody", lambda key: Nobody(), group="g")
    assert await outcome(kind.ref(1).ask(Sum())) is ActorStopped
    await settle(system)
    assert starts == [1]
    assert not kind.cells


async def test_an_actor_that_retires_after_every_message_handles_them_all_and_is_fair(
    system: ActorSystem, stage: Stage
) -> None:
    class Shy(Player):
        async def receive(self, message: Line) -> object:
            self.stop()
            return await super().receive(message)

    shy = system.kind("shy", lambda key: Shy(stage, key), group="g").ref("shy")
    for _ in range(100):
        shy.tell(Add(1))
    await trio.lowlevel.checkpoint()
    await trio.lowlevel.checkpoint()
    assert stage.sums["shy"] < 10
    assert await shy.ask(Sum()) == 100


async def test_the_answer_of_the_message_that_retires_an_actor_is_given(
    system: ActorSystem, stage: Stage
) -> None:
    class Shy(Player):
        async def receive(self, message: Line) -> object:
            self.stop()
            return await super().receive(message)

    shy = system.kind("shy", lambda key: Shy(stage, key), group="g").ref("shy")
    stage.open("gate")
    assert await outcome(shy.ask(HoldAndAnswer("gate"))) == "gate"


async def test_what_is_still_owed_at_the_end_may_be_answered_in_stopping(
    cast: Kind[Line], stage: Stage
) -> None:
    ayu = cast.ref("ayu")
    stage.at_stop = lambda player: player.owed["coffee"].answer("at last")
    results: dict[str, object] = {}
    async with trio.open_nursery() as nursery:

        async def ask(name: str) -> None:
            results[name] = await outcome(ayu.ask(Owe(name)))

        nursery.start_soon(ask, "coffee")
        nursery.start_soon(ask, "tea")
        await wait_all_tasks_blocked()
        ayu.tell(Leave())
    assert results == {"coffee": "at last", "tea": ActorStopped}


async def test_deadlines_do_not_survive_a_retirement(cast: Kind[Line], stage: Stage) -> None:
    ayu = cast.ref("ayu")
    ayu.tell(SetAlarm("tea", 5))
    ayu.tell(Leave())
    assert await ayu.ask(Sum()) == 0
    await trio.sleep(10)
    assert stage.rang_at == []


@pytest.mark.parametrize("overdue", [False, True])
async def test_a_deadline_that_is_due_while_its_actor_leaves_is_not_handled_by_the_next(
    cast: Kind[Line], stage: Stage, overdue: bool
) -> None:
    ayu = cast.ref("ayu")
    stage.at_stop = lambda player: player.deadlines.after("late", 0 if overdue else 1, Add(99))
    ayu.tell(Leave())
    assert await ayu.ask(Sum()) == 0
    await trio.sleep(5)
    assert await ayu.ask(Sum()) == 0
