"""Where a mitra's login code is had, since nobody here has a phone.

The stub of a development node writes `[OTP STUB] phone=… code=…` to its log. A node that
the demo started itself is read as it talks; one that was there already is asked by its
test route, or its log file is followed.
"""

import re
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import trio

from .api import Api, Refused

LOOK_EVERY = 0.1  # seconds, into a file that another program writes

_CODE = re.compile(r"\[OTP STUB\] phone=(\+\d+) code=(\d{6})")


class NoCodes(Exception):
    """One line: why no mitra can sign in."""


class Codes(Protocol):
    async def code_for(self, phone: str) -> str:
        """Wait for the code that was last sent to this phone; the caller sets the limit."""


class OneTimeCodes:
    """Codes from lines as they come. Each is handed out once: it is good for one login."""

    def __init__(self) -> None:
        self._codes: dict[str, str] = {}
        self._news = trio.lowlevel.ParkingLot()

    def read(self, line: str) -> None:
        for phone, code in _CODE.findall(line):
            self._codes[phone] = code
            self._news.unpark_all()

    async def code_for(self, phone: str) -> str:
        while phone not in self._codes:
            await self._news.park()
        return self._codes.pop(phone)


class CodesByRoute:
    """Codes from a node that somebody else runs, with its test routes on."""

    def __init__(self, internal: Api) -> None:
        self._internal = internal

    async def code_for(self, phone: str) -> str:
        """NoCodes where there are no test routes, or no stub."""
        try:
            answer = await self._internal.call(
                "GET", f"/internal/_test/otp-code?phone={quote(phone)}"
            )
        except Refused as refused:
            raise NoCodes(
                "the node that runs there does not tell the login codes of its mitras: give "
                "--node-log FILE with its output, or another --base-url for a node of its own"
            ) from refused
        return str(answer["code"])


class CodesInFile:
    """Codes from the log file of a node that somebody else runs."""

    def __init__(self, path: Path) -> None:
        self._path = trio.Path(path)

    async def code_for(self, phone: str) -> str:
        while True:
            text: str = await self._path.read_text(errors="replace")
            found = [match for match in _CODE.finditer(text) if match[1] == phone]
            if found:
                return found[-1][2]
            await trio.sleep(LOOK_EVERY)
