"""The live tree over a socket: everything once, then what changes, by path and field.

`snapshot` holds every actor as a row of the contract's tree, flat, with absolute times in
place of running seconds, and without what has its default. `changes` follow at most
twice a second, and only while there are any: new values of fields by path (all fields of
an actor that is new), and the paths that are gone. Applying all of them to the snapshot
gives what a fresh snapshot would say.
"""

import socket
from datetime import datetime
from typing import Any

import msgspec

from actors import Change, Changes, Totals, totals
from actors.changes import Row
from halobestie.house import House

EVERY = 0.5  # seconds
STILL = 10  # looks without a change before the totals are told anyway, as a sign of life

_encode = msgspec.json.Encoder().encode


class Snapshot(msgspec.Struct, frozen=True, tag="snapshot", tag_field="type"):
    """Everyone alive at one moment."""

    node: str
    at: datetime
    can_crash: bool
    rows: list[Row]
    totals: Totals
    dead_letters: dict[str, int]


class ChangeFrame(msgspec.Struct, frozen=True, tag="changes", tag_field="type"):
    """What has changed since the frame before."""

    at: datetime
    changed: dict[str, dict[str, Any]]
    gone: list[str]
    totals: Totals
    dead_letters: dict[str, int]


class TreeSource:
    """One watch of the tree, shared by all who watch."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._changes = Changes(house.system)
        self._still = 0

    async def look(self) -> bytes | None:
        change: Change = await self._changes.look()
        self._still = 0 if change else self._still + 1
        if self._still % STILL:
            return None
        system = self._house.system
        return _encode(
            ChangeFrame(
                self._house.clock.now(),
                change.changed,
                change.gone,
                totals(system),
                dict(system.dead_letters.counts),
            )
        )

    def whole(self) -> bytes:
        house = self._house
        return _encode(
            Snapshot(
                socket.gethostname(),
                house.clock.now(),
                house.settings.test_routes_enabled,
                list(self._changes.rows),
                totals(house.system),
                dict(house.system.dead_letters.counts),
            )
        )
