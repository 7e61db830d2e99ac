"""The control center's page: the static files of this folder, and nothing made from them.

Read once, when the app is made. A browser asks again each time whether a file is still
the same, and is told so without the file: after an update nobody runs yesterday's page.
The policy allows scripts and styles from these files alone, nothing inline, and no text
to become markup (trusted types).
"""

import hashlib
from pathlib import Path

from quart import request
from quart.wrappers import Response
from quart_trio.wrappers import TrioResponse

from halobestie.errors import NotFound
from halobestie.web import Area

FOLDER = Path(__file__).parent
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)

page = Area("", documented=False)
areas = (page,)


class _File:
    def __init__(self, path: Path) -> None:
        self.body = path.read_bytes()
        self.type = TYPES[path.suffix]
        self.tag = hashlib.sha256(self.body).hexdigest()[:20]


_FILES = {
    path.relative_to(FOLDER).as_posix(): _File(path)
    for path in sorted(FOLDER.rglob("*"))
    if path.suffix in TYPES
}


@page.get("/")
async def index() -> Response:
    """The page."""
    return _answer(_FILES["index.html"])


@page.get("/page/<path:name>")
async def file(name: str) -> Response:
    """One of its files."""
    found = _FILES.get(name)
    if found is None:
        raise NotFound
    return _answer(found)


def _answer(found: _File) -> Response:
    fresh = request.if_none_match.contains(found.tag)
    response = TrioResponse(
        b"" if fresh else found.body,
        status=304 if fresh else 200,
        content_type=found.type,
        headers={"Cache-Control": "no-cache", "Content-Security-Policy": POLICY},
    )
    response.set_etag(found.tag)
    return response
