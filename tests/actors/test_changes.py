"""The tree as changes: a snapshot and every change after it equal a fresh look."""

from random import Random
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors import ActorSystem, Changes, Kind
from actors.changes import SWEEP, Row
from actors.testing import settle

from .cast import Add, Fail, Hold, Leave, Line, SetAlarm, Stage

Seen = dict[str, dict[str, Any]]


def fields(row: Row) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


async def follow(changes: Changes, seen: Seen) -> None:
    """What a watcher does with each look."""
    change = await changes.look()
    for path in change.gone:
        del seen[path]
    for path, new in change.changed.items():
        seen.setdefault(path, {}).update(new)


async def fresh(system: ActorSystem) -> Seen:
    changes = Changes(system)
    await changes.look()
    return {row.path: fields(row) for row in changes.rows}


async def test_the_first_look_finds_everybody_and_the_next_nothing(
    cast: Kind[Line], system: ActorSystem
) -> None:
    for name in ("ayu", "budi"):
        cast.ref(name).tell(Add(1))
    await settle(system)
    changes = Changes(system)

    first = await changes.look()
    assert set(first.changed) == {"players/player:ayu", "players/player:budi"}
    assert first.changed["players/player:ayu"]["processed"] == 1
    assert not await changes.look()


async def test_only_what_moved_is_told(cast: Kind[Line], system: ActorSystem) -> None:
    for name in ("ayu", "budi"):
        cast.ref(name).tell(Add(1))
    await settle(system)
    changes = Changes(system)
    await changes.look()

    cast.ref("ayu").tell(SetAlarm("soon", 60))
    await settle(system)
    change = await changes.look()
    assert set(change.changed) == {"players/player:ayu"}
    assert {"processed", "deadlines"} <= set(change.changed["players/player:ayu"])
    assert "started_at" not in change.changed["players/player:ayu"]


async def test_who_left_is_told_and_who_came_back_at_once_is_new(
    cast: Kind[Line], system: ActorSystem
) -> None:
    ayu, budi = cast.ref("ayu"), cast.ref("budi")
    for ref in (ayu, budi):
        ref.tell(Add(1))
    await settle(system)
    changes = Changes(system)
    await changes.look()

    for ref in (ayu, budi):
        ref.tell(Leave())
    await settle(system)
    budi.tell(Add(1))
    await settle(system)
    change = await changes.look()
    assert change.gone == ["players/player:ayu"]
    assert set(change.changed["players/player:budi"]) == set(Row.__struct_fields__)


async def test_a_fact_that_changes_by_itself_is_found_by_the_sweep(
    cast: Kind[Line], system: ActorSystem, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast.ref("ayu").tell(Add(1))
    await settle(system)
    changes = Changes(system)
    await changes.look()

    (cell,) = cast.cells.values()
    assert cell.actor is not None
    monkeypatch.setattr(cell.actor, "info", lambda: {"weather": "rain"})
    found = [await changes.look() for _ in range(SWEEP)]
    told = [change.changed for change in found if change]
    assert told == [{"players/player:ayu": {"info": {"weather": "rain"}}}]


async def test_a_busy_actor_tells_since_when(
    cast: Kind[Line], system: ActorSystem, stage: Stage
) -> None:
    cast.ref("ayu").tell(Hold("gate"))
    await wait_all_tasks_blocked()
    changes = Changes(system)
    row = (await changes.look()).changed["players/player:ayu"]
    assert row["busy_with"] == "Hold"
    assert abs((system.clock.now() - row["busy_since"]).total_seconds()) < 5
    assert not await changes.look()
    stage.open("gate")
    await settle(system)
    assert (await changes.look()).changed["players/player:ayu"]["busy_since"] is None


@pytest.mark.parametrize("seed", range(5))
async def test_a_snapshot_and_its_changes_equal_a_fresh_snapshot(
    cast: Kind[Line], system: ActorSystem, seed: int
) -> None:
    random = Random(seed)
    changes = Changes(system)
    seen: Seen = {}
    for _ in range(60):
        name = f"p{random.randrange(8)}"
        acts = (Add(1), SetAlarm("soon", random.uniform(0.1, 9)), Fail(), Leave())
        cast.ref(name).tell(random.choices(acts, (8, 4, 1, 1))[0])
        if random.random() < 0.5:
            await trio.sleep(random.uniform(0, 3))
        if random.random() < 0.4:
            await follow(changes, seen)
    await settle(system)
    await follow(changes, seen)
    assert seen == await fresh(system)
    assert msgspec.json.encode(list(changes.rows))
