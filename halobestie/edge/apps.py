"""Running the app: one task a request, and nothing that it raises goes further.

Stands where hypercorn has its TaskGroup, whose queue deadlocks when the disconnect
event meets a full one, and whose nursery loses its verdict when cancelled from outside.
"""

from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog
import trio
from hypercorn.config import Config

from .statistics import Counters

Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[..., Awaitable[None]]  # (scope, receive, send), as ASGI has it

_log = structlog.get_logger()
_LAST = frozenset({"http.disconnect", "websocket.disconnect"})


@contextmanager
def contained(event: str, counters: Counters) -> Iterator[None]:
    """Log and swallow every exception but cancellation and the process's own end."""
    try:
        yield
    except BaseExceptionGroup as group:
        errors, rest = group.split(Exception)
        if errors is not None:
            counters.failures += 1
            _log.error(event, exc_info=errors)
        if rest is not None:
            raise rest from None
    except Exception:  # noqa: BLE001  # the boundary: a connection's trouble ends here
        counters.failures += 1
        _log.exception(event)


class EventQueue:
    """Events for one request of the app, bounded; the disconnect always finds room."""

    def __init__(self, capacity: int) -> None:
        self._send, self._receive = trio.open_memory_channel[Event](capacity)
        self._last: Event | None = None

    async def put(self, event: Event) -> None:
        """Waits while the app does not take what is there: then the peer has to wait too."""
        if event["type"] in _LAST:
            self._last = event
            self._send.close()
            return
        try:
            await self._send.send(event)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the app has answered and wants no more, or its peer is gone

    async def receive(self) -> Event:
        """The next event; the disconnect for ever, once it has come."""
        try:
            return await self._receive.receive()
        except trio.EndOfChannel:
            assert self._last is not None
            return self._last

    def close(self) -> None:
        """The app takes no more: whoever waits to put goes on."""
        self._receive.close()


class AppTasks:
    """What hypercorn's streams call a task group, for one connection."""

    def __init__(self, nursery: trio.Nursery, counters: Counters) -> None:
        self.spawn = nursery.start_soon
        self._counters = counters

    async def spawn_app(
        self, app: App, config: Config, scope: Any, send: Send
    ) -> Callable[[Event], Awaitable[None]]:
        """Start the app on one request; what is returned puts events for it."""
        queue = EventQueue(config.max_app_queue_size)
        self.spawn(self._run, app, scope, queue, send)
        return queue.put

    async def _run(self, app: App, scope: Any, queue: EventQueue, send: Send) -> None:
        with contained("app failed", self._counters):
            try:
                await app(scope, queue.receive, send)
            finally:
                queue.close()
        with contained("app failed", self._counters):
            await send(None)  # hypercorn's sign that it has returned: 500 if it said nothing
