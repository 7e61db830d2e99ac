"""Valkey (or Redis), from trio: the bus between nodes, and the cache of what may be lost.

Every method answers within about CALL_WITHIN seconds or raises `ValkeyAway`; after one
has failed, the next fail at once for PAUSE seconds, so that nobody queues behind a dead
cache. A caller always has something to go on with: `ValkeyAway` never reaches a client.

A subscription delivers at most once, in the order of publishing. What is published while
the connection is down, or while the reader is more than BACKLOG messages behind, is lost;
a `Gap` in the stream says so, and the reader re-reads what it keeps. The first thing a
subscription says is a `Gap`: from there on it listens.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar, TypeVarTuple

import msgspec
import redis
import redis.asyncio
import structlog
import trio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from halobestie.adapters.bridge import Bridge

T = TypeVar("T")
ArgsT = TypeVarTuple("ArgsT")

CONNECTIONS = 16
CALL_WITHIN = 1.0  # seconds
PAUSE = 1.0  # seconds for which calls fail at once after one has failed
RESUBSCRIBE_AFTER = 0.2  # seconds
CANCEL_AGAIN_AFTER = 0.05  # seconds
BACKLOG = 10_000  # messages that a subscription keeps for a slow reader

_COUNT = """
local count = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
    left = tonumber(ARGV[1])
end
return {count, left}
"""

log = structlog.get_logger(__name__)


class ValkeyAway(Exception):
    """Valkey did not do it, or not in time. Go on without."""


class Count(msgspec.Struct, frozen=True):
    """How often a thing was counted in the running window, and when that window ends."""

    count: int
    seconds_left: float


class Message(msgspec.Struct, frozen=True):
    """What was published on one of the channels."""

    channel: str
    data: bytes


class Gap(msgspec.Struct, frozen=True):
    """Messages may have been lost here: read again what they would have changed."""


class Subscription:
    """A stream of messages and gaps: `async for event in subscription`. One reader."""

    def __init__(self) -> None:
        self._events: deque[Message | Gap] = deque()
        self._arrival = trio.Event()

    def __aiter__(self) -> "Subscription":
        return self

    async def __anext__(self) -> Message | Gap:
        await trio.lowlevel.checkpoint()
        while not self._events:
            self._arrival = trio.Event()
            await self._arrival.wait()
        return self._events.popleft()

    def _put(self, event: Message | Gap) -> None:
        if len(self._events) >= BACKLOG:
            self._events.clear()
            event = Gap()
        if not (isinstance(event, Gap) and self._events and isinstance(self._events[-1], Gap)):
            self._events.append(event)
        self._arrival.set()


class Valkey:
    """One pool of connections; every method is for trio. Made by `open_valkey`."""

    def __init__(self, bridge: Bridge, client: "redis.asyncio.Redis", url: str) -> None:
        self._bridge = bridge
        self._client = client
        self._url = url
        self._away_until = float("-inf")
        self._calls = 0
        self._failures = 0

    async def ping(self) -> None:
        """Return if Valkey is there."""
        await self.command("PING")

    async def get(self, key: str) -> bytes | None:
        """The value, or None if there is none (any more)."""
        value: bytes | None = await self.command("GET", key)
        return value

    async def set(self, key: str, value: bytes | str, *, seconds: float) -> None:
        """Keep the value for `seconds`."""
        await self.command("SET", key, value, "PX", _milliseconds(seconds))

    async def add(self, key: str, value: bytes | str, *, seconds: float) -> bool:
        """Keep the value for `seconds` unless there is one. Whether it was kept."""
        kept = await self.command("SET", key, value, "PX", _milliseconds(seconds), "NX")
        return kept is not None

    async def delete(self, *keys: str) -> int:
        """How many of the keys there were."""
        return int(await self.command("DEL", *keys))

    async def count(self, key: str, *, window: float) -> Count:
        """Count one more. The first of a window starts it; `window` seconds later it is over."""
        count, left = await self.command("EVAL", _COUNT, "1", key, _milliseconds(window))
        return Count(int(count), int(left) / 1000)

    async def publish(self, channel: str, data: bytes | str) -> int:
        """Say it to whoever listens just now; how many that were on this server."""
        return int(await self.command("PUBLISH", channel, data))

    async def command(self, *words: bytes | str | int | float) -> Any:
        """Any command; its answer as the server sends it (bytes, int, list, None)."""
        execute: Callable[..., Awaitable[Any]] = self._client.execute_command
        return await self._call(lambda: execute(*words))

    @asynccontextmanager
    async def subscribe(self, *channels: str) -> AsyncIterator[Subscription]:
        """Listen to the channels for as long as the block lasts, over every reconnect.

        Enters though Valkey is away; the first `Gap` tells when it listens.
        """
        subscription = Subscription()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                self._bridge.cross, _until_cancelled(_pump, self._url, channels, subscription)
            )
            yield subscription
            nursery.cancel_scope.cancel()

    def statistics(self) -> dict[str, object]:
        return {"calls": self._calls, "failures": self._failures}

    async def _call(self, call: Callable[[], Awaitable[T]]) -> T:
        if trio.current_time() < self._away_until:
            await trio.lowlevel.checkpoint()
            raise ValkeyAway("it was away a moment ago")
        self._calls += 1
        try:
            return await self._bridge.cross(_within_limit(call))
        except (redis.RedisError, OSError) as error:
            self._failures += 1
            self._away_until = trio.current_time() + PAUSE
            raise ValkeyAway(type(error).__name__) from error


@asynccontextmanager
async def open_valkey(bridge: Bridge, url: str) -> AsyncIterator[Valkey]:
    """The Valkey at `url` (unix://, redis://, rediss://, valkey://, valkeys://).

    Connects at the first call, so it opens also while Valkey is away.
    """
    url = url.replace("valkey://", "redis://", 1).replace("valkeys://", "rediss://", 1)
    client = await bridge.cross(_open_client(url))
    try:
        yield Valkey(bridge, client, url)
    finally:
        with trio.CancelScope(shield=True), trio.move_on_after(CALL_WITHIN):
            await bridge.cross(client.aclose())


async def _open_client(url: str) -> "redis.asyncio.Redis":
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url,
        protocol=2,
        max_connections=CONNECTIONS,
        timeout=CALL_WITHIN,
        socket_timeout=CALL_WITHIN,
        socket_connect_timeout=CALL_WITHIN,
        # Once more, at once: the connection was of before the server's restart.
        retry=Retry(NoBackoff(), 1),
    )
    return redis.asyncio.Redis.from_pool(pool)


async def _within_limit(call: Callable[[], Awaitable[T]]) -> T:
    async with asyncio.timeout(CALL_WITHIN):
        return await call()


async def _until_cancelled(
    endless: Callable[[*ArgsT], Coroutine[Any, Any, None]], *args: *ArgsT
) -> None:
    """Asyncio-side: run it, and cancel it until it hears.

    redis swallows a cancellation that meets it while it connects, and goes on listening.
    """
    task = asyncio.create_task(endless(*args))
    try:
        await asyncio.wait([task])
    finally:
        while not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=CANCEL_AGAIN_AFTER)
    task.result()


async def _pump(url: str, channels: tuple[str, ...], subscription: Subscription) -> None:
    """Asyncio-side: subscribe, hand on, and subscribe again, until cancelled."""
    listening = False
    client = redis.asyncio.Redis.from_url(
        url, protocol=2, socket_connect_timeout=CALL_WITHIN, retry=Retry(NoBackoff(), 0)
    )
    try:
        while True:
            try:
                async with client.pubsub(ignore_subscribe_messages=False) as stream:
                    await stream.subscribe(*channels)
                    async for message in stream.listen():
                        if message["type"] == "message":
                            channel = message["channel"].decode()
                            subscription._put(Message(channel, message["data"]))
                        elif message["type"] == "subscribe" and message["data"] == len(channels):
                            listening = True
                            subscription._put(Gap())
            except (redis.RedisError, OSError) as error:
                if listening:
                    log.warning("valkey subscription lost", error=type(error).__name__)
                listening = False
            await asyncio.sleep(RESUBSCRIBE_AFTER)
    finally:
        await client.aclose()


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
