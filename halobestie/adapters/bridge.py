"""The one asyncio loop of the node, for the two libraries that need one.

asyncpg and redis are asyncio programs. Each call of ours crosses over once, as one
asyncio-side coroutine, and comes back with its result; cancelling the trio side cancels
the coroutine and waits for it to unwind.
"""

from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import structlog
import trio_asyncio

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Bridge:
    """The way from trio into asyncio. Made by `open_bridge`, usable by any task meanwhile."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop

    async def cross(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run an asyncio-side coroutine to its end; its result or its exception."""
        result: T = await self._loop.run_aio_coroutine(coroutine)
        return result


@asynccontextmanager
async def open_bridge() -> AsyncIterator[Bridge]:
    """The loop, for as long as the block lasts. Close what uses it before."""
    async with trio_asyncio.open_loop() as loop:
        # The default handler raises into the loop's nursery: one background task of a
        # library that nobody awaits (a cancel request to a dead server) would end the node.
        loop.set_exception_handler(_report)
        yield Bridge(loop)


def _report(_loop: object, context: dict[str, Any]) -> None:
    error = context.get("exception")
    log.warning(
        "asyncio background error",
        what=str(context.get("message", "")),
        error=type(error).__name__ if error is not None else None,
    )
