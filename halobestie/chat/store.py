"""The rows of a session. A write by an owner that was replaced raises `Unavailable`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from actors import Unavailable
from halobestie.adapters.postgres import Database, queries

from .messages import (
    ClosingMessage,
    Completion,
    EndedBy,
    Party,
    Sent,
    SessionStatus,
    StoredMessage,
)

sql = queries("chat")


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One session as it was last committed, with both names."""

    id: UUID
    customer_id: UUID
    customer_name: str
    mitra_id: UUID
    mitra_name: str
    payment_request_id: UUID
    status: SessionStatus
    topics: tuple[str, ...]
    sensitivity: str
    duration_minutes: int
    started_at: datetime
    ends_at: datetime
    warned_for: datetime | None
    decision_deadline: datetime | None
    grace_deadline: datetime | None
    last_seq: int
    customer_delivered_seq: int
    customer_read_seq: int
    mitra_delivered_seq: int
    mitra_read_seq: int
    epoch: int


class Loaded(msgspec.Struct, frozen=True):
    """A session and what its owner keeps in memory."""

    row: SessionRow
    unread: dict[Party, list[int]]
    """By reader: the other's messages that they have not read."""
    closing: tuple[ClosingMessage, ...]


class SessionStore:
    """Raises `Unavailable` when PostgreSQL is away: then nothing is known to be written."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def claim(self, session_id: UUID) -> Loaded | None:
        """Become the owner of a session and read it; None if there is none."""

        async def work(conn: Any) -> Loaded | None:
            record = await sql.claim_session(conn, id=session_id)
            if record is None:
                return None
            row = msgspec.convert(dict(record), SessionRow)
            unread: dict[Party, list[int]] = {"customer": [], "mitra": []}
            if row.last_seq > min(row.customer_read_seq, row.mitra_read_seq):
                for found in await sql.unread_of_session(
                    conn,
                    session_id=session_id,
                    customer_read_seq=row.customer_read_seq,
                    mitra_read_seq=row.mitra_read_seq,
                ):
                    reader: Party = "mitra" if found["sender_type"] == "customer" else "customer"
                    unread[reader].append(found["seq"])
            closing: Sequence[Any] = ()
            if row.status in ("closing", "completed"):
                closing = await sql.closing_of_session(conn, session_id=session_id)
            return Loaded(
                row,
                unread,
                tuple(ClosingMessage(one["sender_type"], one["content"]) for one in closing),
            )

        loaded: Loaded | None = await self._db.transaction(work)
        return loaded

    async def sent(self, session_id: UUID) -> dict[tuple[Party, str], Sent]:
        """What every client_message_id of the session became."""
        rows = await self._db.run(sql.sent_of_session, session_id=session_id)
        return {
            (row["sender_type"], row["client_message_id"]): Sent(
                row["id"], row["seq"], row["created_at"], again=True
            )
            for row in rows
        }

    async def warn(self, row: SessionRow) -> None:
        """Commit that the one-minute warning of this run-down is given."""
        _owned(
            await self._db.run(sql.warn_session, id=row.id, epoch=row.epoch, ends_at=row.ends_at)
        )

    async def expire(self, row: SessionRow, decision_deadline: datetime, at: datetime) -> None:
        """Commit that time is up."""

        async def work(conn: Any) -> None:
            _owned(
                await sql.expire_session(
                    conn, id=row.id, epoch=row.epoch, decision_deadline=decision_deadline
                )
            )
            await _log(conn, row.id, "expired", "system", None, at)

        await self._db.transaction(work)

    async def close(
        self,
        row: SessionRow,
        grace_deadline: datetime,
        ended_by: EndedBy,
        at: datetime,
        *,
        by: UUID | None,
        end_reason: Completion | None = None,
    ) -> None:
        """Commit that the conversation has ended and closing messages may come."""

        async def work(conn: Any) -> None:
            _owned(
                await sql.close_session(
                    conn,
                    id=row.id,
                    epoch=row.epoch,
                    grace_deadline=grace_deadline,
                    ended_by=ended_by,
                    end_reason=end_reason,
                    at=at,
                )
            )
            await _log(conn, row.id, "closing", ended_by, by, at)

        await self._db.transaction(work)

    async def complete(self, row: SessionRow, reason: Completion, at: datetime) -> Completion:
        """Commit the end of everything; the reason that stands."""

        async def work(conn: Any) -> Completion:
            stands: Completion | None = await sql.complete_session(
                conn, id=row.id, epoch=row.epoch, reason=reason, at=at
            )
            _owned(stands)
            await _log(conn, row.id, "completed", "system", None, at)
            return stands or reason

        done: Completion = await self._db.transaction(work)
        return done

    async def leave_closing(
        self, row: SessionRow, party: Party, content: str | None, at: datetime
    ) -> bool:
        """Commit a closing message; False if this party has left one already."""
        stored = await self._db.run(
            sql.store_closing_message,
            session_id=row.id,
            sender_type=party,
            content=content,
            at=at,
        )
        return stored is not None

    async def move_end(self, row: SessionRow, ends_at: datetime) -> None:
        """For tests: commit another end of the paid time."""
        _owned(await self._db.run(sql.move_end, id=row.id, epoch=row.epoch, ends_at=ends_at))

    async def unfinished(self) -> list[UUID]:
        """Every session that has a deadline to mind."""
        return [row["id"] for row in await self._db.run(sql.unfinished_sessions)]


class Transcripts:
    """What was said, for those who were there. Reads only; no actor is asked."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def parties(self, session_id: UUID) -> tuple[UUID, UUID] | None:
        """The customer and the mitra of a session."""
        row = await self._db.run(sql.party_of_session, id=session_id)
        return None if row is None else (row["customer_id"], row["mitra_id"])

    async def after(
        self, session_id: UUID, after_seq: int, limit: int, before_seq: int | None = None
    ) -> list[StoredMessage]:
        """At most `limit` messages above a seq (and below another), oldest first."""
        rows = await self._db.run(
            sql.messages_after,
            session_id=session_id,
            after_seq=after_seq,
            before_seq=before_seq or 2**62,
            limit=limit,
        )
        return [_message(session_id, row) for row in rows]

    async def before(
        self, session_id: UUID, before_seq: int | None, limit: int
    ) -> list[StoredMessage]:
        """The newest `limit` messages below a seq, oldest first."""
        rows = await self._db.run(
            sql.messages_before,
            session_id=session_id,
            before_seq=before_seq or 2**62,
            limit=limit,
        )
        return [_message(session_id, row) for row in rows]

    async def active_of_customer(self, customer_id: UUID) -> UUID | None:
        """The session that a customer's app opens on."""
        found: UUID | None = await self._db.run(sql.active_of_customer, customer_id=customer_id)
        return found

    async def unfinished_of_customer(self, customer_id: UUID) -> list[UUID]:
        """A customer's sessions that are not completed."""
        rows = await self._db.run(sql.unfinished_of_customer, customer_id=customer_id)
        return [row["id"] for row in rows]

    async def unfinished_of_mitra(self, mitra_id: UUID) -> list[UUID]:
        """A mitra's sessions that are not completed."""
        rows = await self._db.run(sql.unfinished_of_mitra, mitra_id=mitra_id)
        return [row["id"] for row in rows]


class CustomerSessions:
    """What a purchase must know of chat (see the ports of payments)."""

    async def running(self, conn: Any, customer_id: UUID) -> UUID | None:
        """The customer's session whose time runs, or waits for a decision."""
        found: UUID | None = await sql.running_of_customer(conn, customer_id=customer_id)
        return found

    async def can_be_extended(self, conn: Any, session_id: UUID, customer_id: UUID) -> bool | None:
        """Whether it may get more time; None if it is not this customer's."""
        found: bool | None = await sql.extendable(
            conn, session_id=session_id, customer_id=customer_id
        )
        return found


def _message(session_id: UUID, row: Any) -> StoredMessage:
    return StoredMessage(session_id=session_id, **dict(row))


def _owned(returned: object) -> None:
    """A write that touched no row: the session has another owner, or moved under us."""
    if returned is None:
        raise Unavailable("the session has another owner")


async def _log(
    conn: Any, session_id: UUID, event: str, actor_type: str, actor_id: UUID | None, at: datetime
) -> None:
    await sql.log_event(
        conn,
        session_id=session_id,
        event=event,
        actor_type=actor_type,
        actor_id=actor_id,
        at=at,
        detail=None,
    )
