"""What was said and what became of sessions, read from the rows. No actor is asked."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from halobestie.adapters.postgres import Connection, Database, queries
from halobestie.pairing.messages import HIDDEN_NAME

from .messages import (
    Bestie,
    ClosingMessage,
    Person,
    Refusal,
    SessionStatus,
    StoredMessage,
)

sql = queries("history")


class Rating(msgspec.Struct, frozen=True):
    """What the customer thought of a session."""

    stars: int
    comment: str | None

    def __repr__(self) -> str:
        return f"Rating(stars={self.stars})"


class PastSession(msgspec.Struct, frozen=True, kw_only=True):
    """What both histories show of a session."""

    id: UUID
    status: SessionStatus
    topics: tuple[str, ...]
    sensitivity: str
    sessions_count: int
    """How many sessions these two have completed."""
    started_at: datetime
    ended_at: datetime | None
    duration_minutes: int
    closing_messages: tuple[ClosingMessage, ...]
    rating: Rating | None


class CustomerPast(PastSession, frozen=True, kw_only=True):
    """A row of a customer's history."""

    mitra: Bestie


class MitraPast(PastSession, frozen=True, kw_only=True):
    """A row of a mitra's history. The customer's name follows the anonymity knob."""

    customer: Person


class Transcripts:
    """What was said, for those who were there, and who that was."""

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

    async def unfinished(self) -> list[UUID]:
        """Every session that has a deadline to mind."""
        return [row["id"] for row in await self._db.run(sql.unfinished_sessions)]

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


class Histories:
    """The sessions of a person, newest first, and their ratings."""

    def __init__(
        self,
        db: Database,
        online: Callable[[], Collection[UUID]],
        mitra_sees_names: Callable[[], bool],
    ) -> None:
        self._db = db
        self._online = online
        self._mitra_sees_names = mitra_sees_names

    async def of_customer(
        self, customer_id: UUID, before: UUID | None, limit: int
    ) -> list[CustomerPast]:
        """At most `limit` sessions older than `before`."""
        online = self._online()
        rows = await self._db.run(
            sql.history_of_customer, customer_id=customer_id, before=before, limit=limit
        )
        return [
            CustomerPast(
                **_past(row),
                mitra=Bestie(row["peer_id"], row["peer_name"], row["peer_id"] in online),
            )
            for row in rows
        ]

    async def of_mitra(self, mitra_id: UUID, before: UUID | None, limit: int) -> list[MitraPast]:
        """At most `limit` sessions older than `before`."""
        named = self._mitra_sees_names()
        rows = await self._db.run(
            sql.history_of_mitra, mitra_id=mitra_id, before=before, limit=limit
        )
        return [
            MitraPast(
                **_past(row),
                customer=Person(row["peer_id"], row["peer_name"] if named else HIDDEN_NAME),
            )
            for row in rows
        ]

    async def rate(
        self, session_id: UUID, customer_id: UUID, rating: Rating, at: datetime
    ) -> Refusal | None:
        """Keep the customer's rating, once and after completion."""

        async def work(conn: Connection) -> Refusal | None:
            kept = await sql.add_rating(
                conn,
                session_id=session_id,
                customer_id=customer_id,
                stars=rating.stars,
                comment=rating.comment,
                at=at,
            )
            if kept is not None:
                await sql.log_rating(
                    conn,
                    session_id=session_id,
                    customer_id=customer_id,
                    at=at,
                    detail={"stars": rating.stars},
                )
                return None
            status = await sql.status_for_customer(
                conn, session_id=session_id, customer_id=customer_id
            )
            if status is None:
                return Refusal("not_found")
            done = status == "completed"
            return Refusal("already_rated" if done else "session_not_completed")

        refusal: Refusal | None = await self._db.transaction(work)
        return refusal


def rating_of(row: Any) -> Rating | None:
    """The rating in a row that was joined with it."""
    return None if row["stars"] is None else Rating(row["stars"], row["comment"])


def _past(row: Any) -> dict[str, Any]:
    return {
        "id": row["id"],
        "status": row["status"],
        "topics": tuple(row["topics"]),
        "sensitivity": row["sensitivity"],
        "sessions_count": row["sessions_count"],
        "started_at": row["started_at"],
        "ended_at": row["ended_at"],
        "duration_minutes": row["duration_minutes"],
        "closing_messages": tuple(
            ClosingMessage(*one) for one in row["closing"] if one[1] is not None
        ),
        "rating": rating_of(row),
    }


def _message(session_id: UUID, row: Any) -> StoredMessage:
    return StoredMessage(session_id=session_id, **dict(row))
