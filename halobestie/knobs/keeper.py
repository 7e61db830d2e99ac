"""The knobs in force on this node.

`KnobBoard` is what features read, without waiting. The `KnobKeeper` keeps it true: it
reads the database at start, on every announcement from another node, and every REREAD
seconds in case an announcement was lost. While PostgreSQL is away the last values stay.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

import msgspec
import structlog

from actors import Actor, Unavailable
from halobestie.accounts.messages import Audit
from halobestie.adapters.postgres import Connection, Database
from halobestie.errors import Invalid

from . import store
from .messages import Knobs, Reread
from .rules import Limits, defaults

log = structlog.get_logger("halobestie.knobs")

REREAD = 10.0  # seconds


class KnobBoard:
    """The values, and the one way to change them.

    announce: tells the other nodes that something changed; at most once, never waits.
    changed: called on this node whenever the values are other ones than before.
    """

    def __init__(
        self,
        db: Database,
        limits: Limits,
        *,
        audit: Audit,
        announce: Callable[[], None],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._db = db
        self._audit = audit
        self._announce = announce
        self._changed = changed
        self.limits = limits
        self.current: Knobs = defaults(limits)

    async def reread(self) -> None:
        """Take the values from the database. Raises Unavailable, and then nothing changes."""
        records = await self._db.run(store.sql.stored_knobs)
        current, wrong = store.knobs_of(records, self.limits)
        self._take(current)
        if wrong:
            log.warning("stored knobs are out of bounds, defaults apply", keys=sorted(wrong))

    async def change(self, wanted: Mapping[str, object], by: UUID, at: datetime) -> Knobs:
        """Store new values, all or none, each with its audit row. 422 names each bad key."""

        async def work(conn: Connection) -> tuple[Knobs, dict[str, str]]:
            before, after, wrong = await store.change(conn, wanted, self.limits, by, at)
            for key in wanted:
                old, new = getattr(before, key, None), getattr(after, key, None)
                if old != new:
                    await self._audit(
                        conn,
                        actor_id=by,
                        action="knob.change",
                        subject=key,
                        old=msgspec.to_builtins(old),
                        new=msgspec.to_builtins(new),
                        at=at,
                    )
            return after, wrong

        after, wrong = await self._db.transaction(work)
        if wrong:
            (field, message), *more = wrong.items()
            raise Invalid(field, message, *more)
        self._take(after)
        self._announce()
        return after

    def _take(self, values: Knobs) -> None:
        before, self.current = self.current, values
        if values != before:
            self._changed()


class KnobKeeper(Actor[Reread]):
    """A static service. A crash costs one reading; the board keeps its values."""

    def __init__(self, board: KnobBoard) -> None:
        self._board = board

    async def started(self) -> None:
        await self._reread()

    async def receive(self, message: Reread) -> None:
        await self._reread()

    async def _reread(self) -> None:
        self.deadlines.set("reread", self.clock.in_seconds(REREAD), Reread())
        try:
            await self._board.reread()
        except Unavailable:
            log.warning("knobs not reread, the last values stay")

    def info(self) -> dict[str, object]:
        return {"max_customers_per_mitra": self._board.current.max_customers_per_mitra}
