"""Sessions, for operators: how they stand, what happened, and the two things that can be
done to them. What was said is read by admins alone, for a reason, and on record."""

from datetime import datetime
from typing import Annotated, NoReturn
from uuid import UUID

import msgspec
from msgspec import Meta
from quart.wrappers import Response

from halobestie.chat.messages import (
    OperatorEnd,
    Party,
    Refusal,
    Reroute,
    SessionStatus,
    StoredMessage,
)
from halobestie.chat.operators import OperatorSession, SessionFilter, SessionStory
from halobestie.errors import Conflict, NotFound
from halobestie.web import Area, SpanPage, house, ok, signed_in

control = Area("/internal", users=("cc_user",))
areas = (control,)

Reason = Annotated[str, Meta(min_length=1, max_length=500)]


class Sessions(msgspec.Struct, frozen=True):
    """One page, newest first."""

    rows: list[OperatorSession]
    total: int


class SessionQuery(SpanPage, frozen=True, kw_only=True):
    """Which sessions. `needs_reroute`: those that run with a mitra whose account is off."""

    status: SessionStatus | None = None
    mitra_id: UUID | None = None
    customer_id: UUID | None = None
    needs_reroute: bool = False


class TranscriptQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Why it is read, and which part."""

    reason: Reason
    after_seq: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1, le=200)] = 200


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A message."""

    id: UUID
    seq: int
    sender_type: Party
    sender_id: UUID
    content: str
    created_at: datetime

    def __repr__(self) -> str:
        return f"Line(seq={self.seq})"


class Transcript(msgspec.Struct, frozen=True):
    """Ascending by seq."""

    messages: tuple[Line, ...]
    has_more: bool


class NewMitra(msgspec.Struct, frozen=True):
    """Who is to go on with the session."""

    mitra_id: UUID


class Why(msgspec.Struct, frozen=True):
    """What the timeline and the audit log will say."""

    reason: Reason


class Session(msgspec.Struct, frozen=True):
    """One session."""

    session: OperatorSession


@control.get("/sessions", answers={200: Sessions})
async def list_sessions(query: SessionQuery) -> Response:
    """Sessions, newest first."""
    wanted = SessionFilter(
        status=query.status,
        mitra_id=query.mitra_id,
        customer_id=query.customer_id,
        since=query.since,
        until=query.until,
        needs_reroute=query.needs_reroute,
    )
    rows, total = await house().session_desk.list(wanted, limit=query.limit, offset=query.offset)
    return ok(Sessions(rows, total))


@control.get("/sessions/<uuid:session_id>", answers={200: SessionStory}, refuses=("404 not_found",))
async def get_session(session_id: UUID) -> Response:
    """One session with the timeline of what happened in it."""
    story = await house().session_desk.story(session_id)
    if story is None:
        raise NotFound("There is no such session.")
    return ok(story)


@control.get(
    "/sessions/<uuid:session_id>/messages",
    role="admin",
    answers={200: Transcript},
    refuses=("404 not_found",),
)
async def read_transcript(session_id: UUID, query: TranscriptQuery) -> Response:
    """What was said. Every reading is on record before it is answered."""
    home = house()
    if await home.transcripts.parties(session_id) is None:
        raise NotFound("There is no such session.")
    await home.accounts.audit.write(
        actor_id=signed_in().id,
        action="transcript.read",
        subject=session_id,
        at=home.clock.now(),
        new={"after_seq": query.after_seq, "limit": query.limit},
        reason=query.reason,
    )
    rows = await home.transcripts.after(session_id, query.after_seq, query.limit + 1)
    lines = tuple(_line(row) for row in rows[: query.limit])
    return ok(Transcript(lines, len(rows) > query.limit))


@control.post(
    "/sessions/<uuid:session_id>/reroute",
    answers={200: Session},
    refuses=(
        "404 not_found",
        "409 extension_pending",
        "409 mitra_unavailable",
        "409 session_not_active",
    ),
)
async def reroute(session_id: UUID, body: NewMitra) -> Response:
    """Give a session to another mitra; history and timer stay, and all three are told."""
    await _exists(session_id)
    command = Reroute(body.mitra_id, signed_in().id)
    refusal = await house().sessions.ref(session_id).ask(command)
    if refusal is not None:
        _refuse(refusal)
    return ok(Session(await _exists(session_id)))


@control.post(
    "/sessions/<uuid:session_id>/end",
    answers={200: Session},
    refuses=("404 not_found", "409 session_not_active"),
)
async def end(session_id: UUID, body: Why) -> Response:
    """End a session; closing messages may still come."""
    await _exists(session_id)
    command = OperatorEnd(signed_in().id, body.reason)
    refusal = await house().sessions.ref(session_id).ask(command)
    if refusal is not None:
        _refuse(refusal)
    return ok(Session(await _exists(session_id)))


async def _exists(session_id: UUID) -> OperatorSession:
    session = await house().session_desk.find(session_id)
    if session is None:
        raise NotFound("There is no such session.")
    return session


def _refuse(refusal: Refusal) -> NoReturn:
    if refusal.code == "not_found":
        raise NotFound("There is no such session.")
    raise Conflict(refusal.code, _WHY.get(refusal.code, ""))


_WHY = {
    "session_not_active": "The session is over.",
    "extension_pending": "An extension waits for its answer.",
    "mitra_unavailable": "This mitra is offline, full, or not there.",
}


def _line(row: StoredMessage) -> Line:
    return Line(
        id=row.id,
        seq=row.seq,
        sender_type=row.sender_type,
        sender_id=row.sender_id,
        content=row.content,
        created_at=row.created_at,
    )
