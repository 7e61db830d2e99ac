"""bcrypt, which takes its time on purpose: in threads, a few at once."""

import base64
import hashlib

import bcrypt
import trio

# A password has little entropy: about a quarter of a second makes guessing dear.
PASSWORD_COST = 12
# A refresh token has 256 random-looking bits that no guessing will find; its hash only
# has to be one-way. The lowest cost that bcrypt knows takes about a millisecond.
REFRESH_COST = 4

_AT_ONCE = 2  # threads per hasher: more would only take the loop's cores away


class Hasher:
    """bcrypt hashes at one cost."""

    def __init__(self, cost: int) -> None:
        self._cost = cost
        self._limiter = trio.CapacityLimiter(_AT_ONCE)
        self._decoy: str | None = None

    async def hash(self, text: str) -> str:
        """A fresh salted hash of `text`, of any length."""

        def work() -> str:
            return bcrypt.hashpw(_digest(text), bcrypt.gensalt(self._cost)).decode()

        return await trio.to_thread.run_sync(work, limiter=self._limiter)

    async def matches(self, text: str, hashed: str | None) -> bool:
        """Whether `text` has that hash. Without one, False after the same work."""
        if hashed is None and self._decoy is None:
            self._decoy = await self.hash("")
        compared = hashed or self._decoy or ""

        def work() -> bool:
            return bcrypt.checkpw(_digest(text), compared.encode())

        equal = await trio.to_thread.run_sync(work, limiter=self._limiter)
        return equal and hashed is not None


def _digest(text: str) -> bytes:
    # bcrypt looks at 72 bytes and stops at NUL: 44 printable ones stand for any text.
    return base64.b64encode(hashlib.sha256(text.encode()).digest())
