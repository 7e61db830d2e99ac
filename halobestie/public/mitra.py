"""The mitra's app: online or not, offers, and sessions that run."""

from uuid import UUID

import msgspec
from quart.wrappers import Response

from halobestie.chat.messages import Look, SessionView
from halobestie.errors import Away, Conflict, NotFound
from halobestie.pairing.messages import Accept, Accepted, Decline, Lost
from halobestie.presence.messages import (
    GetStatus,
    Greet,
    Heartbeat,
    MitraStatus,
    Offer,
    SetOnline,
)
from halobestie.web import Area, house, ok, signed_in

mitra = Area("/api/mitra", users=("mitra",))
areas = (mitra,)


class Online(msgspec.Struct, frozen=True):
    """Whether the mitra takes customers."""

    online: bool


class OpenOffers(msgspec.Struct, frozen=True):
    """What the mitra may accept now."""

    chat_requests: tuple[Offer, ...]


class Session(msgspec.Struct, frozen=True):
    """The session that was won."""

    session: SessionView


class Sessions(msgspec.Struct, frozen=True):
    """Sessions that are not completed."""

    sessions: tuple[SessionView, ...]


class Declined(msgspec.Struct, frozen=True):
    """Noted."""

    declined: bool = True


@mitra.post("/status", answers={200: MitraStatus})
async def set_status(body: Online) -> Response:
    """Go online or offline."""
    answer = await house().mitras.ref(signed_in().id).ask(SetOnline(body.online, "manual"))
    return ok(answer)


@mitra.get("/status", answers={200: MitraStatus})
async def status() -> Response:
    """How the mitra stands."""
    answer = await house().mitras.ref(signed_in().id).ask(GetStatus())
    return ok(answer)


@mitra.post("/heartbeat", answers={200: MitraStatus}, refuses=("409 offline",))
async def heartbeat() -> Response:
    """The app is there. Does not bring a mitra online."""
    answer = await house().mitras.ref(signed_in().id).ask(Heartbeat())
    if not answer.is_online:
        raise Conflict("offline", "You are offline.")
    return ok(answer)


@mitra.get("/chat-requests", answers={200: OpenOffers})
async def chat_requests() -> Response:
    """The customers that wait for this mitra."""
    greeting = await house().mitras.ref(signed_in().id).ask(Greet())
    return ok(OpenOffers(greeting.offers))


@mitra.post(
    "/chat-requests/<uuid:pairing_id>/accept",
    answers={200: Session},
    refuses=(
        "404 not_found",
        "409 already_taken",
        "409 request_closed",
        "409 at_capacity",
        "409 offline",
    ),
)
async def accept(pairing_id: UUID) -> Response:
    """200 with the session to open; 409 and a code when someone was faster."""
    caller = signed_in()
    match await house().pairings.ref(pairing_id).ask(Accept(caller.id)):
        case Accepted(session_id):
            view = await house().sessions.ref(session_id).ask(Look(caller.id))
            if isinstance(view, SessionView):
                return ok(Session(view))
            raise NotFound("There is no such session.")
        case Lost("not_found"):
            raise NotFound("There is no such request.")
        case Lost("unavailable"):
            raise Away(detail="It could not be decided now: try again.")
        case Lost(code):
            raise Conflict(code, _WHY[code])


@mitra.post("/chat-requests/<uuid:pairing_id>/decline", answers={200: Declined})
async def decline(pairing_id: UUID) -> Response:
    """Leave the customer to others. Saying it twice changes nothing."""
    if not await house().pairings.ref(pairing_id).ask(Decline(signed_in().id)):
        raise NotFound("There is no such request.")
    return ok(Declined())


@mitra.get("/chat-sessions/active", answers={200: Sessions})
async def active_sessions() -> Response:
    """The mitra's sessions that are not completed."""
    caller = signed_in()
    views = []
    for session_id in await house().transcripts.unfinished_of_mitra(caller.id):
        view = await house().sessions.ref(session_id).ask(Look(caller.id))
        if isinstance(view, SessionView) and view.status != "completed":
            views.append(view)
    return ok(Sessions(tuple(views)))


_WHY = {
    "already_taken": "Another bestie was faster.",
    "request_closed": "This request is closed.",
    "at_capacity": "You have as many sessions as you may have.",
    "offline": "You are offline.",
}
