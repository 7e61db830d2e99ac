"""What a client sent, decoded into the struct that the route declared, or a Problem.

Bodies are JSON in UTF-8. Query parameters are decoded by the same rules from text. What
PostgreSQL could not store (NUL characters, integers over 64 bits) is refused here, so
that no feature has to think of it.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, TypeVar
from uuid import UUID

import msgspec
from quart import request

from halobestie.errors import BadRequest, Invalid, Problem

MAX_BODY_BYTES = 64 * 1024
_INT64 = range(-(2**63), 2**63)

_WHERE = re.compile(r" - at `\$(?P<path>.*)`$")
_MISSING = re.compile(r"required field `(?P<name>[^`]*)`")

T = TypeVar("T")

# A moment in a body: RFC 3339 with an offset.
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Page(msgspec.Struct, kw_only=True, frozen=True):
    """`?limit=` of every list."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50


class CursorPage(Page, kw_only=True, frozen=True):
    """`?cursor=` of the apps' lists: the id of the last row seen (ids sort by birth)."""

    cursor: UUID | None = None


class OffsetPage(Page, kw_only=True, frozen=True):
    """`?offset=` of the control center's lists."""

    offset: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] = 0


class SpanPage(OffsetPage, kw_only=True, frozen=True):
    """A control-center list between two dates: days of UTC, both included, or exact moments."""

    date_from: str | None = None
    date_to: str | None = None

    @property
    def since(self) -> datetime | None:
        """The first moment that counts."""
        return None if self.date_from is None else _moment("date_from", self.date_from, days=0)

    @property
    def until(self) -> datetime | None:
        """The first moment that does not count any more."""
        return None if self.date_to is None else _moment("date_to", self.date_to, days=1)


def _moment(field: str, text: str, *, days: int) -> datetime:
    try:
        if len(text) == len("2026-01-31"):
            start = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
            return start + timedelta(days=days)
        # In a query a "+" means a space.
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except (ValueError, OverflowError):
        raise Invalid(field, "must be a date (2026-01-31) or an RFC 3339 time") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


async def read_body(decoder: msgspec.json.Decoder[T]) -> T:
    """The request's body. No body at all counts as `{}`.

    Raises 413, 415, 400 `invalid_json` or 422 `validation_failed`.
    """
    raw = await request.get_data(as_text=False)
    if raw:
        _refuse_foreign_types()
    try:
        value = decoder.decode(raw or b"{}")
    except msgspec.ValidationError as error:
        # Found before the end of the body, which may be broken behind it.
        if raw and not _is_json(raw):
            raise _no_json() from None
        raise invalid(error, whole="body") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _no_json() from None
    refuse_unstorable(value)
    return value


def _no_json() -> BadRequest:
    return BadRequest("invalid_json", "The request body is not valid JSON.")


def _is_json(raw: str | bytes) -> bool:
    try:
        msgspec.json.decode(raw, type=msgspec.Raw)  # any number is JSON, however large
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def read_query(kind: type[T]) -> T:
    """The query parameters; of a repeated one the first counts. Raises 422."""
    try:
        value = msgspec.convert(request.args.to_dict(), kind, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(error, whole="query") from None
    refuse_unstorable(value)
    return value


def _refuse_foreign_types() -> None:
    # A client that names no type means JSON; one that names another means it.
    mimetype = request.mimetype
    is_json = mimetype == "application/json" or (
        mimetype.startswith("application/") and mimetype.endswith("+json")
    )
    encoded = request.headers.get("Content-Encoding", "identity").lower() != "identity"
    if encoded or (mimetype and not is_json):
        raise Problem(415, "unsupported_media_type", "The request body must be application/json.")


def invalid(error: msgspec.ValidationError, *, whole: str) -> Invalid:
    """422 naming the field as clients write it: `tiers[0].amount`.

    `whole` is the name for a value that is wrong as a whole.
    """
    text = str(error)
    where = _WHERE.search(text)
    path = where["path"] if where else ""
    message = text[: where.start()] if where else text
    if missing := _MISSING.search(message):
        path, message = f"{path}.{missing['name']}", "is required"
    return Invalid(path.lstrip(".") or whole, message)


def refuse_unstorable(value: object) -> None:
    """422 for text with NUL and for integers that no column holds."""
    for field, why in _unstorable(value, ""):
        raise Invalid(field or "body", why)


def _unstorable(value: object, path: str) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            if "\0" in value:
                yield path, "must not contain NUL characters"
        case int():
            if value not in _INT64:
                yield path, "is out of range"
        case msgspec.Struct():
            for name in value.__struct_fields__:
                yield from _unstorable(getattr(value, name), f"{path}.{name}".lstrip("."))
        case dict():
            for key, item in value.items():
                yield from _unstorable(key, path)
                yield from _unstorable(item, f"{path}.{key}".lstrip("."))
        case list() | tuple() | set() | frozenset():
            for index, item in enumerate(value):
                yield from _unstorable(item, f"{path}[{index}]")
        case _:
            pass
