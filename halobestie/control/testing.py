"""Routes for tests, only where TEST_ROUTES_ENABLED. They make time pass and things happen."""

from uuid import UUID

import msgspec
from quart.wrappers import Response

from halobestie.chat.messages import SessionView
from halobestie.errors import Conflict, NotFound
from halobestie.pairing.messages import Accept, Accepted, GetPairing, PairingView, WindowOver
from halobestie.payments.messages import Payment, with_pairing
from halobestie.presence.messages import MitraStatus, SetOnline
from halobestie.web import Area, house, ok

from .testing_chat import look

control = Area("/internal/_test")
areas = (control,)


class WhichPayment(msgspec.Struct, frozen=True):
    """One payment, or the latest pending (of a customer)."""

    payment_request_id: UUID | None = None
    customer_id: UUID | None = None


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


@control.post("/force-confirm-payment", answers={200: Payment})
async def force_confirm(body: WhichPayment) -> Response:
    """Confirm a payment whatever the provider says."""
    payments = house().payments
    payment_id = body.payment_request_id or await payments.latest_pending(body.customer_id)
    if payment_id is None:
        raise NotFound("No payment is pending.")
    confirmed = await payments.force_confirm(payment_id)
    pairings = await house().pairing_views([payment_id])
    return ok(with_pairing(confirmed, pairings.get(payment_id)))


@control.post("/force-pairing-timeout", answers={200: PairingView})
async def force_timeout(body: WhichPayment) -> Response:
    """Let a search's window be over."""
    pairing_id = await _search_of(body.payment_request_id)
    ref = house().pairings.ref(pairing_id)
    ref.tell(WindowOver())
    pairing = await ref.ask(GetPairing())
    return ok(pairing)


@control.post("/accept-latest-pending", answers={200: SessionView})
async def accept_latest(body: WhichMitra) -> Response:
    """Accept the youngest search as a mitra who was asked."""
    pairing_id = await _search_of(None)
    asked = await house().searches.open_offers(pairing_id)
    code = "request_closed"  # nobody was asked
    for mitra_id in asked if body.mitra_id is None else [body.mitra_id]:
        answer = await house().pairings.ref(pairing_id).ask(Accept(mitra_id))
        if isinstance(answer, Accepted):
            return ok(await look(answer.session_id))
        code = answer.code
    raise Conflict(code, "Nobody could accept.")


@control.post("/force-mitra-offline", answers={200: MitraStatus})
async def force_offline(body: OneMitra) -> Response:
    """Put a mitra offline."""
    return ok(await _set_online(body.mitra_id, False))


@control.post("/force-mitra-online", answers={200: MitraStatus})
async def force_online(body: OneMitra) -> Response:
    """Put a mitra online; without heartbeats it goes stale as any other."""
    return ok(await _set_online(body.mitra_id, True))


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


async def _search_of(payment_request_id: UUID | None) -> UUID:
    store = house().searches
    if payment_request_id is None:
        pairing_id = await store.latest_running()
    else:
        pairing_id = await store.latest_of_payment(payment_request_id)
    if pairing_id is None:
        raise NotFound("There is no such search.")
    return pairing_id


async def _set_online(mitra_id: UUID, online: bool) -> MitraStatus:
    await house().accounts.mitras.find(mitra_id)
    return await house().mitras.ref(mitra_id).ask(SetOnline(online, "test"))


async def _all_online(but: UUID | None) -> Response:
    count = 0
    mitras, _ = await house().accounts.mitras.list(None, None, limit=1000, offset=0)
    for mitra in mitras:
        if mitra.is_active and mitra.id != but:
            await house().mitras.ref(mitra.id).ask(SetOnline(True, "test"))
            count += 1
    return ok(Done(count))
