"""Accounts with real databases behind two real apps, and people who use them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import jwt
import msgspec
import trio
from aiosql.types import SQLOperationType
from quart.typing import TestClientProtocol

from actors import Clock
from halobestie.accounts import Accounts, Ports
from halobestie.accounts.social import Keys
from halobestie.adapters.jwks import NoKeys
from halobestie.adapters.postgres import Database, Query
from halobestie.adapters.valkey import Subscription, Valkey, ValkeyAway
from halobestie.control import audit, customers, mitras, operators
from halobestie.control import auth as control_auth
from halobestie.knobs.messages import Knobs
from halobestie.pairing.searches import Searches
from halobestie.public import account, auth
from halobestie.settings import Secret, Settings, read_settings
from halobestie.web import HaloApp, Readiness, make_app

if TYPE_CHECKING:
    from halobestie.house import House

SECRET = "a-test-key-of-at-least-32-bytes-in-length"
ADMIN = ("boss@example.org", "the boss of it all")
LOW_COST = 4  # bcrypt: the tests check what is done, not how long it takes


OPENAPI = {"public": "/api/shared/openapi.json", "internal": "/internal/openapi.json"}


class HandClock(Clock):
    """Wall time that a test moves. Timers go on by trio's own clock."""

    def __init__(self) -> None:
        super().__init__()
        self._moved = timedelta()

    def now(self) -> datetime:
        return super().now() + self._moved

    def moves(self, seconds: float) -> None:
        self._moved += timedelta(seconds=seconds)


class NoProvider:
    """A provider that was never reached."""

    async def key(self, key_id: str) -> jwt.PyJWK | None:
        raise NoKeys


class Mailbox:
    """Keeps the codes that were sent."""

    def __init__(self) -> None:
        self.codes: list[tuple[str, str]] = []

    def send(self, phone: str, code: str) -> None:
        self.codes.append((phone, code))

    def last_code(self, phone: str) -> str | None:
        return next((code for to, code in reversed(self.codes) if to == phone), None)

    def code_for(self, phone: str) -> str:
        return next(code for to, code in reversed(self.codes) if to == phone)


@dataclass
class Board:
    """Knobs that a test turns."""

    current: Knobs = field(default_factory=Knobs)

    def turn(self, **values: object) -> None:
        self.current = msgspec.structs.replace(self.current, **values)


class Answer:
    """One HTTP answer, read."""

    def __init__(self, status: int, headers: Any, raw: bytes) -> None:
        self.status = status
        self.headers = headers
        self.raw = raw

    @property
    def body(self) -> dict[str, Any]:
        return cast("dict[str, Any]", msgspec.json.decode(self.raw))

    @property
    def code(self) -> str:
        return cast("str", self.body["code"])

    def __repr__(self) -> str:
        return f"Answer({self.status}, {self.raw[:300]!r})"


class Browser:
    """Somebody who calls one listener, signed in or not."""

    def __init__(self, app: HaloApp, address: str = "10.0.0.1") -> None:
        self._client: TestClientProtocol = app.test_client(use_cookies=False)
        self._address = address
        self.access_token: str | None = None
        self.refresh_token: str | None = None
        self.user: dict[str, Any] = {}
        self.cookie: str | None = None

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.access_token is not None:
            given.setdefault("Authorization", f"Bearer {self.access_token}")
        if self.cookie is not None and path.startswith("/internal/auth"):
            given["Cookie"] = self.cookie
        raw = None
        if body is not None:
            raw = msgspec.json.encode(body)
            given["Content-Type"] = "application/json"
        response = await self._client.open(
            path,
            method=method,
            headers=given,
            data=raw,
            scope_base={"client": (self._address, 5)},
        )
        answer = Answer(
            response.status_code, response.headers, await response.get_data(as_text=False)
        )
        self._keep_cookie(answer)
        return answer

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.call("GET", path, **headers)

    async def post(self, path: str, body: object = None, **headers: str) -> Answer:
        return await self.call("POST", path, body, **headers)

    async def patch(self, path: str, body: object) -> Answer:
        return await self.call("PATCH", path, body)

    def take(self, answer: Answer) -> Answer:
        """Go on with the tokens of a token answer."""
        assert answer.status in (200, 201), answer
        self.access_token = answer.body["access_token"]
        self.refresh_token = answer.body.get("refresh_token", self.refresh_token)
        self.user = answer.body["user"]
        return answer

    async def refreshes(self, token: str | None = None) -> Answer:
        body = {"refresh_token": token or self.refresh_token}
        return await self.post("/api/shared/auth/refresh", body)

    async def is_let_in(self) -> bool:
        path = "/internal/auth/me" if self.user.get("email") else "/api/shared/auth/me"
        return (await self.get(path)).status == 200

    @property
    def id(self) -> UUID:
        return UUID(self.user["id"])

    def _keep_cookie(self, answer: Answer) -> None:
        header = answer.headers.get("Set-Cookie")
        if header is not None:
            self.cookie = header.partition(";")[0]


class World:
    """One node's accounts, its two listeners, and what the other features were told."""

    def __init__(
        self,
        db: Database,
        valkey: Valkey,
        *,
        clock: "HandClock | None" = None,
        google_keys: Keys | None = None,
        apple_keys: Keys | None = None,
        **environ: str,
    ) -> None:
        self.clock = clock or HandClock()
        self.mail = Mailbox()
        self.knobs = Board()
        self.closed_sockets: list[UUID] = []
        self.gone: list[UUID] = []
        self.deactivated: list[UUID] = []
        self.signed_out: list[UUID] = []
        self.online: set[UUID] = set()
        self.ports = Ports(
            close_sockets=self._close_sockets,
            customer_gone=self._customer_gone,
            mitra_deactivated=self._noting(self.deactivated),
            mitra_signed_out=self._noting(self.signed_out),
            online_mitras=lambda: self.online,
        )
        self.settings = _settings(environ)
        self.accounts = Accounts(
            db=db,
            valkey=valkey,
            clock=self.clock,
            settings=self.settings,
            knobs=self.knobs,
            ports=self.ports,
            sender=self.mail,
            google_keys=google_keys or NoProvider(),
            apple_keys=apple_keys or NoProvider(),
            password_cost=LOW_COST,
        )
        house = cast(
            "House",
            SimpleNamespace(
                accounts=self.accounts,
                settings=self.settings,
                clock=self.clock,
                searches=Searches(db),
            ),
        )
        self.public = self._app("public", (*auth.areas, *account.areas), house)
        control = (control_auth, operators, mitras, customers, audit)
        self.internal = self._app("internal", [a for part in control for a in part.areas], house)

    def _app(self, name: str, areas: Sequence[Any], house: "House") -> HaloApp:
        app = make_app(
            name,
            areas,
            authenticate=self.accounts.authenticate,
            ready=lambda: Readiness("ready"),
            openapi_path="/api/shared/openapi.json"
            if name == "public"
            else "/internal/openapi.json",
            cors_origins=self.settings.cors_allowed_origins,
            trusted_hops=self.settings.trusted_proxy_hops,
        )
        app.house = house
        return app

    @asynccontextmanager
    async def running(self) -> AsyncIterator["World"]:
        await self.accounts.start()
        async with trio.open_nursery() as nursery:
            await nursery.start(self.accounts.run)
            yield self
            nursery.cancel_scope.cancel()

    def passes(self, seconds: float) -> None:
        """Time goes on."""
        self.clock.moves(seconds)

    def app_user(self, address: str = "10.0.0.1") -> Browser:
        return Browser(self.public, address)

    async def anonymous(self) -> Browser:
        """An anonymous customer, signed in."""
        browser = self.app_user()
        browser.take(await browser.post("/api/shared/auth/anonymous"))
        return browser

    async def by_phone(
        self, phone: str, kind: str = "client", browser: Browser | None = None, **more: str
    ) -> Browser:
        """Somebody who signs in by a code."""
        browser = browser or self.app_user()
        asked = await browser.post(f"/api/{kind}/auth/otp/request", {"phone": phone})
        assert asked.status == 202, asked
        code = self.mail.code_for(asked.body["phone"])
        body = {"phone": phone, "code": code, **more}
        browser.take(await browser.post(f"/api/{kind}/auth/otp/verify", body))
        return browser

    async def mitra(self, phone: str = "+628110000001") -> Browser:
        return await self.by_phone(phone, "mitra")

    async def operator(self, email: str = ADMIN[0], password: str = ADMIN[1]) -> Browser:
        browser = Browser(self.internal)
        credentials = {"email": email, "password": password}
        browser.take(await browser.post("/internal/auth/login", credentials))
        return browser

    def _close_sockets(self, session_ids: Sequence[UUID]) -> None:
        self.closed_sockets.extend(session_ids)

    async def _customer_gone(self, customer_id: UUID) -> None:
        self.gone.append(customer_id)

    @staticmethod
    def _noting(kept: list[UUID]) -> Any:
        async def note(user_id: UUID) -> None:
            kept.append(user_id)

        return note


def _settings(environ: dict[str, str]) -> Settings:
    settings = read_settings(
        {
            "AUTH_JWT_SECRET": SECRET,
            "CC_ADMIN_EMAIL": ADMIN[0],
            "CC_ADMIN_PASSWORD": ADMIN[1],
            "OTP_COOLDOWN_SECONDS": "60",
            **environ,
        }
    )
    assert settings.auth_jwt_secret == Secret(SECRET)
    return settings


def session_of(browser: Browser) -> UUID:
    """The auth session of a signed-in person."""
    assert browser.access_token is not None
    claims = jwt.decode(browser.access_token, options={"verify_signature": False})
    return UUID(claims["session_id"])


def everything(table: str) -> Query:
    """Every row of a table."""
    return Query(table, f"select * from {table}", SQLOperationType.SELECT, ())


class DeafValkey:
    """A Valkey that answers nobody and tells nothing."""

    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey

    async def command(self, *words: bytes | str | int | float) -> Any:
        await trio.lowlevel.checkpoint()
        raise ValkeyAway("deaf")

    async def ping(self) -> None:
        await self.command("PING")

    async def publish(self, channel: str, data: bytes | str) -> int:
        await self.command("PUBLISH", channel, data)
        return 0

    @asynccontextmanager
    async def subscribe(self, *channels: str) -> AsyncIterator[Subscription]:
        yield Subscription()
