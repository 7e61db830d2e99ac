"""Who an app is signed in as: its two tokens, renewed once however many ask at once."""

from collections.abc import Mapping
from typing import Any

import trio

from .api import PATIENCE, Api, Refused

RENEW_AT = 0.8  # of a token's life


class SignedOut(Exception):
    """The refresh token is dead or the account is closed: only a new login helps."""


class Account:
    """A token answer of the server, and calls made with it."""

    def __init__(self, api: Api, answer: Mapping[str, Any]) -> None:
        self.api = api
        self._renewing = trio.Lock()
        self.user_id = str(answer["user"]["id"])
        self._take(answer)

    def _take(self, answer: Mapping[str, Any]) -> None:
        self.user: dict[str, Any] = dict(answer["user"])
        self._access = str(answer["access_token"])
        self._refresh = str(answer["refresh_token"])
        self._renew_at = trio.current_time() + RENEW_AT * float(answer["expires_in"])

    async def token(self) -> str:
        """An access token with some life left in it."""
        if trio.current_time() >= self._renew_at:
            await self.renew(self._access)
        return self._access

    async def renew(self, stale: str) -> None:
        """Replace `stale`, unless somebody did already. SignedOut if the server refuses."""
        async with self._renewing:
            if self._access != stale:
                return
            try:
                answer = await self.api.call(
                    "POST", "/api/shared/auth/refresh", {"refresh_token": self._refresh}
                )
            except Refused as refused:
                raise SignedOut(refused.code) from refused
            self._take(answer)

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        patience: float = PATIENCE,
    ) -> Any:
        """As `Api.call`, signed in; a token that just expired is renewed, once."""
        token = await self.token()
        try:
            return await self.api.call(
                method, path, body, token=token, headers=headers, patience=patience
            )
        except Refused as refused:
            if refused.status != 401:
                raise
        await self.renew(token)
        return await self.api.call(
            method, path, body, token=await self.token(), headers=headers, patience=patience
        )
