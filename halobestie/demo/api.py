"""The HTTP side of a client: calls that a lost node does not lose.

Everything an app posts may be repeated (the contract's routes are idempotent, or take an
`Idempotency-Key`), so a call that found no node is made again, with jittered back-off,
until its patience is over. Refusals are answers, and are raised at once.
"""

from collections.abc import Mapping
from random import Random
from types import TracebackType
from typing import Any, Self

import httpx
import trio

TIMEOUT = 15.0  # seconds for one try; the server answers `unavailable` within 5
PATIENCE = 60.0  # seconds for all tries of one call
FIRST_WAIT = 0.25  # seconds: the upper end of the first jittered wait
LONGEST_WAIT = 5.0


class Refused(Exception):
    """The server said no: a problem with its `code`."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = dict(problem)
        self.code = str(problem.get("code", ""))
        super().__init__(f"{status} {self.code}")


class Away(Exception):
    """No node answered, or it said that it cannot just now."""


class Backoff:
    """Waits that grow and are spread over their whole length, so that apps do not march."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._tries = 0

    def reset(self) -> None:
        self._tries = 0

    def next(self) -> float:
        """Seconds to wait before the next try."""
        longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0**self._tries)
        self._tries = min(self._tries + 1, 16)
        return self._rng.uniform(0, longest)


class Api:
    """One listener, one connection pool. May be shared by any number of apps."""

    def __init__(self, base_url: str, rng: Random) -> None:
        self.base_url = base_url.rstrip("/")
        self.rng = rng
        self._http = httpx.AsyncClient(
            base_url=self.base_url,
            timeout=TIMEOUT,
            trust_env=False,
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=64),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with trio.CancelScope(shield=True):
            await self._http.aclose()

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        patience: float = PATIENCE,
    ) -> Any:
        """The decoded answer (None for 204); Refused, or Away after `patience` seconds."""
        backoff = Backoff(self.rng)
        give_up_at = trio.current_time() + patience
        while True:
            try:
                return await self._once(method, path, body, token, headers or {})
            except Away:
                wait = backoff.next()
                if trio.current_time() + wait > give_up_at:
                    raise
            await trio.sleep(wait)

    async def answers(self, path: str = "/healthz") -> bool:
        """Whether anything answers 200 there now."""
        try:
            await self._once("GET", path, None, None, {})
        except (Away, Refused):
            return False
        return True

    async def _once(
        self, method: str, path: str, body: object, token: str | None, headers: Mapping[str, str]
    ) -> Any:
        all_headers = dict(headers)
        if token is not None:
            all_headers["Authorization"] = f"Bearer {token}"
        try:
            answer = await self._http.request(method, path, json=body, headers=all_headers)
        except httpx.TransportError as error:
            raise Away(f"{method} {path}: {type(error).__name__}") from error
        if answer.status_code in (502, 503, 504):
            raise Away(f"{method} {path}: {answer.status_code}")
        if answer.is_success:
            return answer.json() if answer.content else None
        try:
            problem = answer.json()
        except ValueError:
            problem = {}
        raise Refused(answer.status_code, problem if isinstance(problem, dict) else {})
