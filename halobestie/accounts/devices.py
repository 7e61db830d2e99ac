"""Which phones a user's pushes go to. A device lives as long as the sign-in on it."""

from typing import Literal

from actors import Clock
from halobestie.accounts.store import sql
from halobestie.adapters.postgres import Database
from halobestie.callers import Caller

Platform = Literal["android", "ios", "web"]


class Devices:
    """Registers and forgets push tokens."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def keep(self, caller: Caller, fcm_token: str, platform: Platform) -> None:
        """The token is the caller's from now on, whoever had it."""
        await self._db.run(
            sql.keep_device,
            fcm_token=fcm_token,
            platform=platform,
            auth_session_id=caller.session_id,
            at=self._clock.now(),
        )

    async def forget_dead(self, fcm_token: str) -> None:
        """A token that will never work again, whoever had it."""
        await self._db.run(sql.forget_dead_device, fcm_token=fcm_token)

    async def forget(self, caller: Caller, fcm_token: str) -> None:
        """Only the caller's own; one that is not there is as good as forgotten."""
        await self._db.run(sql.forget_device, fcm_token=fcm_token, user_id=caller.id)
