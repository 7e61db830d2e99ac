"""Requests that never reach the app: why, and the answer they get.

Pure. The answer is a problem document as the app's own errors are (RFC 9457, a stable
`code`, an X-Request-Id), so that clients need one way of reading errors.
"""

import json
import re
from http import HTTPStatus
from uuid import uuid4

import h11

_CODES = {
    400: "bad_request",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "payload_too_large",
    426: "upgrade_required",
    431: "headers_too_large",
    501: "not_implemented",
    505: "http_version_not_supported",
}
_HOST = re.compile(rb"[A-Za-z0-9._~%:\[\]-]*\Z")
_ABSOLUTE = re.compile(rb"https?://[A-Za-z0-9._~%:\[\]@-]+(?P<path>/[^ ]*)?\Z", re.IGNORECASE)
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==\Z")  # 16 bytes in base64
# hypercorn decodes these as ASCII, and an exception there would end the connection's task.
_ASCII_HEADERS = frozenset(
    {b"connection", b"upgrade", b"sec-websocket-protocol", b"sec-websocket-extensions"}
)


class Refused(Exception):
    """This request is answered here: a status, and a name for the count of faults."""

    def __init__(self, status: int, kind: str) -> None:
        super().__init__(kind)
        self.status = status
        self.kind = kind


def check_request(request: h11.Request) -> bytes:
    """The request's path and query, if it is one that the app can be given.

    Raises Refused for HTTP/2 and other versions, CONNECT, targets that are no path, and
    headers with bytes that the layers above cannot take.
    """
    if request.http_version not in (b"1.1", b"1.0"):
        raise Refused(505, "http_version")
    if request.method == b"CONNECT":
        raise Refused(405, "connect")
    target = request.target
    if not target.startswith(b"/"):
        absolute = _ABSOLUTE.match(target)
        if absolute is None:
            raise Refused(400, "bad_target")
        target = absolute["path"] or b"/"
    for name, value in request.headers:
        if name == b"host" and not _HOST.match(value):
            raise Refused(400, "bad_host")
        if name in _ASCII_HEADERS and not value.isascii():
            raise Refused(400, "bad_header")
    return target


def wants_websocket(request: h11.Request) -> bool:
    """Whether this is a handshake. Raises Refused for one that is none of RFC 6455.

    Other upgrades (h2c) are no upgrade: the request is served as it stands.
    """
    headers = dict(request.headers)
    tokens = [token.strip().lower() for token in headers.get(b"connection", b"").split(b",")]
    if b"upgrade" not in tokens or headers.get(b"upgrade", b"").strip().lower() != b"websocket":
        return False
    if request.method != b"GET" or request.http_version != b"1.1":
        raise Refused(400, "bad_handshake")
    if headers.get(b"sec-websocket-version") != b"13":
        raise Refused(426, "websocket_version")
    if not _KEY.match(headers.get(b"sec-websocket-key", b"")):
        raise Refused(400, "bad_handshake")
    if b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0":
        raise Refused(400, "handshake_with_body")
    return True


def problem(status: int) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and body of the answer; the connection ends behind it."""
    code = _CODES.get(status, "bad_request")
    title = HTTPStatus(status).phrase
    body = json.dumps(
        {"type": "about:blank", "title": title, "status": status, "code": code, "detail": title}
    ).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"x-request-id", uuid4().hex.encode()),
        (b"connection", b"close"),
    ]
    if status == 426:
        headers.append((b"sec-websocket-version", b"13"))
    return headers, body
