"""Waiting for what no event announces: another process, a file, a row."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

T = TypeVar("T")


async def until(condition: Callable[[], bool], *, within: float = 10.0) -> None:
    """Return as soon as `condition()` holds; TooSlowError after `within` seconds."""
    with trio.fail_after(within):
        while not condition():  # noqa: ASYNC110 - nobody tells
            await trio.sleep(0.01)


async def until_it_works(
    attempt: Callable[[], Awaitable[T]], *, instead_of: type[Exception], within: float = 10.0
) -> T:
    """The first result that is not an `instead_of`; TooSlowError after `within` seconds."""
    with trio.fail_after(within):
        while True:
            try:
                return await attempt()
            except instead_of:
                await trio.sleep(0.02)
