"""What a customer buys: payment requests, and the word of the payment provider."""

from typing import Annotated
from uuid import UUID

import msgspec
import structlog
from quart import request
from quart.wrappers import Response

from halobestie.errors import Away, Invalid, Unauthenticated
from halobestie.payments.callbacks import InvoiceCallback, NoAmount, heard, token_is_right
from halobestie.payments.messages import Payment, PaymentView, Sensitivity, Status, with_pairing
from halobestie.payments.once import Answer
from halobestie.payments.purchase import Order
from halobestie.web import Area, CursorPage, house, ok, signed_in
from halobestie.web.bodies import read_body

log = structlog.get_logger("halobestie.payments")

client = Area("/api/client", users=("customer",))
shared = Area("/api/shared")
areas = (client, shared)

MAX_KEY = 255

Topic = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class Payments(msgspec.Struct, frozen=True):
    """One page, newest first. The next begins at `next_cursor`."""

    rows: tuple[Payment, ...]
    next_cursor: UUID | None


class Received(msgspec.Struct, frozen=True):
    """Heard."""

    received: bool = True


class NewPayment(msgspec.Struct, frozen=True):
    """What to buy: a tier by `tier_id`, or by its `duration_minutes`."""

    tier_id: Annotated[str, msgspec.Meta(min_length=1, max_length=60)] | None = None
    duration_minutes: Annotated[int, msgspec.Meta(ge=1, le=1440)] | None = None
    targeted_mitra_id: UUID | None = None
    is_extension: bool | None = False
    session_id: UUID | None = None
    topics: Annotated[tuple[Topic, ...], msgspec.Meta(max_length=10)] | None = ()
    sensitivity: Sensitivity | None = None

    def order(self, customer_id: UUID) -> Order:
        """What it asks for. 422 where fields do not fit together."""
        if self.tier_id is None and self.duration_minutes is None:
            raise Invalid("tier_id", "is required")
        if self.is_extension and self.session_id is None:
            raise Invalid("session_id", "is required for an extension")
        return Order(
            customer_id=customer_id,
            tier_id=self.tier_id,
            duration_minutes=self.duration_minutes,
            is_extension=bool(self.is_extension),
            session_id=self.session_id if self.is_extension else None,
            targeted_mitra_id=None if self.is_extension else self.targeted_mitra_id,
            topics=tuple(dict.fromkeys(self.topics or ())),
            sensitivity=self.sensitivity,
        )


class PaymentPage(CursorPage, frozen=True, kw_only=True):
    """Which payments."""

    status: Status | None = None


_NOT_BOUGHT = (
    "400 free_trial_not_allowed",
    "403 registration_required",
    "404 not_found",
    "409 already_active",
    "409 free_trial_used",
    "409 session_not_extendable",
    "409 idempotency_in_progress",
    "422 unknown_tier",
    "422 idempotency_mismatch",
    "503 payment_provider_unavailable",
)


@client.post("/payment-requests", answers={201: Payment}, refuses=_NOT_BOUGHT)
@client.post("/payment-sessions", answers={201: Payment}, refuses=_NOT_BOUGHT)
async def create_payment(body: NewPayment) -> Response:
    """Ask to pay for a session, or for more time in one.

    A customer has one pending request per purpose (the next session, or one session's
    extension). Asking again for exactly the same while at least half of its time is left
    answers the same request; asking for anything else abandons the old request (apps hear
    `payment_status` `abandoned`, its invoice is closed) and answers a new one.

    With the header `Idempotency-Key` (1..255 printable ASCII characters) the first answer
    is given again for 24 hours, refusals included; a repeat that comes while the first is
    under way waits for it.
    """
    customer = signed_in()
    order = body.order(customer.id)

    async def work(request_id: UUID) -> Answer:
        made = await house().payments.create(order, request_id)
        answer = with_pairing(made, None)
        return Answer(201, msgspec.json.encode(answer))

    answer = await house().payments.once.answer(customer.id, _idempotency_key(), order, work)
    return ok(msgspec.Raw(answer.body), answer.status)


def _idempotency_key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (key.isascii() and key.isprintable() and 0 < len(key) <= MAX_KEY):
        raise Invalid("Idempotency-Key", f"must be 1..{MAX_KEY} printable ASCII characters")
    return key


@client.get("/payment-requests", answers={200: Payments})
@client.get("/payment-sessions", answers={200: Payments})
async def list_payments(query: PaymentPage) -> Response:
    """The caller's payment requests, newest first."""
    views = await house().payments.list_of(
        signed_in().id, status=query.status, before=query.cursor, limit=query.limit + 1
    )
    page = views[: query.limit]
    pairings = await house().pairing_views([view.id for view in page])
    rows = tuple(with_pairing(view, pairings.get(view.id)) for view in page)
    return ok(Payments(rows, page[-1].id if len(views) > query.limit else None))


@client.get("/payment-requests/<uuid:payment_id>", answers={200: Payment})
@client.get("/payment-sessions/<uuid:payment_id>", answers={200: Payment})
async def get_payment(payment_id: UUID) -> Response:
    """One of the caller's payment requests."""
    return await _shown(await house().payments.get(payment_id, signed_in().id))


_NOT_CONFIRMED = (
    "409 payment_not_received",
    "409 payment_expired",
    "409 payment_not_pending",
    "409 free_trial_used",
    "503 payment_provider_unavailable",
)


@client.post(
    "/payment-requests/<uuid:payment_id>/confirm", answers={200: Payment}, refuses=_NOT_CONFIRMED
)
@client.post(
    "/payment-sessions/<uuid:payment_id>/confirm", answers={200: Payment}, refuses=_NOT_CONFIRMED
)
async def confirm_payment(payment_id: UUID) -> Response:
    """Say that it is paid. The search for a mitra begins by itself.

    With a payment provider and an amount, only the provider's word counts: until it says
    so, 409 `payment_not_received`. Repeating it has no second effect.
    """
    return await _shown(await house().payments.confirm(payment_id, signed_in().id))


@client.post(
    "/payment-requests/<uuid:payment_id>/cancel",
    answers={200: Payment},
    refuses=("409 payment_not_pending",),
)
@client.post(
    "/payment-sessions/<uuid:payment_id>/cancel",
    answers={200: Payment},
    refuses=("409 payment_not_pending",),
)
async def cancel_payment(payment_id: UUID) -> Response:
    """Give a pending request up."""
    return await _shown(await house().payments.cancel(payment_id, signed_in().id))


_callbacks = msgspec.json.Decoder(InvoiceCallback)


@shared.post(
    "/payment/webhooks/xendit",
    answers={200: Received},
    refuses=(
        "401 invalid_callback_token",
        "400 invalid_json",
        "415 unsupported_media_type",
        "422 validation_failed",
        "503 xendit_disabled",
    ),
)
async def xendit_callback() -> Response:
    """Where Xendit posts invoice callbacks, in any order and any number of times.

    The header `x-callback-token` is compared before the body is looked at. What is about
    no request of ours is answered 200 and logged.
    """
    settings = house().settings
    if not settings.xendit_enabled or settings.xendit_callback_token is None:
        raise Away("xendit_disabled", "Xendit is switched off here.")
    expected = settings.xendit_callback_token.reveal()
    if not token_is_right(request.headers.get("x-callback-token"), expected):
        raise Unauthenticated("invalid_callback_token", "The callback token is wrong.")
    callback = await read_body(_callbacks)
    try:
        said = heard(callback)
    except NoAmount:
        raise Invalid("paid_amount", "is required for a payment") from None
    if said is None or not await house().payments.hear(said):
        log.warning("xendit callback about nothing of ours", invoice_status=callback.status)
    return ok(Received())


async def _shown(view: PaymentView) -> Response:
    pairings = await house().pairing_views([view.id])
    return ok(with_pairing(view, pairings.get(view.id)))
