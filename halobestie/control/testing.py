"""Routes for tests, only where TEST_ROUTES_ENABLED. They make time pass and things happen."""

from uuid import UUID

import msgspec
from quart.wrappers import Response

from halobestie.chat.messages import Look, MoveEnd, Party, SendMessage, Sent, SessionView
from halobestie.errors import Conflict, NotFound
from halobestie.ids import new_id
from halobestie.pairing.messages import Accept, Accepted, GetPairing, PairingView, WindowOver
from halobestie.payments.messages import PaymentView
from halobestie.presence.messages import MitraStatus, SetOnline
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
    content: str


class Said(msgspec.Struct, frozen=True):
    """What became of it."""

    message_id: UUID
    seq: int
    delivered_via: str


class WhichPayment(msgspec.Struct, frozen=True):
    """One payment, or the latest pending (of a customer)."""

    payment_request_id: UUID | None = None
    customer_id: UUID | None = None


class SessionTime(msgspec.Struct, frozen=True):
    """How much time a session is to have left; 0 ends it now."""

    session_id: UUID
    remaining_seconds: int


class WhichMitra(msgspec.Struct, frozen=True):
    """One mitra, or whoever was asked first."""

    mitra_id: UUID | None = None


class OneMitra(msgspec.Struct, frozen=True):
    """One mitra."""

    mitra_id: UUID


class ButMitra(msgspec.Struct, frozen=True):
    """All but one."""

    except_mitra_id: UUID


class ActorPath(msgspec.Struct, frozen=True):
    """Where in the tree."""

    path: str


class Done(msgspec.Struct, frozen=True):
    """It is done; `count` things were touched."""

    count: int = 1


@control.get("/ws-connection-state", answers={200: Connections})
async def connection_state(query: OfSession) -> Response:
    """Whether the parties of a session are connected."""
    view = await _look(query.session_id)
    roster = house().roster
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


@control.post("/force-confirm-payment", answers={200: PaymentView})
async def force_confirm(body: WhichPayment) -> Response:
    """Confirm a payment whatever the provider says."""
    payments = house().payments
    payment_id = body.payment_request_id or await payments.latest_pending(body.customer_id)
    if payment_id is None:
        raise NotFound("No payment is pending.")
    return ok(await payments.force_confirm(payment_id))


@control.post("/force-pairing-timeout", answers={200: PairingView})
async def force_timeout(body: WhichPayment) -> Response:
    """Let a search's window be over."""
    pairing_id = await _search_of(body.payment_request_id)
    ref = house().pairings.ref(pairing_id)
    ref.tell(WindowOver())
    pairing = await ref.ask(GetPairing())
    return ok(pairing)


@control.post("/force-session-time", answers={200: SessionView})
async def force_time(body: SessionTime) -> Response:
    """Move the end of a session's paid time."""
    answer = await house().sessions.ref(body.session_id).ask(MoveEnd(body.remaining_seconds))
    if isinstance(answer, SessionView):
        return ok(answer)
    if answer.code == "not_found":
        raise NotFound("There is no such session.")
    raise Conflict(answer.code, "The session is not active.")


@control.post("/accept-latest-pending", answers={200: SessionView})
async def accept_latest(body: WhichMitra) -> Response:
    """Accept the youngest search as a mitra who was asked."""
    pairing_id = await _search_of(None)
    asked = await house().pairing_store.open_offers(pairing_id)
    mitra_id = body.mitra_id or next(iter(asked), None)
    if mitra_id is None:
        raise Conflict("request_closed", "Nobody was asked.")
    answer = await house().pairings.ref(pairing_id).ask(Accept(mitra_id))
    if not isinstance(answer, Accepted):
        raise Conflict(answer.code, "The mitra could not accept.")
    return ok(await _look(answer.session_id))


@control.post("/force-mitra-offline", answers={200: MitraStatus})
async def force_offline(body: OneMitra) -> Response:
    """Put a mitra offline."""
    status = await house().mitras.ref(body.mitra_id).ask(SetOnline(False, "test"))
    return ok(status)


@control.post("/force-mitra-online", answers={200: MitraStatus})
async def force_online(body: OneMitra) -> Response:
    """Put a mitra online; without heartbeats it goes stale as any other."""
    status = await house().mitras.ref(body.mitra_id).ask(SetOnline(True, "test"))
    return ok(status)


@control.post("/force-other-mitras-online", answers={200: Done})
async def force_others_online(body: ButMitra) -> Response:
    """Put every active mitra but one online."""
    return await _all_online(body.except_mitra_id)


@control.post("/reset-all-mitras-online", answers={200: Done})
async def all_online() -> Response:
    """Put every active mitra online."""
    return await _all_online(None)


@control.post("/crash-actor", answers={202: Done})
async def crash_actor(body: ActorPath) -> Response:
    """Raise inside an actor, to watch its supervisor at work."""
    if not house().system.crash(body.path):
        raise NotFound("Nothing runs at this path.")
    return ok(Done(), 202)


async def _look(session_id: UUID) -> SessionView:
    parties = await house().transcripts.parties(session_id)
    if parties is None:
        raise NotFound("There is no such session.")
    view = await house().sessions.ref(session_id).ask(Look(parties[0]))
    if not isinstance(view, SessionView):
        raise NotFound("There is no such session.")
    return view


async def _say(body: Say, party: Party) -> Response:
    parties = await house().transcripts.parties(body.session_id)
    if parties is None:
        raise NotFound("There is no such session.")
    customer_id, mitra_id = parties
    author, reader = (mitra_id, customer_id) if party == "mitra" else (customer_id, mitra_id)
    message = SendMessage(author, f"test-{new_id()}", body.content)
    sent = await house().sessions.ref(body.session_id).ask(message)
    if not isinstance(sent, Sent):
        raise Conflict(sent.code, "The message was not stored.")
    return ok(Said(sent.id, sent.seq, "ws" if house().roster.sockets(reader) else "none"))


async def _search_of(payment_request_id: UUID | None) -> UUID:
    store = house().pairing_store
    if payment_request_id is None:
        pairing_id = await store.latest_search()
    else:
        pairing_id = await store.latest_of_payment(payment_request_id)
    if pairing_id is None:
        raise NotFound("There is no such search.")
    return pairing_id


async def _all_online(but: UUID | None) -> Response:
    count = 0
    mitras, _ = await house().accounts.mitras.list(None, None, limit=1000, offset=0)
    for mitra in mitras:
        if mitra.is_active and mitra.id != but:
            await house().mitras.ref(mitra.id).ask(SetOnline(True, "test"))
            count += 1
    return ok(Done(count))
