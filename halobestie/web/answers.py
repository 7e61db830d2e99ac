"""What handlers return."""

import msgspec
from quart.wrappers import Response
from quart_trio.wrappers import TrioResponse

_encode = msgspec.json.Encoder().encode


def ok(value: object, status: int = 200) -> Response:
    """`value` (structs, dicts, lists) as JSON: UTC times with Z, ids as strings."""
    return TrioResponse(_encode(value), status=status, content_type="application/json")


def no_content() -> Response:
    """204."""
    return TrioResponse(b"", status=204)
