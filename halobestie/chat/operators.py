"""Sessions as operators see them: lists, one with its timeline, and who rated it how."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from halobestie.adapters.postgres import Database

from .history import Rating, rating_of, sql
from .messages import Bestie, ExtensionStatus, ExtensionView, Person, SessionStatus


class OperatorSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session, with the names that operators may see."""

    id: UUID
    status: SessionStatus
    customer: Person
    mitra: Bestie
    payment_request_id: UUID
    topics: tuple[str, ...]
    sensitivity: str
    duration_minutes: int
    is_free_trial: bool
    started_at: datetime
    ends_at: datetime
    decision_deadline: datetime | None
    grace_deadline: datetime | None
    ended_at: datetime | None
    ended_by: str | None
    completion_reason: str | None
    extension: ExtensionView | None
    last_seq: int
    rating: Rating | None
    needs_reroute: bool
    """It runs, and its mitra's account is switched off."""


class TimelineEvent(msgspec.Struct, frozen=True):
    """What happened, when, and by whom."""

    event: str
    actor_type: str
    actor_id: UUID | None
    at: datetime
    detail: dict[str, Any] | None


class PastExtension(msgspec.Struct, frozen=True):
    """More time that was asked for, and what became of it."""

    id: UUID
    payment_request_id: UUID
    duration_minutes: int
    status: ExtensionStatus
    reason: str | None
    requested_at: datetime
    expires_at: datetime
    resolved_at: datetime | None


class SessionStory(msgspec.Struct, frozen=True):
    """A session and everything that happened in it but what was said."""

    session: OperatorSession
    timeline: tuple[TimelineEvent, ...]
    extensions: tuple[PastExtension, ...]


class SessionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions. A field that is not given does not matter."""

    status: SessionStatus | None = None
    mitra_id: UUID | None = None
    customer_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    needs_reroute: bool = False


class SessionDesk:
    """Reads only: what operators do to a session, its actor does."""

    def __init__(self, db: Database, online: Callable[[], Collection[UUID]]) -> None:
        self._db = db
        self._online = online

    async def list(
        self, wanted: SessionFilter, *, limit: int, offset: int
    ) -> tuple[list[OperatorSession], int]:
        """Newest first, and how many there are."""
        which = msgspec.structs.asdict(wanted)
        rows = await self._db.run(
            sql.operator_sessions, **which, id=None, limit=limit, offset=offset
        )
        total: int = await self._db.run(sql.count_operator_sessions, **which)
        return [self._session(row) for row in rows], total

    async def find(self, session_id: UUID) -> OperatorSession | None:
        """One session."""
        which = msgspec.structs.asdict(SessionFilter())
        rows = await self._db.run(sql.operator_sessions, **which, id=session_id, limit=1, offset=0)
        return self._session(rows[0]) if rows else None

    async def story(self, session_id: UUID) -> SessionStory | None:
        """One session with its timeline."""
        session = await self.find(session_id)
        if session is None:
            return None
        events = await self._db.run(sql.timeline_of_session, session_id=session_id)
        extensions = await self._db.run(sql.extensions_of_session, session_id=session_id)
        return SessionStory(
            session,
            tuple(msgspec.convert(dict(row), TimelineEvent) for row in events),
            tuple(msgspec.convert(dict(row), PastExtension) for row in extensions),
        )

    def _session(self, row: Any) -> OperatorSession:
        online = row["mitra_id"] in self._online()
        values = dict(row)
        values |= {
            "customer": Person(row["customer_id"], row["customer_name"]),
            "mitra": Bestie(row["mitra_id"], row["mitra_name"], online),
            "topics": tuple(row["topics"]),
            "rating": rating_of(row),
            "extension": None
            if row["extension_id"] is None
            else ExtensionView(
                row["extension_id"],
                "pending",
                row["extension_minutes"],
                row["extension_expires_at"],
            ),
        }
        return msgspec.convert(values, OperatorSession)
