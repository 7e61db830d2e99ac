"""Headers that every answer carries: request id, security, CORS."""

import re
from collections.abc import Collection

from quart import g, request
from quart.wrappers import Response
from quart_trio.wrappers import TrioResponse
from werkzeug.datastructures import Headers

from halobestie.ids import new_id

REQUEST_ID = "X-Request-Id"
_REQUEST_ID_SHAPE = re.compile(r"[A-Za-z0-9._-]{1,64}")

_METHODS = "GET, POST, PATCH, PUT, DELETE, OPTIONS"
_REQUEST_HEADERS = "Authorization, Content-Type, Idempotency-Key, X-Request-Id"
_EXPOSED = "X-Request-Id, Retry-After"
_PREFLIGHT_SECONDS = "600"  # how long browsers remember what was allowed

# Nothing of ours is framed, sniffed or referred from. Pages replace the policy by theirs.
_SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


def request_id_of(headers: Headers) -> str:
    """The caller's own request id if it is fit to be repeated, else a new one."""
    given = headers.get(REQUEST_ID, "")
    return given if _REQUEST_ID_SHAPE.fullmatch(given) else new_id().hex


def add_headers(response: Response, origins: Collection[str]) -> None:
    """Add what every answer carries; what the handler set stays."""
    response.headers[REQUEST_ID] = g.request_id
    for name, value in _SECURITY.items():
        response.headers.setdefault(name, value)
    if origins:
        response.headers.add("Vary", "Origin")
        allow_origin(response, origins)


def allow_origin(response: Response, origins: Collection[str]) -> None:
    """Let the page at the request's Origin read the answer, if it is one of ours."""
    origin = request.headers.get("Origin")
    if origin is None or origin not in origins:
        return
    response.headers["Access-Control-Allow-Origin"] = origin
    # The control center's refresh token travels in a cookie.
    response.headers["Access-Control-Allow-Credentials"] = "true"
    response.headers["Access-Control-Expose-Headers"] = _EXPOSED


def preflight() -> Response | None:
    """The answer to a CORS preflight, None for any other request.

    It allows the same for every path; whether the origin may is said by `allow_origin`.
    """
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
        return None
    return TrioResponse(
        b"",
        status=204,
        headers={
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": _REQUEST_HEADERS,
            "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
        },
    )
