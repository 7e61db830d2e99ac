"""Sessions over HTTP: for both apps, and for those without a socket."""

from datetime import datetime
from typing import Annotated, NoReturn
from uuid import UUID

import msgspec
from quart.wrappers import Response

from halobestie.chat.messages import (
    End,
    LeaveClosing,
    Look,
    Party,
    Receipt,
    Refusal,
    SendMessage,
    SessionView,
    StoredMessage,
)
from halobestie.errors import Conflict, Forbidden, Invalid, NotFound
from halobestie.web import Area, house, no_content, ok, signed_in

from .frames import ClientMessageId, Content, Seq

client = Area("/api/client", users=("customer",))
shared = Area("/api/shared", users=("customer", "mitra"))
areas = (client, shared)


class Session(msgspec.Struct, frozen=True):
    """One session."""

    session: SessionView


class MaybeSession(msgspec.Struct, frozen=True):
    """The session that is under way, if one is."""

    session: SessionView | None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A stored message; `status` is what the other party has done with it."""

    session_id: UUID
    id: UUID
    seq: int
    sender_type: Party
    sender_id: UUID
    content: str
    client_message_id: str
    created_at: datetime
    status: str

    def __repr__(self) -> str:
        return f"Message(seq={self.seq})"


class Messages(msgspec.Struct, frozen=True):
    """Ascending by seq."""

    messages: tuple[Message, ...]
    has_more: bool


class NewMessage(msgspec.Struct, frozen=True):
    """What to say. The id is the app's own, unique in the session."""

    client_message_id: ClientMessageId
    content: Content


class Receipts(msgspec.Struct, frozen=True):
    """What has arrived, and what was read."""

    delivered_up_to_seq: Seq | None = None
    read_up_to_seq: Seq | None = None


class Closing(msgspec.Struct, frozen=True):
    """A last word, or none."""

    content: Content | None = None
    skip: bool = False


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Which messages: above a seq, or the newest (below another)."""

    after_seq: Seq | None = None
    before_seq: Seq | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50


@client.get("/chat-sessions/active", answers={200: MaybeSession})
async def active() -> Response:
    """The session that the customer's app opens on."""
    customer = signed_in()
    session_id = await house().transcripts.active_of_customer(customer.id)
    if session_id is None:
        return ok(MaybeSession(None))
    view = await house().sessions.ref(session_id).ask(Look(customer.id))
    return ok(MaybeSession(view if isinstance(view, SessionView) else None))


@shared.get("/chat-sessions/<uuid:session_id>", answers={200: Session}, refuses=("404 not_found",))
async def session(session_id: UUID) -> Response:
    """One session, with its closing messages."""
    return _session(await house().sessions.ref(session_id).ask(Look(signed_in().id)))


@shared.get(
    "/chat-sessions/<uuid:session_id>/messages",
    answers={200: Messages},
    refuses=("404 not_found",),
)
async def messages(session_id: UUID, query: Span) -> Response:
    """The transcript, by pages."""
    view = await house().sessions.ref(session_id).ask(Look(signed_in().id))
    if isinstance(view, Refusal):
        _refuse(view)
    transcripts, wanted = house().transcripts, query.limit + 1
    if query.after_seq is not None:
        rows = await transcripts.after(session_id, query.after_seq, wanted, query.before_seq)
        rows, has_more = rows[: query.limit], len(rows) == wanted
    else:
        rows = await transcripts.before(session_id, query.before_seq, wanted)
        rows, has_more = rows[-query.limit :], len(rows) == wanted
    mine = signed_in().id
    return ok(Messages(tuple(_message(row, view, mine) for row in rows), has_more))


@shared.post(
    "/chat-sessions/<uuid:session_id>/messages",
    answers={201: Message, 200: Message},
    refuses=("404 not_found", "409 session_not_active"),
)
async def send(session_id: UUID, body: NewMessage) -> Response:
    """Say something without a socket. 201 once it is stored; 200 if it was before."""
    caller = signed_in()
    ref = house().sessions.ref(session_id)
    sent = await ref.ask(SendMessage(caller.id, body.client_message_id, body.content))
    if isinstance(sent, Refusal):
        _refuse(sent)
    view = await ref.ask(Look(caller.id))
    [row] = await house().transcripts.after(session_id, sent.seq - 1, 1)
    if isinstance(view, Refusal):
        _refuse(view)
    return ok(_message(row, view, caller.id), 200 if sent.again else 201)


@shared.post(
    "/chat-sessions/<uuid:session_id>/receipts",
    answers={204: None},
    refuses=("404 not_found",),
)
async def receipts(session_id: UUID, body: Receipts) -> Response:
    """What the caller has of the other's messages."""
    receipt = Receipt(
        signed_in().id,
        delivered_up_to=body.delivered_up_to_seq or 0,
        read_up_to=body.read_up_to_seq or 0,
    )
    refusal = await house().sessions.ref(session_id).ask(receipt)
    if refusal is not None:
        _refuse(refusal)
    return no_content()


@shared.post(
    "/chat-sessions/<uuid:session_id>/end",
    answers={200: Session},
    refuses=("403 early_end_disabled", "404 not_found", "409 session_not_active"),
)
async def end(session_id: UUID) -> Response:
    """End the conversation; closing messages may follow."""
    return _session(await house().sessions.ref(session_id).ask(End(signed_in().id)))


@shared.post(
    "/chat-sessions/<uuid:session_id>/closing-message",
    answers={200: Session},
    refuses=("404 not_found", "409 closing_message_exists", "409 session_not_closing"),
)
async def closing_message(session_id: UUID, body: Closing) -> Response:
    """Leave one last message, or skip it."""
    if body.content is None and not body.skip:
        raise Invalid("content", "is required unless skip is true")
    content = None if body.skip else body.content
    leave = LeaveClosing(signed_in().id, content)
    return _session(await house().sessions.ref(session_id).ask(leave))


def _session(answer: SessionView | Refusal) -> Response:
    if isinstance(answer, Refusal):
        _refuse(answer)
    return ok(Session(answer))


def _refuse(refusal: Refusal) -> NoReturn:
    match refusal.code:
        case "not_found":
            raise NotFound("There is no such session.")
        case "early_end_disabled":
            raise Forbidden(refusal.code, "Sessions cannot be ended early.")
        case _:
            raise Conflict(refusal.code, _WHY.get(refusal.code, ""))


def _message(row: StoredMessage, view: SessionView, reader: UUID) -> Message:
    mine = row.sender_id == reader
    # What the caller wrote is judged by the other's receipts; what the other wrote has
    # reached whoever reads this.
    if mine:
        delivered, read = view.peer_delivered_seq, view.peer_read_seq
    else:
        delivered, read = view.own_delivered_seq, view.own_read_seq
    status = "read" if row.seq <= read else "delivered" if row.seq <= delivered else "sent"
    return Message(
        session_id=row.session_id,
        id=row.id,
        seq=row.seq,
        sender_type=row.sender_type,
        sender_id=row.sender_id,
        content=row.content,
        client_message_id=row.client_message_id,
        created_at=row.created_at,
        status=status,
    )


_WHY = {
    "session_not_active": "The session is not active.",
    "session_not_closing": "The session takes no closing message now.",
    "closing_message_exists": "You have left a closing message already.",
}
