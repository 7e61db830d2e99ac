"""Customers, mitras and operators as their apps would speak: HTTP, and one socket each.

Every answer and every frame that comes is held against the contract's shapes on its way,
so that a test only says what is special about it.
"""

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

from . import shapes
from .server import Node
from .shapes import fits

PATIENCE = 8.0  # seconds for anything to happen
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
PROBLEM = {
    "type": {"about:blank"},
    "title": shapes.text,
    "status": shapes.integer,
    "code": shapes.text,
    "detail": shapes.text,
}

Json = Any


def answers(
    response: httpx.Response, status: int, code: str | None = None, shape: Any = None
) -> Json:
    """The body, if the answer is as told; problems are checked for their form."""
    said = f"{response.request.method} {response.request.url.path} → {response.status_code}"
    assert response.status_code == status, f"{said}, not {status}: {response.text[:400]}"
    assert response.headers.get("X-Request-Id"), f"{said} without X-Request-Id"
    if status == 204:
        assert response.content == b""
        return None
    if status < 400:
        body = response.json() if response.content else None
        return body if shape is None else fits(body, shape)
    assert response.headers["Content-Type"].split(";")[0] == "application/problem+json", said
    problem = fits(response.json(), PROBLEM)
    assert problem["status"] == status
    if code is not None:
        assert problem["code"] == code, f"{said} {problem['code']}, not {code}"
    if problem["code"] == "validation_failed":
        fits(problem, {"errors": [{"field": shapes.text, "message": shapes.text}]})
        assert problem["errors"], "a validation problem names its fields"
    return problem


def fields_of(problem: Json) -> set[str]:
    return {error["field"] for error in problem["errors"]}


class Caller:
    """Somebody who calls one listener, with a token or without."""

    def __init__(self, http: httpx.AsyncClient, token: str | None = None) -> None:
        self.http = http
        self.token = token

    async def calls(self, method: str, path: str, body: Json = None, **more: Any) -> httpx.Response:
        headers = dict(more.pop("headers", {}))
        if self.token is not None:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None:
            more["json"] = body
        return await self.http.request(method, path, headers=headers, **more)

    async def gets(self, path: str, status: int = 200, code: str | None = None, **m: Any) -> Json:
        shape = m.pop("shape", None)
        return answers(await self.calls("GET", path, **m), status, code, shape)

    async def posts(
        self, path: str, body: Json = None, status: int = 200, code: str | None = None, **m: Any
    ) -> Json:
        shape = m.pop("shape", None)
        return answers(await self.calls("POST", path, body, **m), status, code, shape)

    async def patches(
        self, path: str, body: Json = None, status: int = 200, code: str | None = None, **m: Any
    ) -> Json:
        shape = m.pop("shape", None)
        return answers(await self.calls("PATCH", path, body, **m), status, code, shape)


class Socket:
    """A connected app: every frame that came, and which a test has waited for."""

    def __init__(self, connection: WebSocketConnection) -> None:
        self.connection = connection
        self.frames: list[Json] = []
        self.close_code: int | None = None
        self._waited: set[int] = set()
        self._news = trio.lowlevel.ParkingLot()

    async def listen(self) -> None:
        try:
            while True:
                frame = json.loads(await self.connection.get_message())
                self.frames.append(frame)
                self._news.unpark_all()
        except ConnectionClosed as closed:
            self.close_code = closed.reason.code if closed.reason else 1006
        finally:
            self._news.unpark_all()

    async def sends(self, frame: Json) -> None:
        text = frame if isinstance(frame, str) else json.dumps(frame)
        with trio.fail_after(PATIENCE):
            await self.connection.send_message(text)

    async def hears(self, kind: str, **fields: object) -> Json:
        """The first such frame that was not waited for before, in the contract's shape."""
        try:
            with trio.fail_after(PATIENCE):
                while True:
                    for number, frame in enumerate(self.frames):
                        if number not in self._waited and _matches(frame, kind, fields):
                            self._waited.add(number)
                            return fits(frame, shapes.FRAMES[kind])
                    assert self.close_code is None, f"closed with {self.close_code}, no {kind}"
                    await self._news.park()
        except trio.TooSlowError:
            came = json.dumps(self.frames)[-1500:]
            raise AssertionError(f"no {kind} with {fields} came, only {came}") from None

    def heard(self, kind: str, **fields: object) -> list[Json]:
        return [frame for frame in self.frames if _matches(frame, kind, fields)]

    async def news(self) -> None:
        """Wait for one more frame, or the end."""
        await self._news.park()

    async def pings(self) -> None:
        """Everything that the server said before this is here afterwards."""
        await self.sends({"type": "ping"})
        await self.hears("pong")

    async def asks(self, frame: Json, kind: str, **fields: object) -> Json:
        await self.sends(frame)
        return await self.hears(kind, **fields)

    async def is_closed(self) -> int:
        """The close code, as soon as the server has sent one."""
        try:
            with trio.fail_after(PATIENCE):
                while self.close_code is None:
                    await self._news.park()
        except trio.TooSlowError:
            raise AssertionError(f"not closed; came: {self.frames[-3:]}") from None
        return self.close_code


def _matches(frame: Json, kind: str, fields: dict[str, object]) -> bool:
    return frame.get("type") == kind and all(
        name in frame and frame[name] == value for name, value in fields.items()
    )


class Person(Caller):
    """A signed-in customer or mitra."""

    def __init__(self, town: "Town", role: str, tokens: Json) -> None:
        super().__init__(town.public, tokens["access_token"])
        self.town = town
        self.role = role  # "client" or "mitra": the prefix of its own routes
        self.refresh_token = tokens["refresh_token"]
        self.user = tokens["user"]
        self.id: str = tokens["user"]["id"]

    async def connects(self) -> Socket:
        """A socket that has said hello."""
        socket = await self.town.socket(
            f"/api/{self.role}/ws", headers=[("Authorization", f"Bearer {self.token}")]
        )
        await socket.hears("hello")
        return socket

    async def buys(self, tier_id: str = "chat_12", **more: object) -> Json:
        """A pending PAYMENT."""
        body = {"tier_id": tier_id, **more}
        return await self.posts("/api/client/payment-requests", body, 201, shape=shapes.PAYMENT)

    async def pays(self, tier_id: str = "chat_12", **more: object) -> Json:
        """A confirmed PAYMENT, whose pairing has begun."""
        payment = await self.buys(tier_id, **more)
        self.town.paid.append((self, payment["id"]))
        return await self.posts(
            f"/api/client/payment-requests/{payment['id']}/confirm", shape=shapes.PAYMENT
        )

    async def payment(self, payment_id: str) -> Json:
        return await self.gets(f"/api/client/payment-requests/{payment_id}", shape=shapes.PAYMENT)

    async def goes(self, *, online: bool) -> Json:
        return await self.posts("/api/mitra/status", {"online": online}, shape=shapes.MITRA_STATUS)

    async def accepts(self, pairing_id: str) -> Json:
        answer = await self.posts(
            f"/api/mitra/chat-requests/{pairing_id}/accept", shape={"session": shapes.SESSION}
        )
        return answer["session"]

    async def session(self, session_id: str) -> Json:
        answer = await self.gets(
            f"/api/shared/chat-sessions/{session_id}", shape={"session": shapes.SESSION}
        )
        return answer["session"]

    async def ends(self, session_id: str) -> Json:
        answer = await self.posts(
            f"/api/shared/chat-sessions/{session_id}/end", shape={"session": shapes.SESSION}
        )
        return answer["session"]

    async def skips(self, session_id: str) -> Json:
        answer = await self.posts(
            f"/api/shared/chat-sessions/{session_id}/closing-message",
            {"skip": True},
            shape={"session": shapes.SESSION},
        )
        return answer["session"]


class Town:
    """The people of one test; mitras leave at its end, and knobs go back."""

    def __init__(
        self, node: Node, public: httpx.AsyncClient, internal: httpx.AsyncClient, nursery: Any
    ) -> None:
        self.node = node
        self.public = public
        self.internal = internal
        self.nursery = nursery
        self.nobody = Caller(public)
        self.outsider = Caller(internal)
        self.admin = Caller(internal, node.admin())
        self.paid: list[tuple[Person, str]] = []
        self._mitras: list[Person] = []
        self._streams: list[trio.SocketStream] = []
        self._knobs: dict[str, Json] = {}

    def phone(self) -> str:
        """A mobile number that nobody had before."""
        return f"+62813{next(_numbers):08d}"

    async def customer(self, name: str = "Sari") -> Person:
        tokens = await self.nobody.posts(
            "/api/shared/auth/anonymous", {"display_name": name}, 201, shape=shapes.TOKENS
        )
        return Person(self, "client", tokens)

    async def registered(self, phone: str | None = None, name: str = "Dewi") -> Person:
        """A customer with a phone."""
        phone = phone or self.phone()
        return Person(self, "client", await self.signs_in("client", phone, display_name=name))

    async def code(self, role: str, phone: str) -> str:
        """Ask for a code, and read it from the log."""
        before = len(self.node.codes_of(phone))
        await self.nobody.posts(f"/api/{role}/auth/otp/request", {"phone": phone}, 202)
        with trio.fail_after(PATIENCE):
            while len(codes := self.node.codes_of(phone)) == before:  # noqa: ASYNC110 - a log
                await trio.sleep(0.005)
        return codes[-1]

    async def signs_in(self, role: str, phone: str, **more: object) -> Json:
        body = {"phone": phone, "code": await self.code(role, phone), **more}
        return await self.nobody.posts(f"/api/{role}/auth/otp/verify", body, shape=shapes.TOKENS)

    async def hires(self, name: str = "Bestie Ayu", phone: str | None = None) -> Json:
        """A new mitra's row, made by the operators."""
        body = {"phone": phone or self.phone(), "display_name": name}
        answer = await self.admin.calls("POST", "/internal/mitras", body)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()

    async def mitra(self, name: str = "Bestie Ayu", *, online: bool = True) -> Person:
        phone = self.phone()
        await self.hires(name, phone)
        mitra = Person(self, "mitra", await self.signs_in("mitra", phone))
        self._mitras.append(mitra)
        if online:
            await mitra.goes(online=True)
        return mitra

    async def chatting(
        self, customer: Person | None = None, mitra: Person | None = None, **more: object
    ) -> tuple[Person, Person, Json]:
        """A customer, a mitra and their running session."""
        customer = customer or await self.customer()
        mitra = mitra or await self.mitra()
        payment = await customer.pays(targeted_mitra_id=mitra.id, **more)
        pairing = await self.pairing_of(customer, payment["id"])
        session = await mitra.accepts(pairing["id"])
        assert session["status"] == "active"
        return customer, mitra, session

    async def pairing_of(self, customer: Person, payment_id: str) -> Json:
        """The running PAIRING, as soon as the confirmation has started it."""
        with trio.fail_after(PATIENCE):
            while True:
                answer = await customer.gets("/api/client/chat-requests/current")
                pairing = fits(answer, {"pairing": shapes.null(shapes.PAIRING)})["pairing"]
                if pairing and pairing["payment_request_id"] == payment_id:
                    return pairing
                await trio.sleep(0.01)

    async def knobs(self, **values: Json) -> None:
        """Set knobs for this test."""
        now = (await self.admin.gets("/internal/config"))["values"]
        for name in values:
            self._knobs.setdefault(name, now[name])
        await self.admin.patches("/internal/config", values)

    async def expires(self, session_id: str, remaining_seconds: int = 0) -> None:
        body = {"session_id": session_id, "remaining_seconds": remaining_seconds}
        await self.outsider.posts("/internal/_test/force-session-time", body)

    async def socket(self, path: str, **how: Any) -> Socket:
        """An open socket. A refused one ends the test: ask `handshake` for refusals."""
        host, _, port = self.node.public.removeprefix("http://").rpartition(":")
        with trio.fail_after(PATIENCE):
            stream = await trio.open_tcp_stream(host, int(port))
            self._streams.append(stream)
            connection = await wrap_client_stream(
                self.nursery,
                stream,
                f"{host}:{port}",
                path,
                subprotocols=how.get("subprotocols"),
                extra_headers=how.get("headers"),
            )
        socket = Socket(connection)
        self.nursery.start_soon(socket.listen)
        return socket

    async def handshake(self, path: str, **headers: str) -> httpx.Response:
        """What plain HTTP is answered to a handshake that is refused."""
        return await self.nobody.calls("GET", path, headers={**UPGRADE, **headers})

    async def sends_everybody_home(self) -> None:
        """No mitra is online afterwards."""
        page = await self.admin.gets("/internal/mitras?is_online=true&limit=200")
        for row in page["rows"]:
            body = {"mitra_id": row["id"]}
            await self.outsider.posts("/internal/_test/force-mitra-offline", body)

    def forget(self) -> None:
        """The node is gone: nobody needs to leave it."""
        self.paid.clear()
        self._mitras.clear()
        self._knobs.clear()

    async def leaves(self) -> None:
        for stream in self._streams:
            await trio.aclose_forcefully(stream)
        for customer, payment_id in self.paid:  # no search outlives its test
            body = {"payment_request_id": payment_id}
            await customer.calls("POST", "/api/client/chat-requests/cancel", body)
        for mitra in self._mitras:
            await mitra.calls("POST", "/api/mitra/status", {"online": False})
        if self._knobs:
            await self.admin.patches("/internal/config", self._knobs)


# Never used; made once, because to load the certificates takes 30 ms a client.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_numbers = iter(range(1_000_000, 9_999_999))


@asynccontextmanager
async def open_town(node: Node) -> AsyncIterator[Town]:
    def client(url: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=url, timeout=PATIENCE, trust_env=False, verify=_NO_TLS)

    async with (
        client(node.public) as public,
        client(node.internal) as internal,
        trio.open_nursery() as nursery,
    ):
        town = Town(node, public, internal, nursery)
        try:
            yield town
        finally:
            with trio.CancelScope(shield=True):
                await town.leaves()
            nursery.cancel_scope.cancel()
