"""Who is let in: from the bearer token to the Caller, without a database.

A route asks for user types; `admit` answers with the Caller or refuses with 401 or 403.
Public routes take whoever comes, and may ask `maybe_signed_in()` who it is.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from quart import current_app, g, has_request_context, request, websocket

from halobestie.callers import Caller, Role, UserType
from halobestie.errors import Forbidden, Unauthenticated

if TYPE_CHECKING:
    from halobestie.web.app import HaloApp

# Checks an access token's signature, times and revocation; raises Unauthenticated.
Authenticate = Callable[[str], Caller]

_BEARER = re.compile(r"Bearer +(?P<token>[A-Za-z0-9._~+/-]+=*) *", re.IGNORECASE)
MAX_TOKEN_LENGTH = 4096  # ours are under 400; a longer one is not worth decoding


def admit(users: tuple[UserType, ...], role: Role | None) -> Caller | None:
    """The caller of a route for `users`; None where nobody needs to be signed in."""
    if not users:
        return None
    token = bearer_token()
    if token is None:
        raise Unauthenticated(detail="An access token is needed.")
    caller = authenticate(token)
    if caller.user_type not in users:
        raise Forbidden(detail="This is not for this kind of user.")
    if role is not None and caller.role not in (role, "admin"):
        raise Forbidden(detail=f"This needs the role {role}.")
    return caller


def authenticate(token: str) -> Caller:
    """The bearer of `token`, or 401. For sockets, which carry theirs in other places too."""
    if len(token) > MAX_TOKEN_LENGTH:
        raise Unauthenticated(detail="The access token is not valid.")
    return _app().authenticate(token)


def bearer_token() -> str | None:
    """What stands in the Authorization header of this request or handshake; 401 if malformed."""
    here = request if has_request_context() else websocket
    header = here.headers.get("Authorization")
    if header is None:
        return None
    found = _BEARER.fullmatch(header)
    if found is None:
        raise Unauthenticated(detail="The Authorization header is not a bearer token.")
    return found["token"]


def signed_in() -> Caller:
    """The caller of this request. Only on routes that are not public."""
    return cast("Caller", g.caller)


def maybe_signed_in() -> Caller | None:
    """The caller of a public request that carries a token; 401 if the token is bad.

    A bad token is refused, not ignored: an anonymous customer whose token has just
    expired must refresh it first, or would lose their history to a new account.
    """
    token = bearer_token()
    return None if token is None else authenticate(token)


def _app() -> "HaloApp":
    return cast("HaloApp", current_app)
