"""The live tree: a snapshot of everything alive, taken without entering any mailbox."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from .cell import Cell, State
from .messages import Question

if TYPE_CHECKING:
    from .system import ActorSystem


class MailboxFacts(msgspec.Struct, frozen=True):
    """How full a mailbox is, may be, and ever was."""

    depth: int
    capacity: int
    high_water: int


class DeadlineFacts(msgspec.Struct, frozen=True):
    """When something is due."""

    name: str
    due_at: datetime
    in_seconds: float


class Node(msgspec.Struct, frozen=True):
    """One actor, or one group of actors, as people see it."""

    path: str
    name: str
    kind: str
    state: str
    mailbox: MailboxFacts
    processed: int
    restarts: int
    last_error: str | None
    started_at: datetime
    busy_with: str | None
    busy_seconds: float
    deadlines: list[DeadlineFacts]
    info: dict[str, Any]
    children: list[Node]


class Totals(msgspec.Struct, frozen=True):
    """Sums over the life of the node."""

    actors: int
    messages: int
    dead_letters: int
    restarts: int


def cell_node(cell: Cell) -> Node:
    """One actor."""
    now = trio.current_time()
    item = cell.busy_with
    busy = item.message if isinstance(item, Question) else item
    return Node(
        path=cell.path,
        name=str(cell.key),
        kind=cell.kind.name,
        state=cell.state.value,
        mailbox=MailboxFacts(
            len(cell.mailbox.mail), cell.mailbox.capacity, cell.mailbox.high_water
        ),
        processed=cell.processed,
        restarts=cell.restarts,
        last_error=cell.last_error,
        started_at=cell.started_at,
        busy_with=None if busy is None else type(busy).__name__,
        busy_seconds=0.0 if busy is None else round(time.perf_counter() - cell.busy_since, 3),
        deadlines=[
            DeadlineFacts(deadline.name, deadline.due_at, round(deadline.at - now, 3))
            for deadline in cell.deadlines.pending()
        ],
        info=_info(cell),
        children=[],
    )


def _info(cell: Cell) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if cell.latest:
        facts["latest_deadline_seconds"] = round(cell.latest, 3)
    if cell.actor is not None and cell.state is State.RUNNING:
        try:
            facts |= cell.actor.info()
        except Exception as error:  # noqa: BLE001 - a fact that fails must not hide the tree
            facts["info_error"] = type(error).__name__
    return facts


def snapshot(system: ActorSystem, *, started_at: datetime, depth: int | None = None) -> Node:
    """The tree: node → groups → actors. `depth` 0 is the node alone."""
    groups: dict[str, list[Cell]] = {}
    for kind in system.kinds.values():
        groups.setdefault(kind.group, []).extend(kind.cells.values())
    children = []
    if depth is None or depth > 0:
        children = [
            _group(name, name, "group", cells, started_at, whole=depth is None or depth > 1)
            for name, cells in groups.items()
        ]
    everyone = [cell for cells in groups.values() for cell in cells]
    root = _group("", "node", "node", everyone, started_at, whole=False)
    return msgspec.structs.replace(root, children=children)


def totals(system: ActorSystem) -> Totals:
    """Sums over everything alive and everything gone."""
    cells = [cell for kind in system.kinds.values() for cell in kind.cells.values()]
    return Totals(
        actors=len(cells),
        messages=system.messages_of_the_gone + sum(cell.processed for cell in cells),
        dead_letters=system.dead_letters.total,
        restarts=system.restarts_of_the_gone + sum(cell.restarts for cell in cells),
    )


def _group(
    path: str, name: str, kind: str, cells: list[Cell], started_at: datetime, *, whole: bool
) -> Node:
    """A node of the tree that stands for several actors: its figures are their sums."""
    ailing = [cell.state for cell in cells if cell.state not in (State.RUNNING, State.STARTING)]
    return Node(
        path=path,
        name=name,
        kind=kind,
        state=State.QUARANTINED.value
        if State.QUARANTINED in ailing
        else (ailing[0].value if ailing else State.RUNNING.value),
        mailbox=MailboxFacts(
            sum(len(cell.mailbox.mail) for cell in cells),
            sum(cell.mailbox.capacity for cell in cells),
            max((cell.mailbox.high_water for cell in cells), default=0),
        ),
        processed=sum(cell.processed for cell in cells),
        restarts=sum(cell.restarts for cell in cells),
        last_error=None,
        started_at=started_at,
        busy_with=None,
        busy_seconds=0.0,
        deadlines=[],
        info={"actors": len(cells)},
        children=[cell_node(cell) for cell in cells] if whole else [],
    )
