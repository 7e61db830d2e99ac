"""From an exception to an RFC 9457 answer.

Everything that can leave a handler ends here: our own Problems, the actors' refusals,
Quart's routing errors, groups of these out of a nursery, and bugs. A bug is logged once
with its traceback and answered with nothing but a request id.
"""

from collections.abc import Iterator
from http import HTTPStatus

import msgspec
from quart import g
from quart.wrappers import Response
from quart_trio.wrappers import TrioResponse
from werkzeug.exceptions import HTTPException

from actors import ActorError, MailboxFull
from halobestie.errors import Away, Overloaded, Problem

_CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "payload_too_large",
    415: "unsupported_media_type",
    416: "range_not_satisfiable",
}
_DETAILS = {
    404: "There is nothing here.",
    405: "This method is not allowed here.",
    408: "The request took too long to arrive.",
    413: "The request body is larger than 64 KiB.",
    415: "The request body must be application/json.",
}

_encode = msgspec.json.Encoder().encode


def problem_of(error: BaseException) -> Problem | None:
    """The refusal that `error` stands for; None for a bug.

    Out of a group the first refusal counts, but one bug among them makes it a bug.
    """
    match error:
        case Problem():
            return error
        case MailboxFull():
            return Overloaded()
        case ActorError():
            return Away(detail="This cannot be done right now; try again.")
        case HTTPException() if error.code is not None and error.code >= 400:
            return _from_http_exception(error, error.code)
        case BaseExceptionGroup():
            found = [problem_of(leaf) for leaf in _leaves(error)]
            return None if None in found else found[0]
        case _:
            return None


def _from_http_exception(error: HTTPException, status: int) -> Problem:
    # Allow (405), Retry-After and Content-Range are worth keeping; the HTML body is not.
    headers = {
        name: value
        for name, value in error.get_headers()
        if name not in {"Content-Type", "Content-Length"}
    }
    code = _CODES.get(status, f"http_{status}")
    return Problem(status, code, _DETAILS.get(status, ""), headers=headers)


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def problem_response(problem: Problem) -> Response:
    """The answer's bytes: standard members first, then the problem's own."""
    title = _title(problem.status)
    body: dict[str, object] = {
        "type": "about:blank",
        "title": title,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail or title,
    }
    body.update(problem.members)
    return TrioResponse(
        _encode(body),
        status=problem.status,
        headers=problem.headers,
        content_type="application/problem+json",
    )


def internal_error() -> Response:
    """The answer to a bug: where to look it up, and nothing of what it was."""
    return problem_response(
        Problem(
            500,
            "internal_error",
            "Something went wrong on our side.",
            members={"request_id": g.get("request_id")},
        )
    )


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
