"""What happens on stage: besties come online, visitors pay, are paired, talk and leave.

The rate of messages is the whole stage's: each is due at a random moment, in a random
session that runs, from a random side, whether or not a node is up to take it. The kill,
if there is one, comes half-way, out of the blue, and everything goes on by what the apps
themselves do.
"""

from random import Random

import msgspec
import trio

from .api import Api
from .app import App
from .besties import Besties
from .codes import Codes
from .evidence import Told, Violation
from .meter import Meter
from .operator import Operator, capacity_for
from .own_node import OwnNode
from .visitors import Visitors

ARRIVING = 0.2  # of the time, over which visitors are spread
SETTLES_WITHIN = 45.0  # seconds after the last message for all of them to be everywhere
LEAVES_WITHIN = 45.0  # seconds for all goodbyes

SENTENCES = (
    "Halo, apa kabar?",
    "Aku cuma ingin didengar sebentar.",
    "Hari ini rasanya berat sekali.",
    "Terima kasih sudah ada di sini.",
    "Pelan-pelan saja, aku mendengarkan.",
    "Boleh ceritakan lebih banyak?",
    "Semalam aku susah tidur lagi. 😔",
    "Kamu tidak sendirian. 🤍",
)


class Plan(msgspec.Struct, frozen=True):
    """What was asked for on the command line."""

    customers: int
    mitras: int
    rate: float  # messages a second, altogether
    seconds: float
    tier: str | None = None  # None: the first that is shown, for a new customer the trial
    kill: bool = False
    seed: int = 1


class Performance:
    """One run against one node. `perform` once; the attributes are for the view."""

    def __init__(self, plan: Plan, api: Api, operator: Operator, codes: Codes) -> None:
        self.plan = plan
        self.phase = "begins"
        self.node_was_away: float | None = None  # seconds from the kill to both listeners
        self.meter = Meter()
        self._rng = Random(plan.seed)
        self.besties = Besties(api, operator, codes, self.meter, self._rng)
        self.visitors = Visitors(api, self.meter, plan.tier)

    @property
    def apps(self) -> list[App]:
        return [*self.visitors.apps, *self.besties.apps]

    @property
    def reconnects(self) -> int:
        return sum(max(0, app.hellos - 1) for app in self.apps)

    def told(self) -> Told:
        """What all apps remember, for the checker."""
        return Told(
            tuple(c.history for app in self.apps for c in app.conversations.values()),
            frozenset().union(*(app.confirmed_payments for app in self.visitors.apps)),
        )

    def left_hanging(self) -> list[Violation]:
        """Who could not finish or was never paired, and what was never answered."""
        return [
            *self.visitors.still_here(),
            *(
                Violation("never_paired", app.user_id, "paid, and got no session")
                for app in self.visitors.apps
                if not app.conversations
            ),
            *(
                Violation("never_answered", f"{c.id} {app.role}", f"{c.unanswered} messages")
                for app in self.apps
                for c in app.conversations.values()
                if c.unanswered
            ),
        ]

    async def perform(self, node: OwnNode | None) -> None:
        """From the empty stage to the last goodbye. `node` is whom the plan's kill hits."""
        plan = self.plan
        async with trio.open_nursery() as apps:
            self.phase = "mitras come online"
            capacity = capacity_for(plan.customers, plan.mitras)
            for number in range(plan.mitras):
                await self.besties.come(number + 1, capacity, apps)
            self.phase = "customers come and talk"
            async with trio.open_nursery() as visits:
                for number in range(plan.customers):
                    arrives_after = ARRIVING * plan.seconds * number / plan.customers
                    visits.start_soon(self.visitors.live, number, arrives_after, apps)
                if plan.kill and node is not None:
                    visits.start_soon(self._kill_half_way, node)
                with trio.move_on_after(plan.seconds):
                    await self._everybody_talks()
                self.phase = "the last messages arrive"
                await self._settle()
                self.phase = "goodbyes"
                visits.cancel_scope.deadline = trio.current_time() + LEAVES_WITHIN
                self.visitors.leave()
            await self.besties.leave()
            self.phase = "over"
            apps.cancel_scope.cancel()

    async def _everybody_talks(self) -> None:
        due = trio.current_time()
        while True:
            due += self._rng.expovariate(self.plan.rate)
            await trio.sleep_until(due)
            self._somebody_talks()

    def _somebody_talks(self) -> None:
        running = [
            (visitor, conversation)
            for visitor in self.visitors.apps
            for conversation in visitor.conversations.values()
            if conversation.status == "active"
        ]
        if not running:
            return
        visitor, conversation = self._rng.choice(running)
        mitra = self.besties.find(conversation.session.get("mitra", {}).get("id", ""))
        speaker: App = visitor
        if (
            mitra is not None
            and conversation.id in mitra.conversations
            and self._rng.random() < 0.5
        ):
            speaker = mitra
        speaker.reads(conversation.id)
        speaker.types(conversation.id)
        self.meter.wrote(speaker.say(conversation.id, self._rng.choice(SENTENCES)))

    async def _settle(self) -> None:
        """Until every message is answered and everywhere, or SETTLES_WITHIN is over."""
        with trio.move_on_after(SETTLES_WITHIN):
            while not self._settled():  # noqa: ASYNC110 - of all apps at once
                await trio.sleep(0.1)

    def _settled(self) -> bool:
        ends: dict[str, int] = {}
        for app in self.apps:
            for conversation in app.conversations.values():
                end = ends.setdefault(conversation.id, conversation.known_up_to)
                if conversation.unanswered or conversation.known_up_to != end:
                    return False
        return all(app.connected for app in self.apps)

    async def _kill_half_way(self, node: OwnNode) -> None:
        await trio.sleep(self.plan.seconds / 2)
        self.phase = "the node was killed"
        killed_at = trio.current_time()
        await node.kill()
        await node.start()
        self.node_was_away = trio.current_time() - killed_at
        self.phase = "the node is back"
