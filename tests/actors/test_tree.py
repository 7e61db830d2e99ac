"""The live tree: what people see of all this."""

from datetime import UTC, datetime

import msgspec
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors import Actor, ActorSystem, Kind, Node, snapshot, totals
from actors.testing import settle

from .cast import (
    QUICK,
    SECRET,
    Add,
    Fail,
    FailToAnswer,
    Hold,
    HoldAndAnswer,
    Line,
    Player,
    SetAlarm,
    Stage,
    Sum,
    outcome,
    players,
)

START = datetime(2026, 1, 1, tzinfo=UTC)


def tree(system: ActorSystem, depth: int | None = None) -> Node:
    return snapshot(system, started_at=START, depth=depth)


def child(node: Node, name: str) -> Node:
    return next(child for child in node.children if child.name == name)


async def test_the_tree_has_the_node_its_groups_and_their_actors(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    system.spawn("journal", lambda: Player(stage), group="services")
    system.kind("socket", None, group="sockets")
    cast.ref("ayu").tell(Add(1))
    cast.ref("budi").tell(Add(1))
    await settle(system)

    node = tree(system)
    assert (node.path, node.kind, node.state) == ("", "node", "running")
    assert [group.path for group in node.children] == ["players", "services", "sockets"]
    assert [actor.path for actor in node.children[0].children] == [
        "players/player:ayu",
        "players/player:budi",
    ]
    assert [actor.path for actor in node.children[1].children] == ["services/journal"]
    assert node.children[2].children == []
    assert (node.processed, node.info, node.started_at) == (2, {"actors": 3}, START)


@pytest.mark.parametrize(("depth", "groups", "actors"), [(0, 0, 0), (1, 1, 0), (2, 1, 1)])
async def test_the_tree_is_cut_at_a_depth(
    cast: Kind[Line], system: ActorSystem, depth: int, groups: int, actors: int
) -> None:
    await cast.ref("ayu").ask(Sum())
    node = tree(system, depth)
    assert len(node.children) == groups
    assert sum(len(group.children) for group in node.children) == actors
    assert node.info == {"actors": 1}


async def test_an_actor_tells_its_facts_mail_and_next_deadlines(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    ayu = cast.ref("ayu")
    for message in (SetAlarm("late", 50), SetAlarm("soon", 5), Add(3), Hold("gate")):
        ayu.tell(message)
    await wait_all_tasks_blocked()
    ayu.tell(Add(1))
    await trio.sleep(1)

    (node,) = tree(system).children[0].children
    assert (node.name, node.kind, node.state) == ("ayu", "player", "running")
    assert (node.mailbox.depth, node.mailbox.capacity, node.mailbox.high_water) == (1, 100, 4)
    assert node.processed == 4
    assert node.busy_with == "Hold"
    assert node.busy_seconds >= 0
    assert [(due.name, round(due.in_seconds)) for due in node.deadlines] == [
        ("soon", 4),
        ("late", 49),
    ]
    assert node.deadlines[0].due_at > system.clock.now()
    assert node.info == {"sum": 3}
    assert node.restarts == 0
    assert node.last_error is None

    stage.open("gate")
    await settle(system)
    (node,) = tree(system).children[0].children
    assert node.busy_with is None
    assert node.busy_seconds == 0
    assert (node.mailbox.depth, node.mailbox.high_water) == (0, 4)


async def test_the_tree_shows_states_and_the_worst_one_of_a_group(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    async def state(key: str) -> str:
        await wait_all_tasks_blocked()
        return child(tree(system).children[0], key).state

    await outcome(cast.ref("away").ask(FailToAnswer("away")))
    assert await state("away") == "away"
    assert tree(system).children[0].state == "away"

    await outcome(cast.ref("crashed").ask(FailToAnswer()))
    assert await state("crashed") == "restarting"

    await trio.sleep(3)
    assert tree(system).children[0].state == "running"
    stage.failing_starts.extend(["crash"] * (QUICK.intensity + 1))
    cast.ref("sick").tell(Add(1))
    await trio.sleep(2)
    await settle(system)
    assert await state("sick") == "quarantined"
    node = tree(system)
    assert node.children[0].state == "quarantined"
    assert node.state == "quarantined"
    sick = child(node.children[0], "sick")
    assert sick.restarts == QUICK.intensity + 1
    assert sick.last_error is not None
    assert sick.last_error.startswith("ValueError at ")
    assert sick.info == {}


async def test_an_actor_that_starts_or_ends_says_so(system: ActorSystem, stage: Stage) -> None:
    class Slow(Player):
        async def started(self) -> None:
            await trio.sleep(1)

        async def stopping(self) -> None:
            await trio.sleep(1)

    slow = system.spawn("slow", lambda: Slow(stage), group="g")
    states = [tree(system).children[0].children[0].state]
    await trio.sleep(2)
    states.append(tree(system).children[0].children[0].state)
    slow.stop()
    await wait_all_tasks_blocked()
    states.append(tree(system).children[0].children[0].state)
    assert states == ["starting", "running", "stopping"]


async def test_no_text_of_errors_or_messages_is_in_the_tree(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    for number, how in enumerate(("crash", "away", "away in a group", "away and crash")):
        await outcome(cast.ref(number).ask(FailToAnswer(how)))
    cast.ref("busy").tell(Hold(SECRET))
    await wait_all_tasks_blocked()
    cast.ref("busy").tell(Hold(SECRET))
    text = msgspec.json.encode(tree(system)).decode()
    assert "Hold" in text
    assert SECRET not in text


async def test_a_fact_that_cannot_be_told_hides_nothing_else(system: ActorSystem) -> None:
    class Shy(Actor[Sum]):
        async def receive(self, message: Sum) -> int:
            return 0

        def info(self) -> dict[str, object]:
            raise ValueError(SECRET)

    await system.spawn("shy", Shy, group="g").ask(Sum())
    assert tree(system).children[0].children[0].info == {"info_error": "ValueError"}


async def test_a_flush_is_something_to_be_busy_with(system: ActorSystem, stage: Stage) -> None:
    class Journal(Player):
        async def flush(self) -> None:
            await stage.gates["commit"].wait()

    system.spawn("journal", lambda: Journal(stage), group="g").tell(Add(1))
    await wait_all_tasks_blocked()
    assert tree(system).children[0].children[0].busy_with == "Journal"
    stage.open("commit")


async def test_the_lateness_of_deadlines_is_shown(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    ayu = cast.ref("ayu")
    ayu.tell(SetAlarm("tea", 1))
    ayu.tell(Hold("gate"))
    await trio.sleep(5)
    stage.open("gate")
    await settle(system)
    assert tree(system).children[0].children[0].info["latest_deadline_seconds"] == 4.0


async def test_the_totals_remember_those_who_are_gone(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    ayu = cast.ref("ayu")
    for message in (Add(1), Fail(), Add(1)):
        ayu.tell(message)
    await ayu.ask(Sum())
    ayu.stop()
    await settle(system)
    await cast.ref("budi").ask(Sum())
    facts = totals(system)
    assert (facts.actors, facts.messages, facts.restarts, facts.dead_letters) == (1, 5, 1, 1)


async def test_looking_at_the_tree_enters_no_mailbox(system: ActorSystem, stage: Stage) -> None:
    kind = players(system, stage, capacity=1)
    kind.ref("ayu").tell(HoldAndAnswer("never"))
    await wait_all_tasks_blocked()
    kind.ref("ayu").tell(Add(1))  # now it is full, and busy for ever
    assert tree(system).children[0].children[0].mailbox.depth == 1
    assert not kind.cells["ayu"].mailbox.signals
