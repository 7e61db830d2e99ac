"""Test routes of people and their past, only where TEST_ROUTES_ENABLED."""

from uuid import UUID

import msgspec
from quart.wrappers import Response

from halobestie.accounts.rules import normalise_phone
from halobestie.chat.messages import Look, SessionView
from halobestie.errors import NotFound
from halobestie.quiet import Quiet
from halobestie.web import Area, house, ok

control = Area("/internal/_test")
areas = (control,)


class Phone(Quiet, frozen=True):
    """Whose phone."""

    phone: str


class StubCode(Quiet, frozen=True):
    """A one-time code that no phone got."""

    phone: str
    code: str


class Reset(msgspec.Struct, frozen=True):
    """Whether there was a customer with that phone."""

    deleted: bool


class PastOf(msgspec.Struct, frozen=True):
    """Whose past, and with whom."""

    customer_id: UUID
    mitra_id: UUID | None = None


class PastSession(SessionView, frozen=True, kw_only=True):
    """A completed session."""

    mitra_name: str


@control.post("/reset-phone", answers={200: Reset})
async def reset_phone(body: Phone) -> Response:
    """Delete the customer of a phone and all of theirs, and forget the phone's limits."""
    home, phone = house(), normalise_phone(body.phone)
    await home.accounts.otp.reset(phone)
    customer_id = await home.testdata.customer_of_phone(phone)
    if customer_id is None:
        return ok(Reset(deleted=False))
    await home.accounts.customers.close(customer_id)
    for session_id in await home.testdata.sessions_of(customer_id):
        home.sessions.stop(session_id)
    home.customers.stop(customer_id)
    await home.testdata.erase_customer(customer_id)
    return ok(Reset(deleted=True))


@control.get("/otp-code", answers={200: StubCode}, refuses=("404 not_found",))
async def otp_code(query: Phone) -> Response:
    """The code that the stub sent last to a phone, as the log has it too."""
    phone = normalise_phone(query.phone)
    code = house().accounts.otp.last_code(phone)
    if code is None:
        raise NotFound("No code was sent to this phone.")
    return ok(StubCode(phone, code))


@control.post("/seed-history-session", answers={200: PastSession}, refuses=("404 not_found",))
async def seed_history(body: PastOf) -> Response:
    """A completed session in a customer's history."""
    made = await house().testdata.past_session(body.customer_id, body.mitra_id)
    if made is None:
        raise NotFound("There is no such customer, or no such mitra.")
    session_id, mitra_name = made
    view = await house().sessions.ref(session_id).ask(Look(body.customer_id))
    if not isinstance(view, SessionView):
        raise NotFound("There is no such session.")
    return ok(PastSession(**msgspec.structs.asdict(view), mitra_name=mitra_name))
