"""A running node's control center: HTTP calls, and sockets as a browser opens them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

from halobestie.control.app import control_app
from halobestie.edge import Listener
from halobestie.house import House
from halobestie.node import open_house
from halobestie.secrets import with_generated_secrets
from halobestie.settings import read_settings

ADMIN = {"email": "admin@halobestie.local", "password": "kata sandi admin"}
PATIENCE = 10.0  # seconds for anything to happen


class Page:
    """One open socket, as the page has it."""

    def __init__(self, connection: WebSocketConnection) -> None:
        self.connection = connection

    async def next(self, kind: str) -> dict[str, Any]:
        """The next frame of this type."""
        with trio.fail_after(PATIENCE):
            while True:
                frame: dict[str, Any] = msgspec.json.decode(await self.connection.get_message())
                if frame["type"] == kind:
                    return frame

    async def closed(self) -> int:
        """The code with which the server closes."""
        with trio.fail_after(PATIENCE):
            while True:
                try:
                    await self.connection.get_message()
                except ConnectionClosed as closed:
                    return 1006 if closed.reason is None else int(closed.reason.code)


class Center:
    """The internal listener of a node, seen from outside, and its house."""

    def __init__(self, house: House, http: httpx.AsyncClient, port: int) -> None:
        self.house = house
        self.http = http
        self.port = port
        self.token = ""

    async def sign_in(self) -> None:
        answer = await self.http.post("/internal/auth/login", json=ADMIN)
        self.token = answer.json()["access_token"]
        self.http.headers["Authorization"] = f"Bearer {self.token}"

    async def get(self, path: str, /, **query: Any) -> Any:
        answer = await self.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    @asynccontextmanager
    async def page(self, path: str, token: str | None = None) -> AsyncIterator[Page]:
        """A socket, opened as browsers do."""
        protocols = ["halobestie", f"bearer.{self.token if token is None else token}"]
        async with (
            await trio.open_tcp_stream("127.0.0.1", self.port) as stream,
            trio.open_nursery() as nursery,
        ):
            connection = await wrap_client_stream(
                nursery, stream, "127.0.0.1", path, subprotocols=protocols
            )
            yield Page(connection)
            await connection.aclose()


@asynccontextmanager
async def open_center(database_url: str, valkey_url: str, **environ: str) -> AsyncIterator[Center]:
    """A node without its public listener."""
    settings = with_generated_secrets(
        read_settings(
            {
                "DATABASE_URL": database_url,
                "VALKEY_URL": valkey_url,
                "AUTH_JWT_SECRET": "a-test-key-of-at-least-32-bytes-in-length",
                "CC_ADMIN_EMAIL": ADMIN["email"],
                "CC_ADMIN_PASSWORD": ADMIN["password"],
                **environ,
            }
        )
    )
    async with open_house(settings) as (house, nursery):
        listener = Listener(control_app(house), "127.0.0.1:0", "internal")
        _, port = await nursery.start(listener.serve)
        house.health.phase = "serving"
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, trust_env=False
        ) as http:
            center = Center(house, http, port)
            await center.sign_in()
            yield center
        nursery.cancel_scope.cancel()
