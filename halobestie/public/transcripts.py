"""Messages and receipts over HTTP, for apps without a socket."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from quart.wrappers import Response

from halobestie.accounts.limits import Budget
from halobestie.chat.messages import (
    Look,
    Party,
    Receipt,
    Refusal,
    SendMessage,
    SessionView,
    StoredMessage,
)
from halobestie.web import Area, house, no_content, ok, signed_in

from .budget import BURST_SECONDS
from .frames import ClientMessageId, Content, Seq
from .refusals import refuse

shared = Area("/api/shared", users=("customer", "mitra"))
areas = (shared,)


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

    def __repr__(self) -> str:
        return "NewMessage(…)"


class Receipts(msgspec.Struct, frozen=True):
    """What has arrived, and what was read."""

    delivered_up_to_seq: Seq | None = None
    read_up_to_seq: Seq | None = None


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Which messages: above a seq, or the newest (below another)."""

    after_seq: Seq | None = None
    before_seq: Seq | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50


@shared.get(
    "/chat-sessions/<uuid:session_id>/messages",
    answers={200: Messages},
    refuses=("404 not_found",),
)
async def messages(session_id: UUID, query: Span) -> Response:
    """The transcript, by pages."""
    view = await _look(session_id)
    transcripts, wanted = house().transcripts, query.limit + 1
    if query.after_seq is not None:
        rows = await transcripts.after(session_id, query.after_seq, wanted, query.before_seq)
        rows, has_more = rows[: query.limit], len(rows) == wanted
    else:
        rows = await transcripts.before(session_id, query.before_seq, wanted)
        rows, has_more = rows[-query.limit :], len(rows) == wanted
    return ok(Messages(tuple(_message(row, _status(row, view)) for row in rows), has_more))


@shared.post(
    "/chat-sessions/<uuid:session_id>/messages",
    answers={201: Message, 200: Message},
    refuses=("404 not_found", "409 session_not_active", "429 rate_limited"),
)
async def send(session_id: UUID, body: NewMessage) -> Response:
    """Say something without a socket. 201 once it is stored; 200 if it was before.

    As often as over a socket: 50 a second, sustained. The answer is the same every time,
    `status` `sent` included; the transcript has the receipts.
    """
    caller = signed_in()
    rate = house().settings.socket_frames_per_second
    budget = Budget("http-messages", round(rate * BURST_SECONDS), BURST_SECONDS)
    await house().accounts.limiter.take(budget, caller.id)
    message = SendMessage(caller.id, body.client_message_id, body.content)
    sent = await house().sessions.ref(session_id).ask(message)
    if isinstance(sent, Refusal):
        refuse(sent)
    [row] = await house().transcripts.after(session_id, sent.seq - 1, 1)
    return ok(_message(row, "sent"), 200 if sent.again else 201)


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
        refuse(refusal)
    return no_content()


async def _look(session_id: UUID) -> SessionView:
    view = await house().sessions.ref(session_id).ask(Look(signed_in().id))
    if isinstance(view, Refusal):
        refuse(view)
    return view


def _status(row: StoredMessage, view: SessionView) -> str:
    # By party, not by person: after a reroute the new mitra reads what the old one wrote.
    # What the caller's side wrote is judged by the other's receipts; what the other wrote
    # has reached whoever reads this.
    if row.sender_type == signed_in().user_type:
        delivered, read = view.peer_delivered_seq, view.peer_read_seq
    else:
        delivered, read = view.own_delivered_seq, view.own_read_seq
    return "read" if row.seq <= read else "delivered" if row.seq <= delivered else "sent"


def _message(row: StoredMessage, status: str) -> Message:
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
