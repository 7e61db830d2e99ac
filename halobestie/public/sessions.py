"""Sessions over HTTP: how they stand, more time, and the end."""

from uuid import UUID

import msgspec
from quart.wrappers import Response

from halobestie.chat.messages import (
    AnswerExtension,
    End,
    ExtensionView,
    LeaveClosing,
    Look,
    Refusal,
    RequestExtension,
    SessionView,
)
from halobestie.errors import Invalid
from halobestie.web import Area, house, ok, signed_in

from .frames import Content
from .refusals import refuse

client = Area("/api/client", users=("customer",))
mitra = Area("/api/mitra", users=("mitra",))
shared = Area("/api/shared", users=("customer", "mitra"))
areas = (client, mitra, shared)


class Session(msgspec.Struct, frozen=True):
    """One session."""

    session: SessionView


class MaybeSession(msgspec.Struct, frozen=True):
    """The session that is under way, if one is."""

    session: SessionView | None


class Closing(msgspec.Struct, frozen=True):
    """A last word, or none."""

    content: Content | None = None
    skip: bool = False

    def __repr__(self) -> str:
        return "Closing(…)"


class MoreTime(msgspec.Struct, frozen=True):
    """The confirmed payment to use. Apps in the field say `extension_payment_session_id`."""

    extension_payment_request_id: UUID | None = None
    extension_payment_session_id: UUID | None = None

    @property
    def payment(self) -> UUID:
        """422 where none is named."""
        named = self.extension_payment_request_id or self.extension_payment_session_id
        if named is None:
            raise Invalid("extension_payment_request_id", "is required")
        return named


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


@client.post(
    "/chat-sessions/<uuid:session_id>/extensions",
    answers={202: ExtensionView},
    refuses=(
        "400 free_trial_not_allowed",
        "404 not_found",
        "409 extension_pending",
        "409 payment_not_confirmed",
        "409 session_not_extendable",
    ),
)
async def request_extension(session_id: UUID, body: MoreTime) -> Response:
    """Ask the mitra for the time that was paid. The answer comes as `extension_resolved`."""
    request = RequestExtension(signed_in().id, body.payment)
    return _extension(await house().sessions.ref(session_id).ask(request), 202)


_ANSWERED = ("404 not_found", "409 extension_resolved")


@mitra.post(
    "/chat-sessions/<uuid:session_id>/extensions/<uuid:extension_id>/accept",
    answers={200: ExtensionView},
    refuses=_ANSWERED,
)
async def accept_extension(session_id: UUID, extension_id: UUID) -> Response:
    """Give the time: the session goes on, and the payment is used."""
    answer = AnswerExtension(signed_in().id, extension_id, accepts=True)
    return _extension(await house().sessions.ref(session_id).ask(answer), 200)


@mitra.post(
    "/chat-sessions/<uuid:session_id>/extensions/<uuid:extension_id>/reject",
    answers={200: ExtensionView},
    refuses=_ANSWERED,
)
async def reject_extension(session_id: UUID, extension_id: UUID) -> Response:
    """Do not give it: nothing is charged, and operators see to the money."""
    answer = AnswerExtension(signed_in().id, extension_id, accepts=False)
    return _extension(await house().sessions.ref(session_id).ask(answer), 200)


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
        refuse(answer)
    return ok(Session(answer))


def _extension(answer: ExtensionView | Refusal, status: int) -> Response:
    if isinstance(answer, Refusal):
        refuse(answer)
    return ok(answer, status)
