"""The outside world: the only code that imports asyncpg, redis, httpx, trio_asyncio or aiosql."""
