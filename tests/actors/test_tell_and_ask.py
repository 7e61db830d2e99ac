"""Mail: order, bounds, answers, and askers who never hang."""

import contextvars
from itertools import chain

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors import (
    Actor,
    ActorCrashed,
    ActorStopped,
    ActorSystem,
    Ask,
    AskTimeout,
    Kind,
    MailboxFull,
    Unavailable,
)
from actors.serving import BATCH
from actors.testing import Probe, running_system, settle

from .cast import (
    Add,
    FailToAnswer,
    Hold,
    HoldAndAnswer,
    Leave,
    Line,
    Owe,
    Pay,
    Player,
    Stage,
    Sum,
    outcome,
    players,
)


async def test_a_message_to_nobody_starts_the_actor(cast: Kind[Line], stage: Stage) -> None:
    cast.ref("ayu").tell(Add(2))

    assert await cast.ref("ayu").ask(Sum()) == 2
    assert stage.diary == ["ayu: started", "ayu: +2"]


async def test_messages_of_one_sender_are_handled_in_their_order(system: ActorSystem) -> None:
    probe = Probe()
    inbox = system.spawn("inbox", lambda: probe, group="services")

    async def sender(name: str) -> None:
        for number in range(200):
            inbox.tell((name, number))
            if number % 7 == 0:
                await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        for name in "abc":
            nursery.start_soon(sender, name)
    await settle(system)

    for name in "abc":
        assert [n for who, n in probe.heard if who == name] == list(range(200))


async def test_a_full_mailbox_refuses_and_takes_mail_again_later(
    system: ActorSystem, stage: Stage
) -> None:
    ayu = players(system, stage, capacity=3).ref("ayu")
    ayu.tell(Hold("gate"))
    await wait_all_tasks_blocked()
    for _ in range(3):
        ayu.tell(Add(1))

    with pytest.raises(MailboxFull):
        ayu.tell(Add(1))
    with pytest.raises(MailboxFull):
        await ayu.ask(Sum())

    stage.open("gate")
    await settle(system)
    assert await ayu.ask(Sum()) == 3


async def test_the_asker_of_a_crashing_actor_is_told_at_once(cast: Kind[Line]) -> None:
    assert await outcome(cast.ref("ayu").ask(FailToAnswer())) is ActorCrashed


async def test_a_crash_leaves_waiting_mail_for_the_next_incarnation(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    ayu = cast.ref("ayu")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outcome, ayu.ask(FailToAnswer()))
        await wait_all_tasks_blocked()
        ayu.tell(Add(5))

    assert await ayu.ask(Sum()) == 5
    assert stage.diary == ["ayu: started", "ayu: fails", "ayu: started", "ayu: +5"]


async def test_an_asker_is_told_when_the_actor_ends_before_the_answer(
    system: ActorSystem,
) -> None:
    stage = Stage()
    service = system.spawn("service", lambda: Player(stage), group="services")
    results: list[object] = []

    async def ask(message: Ask[str]) -> None:
        results.append(await outcome(service.ask(message)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, Owe("owed"))
        await wait_all_tasks_blocked()
        service.tell(Leave())
        nursery.start_soon(ask, HoldAndAnswer("behind the leave"))

    assert results == [ActorStopped, ActorStopped]
    assert await outcome(service.ask(Sum())) is ActorStopped


async def test_an_ask_times_out_and_its_message_is_handled_later_all_the_same(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    ayu = cast.ref("ayu")
    ayu.tell(Hold("gate"))
    before = trio.current_time()

    with pytest.raises(AskTimeout):
        await ayu.ask(HoldAndAnswer("second"), timeout=2)

    assert trio.current_time() - before == 2
    stage.open("gate")
    await wait_all_tasks_blocked()
    assert stage.diary[-1] == "ayu: holds second"


@pytest.mark.parametrize("timeout", [0, -1])
async def test_an_ask_without_patience_times_out_at_once(cast: Kind[Line], timeout: float) -> None:
    with trio.fail_after(1), pytest.raises(AskTimeout):
        await cast.ref("ayu").ask(Owe("never"), timeout=timeout)


async def test_a_cancelled_asker_disturbs_nobody(cast: Kind[Line], stage: Stage) -> None:
    ayu = cast.ref("ayu")
    with trio.move_on_after(1):
        await ayu.ask(HoldAndAnswer("gate"))
    stage.open("gate")

    assert await ayu.ask(Sum()) == 0


async def test_an_owed_answer_comes_when_it_is_given(cast: Kind[Line]) -> None:
    ayu = cast.ref("ayu")
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def ask() -> None:
            assert await outcome(ayu.ask(Owe("coffee"))) == "coffee"

        await wait_all_tasks_blocked()
        ayu.tell(Add(1))
        ayu.tell(Pay("coffee"))


async def test_a_crash_refuses_every_answer_that_is_owed(cast: Kind[Line]) -> None:
    ayu = cast.ref("ayu")
    results: list[object] = []
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def ask() -> None:
            results.append(await outcome(ayu.ask(Owe("coffee"))))

        await wait_all_tasks_blocked()
        assert await outcome(ayu.ask(FailToAnswer())) is ActorCrashed

    assert results == [ActorCrashed]


async def test_an_answer_given_to_an_asker_who_left_is_dropped(cast: Kind[Line]) -> None:
    ayu = cast.ref("ayu")
    with trio.move_on_after(1):
        await ayu.ask(Owe("coffee"))
    ayu.tell(Pay("coffee"))

    assert await ayu.ask(Sum()) == 0


async def test_an_owed_answer_can_be_a_refusal(system: ActorSystem) -> None:
    class Refuser(Actor[Owe]):
        async def receive(self, message: Owe) -> None:
            self.defer(message).refuse(Unavailable("not today"))

    refuser = system.spawn("refuser", Refuser, group="services")
    assert await outcome(refuser.ask(Owe("coffee"))) is Unavailable


async def test_an_ask_that_is_merely_told_or_due_needs_no_asker(
    system: ActorSystem, stage: Stage
) -> None:
    class Forgetful(Actor[Owe]):
        async def started(self) -> None:
            self.deadlines.after("soon", 1, Owe("due"))

        async def receive(self, message: Owe) -> None:
            self.defer(message).answer(message.name)
            stage.diary.append(message.name)

    system.spawn("forgetful", Forgetful, group="services").tell(Owe("told"))
    await trio.sleep(1)
    await settle(system)
    assert stage.diary == ["told", "due"]


async def test_mail_is_handled_in_fair_turns(system: ActorSystem) -> None:
    """One actor with a thousand messages does not keep another from its one."""
    probe = Probe()
    busy = system.spawn("busy", Probe, group="services")
    other = system.spawn("other", lambda: probe, group="services")
    await settle(system)
    for number in range(1000):
        busy.tell(number)
    other.tell("hello")

    await trio.lowlevel.checkpoint()
    await trio.lowlevel.checkpoint()

    assert probe.heard == ["hello"]
    (busy_cell,) = system.kinds["busy"].cells.values()
    assert 0 < busy_cell.processed < 1000


@pytest.mark.parametrize("how", ["in receive", "in flush"])
async def test_an_actor_that_always_writes_to_itself_does_not_hold_the_loop(
    system: ActorSystem, how: str
) -> None:
    class Restless(Actor[int]):
        async def receive(self, message: int) -> None:
            if how == "in receive":
                self.me.tell(message + 1)

        async def flush(self) -> None:
            if how == "in flush":
                self.me.tell(0)

    system.spawn("restless", Restless, group="services").tell(0)
    for _ in range(10):
        await trio.lowlevel.checkpoint()  # comes back
    system.ref("restless", "restless").stop()
    await settle(system)


async def test_several_messages_share_a_flush(system: ActorSystem) -> None:
    batches: list[list[int]] = []

    class Gatherer(Actor[int]):
        def __init__(self) -> None:
            self.batch: list[int] = []

        async def receive(self, message: int) -> None:
            self.batch.append(message)

        async def flush(self) -> None:
            batches.append(self.batch)
            self.batch = []

    gatherer = system.spawn("gatherer", Gatherer, group="services")
    for number in range(BATCH + 22):
        gatherer.tell(number)
    await settle(system)

    assert [len(batch) for batch in batches] == [BATCH, 22]
    assert list(chain(*batches)) == list(range(BATCH + 22))


async def test_what_was_gathered_is_flushed_before_an_orderly_end(system: ActorSystem) -> None:
    flushed: list[int] = []

    class Gatherer(Actor[int]):
        def __init__(self) -> None:
            self.batch: list[int] = []

        async def receive(self, message: int) -> None:
            self.batch.append(message)
            self.stop()

        async def flush(self) -> None:
            flushed.extend(self.batch)

    system.spawn("gatherer", Gatherer, group="services").tell(1)
    await settle(system)
    assert flushed == [1]


async def test_an_actor_inherits_nothing_from_the_context_of_its_first_sender(
    system: ActorSystem,
) -> None:
    request_id = contextvars.ContextVar("request_id", default="none")

    class Curious(Actor[Sum]):
        async def started(self) -> None:
            self.at_start = request_id.get()

        async def receive(self, message: Sum) -> str:
            return f"{self.at_start} {request_id.get()}"

    curious = system.kind("curious", lambda key: Curious(), group="g")
    request_id.set("secret")
    assert await curious.ref(1).ask(Sum()) == "none none"


async def test_after_the_end_of_the_system_nothing_starts_and_nobody_hangs(stage: Stage) -> None:
    async with running_system() as system:
        cast = players(system, stage)
        ayu, budi = cast.ref("ayu"), cast.ref("budi")
        await ayu.ask(Sum())

    for ref in (ayu, budi):
        ref.tell(Add(1))
        assert await outcome(ref.ask(Sum())) is ActorStopped
    assert system.dead_letters.counts == {"Add": 2}
    assert not cast.cells


async def test_tell_running_wakes_nobody(cast: Kind[Line], stage: Stage) -> None:
    cast.tell_running("ayu", Add(1))
    assert not cast.cells
    await cast.ref("ayu").ask(Sum())
    cast.tell_running("ayu", Add(1))
    assert await cast.ref("ayu").ask(Sum()) == 1


async def test_refs_to_the_same_actor_are_equal(cast: Kind[Line], system: ActorSystem) -> None:
    assert cast.ref(1) == system.ref("player", 1)
    assert len({cast.ref(1), cast.ref(1), cast.ref(2)}) == 2
    assert repr(cast.ref(1)) == "<Ref players/player:1>"
