"""Budgets: so many of something for a key in so many seconds.

A sliding window, exact, kept in Valkey so that all nodes count together. When Valkey is
away each node counts by itself: the limit holds per node then, and never opens.
"""

import hashlib
from collections import OrderedDict, deque
from typing import Any, NamedTuple, Protocol
from uuid import uuid4

from actors import Clock
from halobestie.adapters.valkey import ValkeyAway
from halobestie.errors import TooMany

LOCAL_KEYS = 50_000  # keys that a node counts by itself; the oldest is forgotten first

# The window's entries are a sorted set, scored by our own clock's seconds.
# Answers {1, ""} if there was room, else {0, score of the oldest}.
_TAKE = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', tonumber(ARGV[1]) - tonumber(ARGV[2]))
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then
    return {0, redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]}
end
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[4])
redis.call('PEXPIRE', KEYS[1], math.ceil(tonumber(ARGV[2]) * 1000))
return {1, ''}
"""


class Commands(Protocol):
    """What a limiter needs of Valkey; raises ValkeyAway."""

    async def command(self, *words: bytes | str | int | float) -> Any: ...


class Budget(NamedTuple):
    """`most` within any `seconds`; what a client is told once it is spent."""

    name: str
    most: int
    seconds: float
    code: str = "rate_limited"


class Taken(NamedTuple):
    """One place of a budget, to be given back if it turns out not to count."""

    key: str
    ticket: str


class Limiter:
    """Counts for one node, with the others where it can."""

    def __init__(self, valkey: Commands, clock: Clock) -> None:
        self._valkey = valkey
        self._clock = clock
        self._local: OrderedDict[str, deque[tuple[float, str]]] = OrderedDict()

    async def take(self, budget: Budget, subject: object) -> Taken:
        """Count one more of `subject`. TooMany (429) when the budget is spent."""
        taken = Taken(_key(budget, subject), uuid4().hex)
        now = self._clock.now().timestamp()
        try:
            room, oldest = await self._valkey.command(
                "EVAL", _TAKE, 1, taken.key, f"{now:.6f}", budget.seconds, budget.most, taken.ticket
            )
            refused_until = None if room else float(oldest) + budget.seconds
        except ValkeyAway:
            refused_until = self._take_locally(budget, taken, now)
        if refused_until is not None:
            raise TooMany(refused_until - now, code=budget.code)
        return taken

    async def give_back(self, taken: Taken) -> None:
        """It did not count after all."""
        if entries := self._local.get(taken.key):
            self._local[taken.key] = deque(entry for entry in entries if entry[1] != taken.ticket)
        try:
            await self._valkey.command("ZREM", taken.key, taken.ticket)
        except ValkeyAway:
            pass  # one place is missing for a while: the safe side

    async def forget(self, budget: Budget, subject: object) -> None:
        """Start the subject's budget anew."""
        key = _key(budget, subject)
        self._local.pop(key, None)
        try:
            await self._valkey.command("DEL", key)
        except ValkeyAway:
            pass

    def _take_locally(self, budget: Budget, taken: Taken, now: float) -> float | None:
        entries = self._local.setdefault(taken.key, deque())
        self._local.move_to_end(taken.key)
        while len(self._local) > LOCAL_KEYS:
            self._local.popitem(last=False)
        while entries and entries[0][0] <= now - budget.seconds:
            entries.popleft()
        if len(entries) >= budget.most:
            return entries[0][0] + budget.seconds
        entries.append((now, taken.ticket))
        return None


def _key(budget: Budget, subject: object) -> str:
    # A digest: a phone or an e-mail is nobody's business in Valkey, and may be long.
    digest = hashlib.blake2b(str(subject).encode(), digest_size=16).hexdigest()
    return f"budget:{budget.name}:{digest}"
