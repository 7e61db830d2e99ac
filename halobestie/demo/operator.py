"""What the demo needs of the control center: mitras to work with, and the actor tree."""

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from .api import Api, Refused

MOST_SESSIONS = 50  # of one mitra at once, by the contract
LOOK_PATIENCE = 2.0  # seconds; the view is refreshed again soon


class Operator:
    """Signed in at the internal listener, and again whenever the token is over."""

    def __init__(self, api: Api, email: str, password: str) -> None:
        self._api = api
        self._credentials = {"email": email, "password": password}
        self._token = ""

    async def sign_in(self) -> None:
        """Refused with `invalid_credentials` if they are wrong."""
        answer = await self._api.call("POST", "/internal/auth/login", self._credentials)
        self._token = answer["access_token"]

    async def hire(self, phone: str, display_name: str, capacity: int) -> str:
        """A new mitra who may have `capacity` sessions at once; the id."""
        body = {"phone": phone, "display_name": display_name}
        mitra = await self._call("POST", "/internal/mitras", body)
        mitra_id: str = mitra["id"]
        await self._call("PATCH", f"/internal/mitras/{mitra_id}", {"capacity_override": capacity})
        return mitra_id

    async def sessions_by_status(self) -> Counter[str]:
        """Of the sessions that have an actor now, from the live tree."""
        tree = await self._call("GET", "/internal/debug/actors", patience=LOOK_PATIENCE)
        return Counter(
            str(actor["info"].get("status", "?"))
            for actor in _flat([tree["actors"]])
            if actor["kind"] == "session"
        )

    async def _call(self, method: str, path: str, body: object = None, **more: Any) -> Any:
        try:
            return await self._api.call(method, path, body, token=self._token, **more)
        except Refused as refused:
            if refused.status != 401:
                raise
        await self.sign_in()
        return await self._api.call(method, path, body, token=self._token, **more)


def capacity_for(customers: int, mitras: int) -> int:
    """Sessions per mitra, so that all customers talk at once with room to spare."""
    return min(MOST_SESSIONS, math.ceil(customers / mitras) + 1)


def _flat(actors: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for actor in actors:
        yield actor
        yield from _flat(actor["children"])
