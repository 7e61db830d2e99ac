"""Sends what the outbox holds.

A static service beside everything else: nobody waits for it, and it touches nothing that
a chat waits for. At least once: a push whose sender dies between the provider's answer
and the commit of it is sent again when its claim ends; apps know a message by its id.
Without a courier pushes are recorded. A crash, a lost database or a kill lose no push:
rows that were claimed come back by themselves.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random

import structlog
import trio

from actors import Actor, Unavailable

from .messages import LookNow
from .outbox import Outbox, PushRow, Settled
from .ports import Courier, DeadToken, Fate, TryLater
from .rules import after, message_of

BATCH = 50  # pushes claimed at a time, and sent at the same time
CLAIM_SECONDS = 60.0  # longer than a send may take: a token, a message, and both again
LOOK_EVERY = 5.0  # seconds: pushes of other nodes, and claims of senders that died
SOONEST = 0.05  # seconds between two looks
FORGET_EVERY = 3600.0
KEEP_DAYS = 7

log = structlog.get_logger("halobestie.push")

Forget = Callable[[str], Awaitable[None]]


class Sender(Actor[LookNow]):
    """`forget_token`: a token is dead, whoever had it."""

    def __init__(
        self, outbox: Outbox, courier: Courier | None, forget_token: Forget, random: Random
    ) -> None:
        self._outbox = outbox
        self._courier = courier
        self._forget_token = forget_token
        self._random = random
        self._paused_until = 0.0  # trio time
        self._forgot_at = float("-inf")
        self._counts: dict[str, int] = {}

    async def started(self) -> None:
        self.deadlines.after("look", 0.0, LookNow())

    async def receive(self, message: LookNow) -> None:
        """Many may have come: one look is enough for them all."""

    async def flush(self) -> None:
        """Send what is due, and say when to look again."""
        try:
            pause = self._paused_until - trio.current_time()
            full = pause <= 0 and await self._round()
            wait = SOONEST if full else max(await self._until_next(), pause)
            await self._forget_old()
        except Unavailable:
            wait = LOOK_EVERY
        self.deadlines.after("look", wait, LookNow())

    async def _until_next(self) -> float:
        due = await self._outbox.next_due()
        if due is None:
            return LOOK_EVERY
        return min(LOOK_EVERY, max(SOONEST, self.clock.seconds_until(due)))

    async def _round(self) -> bool:
        """One batch; whether there may be more."""
        at = self.clock.now()
        claimed = await self._outbox.claim(at, at + timedelta(seconds=CLAIM_SECONDS), BATCH)
        settled: list[Settled] = []
        async with trio.open_nursery() as nursery:
            for push in claimed:
                nursery.start_soon(self._deliver, push, settled)
        if settled:
            await self._outbox.settle(settled)
        return len(claimed) == BATCH

    async def _deliver(self, push: PushRow, settled: list[Settled]) -> None:
        at = self.clock.now()
        if at >= push.expires_at:
            done = Settled(push.id, "expired", None, at)
        elif not push.is_theirs:
            done = Settled(push.id, "dead_token", "moved", at)
        elif self._courier is None:
            log.info("push recorded", type=push.type, user_id=str(push.user_id))
            done = Settled(push.id, "recorded", None, at)
        else:
            fate = await self._courier.send(message_of(push, at))
            await self._act_on(fate, push)
            done = Settled(push.id, *after(fate, push, self.clock.now(), self._random))
        settled.append(done)
        self._counts[done.status] = self._counts.get(done.status, 0) + 1

    async def _act_on(self, fate: Fate, push: PushRow) -> None:
        match fate:
            case DeadToken(code, alert):
                assert push.fcm_token is not None, "only a phone's push is owed"
                await self._forget_token(push.fcm_token)
                if alert:
                    log.error("push token of another project", code=code)
            case TryLater(code, after_seconds, everybody, alert):
                if alert:
                    log.error("push needs repair", code=code, platform=push.platform)
                if everybody:
                    pause = trio.current_time() + (after_seconds or 10.0)
                    self._paused_until = max(self._paused_until, pause)
            case _:
                pass

    async def _forget_old(self) -> None:
        if trio.current_time() - self._forgot_at >= FORGET_EVERY:
            self._forgot_at = trio.current_time()
            await self._outbox.forget(self.clock.now() - timedelta(days=KEEP_DAYS))

    def info(self) -> dict[str, object]:
        return {**self._counts, "with_credentials": self._courier is not None}
