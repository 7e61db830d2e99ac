"""Test routes of chat and push, only where TEST_ROUTES_ENABLED."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from quart.wrappers import Response

from halobestie.chat.messages import Look, MoveEnd, Party, SendMessage, Sent, SessionView
from halobestie.errors import Conflict, NotFound
from halobestie.ids import new_id
from halobestie.push.messages import Owed
from halobestie.push.outbox import PushRow
from halobestie.push.rules import message_of
from halobestie.web import Area, house, ok

control = Area("/internal/_test")
areas = (control,)


class OfSession(msgspec.Struct, frozen=True):
    """Which session."""

    session_id: UUID


class Connection(msgspec.Struct, frozen=True):
    """Whether a party has a live socket, and how many."""

    connected: bool
    sockets: int


class Connections(msgspec.Struct, frozen=True):
    """Both parties of a session."""

    customer: Connection
    mitra: Connection


class Say(msgspec.Struct, frozen=True):
    """What a party is to say."""

    session_id: UUID
    content: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]

    def __repr__(self) -> str:
        return "Say(…)"


class Said(msgspec.Struct, frozen=True):
    """What became of it. `delivered_via`: the road to the other party."""

    message_id: UUID
    seq: int
    delivered_via: str


class SessionTime(msgspec.Struct, frozen=True):
    """How much time a session is to have left; 0 ends it now."""

    session_id: UUID
    remaining_seconds: Annotated[int, msgspec.Meta(ge=0, le=604_800)]


class PushTo(msgspec.Struct, frozen=True):
    """Whom to push a message of a session."""

    session_id: UUID
    to: Party


class Attempted(msgspec.Struct, frozen=True):
    """How many phones it goes to, and how many pushes were recorded."""

    attempted: int
    recorded: int


class WhosePushes(msgspec.Struct, frozen=True):
    """A person's, or everybody's."""

    user_id: UUID | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50


class RecordedPush(msgspec.Struct, frozen=True, kw_only=True):
    """A push as it is sent, and what became of it."""

    user_id: UUID
    type: str
    status: str
    attempts: int
    outcome: str | None
    platform: str | None
    created_at: datetime
    expires_at: datetime
    data: dict[str, str]
    message: dict[str, Any]


class Pushes(msgspec.Struct, frozen=True):
    """Newest first."""

    rows: tuple[RecordedPush, ...]


@control.get("/ws-connection-state", answers={200: Connections})
async def connection_state(query: OfSession) -> Response:
    """Whether the parties of a session are connected."""
    view, roster = await look(query.session_id), house().roster
    customer, mitra = roster.sockets(view.customer.id), roster.sockets(view.mitra.id)
    return ok(Connections(Connection(customer > 0, customer), Connection(mitra > 0, mitra)))


@control.post("/send-chat-message-as-mitra", answers={200: Said})
async def say_as_mitra(body: Say) -> Response:
    """Write as the mitra."""
    return await _say(body, "mitra")


@control.post("/send-chat-message-as-customer", answers={200: Said})
async def say_as_customer(body: Say) -> Response:
    """Write as the customer."""
    return await _say(body, "customer")


@control.post("/force-session-time", answers={200: SessionView})
async def force_time(body: SessionTime) -> Response:
    """Move the end of a session's paid time."""
    answer = await house().sessions.ref(body.session_id).ask(MoveEnd(body.remaining_seconds))
    if isinstance(answer, SessionView):
        return ok(answer)
    if answer.code == "not_found":
        raise NotFound("There is no such session.")
    raise Conflict(answer.code, "The session is not active.")


@control.post("/send-fcm-chat-message", answers={200: Attempted})
async def push_message(body: PushTo) -> Response:
    """Owe a party a push as for a new message, whether or not they are connected."""
    home = house()
    view, now = await look(body.session_id), house().clock.now()
    user_id = view.customer.id if body.to == "customer" else view.mitra.id
    owed = Owed(
        user_id=user_id,
        type="chat_message",
        session_id=view.id,
        message_id=new_id(),
        expires_at=now + timedelta(hours=1),
    )
    phones = await home.outbox.owe_now(owed, now)
    return ok(Attempted(phones, phones))


@control.get("/pushes", answers={200: Pushes})
async def pushes(query: WhosePushes) -> Response:
    """The pushes of a person, newest first, as they are sent."""
    rows = await house().outbox.of_user(query.user_id, query.limit)
    return ok(Pushes(tuple(_recorded(row) for row in rows)))


async def look(session_id: UUID) -> SessionView:
    """A session, as its customer sees it."""
    parties = await house().transcripts.parties(session_id)
    if parties is None:
        raise NotFound("There is no such session.")
    view = await house().sessions.ref(session_id).ask(Look(parties[0]))
    if not isinstance(view, SessionView):
        raise NotFound("There is no such session.")
    return view


async def _say(body: Say, party: Party) -> Response:
    home = house()
    parties = await home.transcripts.parties(body.session_id)
    if parties is None:
        raise NotFound("There is no such session.")
    customer_id, mitra_id = parties
    author, reader = (mitra_id, customer_id) if party == "mitra" else (customer_id, mitra_id)
    message = SendMessage(author, f"test-{new_id()}", body.content)
    sent = await home.sessions.ref(body.session_id).ask(message)
    if not isinstance(sent, Sent):
        raise Conflict(sent.code, "The message was not stored.")
    if home.roster.sockets(reader):
        via = "ws"
    else:
        via = "fcm" if await home.outbox.phones(reader) else "none"
    return ok(Said(sent.id, sent.seq, via))


def _recorded(row: PushRow) -> RecordedPush:
    message = message_of(row, row.created_at)
    return RecordedPush(
        user_id=row.user_id,
        type=row.type,
        status=row.status,
        attempts=row.attempts,
        outcome=row.outcome,
        platform=row.platform,
        created_at=row.created_at,
        expires_at=row.expires_at,
        data=message["data"],
        message=message,
    )
