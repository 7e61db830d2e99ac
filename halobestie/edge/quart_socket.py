"""How Quart runs the handler of a WebSocket on this edge.

quart-trio's own class keeps two more tasks and a nursery per socket to shovel messages
into a channel, cancels the handler the moment the peer has gone, with what it sent
before still unread, and closes with 1000 when the handler raised. This one calls the
handler, and closes with 1000 when it returned, with 1011 when it raised.
"""

from inspect import isawaitable
from typing import Any, cast

import trio
from quart_trio import QuartTrio
from quart_trio.asgi import TrioASGIWebsocketConnection

from .frames import INTERNAL_ERROR
from .handshake import wire_of
from .transport import PeerGone


class _Inbox:
    """Quart's `websocket.receive()`: the wire, message by message, then trio.EndOfChannel."""

    def __init__(self, scope: Any) -> None:
        self._scope = scope

    async def receive(self) -> str:
        async for text in wire_of(self._scope):
            return text
        raise trio.EndOfChannel


class SocketHandling(TrioASGIWebsocketConnection):
    """One WebSocket, from the handshake to the handler's end, in the task it is called in."""

    def __init__(self, app: QuartTrio, scope: Any) -> None:
        self.app = app
        self.scope = scope
        self.receive_channel = cast(Any, _Inbox(scope))
        self._accepted = False
        self._closed = False

    async def __call__(self, receive: Any, send: Any) -> None:
        await receive()  # websocket.connect
        websocket = self._create_websocket_from_scope(send)
        try:
            response = await self._handle(websocket)
        except PeerGone:
            return  # the handler was sending to a peer that had gone
        except BaseExceptionGroup as group:
            rest = group.split(PeerGone)[1]
            if rest is not None:
                raise rest from None
            return
        if not self._accepted:
            await self._refuse(response, send)
        elif not self._closed:
            # A response after the accept stands for an exception that an error handler
            # of the app has dealt with.
            code = 1000 if response is None else INTERNAL_ERROR
            await wire_of(self.scope).close(code)

    async def _handle(self, websocket: Any) -> Any:
        async with self.app.websocket_context(websocket) as context:
            try:
                return await self.app.full_dispatch_websocket(context)
            except (Exception, BaseExceptionGroup) as error:
                if self._accepted or _is_cancellation(error):
                    raise  # to the edge: it logs, and closes with 1011
                return await self.app.handle_websocket_exception(error)  # type: ignore[arg-type]

    async def _refuse(self, response: Any, send: Any) -> None:
        """The handshake gets an HTTP answer; 403 from hypercorn if there is none."""
        if response is None:
            await send({"type": "websocket.close", "code": 1000})
            return
        headers = [
            (key.lower().encode(), value.encode()) for key, value in response.headers.items()
        ]
        await send(
            {
                "type": "websocket.http.response.start",
                "status": response.status_code,
                "headers": headers,
            }
        )
        body = response.get_data()  # Quart's is awaited, that of an HTTPException is not
        if isawaitable(body):
            body = await body
        await send({"type": "websocket.http.response.body", "body": body, "more_body": False})


def _is_cancellation(error: BaseException) -> bool:
    """A group may carry it out of a handler's nursery, beside other things."""
    return isinstance(error, BaseExceptionGroup) and error.subgroup(trio.Cancelled) is not None
