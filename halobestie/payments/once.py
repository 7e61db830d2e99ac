"""The Idempotency-Key: one answer per customer and key, for 24 hours, on every node.

The first request claims the key in the database and keeps its answer there, refusals of
the client's doing (4xx) included. A repeat that comes meanwhile waits for that answer.
A claim whose holder died is taken over after CLAIM with the same request id, so that what
the first one made is found and not made again. An answer that may be better next time
(5xx) is not kept.
"""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import structlog
import trio

from actors import Clock, Unavailable
from halobestie.adapters.postgres import Database
from halobestie.errors import Conflict, Invalid, Problem
from halobestie.ids import new_id

from .store import sql

log = structlog.get_logger("halobestie.payments")

KEPT = timedelta(hours=24)
CLAIM = timedelta(seconds=60)  # over every time-out of a creation together
LOOK_AGAIN = 0.05  # seconds between two looks at a claim that someone else holds
MAX_WAIT = 20.0  # seconds that a repeat waits for the first one's answer
GIVE_BACK = 3.0  # seconds to undo a claim when its request is cancelled


class Answer(msgspec.Struct, frozen=True):
    """A status and the bytes of a JSON body."""

    status: int
    body: bytes


class Once:
    """Runs a piece of work at most once per customer and key."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def answer(
        self,
        customer_id: UUID,
        key: str | None,
        body: object,
        work: Callable[[UUID], Awaitable[Answer]],
    ) -> Answer:
        """The answer of `work`, given an id for what it makes, or the one kept for `key`.

        Raises 422 `idempotency_mismatch` when the key was used for another body, and
        what `work` raises; a Problem that was kept is raised again.
        """
        if key is None:
            return await work(new_id())
        fingerprint = hashlib.sha256(msgspec.json.encode(body, order="deterministic")).digest()
        give_up = trio.current_time() + MAX_WAIT
        while True:
            claim = await self._claim(customer_id, key, fingerprint)
            if claim is not None:
                return await self._first(customer_id, key, claim, work)
            kept = await self._db.run(sql.kept_answer, customer_id=customer_id, key=key)
            if kept is not None and kept["fingerprint"] != fingerprint:
                raise Invalid(
                    "Idempotency-Key",
                    "was used for another request",
                    code="idempotency_mismatch",
                )
            if kept is not None and kept["answer"] is not None:
                return _again(kept["status"], kept["answer"])
            if trio.current_time() > give_up:
                raise Conflict("idempotency_in_progress", "The first request is still running.")
            await trio.sleep(LOOK_AGAIN)

    async def _claim(self, customer_id: UUID, key: str, fingerprint: bytes) -> UUID | None:
        at = self._clock.now()
        record = await self._db.run(
            sql.claim_key,
            customer_id=customer_id,
            key=key,
            fingerprint=fingerprint,
            request_id=new_id(),
            at=at,
            claimed_until=at + CLAIM,
            forget_before=at - KEPT,
        )
        return None if record is None else record["request_id"]

    async def _first(
        self,
        customer_id: UUID,
        key: str,
        request_id: UUID,
        work: Callable[[UUID], Awaitable[Answer]],
    ) -> Answer:
        mine = {"customer_id": customer_id, "key": key, "request_id": request_id}
        kept = False
        try:
            try:
                answer = await work(request_id)
            except Problem as problem:
                if problem.status < 500:
                    await self._keep(mine, problem.status, _frozen(problem))
                    kept = True
                raise
            await self._keep(mine, answer.status, answer.body)
            kept = True
            return answer
        finally:
            if not kept:
                await self._give_back(mine)

    async def _keep(self, mine: dict[str, Any], status: int, body: bytes) -> None:
        await self._db.run(sql.keep_answer, status=status, answer=body, **mine)

    async def _give_back(self, mine: dict[str, Any]) -> None:
        with trio.move_on_after(GIVE_BACK, shield=True):
            try:
                await self._db.run(sql.give_claim_back, **mine)
            except Unavailable:
                log.warning("idempotency claim left to its time-out")

    async def forget_old(self, at: datetime) -> None:
        """Drop what nobody may ask for any more."""
        await self._db.run(sql.forget_old_keys, forget_before=at - KEPT)


def _frozen(problem: Problem) -> bytes:
    return msgspec.json.encode(
        {"code": problem.code, "detail": problem.detail, "members": problem.members}
    )


def _again(status: int, body: bytes) -> Answer:
    if status < 400:
        return Answer(status, body)
    kept = msgspec.json.decode(body)
    raise Problem(status, kept["code"], kept["detail"], members=kept["members"])
