"""The node's HTTP client for what is neither payment nor push: keys and one-time codes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

CALL_WITHIN = 10.0  # seconds


@asynccontextmanager
async def open_http() -> AsyncIterator[httpx.AsyncClient]:
    """A client that follows no redirects and ignores proxies of the environment."""
    async with httpx.AsyncClient(timeout=CALL_WITHIN, trust_env=False) as http:
        yield http
