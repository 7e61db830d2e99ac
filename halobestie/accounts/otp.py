"""One-time codes: proof that somebody holds a phone.

A phone waits for one code at a time per user type; a new one replaces it. Codes live five
minutes, are kept as a keyed hash, work once, and allow five guesses, counted before they
are looked at. Whether a phone belongs to a mitra shows nowhere: the same statements run
and the same answers come, only nothing is sent.
"""

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol
from uuid import UUID

import msgspec

from actors import Clock
from halobestie.accounts.limits import Budget, Limiter, Taken
from halobestie.accounts.rules import new_code
from halobestie.accounts.store import session_sql
from halobestie.adapters.postgres import Database
from halobestie.errors import TooMany, Unauthenticated
from halobestie.ids import new_id

PhoneUser = Literal["customer", "mitra"]

CODE_LIFETIME: Final = timedelta(minutes=5)
GUESSES: Final = 5
BLOCKED_FOR: Final = timedelta(minutes=15)
CODES_PER_PHONE: Final = Budget("otp-phone", 5, 3600.0, "otp_blocked")
# Many phones share one address of an Indonesian carrier; more than this is a machine.
CODES_PER_ADDRESS: Final = Budget("otp-address", 300, 3600.0)
GUESSES_PER_ADDRESS: Final = Budget("otp-guesses", 600, 3600.0)


class CodeSender(Protocol):
    """Brings a code to a phone. Returns at once; sending may go on behind."""

    def send(self, phone: str, code: str) -> None: ...

    def last_code(self, phone: str) -> str | None:
        """For test routes: what was sent last. None where codes really go to phones."""
        ...


class CodeRequested(msgspec.Struct, frozen=True):
    """A code is on its way, if there is anybody to get one."""

    phone: str
    expires_in_seconds: int
    retry_after_seconds: int

    def __repr__(self) -> str:
        return "CodeRequested(…)"


class Otp:
    """Requests and checks codes. `limit_addresses` is off in development."""

    def __init__(
        self,
        db: Database,
        limiter: Limiter,
        sender: CodeSender,
        clock: Clock,
        *,
        secret: str,
        cooldown_seconds: int,
        limit_addresses: bool,
    ) -> None:
        self._db = db
        self._limiter = limiter
        self._sender = sender
        self._clock = clock
        self._key = hmac.digest(secret.encode(), b"halobestie one-time code", hashlib.sha256)
        self._cooldown = timedelta(seconds=cooldown_seconds)
        self._limit_addresses = limit_addresses

    async def request(
        self, user_type: PhoneUser, phone: str, address: str, *, known: bool
    ) -> CodeRequested:
        """Send a code to `phone` (E.164), if it is `known`; the answer does not tell.

        TooMany `otp_cooldown`, `otp_blocked` or, for the address, `rate_limited`.
        """
        await self._refuse_while_waiting(user_type, phone)
        if self._limit_addresses:
            await self._limiter.take(CODES_PER_ADDRESS, address)
        taken = await self._limiter.take(CODES_PER_PHONE, phone)
        code = new_code()
        at = self._clock.now()
        challenge_id = new_id()
        hashed = self._hash(challenge_id, code)
        opened = await self._db.run(
            session_sql.open_challenge,
            user_type=user_type,
            phone=phone,
            id=challenge_id,
            code_hash=hashed if known else None,
            at=at,
            expires_at=at + CODE_LIFETIME,
            cooled_since=at - self._cooldown,
        )
        if opened is None:
            await self._lost_the_race(user_type, phone, taken)
        if known:
            self._sender.send(phone, code)
        return CodeRequested(
            phone, int(CODE_LIFETIME.total_seconds()), int(self._cooldown.total_seconds())
        )

    async def check(self, user_type: PhoneUser, phone: str, code: str, address: str) -> None:
        """Return if `code` is the one; it is spent then.

        Unauthenticated `otp_invalid` (with `attempts_left`) or `otp_expired`; TooMany
        `otp_blocked` after five wrong ones.
        """
        if self._limit_addresses:
            await self._limiter.take(GUESSES_PER_ADDRESS, address)
        at = self._clock.now()
        challenge = await self._db.run(
            session_sql.spend_attempt,
            user_type=user_type,
            phone=phone,
            at=at,
            most=GUESSES,
            blocked_until=at + BLOCKED_FOR,
        )
        if challenge is None:
            await self._refuse_while_blocked(user_type, phone)
            raise Unauthenticated("otp_expired", "No code is waiting; ask for a new one.")
        expected = challenge["code_hash"] or b""
        right = hmac.compare_digest(self._hash(challenge["id"], code), expected)
        if not right or not await self._consume(user_type, phone, challenge["id"], at):
            raise Unauthenticated(
                "otp_invalid",
                "The code is wrong.",
                attempts_left=GUESSES - challenge["attempts"],
            )

    def last_code(self, phone: str) -> str | None:
        """For test routes: the code that the stub sent last to a phone."""
        return self._sender.last_code(phone)

    async def reset(self, phone: str) -> None:
        """Forget everything about a phone: budgets, blocks, codes. For test routes."""
        await self._db.run(session_sql.reset_challenges, phone=phone)
        await self._limiter.forget(CODES_PER_PHONE, phone)

    async def _consume(
        self, user_type: PhoneUser, phone: str, challenge_id: UUID, at: datetime
    ) -> bool:
        # Of two simultaneous right answers one gets in.
        consumed = await self._db.run(
            session_sql.consume_challenge, user_type=user_type, phone=phone, id=challenge_id, at=at
        )
        return consumed is not None

    async def _refuse_while_waiting(self, user_type: PhoneUser, phone: str) -> None:
        waiting = await self._refuse_while_blocked(user_type, phone)
        if waiting is None:
            return
        wait = (waiting + self._cooldown - self._clock.now()).total_seconds()
        if wait > 0:
            raise TooMany(wait, code="otp_cooldown", detail="A code was sent a moment ago.")

    async def _refuse_while_blocked(self, user_type: PhoneUser, phone: str) -> datetime | None:
        """When the phone last asked for a code, if it did; TooMany while it is blocked."""
        challenge = await self._db.run(session_sql.waiting_for, user_type=user_type, phone=phone)
        if challenge is None:
            return None
        blocked_until = challenge["blocked_until"]
        if challenge["consumed_at"] is None and blocked_until is not None:
            wait = (blocked_until - self._clock.now()).total_seconds()
            if wait > 0:
                raise TooMany(wait, code="otp_blocked", detail="Too many wrong codes.")
        created_at: datetime = challenge["created_at"]
        return created_at

    async def _lost_the_race(self, user_type: PhoneUser, phone: str, taken: Taken) -> None:
        # Another request for this phone came in between the look and the write.
        await self._limiter.give_back(taken)
        await self._refuse_while_waiting(user_type, phone)
        raise TooMany(1, code="otp_cooldown")

    def _hash(self, challenge_id: UUID, code: str) -> bytes:
        return hmac.digest(self._key, challenge_id.bytes + code.encode(), hashlib.sha256)
