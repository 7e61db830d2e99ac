"""From an upgrade request to a Wire.

Routing, authentication and accepting are the app's, over ASGI as always. The connection
reads nothing meanwhile; bytes that came in before our 101 are a fault. From the accept
on the Wire has the socket, and ASGI's send and close, if the app still uses them, are
thin doors onto it; its receive brings nothing more.
"""

from typing import TYPE_CHECKING, Any

import trio
from hypercorn.protocol.events import Response
from hypercorn.protocol.ws_stream import ASGIWebsocketState, WSStream
from quart import Websocket

from .frames import INTERNAL_ERROR, NORMAL
from .transport import PeerGone
from .wire import Wire

if TYPE_CHECKING:
    from .connection import Connection

_KEY = "halobestie.wire"


def take_wire(websocket: Websocket) -> Wire:
    """The straight road of a WebSocket that was accepted: `await websocket.accept()` first.

    From here on the handler talks to the wire and leaves Quart's send, receive and close
    alone. Raises RuntimeError before the accept.
    """
    return wire_of(websocket.scope)


def wire_of(scope: Any) -> Wire:
    """As take_wire, for an ASGI scope."""
    wire = scope["extensions"].get(_KEY)
    if wire is None:
        raise RuntimeError("accept the websocket before taking its wire")
    assert isinstance(wire, Wire)
    return wire


class Handshake(WSStream):
    """hypercorn's WebSocket stream up to the accept; ours from there.

    Not used of it: wsproto's connection (it buffers a message of any size, answers 1002
    and 1007 by dropping TCP, and offers permessage-deflate) and its ping task.
    """

    owner: "Connection"
    wire: Wire | None = None

    async def app_send(self, message: Any) -> None:
        """What the app says. None: it has returned."""
        wire = self.wire
        if wire is None:
            await super().app_send(message)
            return
        if message is None:
            await wire.close(INTERNAL_ERROR)
            self.owner.hang_up()
        elif message["type"] == "websocket.send":
            text = message.get("text")
            if text is None:
                raise TypeError("only text messages are spoken here")
            try:
                await wire.send([text.encode()])
            except PeerGone:
                pass  # ASGI: sending to a peer that is gone is no error of the app
        elif message["type"] == "websocket.close":
            await wire.close(int(message.get("code", NORMAL)), message.get("reason") or "")

    async def _accept(self, message: Any) -> None:
        self.handshake.extensions = None  # no deflate: 138 KB a connection, and bombs
        status, headers, _ = self.handshake.accept(
            message.get("subprotocol"), message.get("headers", [])
        )
        if not await self.owner.may_switch():
            # Cancelled by now: the app learns it at this checkpoint.
            await trio.lowlevel.checkpoint()
            raise PeerGone("the handshake has failed")
        self.state = ASGIWebsocketState.CONNECTED
        await self.send(Response(stream_id=self.stream_id, status_code=status, headers=headers))
        self.wire = await self.owner.switch()
        self.scope["extensions"][_KEY] = self.wire  # type: ignore[assignment]
        self._forget_the_handshake()

    def _forget_the_handshake(self) -> None:
        """An idle socket is paid for by the byte, for hours."""
        self.scope["headers"] = []
        del self.handshake, self.buffer
        self.app_put = None
