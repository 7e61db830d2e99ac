"""Which auth sessions are over, known to every node without a query per request.

Lives as long as the node. An access token outlives its auth session by at most an hour,
so only the last hour's revocations are kept, in memory. Each one is committed first, then
noted here, then said on the bus; what the bus loses (it delivers at most once) is read
back from the database: at start, at every gap, and every second while Valkey is away.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import structlog
import trio

from actors import Clock, Unavailable
from halobestie.accounts.messages import Ports
from halobestie.accounts.store import session_sql
from halobestie.accounts.tokens import ACCESS_LIFETIME
from halobestie.adapters.postgres import Database
from halobestie.adapters.valkey import Gap, Valkey, ValkeyAway

CHANNEL = "halobestie:revoked"
CHECK_EVERY = 1.0  # seconds between looks at the bus; bounds how late a revocation acts
# Revocations are stamped by the clock of the node that made them, before their commit.
OVERLAP = timedelta(seconds=60)

_log = structlog.get_logger("halobestie.accounts")


class Revocations:
    """The list. `session_id in revocations` is the check of every request."""

    def __init__(self, db: Database, valkey: Valkey, clock: Clock, ports: Ports) -> None:
        self._db = db
        self._valkey = valkey
        self._clock = clock
        self._ports = ports
        self._forget_at: dict[UUID, datetime] = {}  # in order of being noted
        self._read_until: datetime | None = None

    def __contains__(self, session_id: UUID) -> bool:
        return session_id in self._forget_at

    def __len__(self) -> int:
        return len(self._forget_at)

    async def announce(self, session_ids: Sequence[UUID]) -> None:
        """These are revoked, and committed as such: in force here now, elsewhere soon."""
        self._note(session_ids)
        if session_ids:
            try:
                await self._valkey.publish(CHANNEL, msgspec.json.encode(session_ids))
            except ValkeyAway:
                pass  # the other nodes notice that the bus is away, and read

    async def reread(self) -> None:
        """Take what was revoked since the last reading. Unavailable without PostgreSQL."""
        now = self._clock.now()
        since = now - ACCESS_LIFETIME if self._read_until is None else self._read_until - OVERLAP
        found = await self._db.run(session_sql.revoked_since, since=since)
        self._read_until = now
        self._note(record["id"] for record in found)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the list until cancelled; `started` once it is complete."""
        await self.reread()
        async with self._valkey.subscribe(CHANNEL) as events, trio.open_nursery() as nursery:
            nursery.start_soon(self._check)
            task_status.started()
            async for event in events:
                if isinstance(event, Gap):
                    await self._reread_if_possible()
                else:
                    self._note(_ids(event.data))

    async def _check(self) -> None:
        while True:
            await trio.sleep(CHECK_EVERY)
            self._forget_old()
            try:
                await self._valkey.ping()
            except ValkeyAway:
                await self._reread_if_possible()

    async def _reread_if_possible(self) -> None:
        try:
            await self.reread()
        except Unavailable:
            _log.warning("revocations could not be read")  # nobody can revoke either

    def _note(self, session_ids: Iterable[UUID]) -> None:
        forget_at = self._clock.now() + ACCESS_LIFETIME + OVERLAP
        fresh = [found for found in session_ids if found not in self._forget_at]
        self._forget_at.update((found, forget_at) for found in fresh)
        if fresh:
            self._ports.close_sockets(fresh)

    def _forget_old(self) -> None:
        now = self._clock.now()
        while self._forget_at:
            oldest = next(iter(self._forget_at))
            if self._forget_at[oldest] > now:
                return
            del self._forget_at[oldest]


def _ids(data: bytes) -> list[UUID]:
    try:
        return msgspec.json.decode(data, type=list[UUID])
    except msgspec.MsgspecError:
        return []  # nobody of ours writes that
