"""The customers of a run: each pays, waits for a bestie, talks until the time is over or
all are asked to leave, parts, rates, and pays again."""

import trio

from .api import Api, Away, Refused
from .client import CustomerApp
from .conversation import Conversation
from .evidence import Violation
from .meter import Meter

SEARCHES_AGAIN_AFTER = 1.0  # seconds after a search that failed
STARS = 5
NAMES = ("Sari", "Dewi", "Rizky", "Putri", "Agus", "Wulan", "Bayu", "Intan", "Fajar", "Ratna")


class Visitors:
    """Made for one run. `live` once for each customer, `leave` once for all."""

    def __init__(self, api: Api, meter: Meter, tier: str | None) -> None:
        self.apps: list[CustomerApp] = []
        self.parted = 0  # sessions that were seen to their end
        self._api = api
        self._meter = meter
        self._tier = tier
        self._leaving = False
        self._here: set[CustomerApp] = set()

    def leave(self) -> None:
        """Ask everybody to finish; each `live` returns when it has."""
        self._leaving = True
        for app in self.apps:
            app.nudge()

    def still_here(self) -> list[Violation]:
        """Those who were cut off."""
        return [
            Violation("never_left", app.user_id, "a customer could not finish")
            for app in self._here
        ]

    async def live(self, number: int, arrives_after: float, nursery: trio.Nursery) -> None:
        """One customer's visit; the app itself stays connected in `nursery`."""
        await trio.sleep(arrives_after)
        app = await CustomerApp.sign_up(self._api, NAMES[number % len(NAMES)], self._meter.on_news)
        self.apps.append(app)
        await nursery.start(app.run)
        self._here.add(app)
        while not self._leaving:
            conversation = await self._find_a_bestie(app)
            if conversation is not None:
                await self._talk_until_it_ends(app, conversation)
        self._here.remove(app)

    async def _find_a_bestie(self, app: CustomerApp) -> Conversation | None:
        """Buys once, searches until there is a session; None if asked to leave before."""
        payment_id: str = (await app.buy(self._tier))["id"]

        def decided() -> bool:
            failed = app.pairing is not None and app.pairing["status"] == "failed"
            return self._leaving or failed or app.session_of(payment_id) is not None

        while True:
            await app.until(decided)
            conversation = app.session_of(payment_id)
            if conversation is not None:
                return conversation
            if self._leaving:
                return await self._give_up(app, payment_id)
            await trio.sleep(SEARCHES_AGAIN_AFTER)
            await app.search_again(payment_id)

    async def _give_up(self, app: CustomerApp, payment_id: str) -> Conversation | None:
        """Cancel the search; the session after all, if somebody accepted just now."""
        try:
            await app.cancel_search(payment_id)
        except Refused:
            await app.until(lambda: app.session_of(payment_id) is not None)
        return app.session_of(payment_id)

    async def _talk_until_it_ends(self, app: CustomerApp, conversation: Conversation) -> None:
        await app.until(lambda: self._leaving or conversation.status != "active")
        if conversation.status in ("active", "expired"):
            try:
                await app.end(conversation.id)
            except Refused:
                await app.look_up(conversation.id)  # it ended by itself meanwhile
        try:
            await app.skip_closing_message(conversation.id)
        except (Refused, Away):
            pass  # it is over already
        await app.until(lambda: conversation.over)
        self.parted += 1
        try:
            await app.rate(conversation.id, STARS)
        except Refused:
            pass  # rated already: the answer to the first call was lost
