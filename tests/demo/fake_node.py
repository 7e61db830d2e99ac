"""A server of one session, small enough to be cruel on purpose.

It speaks the contract's frames over a real socket: `hello`, `message`, `message_status`,
`resume`. `mood` says what it does with the next messages; refreshes are counted.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import trio
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    WebSocketRequest,
    serve_websocket,
)

from halobestie.demo.account import Account
from halobestie.demo.api import Api, Refused

Frame = dict[str, Any]

SESSION: Frame = {
    "id": "s1",
    "status": "active",
    "customer": {"id": "sari"},
    "mitra": {"id": "ayu"},
    "payment_request_id": "p1",
    "last_seq": 0,
}


class FakeNode:
    """What happened, in lists; what shall happen, in attributes."""

    def __init__(self) -> None:
        self.stored: list[Frame] = []
        self.received: list[Frame] = []
        self.token = "token-0"
        self.mood = "kind"
        self.lists_the_session = True
        self.hands_shaken = 0
        self.sockets: set[WebSocketConnection] = set()
        self.port = 0
        self.news = trio.lowlevel.ParkingLot()

    async def serve(self, *, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            server = await nursery.start(serve_websocket, self._meet, "127.0.0.1", 0, None)
            self.port = server.port
            task_status.started()

    async def _meet(self, request: WebSocketRequest) -> None:
        self.hands_shaken += 1
        if dict(request.headers)[b"authorization"] != f"Bearer {self.token}".encode():
            await request.reject(401)
            return
        socket = await request.accept()
        self.sockets.add(socket)
        sessions = [{**SESSION, "last_seq": len(self.stored)}] if self.lists_the_session else []
        try:
            await self.tell(
                socket,
                type="hello",
                sessions=sessions,
                pairing=None,
                chat_requests=[],
                heartbeat_cadence_seconds=0.01,
            )
            while True:
                await self._handle(socket, json.loads(await socket.get_message()))
        except ConnectionClosed:
            self.sockets.discard(socket)

    async def tell(self, socket: WebSocketConnection, **frame: Any) -> None:
        await socket.send_message(json.dumps(frame))

    async def tell_all(self, **frame: Any) -> None:
        for socket in self.sockets:
            await self.tell(socket, **frame)

    async def _handle(self, socket: WebSocketConnection, frame: Frame) -> None:
        self.received.append(frame)
        match frame["type"], self.mood:
            case "message", "busy":
                self.mood = "kind"
                await self._refuse(socket, frame, "unavailable")
            case "message", "closed":
                await self._refuse(socket, frame, "session_not_active")
            case "message", "dying":
                self.mood = "kind"
                self.store("customer", frame["client_message_id"], frame["content"])
                await socket.aclose(1012)
            case "message", _:
                row = self.store("customer", frame["client_message_id"], frame["content"])
                await self.tell(socket, **{**row, "type": "message_status", "status": "sent"})
            case "resume", _:
                for row in self.stored[frame["after_seq"] :]:
                    await self.tell(socket, **row)
                await self.tell(socket, type="resumed", session_id="s1", last_seq=len(self.stored))
            case _:
                pass
        self.news.unpark_all()

    async def _refuse(self, socket: WebSocketConnection, frame: Frame, code: str) -> None:
        client_id = frame["client_message_id"]
        await self.tell(
            socket, type="error", code=code, session_id="s1", client_message_id=client_id
        )

    def store(self, sender: str, client_id: str, content: str) -> Frame:
        """The row of this message, new or not."""
        for row in self.stored:
            if (row["sender_type"], row["client_message_id"]) == (sender, client_id):
                return row
        seq = len(self.stored) + 1
        row = {
            "type": "message",
            "session_id": "s1",
            "id": f"id{seq}",
            "seq": seq,
            "sender_type": sender,
            "client_message_id": client_id,
            "content": content,
        }
        self.stored.append(row)
        return row

    def frames(self, kind: str) -> list[Frame]:
        return [frame for frame in self.received if frame["type"] == kind]

    async def until_received(self, kind: str, count: int = 1) -> Frame:
        """Wait until `count` such frames have come; the last of them."""
        while len(self.frames(kind)) < count:
            await self.news.park()
        return self.frames(kind)[-1]

    async def lose_sockets(self, code: int = 1012) -> None:
        for socket in list(self.sockets):
            await socket.aclose(code)


class FakeApi(Api):
    """Answers the refresh of tokens; the node then takes the new one only."""

    def __init__(self, node: FakeNode) -> None:
        super().__init__(f"http://127.0.0.1:{node.port}", Random(1))
        self.refreshes = 0
        self.refuses = False
        self._node = node

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        patience: float = 0,
    ) -> Any:
        await trio.lowlevel.checkpoint()
        if path == "/api/shared/auth/refresh":
            if self.refuses:
                raise Refused(401, {"code": "refresh_reused"})
            self.refreshes += 1
            self._node.token = f"token-{self.refreshes}"
            return tokens(self._node.token)
        if path == "/api/shared/chat-sessions/s1":
            return {"session": {**SESSION, "status": "completed"}}
        if token != self._node.token:
            raise Refused(401, {"code": "token_expired"})
        return {"path": path}


def tokens(access: str) -> Frame:
    user = {"id": "sari", "user_type": "customer"}
    return {"access_token": access, "refresh_token": "r", "expires_in": 3600, "user": user}


@asynccontextmanager
async def fake_node() -> AsyncIterator[tuple[FakeNode, Account]]:
    """The node, and an account that it takes for its customer."""
    node = FakeNode()
    async with trio.open_nursery() as nursery:
        await nursery.start(node.serve)
        async with FakeApi(node) as api:
            yield node, Account(api, tokens("token-0"))
        nursery.cancel_scope.cancel()
