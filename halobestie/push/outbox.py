"""The outbox: rows of `pushes`. Written by whoever announces something, read by the sender."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from halobestie.adapters.postgres import Connection, Database, queries

from .messages import Owed, PushType

sql = queries("push")


class PushRow(msgspec.Struct, frozen=True, kw_only=True):
    """One push to one phone. The token shows in no repr."""

    id: int
    user_id: UUID
    fcm_token: str | None
    platform: str | None
    type: PushType
    session_id: UUID | None
    payment_request_id: UUID | None
    message_id: UUID | None
    created_at: datetime
    due_at: datetime
    expires_at: datetime
    attempts: int
    status: str
    outcome: str | None
    is_theirs: bool = True
    """Whether the token is still that person's."""

    def __repr__(self) -> str:
        return f"PushRow(id={self.id}, type={self.type!r}, status={self.status!r})"


class Settled(msgspec.Struct, frozen=True):
    """What became of one push; `owed` again from `due_at` on."""

    id: int
    status: str
    outcome: str | None
    due_at: datetime


class Outbox:
    """See `messages.Pushes`. Raises `Unavailable` when PostgreSQL is away."""

    def __init__(self, db: Database, wake: Callable[[], None]) -> None:
        self._db = db
        self.sent_soon = wake

    async def owe_all(self, conn: Connection, owed: Sequence[Owed], at: datetime) -> int:
        if not owed:
            return 0
        rows = await sql.owe_pushes(
            conn,
            user_ids=[one.user_id for one in owed],
            types=[one.type for one in owed],
            session_ids=[one.session_id for one in owed],
            payment_request_ids=[one.payment_request_id for one in owed],
            message_ids=[one.message_id for one in owed],
            expires_ats=[one.expires_at for one in owed],
            at=at,
        )
        return sum(row["has_phone"] for row in rows)

    async def owe_now(self, owed: Owed, at: datetime) -> int:
        """In a transaction of its own, for what stands already."""

        async def work(conn: Connection) -> int:
            return await self.owe_all(conn, [owed], at)

        phones: int = await self._db.transaction(work)
        self.sent_soon()
        return phones

    async def claim(self, at: datetime, again_at: datetime, limit: int) -> list[PushRow]:
        """What is due now, for this sender alone until `again_at`. Oldest first."""
        rows = await self._db.run(sql.claim_pushes, at=at, again_at=again_at, limit=limit)
        return sorted((_push(row) for row in rows), key=lambda row: row.id)

    async def settle(self, settled: Sequence[Settled]) -> None:
        """Commit what became of claimed pushes."""
        await self._db.run(
            sql.settle_pushes,
            ids=[one.id for one in settled],
            statuses=[one.status for one in settled],
            outcomes=[one.outcome for one in settled],
            due_ats=[one.due_at for one in settled],
        )

    async def next_due(self) -> datetime | None:
        """When the next push may be sent; None if nothing is owed."""
        due: datetime | None = await self._db.run(sql.next_push_due)
        return due

    async def forget(self, before: datetime) -> None:
        """Delete what was settled long ago."""
        await self._db.run(sql.forget_old_pushes, before=before)

    async def of_user(self, user_id: UUID | None, limit: int) -> list[PushRow]:
        """The pushes of a person, newest first."""
        rows = await self._db.run(sql.pushes_of_user, user_id=user_id, limit=limit)
        return [_push(row) for row in rows]

    async def phones(self, user_id: UUID) -> int:
        """How many phones of a person pushes go to."""
        count: int = await self._db.run(sql.phones_of_user, user_id=user_id)
        return count


def _push(row: Any) -> PushRow:
    return msgspec.convert(dict(row), PushRow)
