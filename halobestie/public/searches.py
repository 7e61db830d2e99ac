"""The customer's search for a mitra, and how many mitras there are."""

from uuid import UUID

import msgspec
from quart.wrappers import Response

from halobestie.errors import Away, BadRequest, Conflict, NotFound
from halobestie.ids import new_id
from halobestie.pairing.messages import (
    Begin,
    Cancel,
    GetPairing,
    PairingView,
    Refusal,
    RequestType,
    Running,
)
from halobestie.presence.board import Availability
from halobestie.web import Area, house, ok, signed_in

client = Area("/api/client", users=("customer",))
shared = Area("/api/shared")
areas = (client, shared)


class PaidFor(msgspec.Struct, frozen=True, kw_only=True):
    """Which payment pays for the search. `payment_session_id` is its old name."""

    payment_request_id: UUID | None = None
    payment_session_id: UUID | None = None

    @property
    def payment(self) -> UUID:
        """The one of the two that is there; 400 if none is."""
        found = self.payment_request_id or self.payment_session_id
        if found is None:
            raise BadRequest("payment_request_id_required", "payment_request_id is required.")
        return found


class ReturningFor(PaidFor, frozen=True, kw_only=True):
    """Which payment, and which mitra."""

    mitra_id: UUID


class Current(msgspec.Struct, frozen=True):
    """The search that runs, if one does."""

    pairing: PairingView | None


class AnyAvailable(msgspec.Struct, frozen=True):
    """Whether any mitra could take a customer now."""

    available: bool


_NOT_STARTED = (
    "404 not_found",
    "409 payment_not_confirmed",
    "409 already_active",
    "409 already_pairing",
)


@client.post("/chat-requests", answers={202: PairingView}, refuses=_NOT_STARTED)
@client.post("/chat/request", answers={202: PairingView}, refuses=_NOT_STARTED)
async def search(body: PaidFor) -> Response:
    """Ask every available mitra.

    A confirmed payment has started its search by itself; this starts it again after a
    failure that may be retried. While a search of this payment runs, of whichever type,
    the answer is that search, and nothing is changed. A search ends early, with
    `all_mitras_rejected`, once somebody has declined and nobody is left to answer: mitras
    who went offline or have filled up meanwhile do not count.
    """
    return await _begin(body.payment, "blast", None)


@client.post(
    "/chat-requests/returning",
    answers={202: PairingView},
    refuses=(*_NOT_STARTED, "409 targeted_mitra_offline"),
)
async def ask_one(body: ReturningFor) -> Response:
    """Ask one mitra, again: curhat lagi.

    Refused with 409 `targeted_mitra_offline` if that mitra is offline or has no free slot;
    this counts as a search that has failed and may be repeated. While a search of this
    payment runs, the answer is that search, whomever it asks.
    """
    return await _begin(body.payment, "returning", body.mitra_id)


@client.post(
    "/chat-requests/<uuid:payment_request_id>/fallback-to-blast",
    answers={202: PairingView},
    refuses=_NOT_STARTED,
)
async def fall_back(payment_request_id: UUID) -> Response:
    """Ask everybody after one mitra did not come. Same payment, no new charge.

    While that mitra can still answer, the running search is the answer, unchanged.
    """
    return await _begin(payment_request_id, "blast", None)


@client.post(
    "/chat-requests/cancel",
    answers={200: PairingView},
    refuses=("404 not_found", "409 nothing_to_cancel"),
)
async def cancel(body: PaidFor) -> Response:
    """Give up: a search that runs, or the wait for another one after a failure.

    The payment goes to the operators as `customer_cancelled`.
    """
    customer = signed_in()
    await house().payments.get(body.payment, customer.id)
    answer: PairingView | Refusal = Refusal("nothing_to_cancel")
    pairing_id = await house().searches.latest_of_payment(body.payment)
    while pairing_id is not None and isinstance(answer, Refusal):
        answer = await house().pairings.ref(pairing_id).ask(Cancel(customer.id))
        latest = await house().searches.latest_of_payment(body.payment)
        # Another one may have begun in between: then that is the one to cancel.
        pairing_id = None if latest == pairing_id else latest
    return _answer(answer, 200)


@client.get("/chat-requests/current", answers={200: Current})
async def current() -> Response:
    """The caller's running search."""
    pairing_id = await house().searches.running_of_customer(signed_in().id)
    if pairing_id is None:
        return ok(Current(None))
    return ok(Current(await house().pairings.ref(pairing_id).ask(GetPairing())))


@client.get("/mitra-availability", answers={200: Availability})
async def availability() -> Response:
    """How many mitras could take a customer now. Answered from memory."""
    return ok(house().board.availability)


@shared.get("/bestie-availability", answers={200: AnyAvailable})
async def any_available() -> Response:
    """Whether any mitra could take a customer now. Answered from memory."""
    return ok(AnyAvailable(house().board.availability.available))


async def _begin(
    payment_request_id: UUID, request_type: RequestType, mitra_id: UUID | None
) -> Response:
    pairings = house().pairings
    begin = Begin(payment_request_id, signed_in().id, request_type, mitra_id)
    answer = await pairings.ref(new_id()).ask(begin)
    if isinstance(answer, Running):
        running = await pairings.ref(answer.pairing_id).ask(GetPairing())
        if running is None:
            raise Away(detail="The search is about to begin: try again.")
        return ok(running, 202)
    return _answer(answer, 202)


def _answer(answer: PairingView | Refusal, status: int) -> Response:
    match answer:
        case PairingView():
            return ok(answer, status)
        case Refusal("not_found"):
            raise NotFound("There is no such payment request, or no such mitra.")
        case Refusal("already_active", session_id):
            raise Conflict("already_active", "A session is running.", session_id=session_id)
        case Refusal("targeted_mitra_offline"):
            raise Conflict(
                "targeted_mitra_offline",
                "This mitra cannot take a chat now.",
                reason="targeted_mitra_offline",
            )
        case Refusal(code):
            raise Conflict(code, _WHY.get(code, ""))


_WHY = {
    "payment_not_confirmed": "The payment is not confirmed.",
    "already_pairing": "Another search of yours is running.",
    "nothing_to_cancel": "There is no search to cancel.",
}
