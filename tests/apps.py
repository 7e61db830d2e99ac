"""Customers and mitras for tests: the demo's apps, with verbs that read like a story.

    async with guests(node.public_url, node.internal_url, ...) as come:
        sari, ayu = await come.customer("Sari"), await come.mitra("Ayu")
        pairing = await sari.pays_and_searches()
        await ayu.accepts(pairing)
        await sari.says("halo")
        await ayu.hears("halo")

Waiting is for a frame, never for a time: `wait_for` returns the first frame that matches
and was not returned before, and fails after PATIENCE seconds. A refusal of the server is
`Refused`, with its code.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any, Generic, TypeVar

import trio

from halobestie.demo.api import Api, Refused
from halobestie.demo.client import App, CustomerApp, MitraApp
from halobestie.demo.conversation import Conversation
from halobestie.demo.history import Ack
from halobestie.demo.operator import Operator

__all__ = ["Customer", "Guests", "Mitra", "Person", "Refused", "guests"]

PATIENCE = 10.0  # seconds for anything to happen

Frame = dict[str, Any]
CodeFor = Callable[[str], Awaitable[str]]
AppT = TypeVar("AppT", bound=App)


class Ear:
    """Every frame that an app got, in order, and which of them a test has waited for."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self._taken: set[int] = set()
        self._news = trio.lowlevel.ParkingLot()

    def listen(self, _: App, frame: Frame) -> None:
        self.frames.append(frame)
        self._news.unpark_all()

    def heard(self, kind: str, **fields: object) -> list[Frame]:
        """All frames so far of this type with these fields."""
        return [frame for frame in self.frames if _matches(frame, kind, fields)]

    async def wait_for(self, kind: str, **fields: object) -> Frame:
        while True:
            for number, frame in enumerate(self.frames):
                if number not in self._taken and _matches(frame, kind, fields):
                    self._taken.add(number)
                    return frame
            await self._news.park()


def _matches(frame: Frame, kind: str, fields: dict[str, object]) -> bool:
    return frame["type"] == kind and all(
        name in frame and frame[name] == value for name, value in fields.items()
    )


class Person(Generic[AppT]):
    """Somebody with an app that is connected."""

    def __init__(self, app: AppT, ear: Ear) -> None:
        self.app = app
        self._ear = ear

    @property
    def id(self) -> str:
        return self.app.user_id

    @property
    def talk(self) -> Conversation:
        """The newest session."""
        return list(self.app.conversations.values())[-1]

    def heard(self, kind: str, **fields: object) -> list[Frame]:
        """The frames that came so far; empty, and so false, if there is none."""
        return self._ear.heard(kind, **fields)

    async def wait_for(self, kind: str, **fields: object) -> Frame:
        """The first such frame that was not waited for before."""
        try:
            with trio.fail_after(PATIENCE):
                return await self._ear.wait_for(kind, **fields)
        except trio.TooSlowError:
            came = [frame["type"] for frame in self._ear.frames]
            raise AssertionError(f"no {kind} with {fields} came, only {came}") from None

    async def until(self, happened: Callable[[], bool]) -> None:
        with trio.fail_after(PATIENCE):
            await self.app.until(happened)

    async def says(self, content: str) -> Ack:
        """Write in the newest session, and wait for the acknowledgement."""
        talk = self.talk
        sent = self.app.say(talk.id, content)
        await self.wait_for("message_status", client_message_id=sent.client_message_id)
        return next(a for a in talk.history.acks if a.client_message_id == sent.client_message_id)

    async def hears(self, content: str) -> Frame:
        """Wait for the other party to say this."""
        return await self.wait_for("message", content=content)

    async def posts(self, **frame: object) -> None:
        """Send any frame at all."""
        await trio.lowlevel.checkpoint()
        self.app.post(dict(frame))

    async def calls(self, method: str, path: str, body: object = None) -> Any:
        """Any HTTP call, signed in, tried once."""
        return await self.app.account.call(method, path, body, patience=0)

    async def ends(self) -> Frame:
        return await self.app.end(self.talk.id)

    async def parts(self, message: str | None = None) -> Frame:
        """Leave a closing message, or none."""
        if message is None:
            return await self.app.skip_closing_message(self.talk.id)
        return await self.app.leave_closing_message(self.talk.id, message)


class Customer(Person[CustomerApp]):
    async def pays(self, tier_id: str = "test_1") -> Frame:
        """The PAYMENT, confirmed."""
        return await self.app.buy(tier_id)

    async def pays_and_searches(self, tier_id: str = "test_1") -> Frame:
        """The PAIRING that the payment started."""
        payment = await self.pays(tier_id)
        return await self.app.search_again(payment["id"])

    async def gets_paired(self) -> Conversation:
        """Wait for the session."""
        frame = await self.wait_for("paired")
        return self.app.conversations[frame["session"]["id"]]


class Mitra(Person[MitraApp]):
    async def goes_online(self) -> Frame:
        return await self.app.go_online()

    async def goes_offline(self) -> Frame:
        return await self.app.go_offline()

    async def is_asked(self) -> Frame:
        """Wait for the next offer."""
        return await self.wait_for("chat_request")

    async def accepts(self, pairing: Frame) -> Frame:
        """The SESSION; Refused when somebody was faster. Takes a PAIRING or an OFFER."""
        return await self.app.accept(pairing.get("pairing_id") or pairing["id"])

    async def declines(self, pairing: Frame) -> None:
        await self.app.decline(pairing.get("pairing_id") or pairing["id"])


class Guests:
    """Lets people come to a running node."""

    def __init__(self, api: Api, operator: Operator, code_for: CodeFor, house: trio.Nursery):
        self._api = api
        self._operator = operator
        self._code_for = code_for
        self._house = house
        self._came = 0

    async def customer(self, name: str = "Sari") -> Customer:
        """A new anonymous customer, connected."""
        ear = Ear()
        app = await CustomerApp.sign_up(self._api, name, ear.listen)
        await self._house.start(app.run)
        return Customer(app, ear)

    async def mitra(self, name: str = "Ayu", *, capacity: int = 3, online: bool = True) -> Mitra:
        """A new mitra, connected, and online unless told otherwise."""
        self._came += 1
        phone = f"+6281355{self._came:06d}"
        await self._operator.hire(phone, name, capacity)
        await MitraApp.request_code(self._api, phone)
        with trio.fail_after(PATIENCE):
            code = await self._code_for(phone)
        ear = Ear()
        app = await MitraApp.sign_in(self._api, phone, code, ear.listen)
        await self._house.start(app.run)
        mitra = Mitra(app, ear)
        if online:
            await mitra.goes_online()
        return mitra


@asynccontextmanager
async def guests(
    public_url: str, internal_url: str, *, email: str, password: str, code_for: CodeFor
) -> AsyncIterator[Guests]:
    """People for the length of a block. `code_for` reads the code that came to a phone."""
    rng = Random(1)
    async with Api(public_url, rng) as public, Api(internal_url, rng) as internal:
        operator = Operator(internal, email, password)
        await operator.sign_in()
        async with trio.open_nursery() as house:
            yield Guests(public, operator, code_for, house)
            house.cancel_scope.cancel()
