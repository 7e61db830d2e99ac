"""Operators signing in to the control center.

The access token lives in the page's memory; the refresh token in a cookie that scripts
cannot read, that only these three routes receive, and that other sites cannot make a
browser send (SameSite, and the Origin where SameSite is switched off).
"""

from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta
from quart import request
from quart.wrappers import Response

from halobestie.accounts.messages import OperatorView
from halobestie.accounts.sessions import Pair
from halobestie.accounts.store import OperatorRow
from halobestie.accounts.tokens import REFRESH_LIFETIME
from halobestie.errors import Forbidden, Unauthenticated
from halobestie.quiet import Quiet
from halobestie.web import Area, client_address, house, no_content, ok, signed_in

control = Area("/internal", users=("cc_user",))
areas = (control,)

COOKIE = "halobestie_refresh"
COOKIE_PATH = "/internal/auth"


class Credentials(Quiet, frozen=True):
    """An operator's e-mail and password."""

    email: Annotated[str, Meta(min_length=1, max_length=254)]
    password: Annotated[str, Meta(min_length=1, max_length=200)]


class OperatorTokens(Quiet, frozen=True):
    """An access token and whose it is; the refresh token came as a cookie."""

    access_token: str
    expires_in: int
    user: OperatorView


@control.post(
    "/auth/login",
    public=True,
    answers={200: OperatorTokens},
    refuses=("401 invalid_credentials",),
)
async def log_in(body: Credentials) -> Response:
    """Sign in. After 10 failures in 15 minutes even the right password has to wait."""
    accounts = house().accounts
    operator = await accounts.operators.log_in(body.email, body.password, client_address())
    pair = await accounts.sessions.open("cc_user", operator.id, operator.role)
    await accounts.audit.write(
        actor_id=operator.id, action="cc_user.log_in", subject=operator.id, at=house().clock.now()
    )
    return _with_cookie(pair, operator)


@control.post(
    "/auth/refresh",
    public=True,
    answers={200: OperatorTokens},
    refuses=("401 refresh_invalid", "401 refresh_reused", "403 forbidden"),
)
async def refresh() -> Response:
    """A new access token for the cookie, and the next cookie."""
    _refuse_foreign_pages()
    cookie = request.cookies.get(COOKIE)
    if not cookie:
        raise Unauthenticated("refresh_invalid", "There is no refresh cookie.")
    pair, operator = await house().accounts.refresh_operator(cookie)
    return _with_cookie(pair, operator)


@control.post("/auth/logout", answers={204: None})
async def log_out() -> Response:
    """Sign out."""
    operator = signed_in()
    await house().accounts.sign_out(operator)
    await house().accounts.audit.write(
        actor_id=operator.id, action="cc_user.log_out", subject=operator.id, at=house().clock.now()
    )
    response = no_content()
    _set_cookie(response, "", max_age=0)
    return response


@control.get("/auth/me", answers={200: OperatorView})
async def me() -> Response:
    """The caller."""
    return ok((await house().accounts.operators.find(signed_in().id)).view)


def _with_cookie(pair: Pair, operator: OperatorRow) -> Response:
    response = ok(OperatorTokens(pair.access_token, pair.expires_in, operator.view))
    _set_cookie(response, pair.refresh_token, max_age=int(REFRESH_LIFETIME.total_seconds()))
    return response


def _set_cookie(response: Response, value: str, *, max_age: int) -> None:
    response.set_cookie(
        COOKIE,
        value,
        max_age=max_age,
        path=COOKIE_PATH,
        secure=True,
        httponly=True,
        samesite=house().settings.cc_cookie_samesite,
    )


def _refuse_foreign_pages() -> None:
    origin = request.headers.get("Origin")
    if origin is None or origin in house().settings.cors_allowed_origins:
        return
    if urlsplit(origin).netloc != request.host:
        raise Forbidden(detail="Pages of this origin may not sign in.")
