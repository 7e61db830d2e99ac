"""The live tree as changes: what is different from the last look.

For whoever watches the tree of a large system. A look compares a few counters of every
actor (about a microsecond each) and describes again only those that moved. Facts that
change by themselves, without a message, are caught by a sweep: each look describes one
SWEEP-th of the actors anyway. What is sent is by path and by field, so a watcher that
applied every look holds what a fresh look would tell it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any

import msgspec
import trio

from .cell import Cell
from .system import ActorSystem
from .tree import MailboxFacts, cell_node

SWEEP = 20  # looks in which every actor is described at least once
BREATH = 100  # actors described between two checkpoints: about a millisecond


class Due(msgspec.Struct, frozen=True):
    """When something is due."""

    name: str
    due_at: datetime


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """One actor, flat, in absolute times: nothing in it changes by waiting."""

    path: str
    name: str
    kind: str
    started_at: datetime
    mailbox: MailboxFacts
    state: str = "running"
    processed: int = 0
    restarts: int = 0
    last_error: str | None = None
    busy_with: str | None = None
    busy_since: datetime | None = None
    deadlines: list[Due] = []
    info: dict[str, Any] = {}


class Change(msgspec.Struct, frozen=True):
    """What one look found: fields by path (all of them for one that is new), and who left."""

    changed: dict[str, dict[str, Any]]
    gone: list[str]

    def __bool__(self) -> bool:
        return bool(self.changed or self.gone)


_FIELDS = Row.__struct_fields__
_Mark = tuple[object, ...]


class Changes:
    """One continued look at a system. Not for two tasks at once."""

    def __init__(self, system: ActorSystem) -> None:
        self._system = system
        self._seen: dict[Cell, tuple[_Mark, Row]] = {}
        self._looks = 0

    @property
    def rows(self) -> Iterator[Row]:
        """Everyone, as of the last look."""
        return (row for _, row in self._seen.values())

    async def look(self) -> Change:
        """What has changed since the last look; the first one finds everybody new."""
        before, self._seen = self._seen, {}
        self._looks += 1
        changed: dict[str, dict[str, Any]] = {}
        described = 0
        for number, cell in enumerate(self._cells()):
            mark = _mark(cell)
            known = before.pop(cell, None)
            if known is not None and known[0] == mark and (number + self._looks) % SWEEP:
                self._seen[cell] = known
                continue
            row = self._row(cell)
            self._seen[cell] = mark, row
            difference = _difference(None if known is None else known[1], row)
            if difference:
                changed[row.path] = difference
            described += 1
            if described % BREATH == 0:
                await trio.lowlevel.checkpoint()
        gone = [row.path for _, row in before.values() if row.path not in changed]
        return Change(changed, gone)

    def _cells(self) -> list[Cell]:
        return [cell for kind in self._system.kinds.values() for cell in kind.cells.values()]

    def _row(self, cell: Cell) -> Row:
        node = cell_node(cell)
        busy_since = None
        if node.busy_with is not None:
            elapsed = timedelta(seconds=perf_counter() - cell.busy_since)
            busy_since = self._system.clock.now() - elapsed
        return Row(
            path=node.path,
            name=node.name,
            kind=node.kind,
            started_at=node.started_at,
            mailbox=node.mailbox,
            state=node.state,
            processed=node.processed,
            restarts=node.restarts,
            last_error=node.last_error,
            busy_with=node.busy_with,
            busy_since=busy_since,
            deadlines=[Due(each.name, each.due_at) for each in node.deadlines],
            info=node.info,
        )


def _mark(cell: Cell) -> _Mark:
    """What moves whenever anything happens to an actor."""
    mailbox = cell.mailbox
    return (
        cell.processed,
        cell.state,
        len(mailbox.mail),
        mailbox.high_water,
        cell.restarts,
        cell.last_error,
        None if cell.busy_with is None else cell.busy_since,
    )


def _difference(before: Row | None, after: Row) -> dict[str, Any]:
    if before is None:
        return {name: getattr(after, name) for name in _FIELDS}
    return {name: new for name in _FIELDS if (new := getattr(after, name)) != getattr(before, name)}
