"""Every way in which the house says no to a client.

A Problem is an RFC 9457 answer that has not been written yet: a status, a stable `code`,
a sentence for people, and members of its own. Handlers and features raise it; `web/`
turns it into bytes. It knows no web framework, and never carries a secret: what is in it
is sent to the client and may be logged.
"""

from collections.abc import Mapping
from math import ceil
from typing import Final

OVERLOADED_RETRY_SECONDS: Final = 1  # a mailbox empties in well under that
UNAVAILABLE_RETRY_SECONDS: Final = 5  # a database is back in seconds or in many minutes


class Problem(Exception):
    """A refusal with the contract's status and code.

    `members` become members of the problem's body beside the standard ones; `headers`
    are added to the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str = "",
        *,
        headers: dict[str, str] | None = None,
        members: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.members = members or {}


class BadRequest(Problem):
    """400: the request makes no sense, whoever sends it."""

    def __init__(self, code: str = "bad_request", detail: str = "", **members: object) -> None:
        super().__init__(400, code, detail, members=members)


class Unauthenticated(Problem):
    """401: who is calling is not known, or not any more."""

    def __init__(self, code: str = "unauthenticated", detail: str = "", **members: object) -> None:
        super().__init__(401, code, detail, headers={"WWW-Authenticate": "Bearer"}, members=members)


class Forbidden(Problem):
    """403: known, and not allowed. Never for someone else's object: that is NotFound."""

    def __init__(self, code: str = "forbidden", detail: str = "", **members: object) -> None:
        super().__init__(403, code, detail, members=members)


class NotFound(Problem):
    """404: there is none, or it is someone else's, and the two look alike."""

    def __init__(self, detail: str = "", *, code: str = "not_found") -> None:
        super().__init__(404, code, detail)


class Conflict(Problem):
    """409: well said, but not in this state."""

    def __init__(self, code: str, detail: str = "", **members: object) -> None:
        super().__init__(409, code, detail, members=members)


class Invalid(Problem):
    """422: one field is wrong. `also` names further (field, message) pairs."""

    def __init__(
        self,
        field: str,
        message: str,
        *also: tuple[str, str],
        code: str = "validation_failed",
    ) -> None:
        errors = [{"field": name, "message": text} for name, text in ((field, message), *also)]
        super().__init__(422, code, message, members={"errors": errors})


class TooMany(Problem):
    """429: slow down. `seconds` says for how long; the client reads it twice."""

    def __init__(self, seconds: float, *, code: str = "rate_limited", detail: str = "") -> None:
        wait = max(1, ceil(seconds))
        super().__init__(
            429,
            code,
            detail or "Too many requests; try again later.",
            headers={"Retry-After": str(wait)},
            members={"retry_after_seconds": wait},
        )


class Away(Problem):
    """503: not now. The same call may succeed after `seconds`."""

    def __init__(
        self,
        code: str = "unavailable",
        detail: str = "",
        *,
        seconds: int = UNAVAILABLE_RETRY_SECONDS,
    ) -> None:
        super().__init__(503, code, detail, headers={"Retry-After": str(seconds)})


class Overloaded(Away):
    """503: a mailbox is full."""

    def __init__(self) -> None:
        super().__init__(
            "overloaded", "Too busy; try again in a moment.", seconds=OVERLOADED_RETRY_SECONDS
        )
