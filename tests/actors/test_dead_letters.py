"""Messages that nobody handled: counted, logged now and then, and watched."""

import logging

import pytest
import trio

from actors import ActorSystem, Kind
from actors.testing import settle
from tests.conftest import ErrorLog

from .cast import SECRET, Add, Fail, Line, Pay, Player, Stage, Sum


async def test_a_sender_can_be_told_of_letters_that_died(system: ActorSystem, stage: Stage) -> None:
    dead: list[object] = []
    system.dead_letters.watch(Add, dead.append)
    gone = system.kind("gone", None, group="g").ref(1)
    gone.tell(Add(1))
    gone.tell(Fail())
    gone.tell(Add(2))
    assert dead == [Add(1), Add(2)]
    assert system.dead_letters.counts == {"Add": 2, "Fail": 1}
    assert system.dead_letters.total == 3


async def test_a_watcher_may_write_to_the_actor_that_just_ended(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    gone = system.kind("gone", None, group="g").spawn(1, lambda: Player(stage))
    system.dead_letters.watch(Add, lambda message: cast.ref("ayu").tell(message))
    gone.tell(Add(1))
    gone.stop()
    await settle(system)
    assert await cast.ref("ayu").ask(Sum()) == 1


async def test_a_watcher_that_raises_spoils_nothing(
    system: ActorSystem, expected_errors: ErrorLog
) -> None:
    def raises(message: object) -> None:
        raise ValueError(SECRET)

    expected_errors.expect("the watcher of dead Add raised: ValueError")
    system.dead_letters.watch(Add, raises)
    system.kind("gone", None, group="g").ref(1).tell(Add(1))
    assert system.dead_letters.total == 1


async def test_the_log_speaks_of_one_type_now_and_then_and_never_of_its_content(
    system: ActorSystem, caplog: pytest.LogCaptureFixture
) -> None:
    gone = system.kind("gone", None, group="g").ref(1)

    def lines() -> list[str]:
        return [record.getMessage() for record in caplog.records]

    with caplog.at_level(logging.WARNING, "actors"):
        for _ in range(100):
            gone.tell(Pay(SECRET))
        gone.tell(Add(1))
        await trio.sleep(11)
        gone.tell(Pay(SECRET))
    assert lines() == [
        "dead letter Pay to g/gone:1 (gone), 1 so far",
        "dead letter Add to g/gone:1 (gone), 1 so far",
        "dead letter Pay to g/gone:1 (gone), 101 so far",
    ]
