"""Signing in to the two apps: without a name, by phone, by Google or Apple; and staying in."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta
from quart.wrappers import Response

from halobestie.accounts.customers import Arrival
from halobestie.accounts.messages import DisplayName, TokenAnswer
from halobestie.accounts.otp import CodeRequested
from halobestie.accounts.rules import clean_name, normalise_phone
from halobestie.accounts.social import IdTokens
from halobestie.callers import Caller
from halobestie.errors import Forbidden, Unauthenticated
from halobestie.quiet import Quiet
from halobestie.web import (
    Area,
    client_address,
    house,
    maybe_signed_in,
    no_content,
    ok,
    signed_in,
)

shared = Area("/api/shared", users=("customer", "mitra"))
client = Area("/api/client", users=("customer",))
mitra = Area("/api/mitra", users=("mitra",))
areas = (shared, client, mitra)

Phone = Annotated[str, Meta(min_length=1, max_length=40)]
Code = Annotated[str, Meta(min_length=1, max_length=16)]

_OTP_REQUEST = ("429 otp_cooldown", "429 otp_blocked")
_OTP_VERIFY = ("401 otp_invalid", "401 otp_expired", "403 account_blocked", "429 otp_blocked")
_SOCIAL = ("401 invalid_id_token", "403 account_blocked", "503 provider_not_configured")


class SignUp(Quiet, frozen=True):
    """Nothing has to be told."""

    display_name: DisplayName | None = None


class CodeWanted(Quiet, frozen=True):
    """Where to send a code."""

    phone: Phone


class CodeHeld(Quiet, frozen=True):
    """A code that came to a phone. The name counts only for a new account."""

    phone: Phone
    code: Code
    display_name: DisplayName | None = None


class IdToken(Quiet, frozen=True):
    """What Google or Apple gave the app."""

    id_token: Annotated[str, Meta(min_length=1, max_length=8192)]
    nonce: Annotated[str, Meta(min_length=1, max_length=255)] | None = None


class RefreshTokenHeld(Quiet, frozen=True):
    """The newest refresh token that the app has."""

    refresh_token: Annotated[str, Meta(max_length=512)]


@shared.post(
    "/auth/anonymous",
    public=True,
    answers={201: TokenAnswer},
    refuses=("403 anonymous_disabled",),
)
async def sign_up_anonymously(body: SignUp) -> Response:
    """A new customer about whom nothing is known."""
    accounts = house().accounts
    return ok(await accounts.sign_up_anonymously(_name(body.display_name), client_address()), 201)


@client.post("/auth/otp/request", public=True, answers={202: CodeRequested}, refuses=_OTP_REQUEST)
async def request_customer_code(body: CodeWanted) -> Response:
    """Send a code to a customer's phone."""
    phone = normalise_phone(body.phone)
    return ok(
        await house().accounts.otp.request("customer", phone, client_address(), known=True), 202
    )


@mitra.post("/auth/otp/request", public=True, answers={202: CodeRequested}, refuses=_OTP_REQUEST)
async def request_mitra_code(body: CodeWanted) -> Response:
    """Send a code to a mitra's phone.

    The answer is the same whether or not the phone belongs to an active mitra.
    """
    phone = normalise_phone(body.phone)
    accounts = house().accounts
    known = await accounts.mitras.active_with_phone(phone) is not None
    return ok(await accounts.otp.request("mitra", phone, client_address(), known=known), 202)


@client.post("/auth/otp/verify", public=True, answers={200: TokenAnswer}, refuses=_OTP_VERIFY)
async def verify_customer_code(body: CodeHeld) -> Response:
    """Sign a customer in by a code.

    With an anonymous customer's bearer token that account gets the phone and keeps its
    history, unless the phone has an account already: then that one is signed in.
    """
    caller = _maybe_customer()
    phone, name = normalise_phone(body.phone), _name(body.display_name)
    accounts = house().accounts
    await accounts.otp.check("customer", phone, body.code, client_address())
    arrival = await accounts.customers.arrive_by_phone(phone, name, _id_of(caller))
    return await _let_in(arrival, caller)


@mitra.post("/auth/otp/verify", public=True, answers={200: TokenAnswer}, refuses=_OTP_VERIFY)
async def verify_mitra_code(body: CodeHeld) -> Response:
    """Sign a mitra in by a code."""
    phone = normalise_phone(body.phone)
    accounts = house().accounts
    await accounts.otp.check("mitra", phone, body.code, client_address())
    found = await accounts.mitras.active_with_phone(phone)
    if found is None:  # switched off since the code was sent
        raise Unauthenticated("otp_expired", "No code is waiting; ask for a new one.")
    return ok(await accounts.sign_in(found.user))


@client.post("/auth/google", public=True, answers={200: TokenAnswer}, refuses=_SOCIAL)
async def sign_in_with_google(body: IdToken) -> Response:
    """Sign a customer in by Google's ID token. An anonymous bearer is upgraded."""
    return await _sign_in_with(house().accounts.google, body)


@client.post("/auth/apple", public=True, answers={200: TokenAnswer}, refuses=_SOCIAL)
async def sign_in_with_apple(body: IdToken) -> Response:
    """Sign a customer in by Apple's ID token. An anonymous bearer is upgraded.

    The token's nonce may be the one given here or its SHA-256.
    """
    return await _sign_in_with(house().accounts.apple, body)


@shared.post(
    "/auth/refresh",
    public=True,
    answers={200: TokenAnswer},
    refuses=("401 refresh_invalid", "401 refresh_reused"),
)
async def refresh(body: RefreshTokenHeld) -> Response:
    """A new pair of tokens of the same auth session.

    The old refresh token goes on to work for 30 seconds, for requests that were under way
    or lost; used later than that it ends the auth session.
    """
    return ok(await house().accounts.refresh(body.refresh_token))


@shared.post("/auth/logout", answers={204: None})
async def log_out() -> Response:
    """End this auth session: tokens, sockets and device tokens, on every node."""
    await house().accounts.sign_out(signed_in())
    return no_content()


async def _sign_in_with(provider: IdTokens, body: IdToken) -> Response:
    caller = _maybe_customer()
    person = await provider.check(body.id_token, body.nonce)
    arrival = await house().accounts.customers.arrive_by_identity(
        person.identity, person.name, _id_of(caller)
    )
    return await _let_in(arrival, caller)


async def _let_in(arrival: Arrival, caller: Caller | None) -> Response:
    user = arrival.customer.user
    if arrival.upgraded and caller is not None:
        # The same auth session goes on, and with it the app's open socket.
        return ok(await house().accounts.carry_on(caller, user))
    return ok(await house().accounts.sign_in(user))


def _maybe_customer() -> Caller | None:
    caller = maybe_signed_in()
    if caller is not None and caller.user_type != "customer":
        raise Forbidden(detail="This is not for this kind of user.")
    return caller


def _id_of(caller: Caller | None) -> UUID | None:
    return None if caller is None else caller.id


def _name(given: str | None) -> str | None:
    return None if given is None else clean_name(given)
