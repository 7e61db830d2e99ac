"""The mitras of a run: they sign in, come online, accept whoever looks for somebody, and
part when a session closes. All of it follows from frames, so it survives a lost node."""

from random import Random

import trio

from .api import Api, Away, Refused
from .app import App
from .client import MitraApp
from .codes import Codes
from .link import Frame
from .meter import Meter
from .operator import Operator

THINKS = (0.05, 0.4)  # seconds until a mitra accepts
CODE_WITHIN = 10.0  # seconds for a one-time code to come


class Besties:
    """Made for one run; their apps live in the nursery that `come` is given."""

    def __init__(
        self, api: Api, operator: Operator, codes: Codes, meter: Meter, rng: Random
    ) -> None:
        self.apps: list[MitraApp] = []
        self._by_id: dict[str, MitraApp] = {}
        self._api = api
        self._operator = operator
        self._codes = codes
        self._meter = meter
        self._rng = rng
        self._considered: set[tuple[str, str]] = set()
        self._nursery: trio.Nursery

    async def come(self, number: int, capacity: int, nursery: trio.Nursery) -> None:
        """One more mitra with room for `capacity` sessions, signed in, connected, online."""
        self._nursery = nursery
        # Not of the seed: a node that is there already must not have met this mitra.
        phone = f"+62812{Random().randrange(10**8):08d}"
        await self._operator.hire(phone, f"Bestie {number}", capacity)
        await MitraApp.request_code(self._api, phone)
        with trio.fail_after(CODE_WITHIN):
            code = await self._codes.code_for(phone)
        mitra = await MitraApp.sign_in(self._api, phone, code, self._on_news)
        self.apps.append(mitra)
        self._by_id[mitra.user_id] = mitra
        await nursery.start(mitra.run)
        await mitra.go_online()

    def find(self, mitra_id: str) -> MitraApp | None:
        return self._by_id.get(mitra_id)

    async def leave(self) -> None:
        """Nobody stays online behind."""
        for mitra in self.apps:
            await mitra.go_offline()

    def _on_news(self, app: App, frame: Frame) -> None:
        self._meter.on_news(app, frame)
        assert isinstance(app, MitraApp)
        match frame["type"]:
            case "hello":
                for offer in frame["chat_requests"]:
                    self._offered(app, offer["pairing_id"])
                for session in frame["sessions"]:
                    if session["status"] == "closing":
                        self._nursery.start_soon(self._part, app, session["id"])
            case "chat_request":
                self._offered(app, frame["pairing_id"])
            case "chat_request_closed":
                self._considered.discard((app.user_id, frame["pairing_id"]))
            case "session_closing":
                self._nursery.start_soon(self._part, app, frame["session_id"])
            case _:
                pass

    def _offered(self, mitra: MitraApp, pairing_id: str) -> None:
        key = (mitra.user_id, pairing_id)
        if key not in self._considered:
            self._considered.add(key)
            self._nursery.start_soon(self._accept, mitra, pairing_id)

    async def _accept(self, mitra: MitraApp, pairing_id: str) -> None:
        await trio.sleep(self._rng.uniform(*THINKS))
        if pairing_id in mitra.offers:
            try:
                await mitra.accept(pairing_id)
            except (Refused, Away):
                pass  # somebody was faster, or it is offered again

    async def _part(self, mitra: MitraApp, session_id: str) -> None:
        try:
            await mitra.skip_closing_message(session_id)
        except (Refused, Away):
            pass  # done already, or over
