"""A whole node inside the test: real PostgreSQL and Valkey, both listeners on free ports,
and people whose apps come over real sockets.

    async with running_node(database_url, valkey_url) as node:
        sari, ayu = await node.customer("Sari"), await node.mitra("Ayu")
        pairing = await sari.pays_and_searches()
        await ayu.accepts(await ayu.is_asked())

Accounts are made in the house, without one-time codes. A test that needs many people who
only call takes `caller`: an access token and no app.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import trio

from halobestie.accounts.mitras import MitraChange
from halobestie.accounts.tokens import AccessTokens
from halobestie.callers import Caller, UserType
from halobestie.control.app import control_app
from halobestie.demo.account import Account, SignedOut
from halobestie.demo.api import Api
from halobestie.demo.client import App, CustomerApp, MitraApp
from halobestie.edge import Listener
from halobestie.house import House
from halobestie.ids import new_id
from halobestie.node import open_house
from halobestie.public.app import public_app
from halobestie.secrets import with_generated_secrets
from halobestie.settings import read_settings
from tests.apps import Customer, Ear, Mitra, Person
from tests.waiting import until

SECRET = "a-test-key-of-at-least-32-bytes-in-length"

Answer = dict[str, Any]


class Visitor:
    """Somebody who calls without having an app open."""

    def __init__(self, api: Api, user_id: UUID, token: str) -> None:
        self.id = user_id
        self.token = token
        self._api = api

    async def calls(self, method: str, path: str, body: object = None) -> Any:
        """One HTTP call, tried once: Refused, or Away."""
        return await self._api.call(method, path, body, token=self.token, patience=0)

    async def accepts(self, pairing_id: object) -> Answer:
        answer = await self.calls("POST", f"/api/mitra/chat-requests/{pairing_id}/accept")
        return dict(answer["session"])


class TestNode:
    """One running node, and the way for people to come to it."""

    __test__ = False

    def __init__(self, house: House, public: Api, internal: Api, guests: trio.Nursery) -> None:
        self.house = house
        self.public = public
        self.internal = internal
        self._guests = guests
        self._tokens = AccessTokens(SECRET, house.clock)
        self._phones = 0
        self._open_apps: dict[App, trio.CancelScope] = {}
        self._operator: Visitor | None = None

    # people

    async def customer(self, name: str = "Sari") -> Customer:
        """A new anonymous customer, connected."""
        ear = Ear()
        app = await CustomerApp.sign_up(self.public, name, ear.listen)
        await self._guests.start(self._opens, app)
        return Customer(app, ear)

    async def mitra(
        self, name: str = "Ayu", *, capacity: int | None = None, online: bool = True
    ) -> Mitra:
        """A new mitra, connected, and online unless told otherwise."""
        mitra_id = await self.hire(name, capacity=capacity)
        return await self.mitra_app(mitra_id, online=online)

    async def mitra_app(self, mitra_id: UUID, *, online: bool = False) -> Mitra:
        """One more app of a mitra, connected."""
        user = (await self.house.accounts.mitras.find(mitra_id)).user
        answer = await self.house.accounts.sign_in(user)
        account = Account(self.public, msgspec.to_builtins(answer))
        ear = Ear()
        app = MitraApp(account, ear.listen)
        await self._guests.start(self._opens, app)
        mitra = Mitra(app, ear)
        if online:
            await mitra.goes_online()
        return mitra

    async def closes(self, person: Person[Any]) -> None:
        """The person closes the app. Returns once the node has seen it."""
        before = self.house.roster.sockets(UUID(person.id))
        self._open_apps.pop(person.app).cancel()
        await until(lambda: self.house.roster.sockets(UUID(person.id)) < before)

    async def _opens(self, app: App, *, task_status: trio.TaskStatus[None]) -> None:
        with trio.CancelScope() as scope:
            self._open_apps[app] = scope
            await _stay(app, task_status)

    async def hire(self, name: str = "Ayu", *, capacity: int | None = None) -> UUID:
        """A new mitra's account."""
        self._phones += 1
        mitras = self.house.accounts.mitras
        hired = await mitras.add(f"+62813550{self._phones:05d}", name, by=None)
        if capacity is not None:
            change = MitraChange(capacity_override=capacity)
            await mitras.change(hired.id, change, by=new_id())
        return hired.id

    def caller(self, user_id: UUID, user_type: UserType) -> Visitor:
        """Somebody signed in, without an app. Their token is made here."""
        token = self._tokens.make(Caller(user_id, user_type, new_id()))
        return Visitor(self.public, user_id, token)

    @property
    def operator(self) -> Visitor:
        """An operator of the control center."""
        if self._operator is None:
            caller = Caller(new_id(), "cc_user", new_id(), "admin")
            self._operator = Visitor(self.internal, caller.id, self._tokens.make(caller))
        return self._operator

    # what tests make happen

    async def turns(self, **knobs: object) -> None:
        """Change knobs, as an operator does."""
        await self.operator.calls("PATCH", "/internal/config", knobs)

    async def forces(self, what: str, **body: object) -> Answer:
        """A test route."""
        answer = await self.internal.call("POST", f"/internal/_test/{what}", body, patience=0)
        return dict(answer)

    def crashes(self, path: str) -> bool:
        """Raise inside an actor; False if it does not run."""
        return self.house.system.crash(path)


async def _stay(app: App, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """Run an app until it is signed out, as a phone shows the sign-in page then."""
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(app.run)
            task_status.started()
    except* SignedOut:
        pass


@asynccontextmanager
async def running_node(
    database_url: str, valkey_url: str, **environ: str
) -> AsyncIterator[TestNode]:
    """A node on these servers, until the end of the block. Cut off, not drained."""
    settings = with_generated_secrets(
        read_settings(
            {
                "DATABASE_URL": database_url,
                "VALKEY_URL": valkey_url,
                "AUTH_JWT_SECRET": SECRET,
                "CC_ADMIN_PASSWORD": "not used",
                **environ,
            }
        )
    )
    async with open_house(settings) as (house, nursery):
        urls = []
        for app, name in ((public_app(house), "public"), (control_app(house), "internal")):
            host, port = await nursery.start(Listener(app, "127.0.0.1:0", name).serve)
            urls.append(f"http://{host}:{port}")
        house.health.phase = "serving"
        async with (
            Api(urls[0], Random(1)) as public,
            Api(urls[1], Random(1)) as internal,
            trio.open_nursery() as guests,
        ):
            yield TestNode(house, public, internal, guests)
            guests.cancel_scope.cancel()
        nursery.cancel_scope.cancel()
