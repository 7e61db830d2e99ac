"""What happens on stage: mitras come online, customers pay, are paired, talk and leave.

The rate of messages is the whole stage's: each is due at a random moment, in a random
session that runs, from a random side, whether or not a node is up to take it. A customer
whose time is over, or who is asked to leave, ends the session; both sides part, and
the customer buys again unless the curtain has fallen. The kill, if there is one, comes
half-way, out of the blue, and everything goes on by what the apps themselves do.
"""

from random import Random

import msgspec
import trio

from .api import Api, Away, Refused
from .client import App, CustomerApp, MitraApp
from .conversation import Conversation
from .evidence import Told, Violation
from .link import Frame
from .meter import Meter
from .operator import Operator, Switchboard, capacity_for
from .own_node import OwnNode

ARRIVING = 0.2  # of the time, over which customers are spread
SETTLES_WITHIN = 45.0  # seconds after the last message for all of them to be everywhere
LEAVES_WITHIN = 45.0  # seconds for all goodbyes
THINKS = (0.05, 0.4)  # seconds until a mitra accepts
SEARCHES_AGAIN_AFTER = 1.0  # seconds after a search that failed

NAMES = ("Sari", "Dewi", "Rizky", "Putri", "Agus", "Wulan", "Bayu", "Intan", "Fajar", "Ratna")
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
    kill: bool = False
    seed: int = 1


class Performance:
    """One run against one node. `perform` once; the attributes are for the view."""

    def __init__(self, plan: Plan, api: Api, operator: Operator, codes: Switchboard) -> None:
        self.plan = plan
        self.meter = Meter()
        self.phase = "begins"
        self.customers: list[CustomerApp] = []
        self.mitras: list[MitraApp] = []
        self.node_was_away: float | None = None  # seconds from the kill to both listeners
        self.parted = 0
        self._api = api
        self._operator = operator
        self._codes = codes
        self._rng = Random(plan.seed)
        self._mitra_of: dict[str, MitraApp] = {}
        self._considered: set[tuple[str, str]] = set()
        self._leaving = False
        self._on_stage: set[CustomerApp] = set()
        self._stage: trio.Nursery

    @property
    def apps(self) -> list[App]:
        return [*self.customers, *self.mitras]

    @property
    def reconnects(self) -> int:
        return sum(max(0, app.hellos - 1) for app in self.apps)

    def told(self) -> Told:
        """What all apps remember, for the checker."""
        return Told(
            tuple(c.history for app in self.apps for c in app.conversations.values()),
            frozenset().union(*(app.confirmed_payments for app in self.customers)),
        )

    def left_hanging(self) -> list[Violation]:
        """Who was still on stage when the time for goodbyes was over, and what was open."""
        found = [
            Violation("never_left", app.user_id, "a customer could not finish")
            for app in self._on_stage
        ]
        for app in self.apps:
            for conversation in app.conversations.values():
                if conversation.unanswered:
                    where = f"{conversation.id} {app.role}"
                    detail = f"{conversation.unanswered} messages"
                    found.append(Violation("never_answered", where, detail))
        return found

    async def perform(self, node: OwnNode | None) -> None:
        """From the empty stage to the last goodbye. `node` is whom the plan's kill hits."""
        async with trio.open_nursery() as self._stage:
            self.phase = "mitras come online"
            for number in range(self.plan.mitras):
                await self._mitra_comes(number)
            self.phase = "customers come and talk"
            async with trio.open_nursery() as lives:
                for number in range(self.plan.customers):
                    lives.start_soon(self._customer_lives, number)
                if self.plan.kill and node is not None:
                    lives.start_soon(self._kill_half_way, node)
                with trio.move_on_after(self.plan.seconds):
                    await self._everybody_talks()
                self.phase = "the last messages arrive"
                await self._settle()
                self.phase = "goodbyes"
                lives.cancel_scope.deadline = trio.current_time() + LEAVES_WITHIN
                self._everybody_leaves()
            for mitra in self.mitras:
                await mitra.go_offline()
            self.phase = "over"
            self._stage.cancel_scope.cancel()

    # mitras

    async def _mitra_comes(self, number: int) -> None:
        phone = f"+62812{self._rng_phone():08d}"
        name = f"Bestie {number + 1}"
        capacity = capacity_for(self.plan.customers, self.plan.mitras)
        await self._operator.hire(phone, name, capacity)
        await MitraApp.request_code(self._api, phone)
        with trio.fail_after(10):
            code = await self._codes.code_for(phone)
        mitra = await MitraApp.sign_in(self._api, phone, code, self._on_news)
        self.mitras.append(mitra)
        self._mitra_of[mitra.user_id] = mitra
        await self._stage.start(mitra.run)
        await mitra.go_online()

    @staticmethod
    def _rng_phone() -> int:
        """Not seeded: a node that is there already must not have met these mitras."""
        return Random().randrange(10**8)

    def _on_news(self, app: App, frame: Frame) -> None:
        self.meter.on_news(app, frame)
        if not isinstance(app, MitraApp):
            return
        match frame["type"]:
            case "hello":
                for offer in frame["chat_requests"]:
                    self._offered(app, offer["pairing_id"])
                for session in frame["sessions"]:
                    if session["status"] == "closing":
                        self._stage.start_soon(self._part, app, session["id"])
            case "chat_request":
                self._offered(app, frame["pairing_id"])
            case "chat_request_closed":
                self._considered.discard((app.user_id, frame["pairing_id"]))
            case "session_closing":
                self._stage.start_soon(self._part, app, frame["session_id"])
            case _:
                pass

    def _offered(self, mitra: MitraApp, pairing_id: str) -> None:
        key = (mitra.user_id, pairing_id)
        if key not in self._considered:
            self._considered.add(key)
            self._stage.start_soon(self._mitra_accepts, mitra, pairing_id)

    async def _mitra_accepts(self, mitra: MitraApp, pairing_id: str) -> None:
        await trio.sleep(self._rng.uniform(*THINKS))
        if pairing_id in mitra.offers:
            try:
                await mitra.accept(pairing_id)
            except (Refused, Away):
                pass  # somebody was faster, or it is offered again

    # customers

    async def _customer_lives(self, number: int) -> None:
        share = number / self.plan.customers
        await trio.sleep(ARRIVING * self.plan.seconds * share)
        name = NAMES[number % len(NAMES)]
        app = await CustomerApp.sign_up(self._api, name, self._on_news)
        self.customers.append(app)
        await self._stage.start(app.run)
        self._on_stage.add(app)
        while not self._leaving:
            conversation = await self._finds_a_bestie(app)
            if conversation is not None:
                await self._talks_until_it_ends(app, conversation)
        self._on_stage.remove(app)

    async def _finds_a_bestie(self, app: CustomerApp) -> Conversation | None:
        """Buys once, searches until there is a session; None if the curtain falls first."""
        payment_id: str = (await app.buy())["id"]

        def decided() -> bool:
            failed = app.pairing is not None and app.pairing["status"] == "failed"
            return self._leaving or failed or app.session_of(payment_id) is not None

        while True:
            await app.until(decided)
            conversation = app.session_of(payment_id)
            if conversation is not None:
                return conversation
            if self._leaving:
                try:
                    await app.cancel_search(payment_id)
                except Refused:
                    pass
                return None
            await trio.sleep(SEARCHES_AGAIN_AFTER)
            await app.search_again(payment_id)

    async def _talks_until_it_ends(self, app: CustomerApp, conversation: Conversation) -> None:
        await app.until(lambda: self._leaving or conversation.status != "active")
        if conversation.status in ("active", "expired"):
            try:
                await app.end(conversation.id)
            except Refused:
                await app.look_up(conversation.id)  # it ended by itself meanwhile
        await self._part(app, conversation.id)
        await app.until(lambda: conversation.over)
        self.parted += 1
        try:
            await app.rate(conversation.id, 5)
        except Refused:
            pass

    async def _part(self, app: App, session_id: str) -> None:
        try:
            await app.skip_closing_message(session_id)
        except (Refused, Away):
            pass  # done already, or over

    def _everybody_leaves(self) -> None:
        self._leaving = True
        for app in self.apps:
            app.nudge()

    # talk

    async def _everybody_talks(self) -> None:
        due = trio.current_time()
        while True:
            due += self._rng.expovariate(self.plan.rate)
            await trio.sleep_until(due)
            self._somebody_talks()

    def _somebody_talks(self) -> None:
        running = [
            (customer, conversation)
            for customer in self.customers
            for conversation in customer.conversations.values()
            if conversation.status == "active"
        ]
        if not running:
            return
        customer, conversation = self._rng.choice(running)
        mitra = self._mitra_of.get(conversation.session.get("mitra", {}).get("id", ""))
        speaker: App = customer
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
            while not self._settled():  # noqa: ASYNC110 - all apps at once, twice a second
                await trio.sleep(0.1)

    def _settled(self) -> bool:
        ends: dict[str, int] = {}
        for app in self.apps:
            for conversation in app.conversations.values():
                if conversation.unanswered:
                    return False
                end = ends.setdefault(conversation.id, conversation.known_up_to)
                if conversation.known_up_to != end:
                    return False
        return all(app.connected for app in self.apps)

    # the kill

    async def _kill_half_way(self, node: OwnNode) -> None:
        await trio.sleep(self.plan.seconds / 2)
        self.phase = "the node was killed"
        killed_at = trio.current_time()
        await node.kill()
        await node.start()
        self.node_was_away = trio.current_time() - killed_at
        self.phase = "the node is back"
