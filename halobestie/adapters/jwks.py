"""The public keys of a sign-in provider, fetched when they are needed.

Kept for as long as the provider's Cache-Control says. A key id that is not known yet
(the provider has rotated) causes one fetch, however many ask at once, and no other for
COOLDOWN seconds, so that forged key ids cannot make us hammer the provider. When a fetch
fails the old keys go on to serve.
"""

import re
from typing import Any

import httpx
import jwt
import structlog
import trio

FETCH_WITHIN = 5.0  # seconds
COOLDOWN = 30.0  # seconds between two fetches
DEFAULT_AGE = 3600.0  # seconds
AGES = (300.0, 86_400.0)  # seconds: what a Cache-Control may ask for

_MAX_AGE = re.compile(r"max-age=(\d{1,9})")

_log = structlog.get_logger(__name__)


class NoKeys(Exception):
    """The provider's keys have never been fetched successfully."""


class Jwks:
    """The keys at one URL, by key id."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self._url = url
        self._http = http
        self._lock = trio.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fresh_until = float("-inf")
        self._next_fetch = float("-inf")

    async def key(self, key_id: str) -> jwt.PyJWK | None:
        """The RSA key of that id; None if the provider has none. NoKeys if it was never seen."""
        if self._wants_fetch(key_id):
            async with self._lock:
                if self._wants_fetch(key_id):
                    await self._fetch()
        if not self._keys:
            raise NoKeys
        return self._keys.get(key_id)

    def _wants_fetch(self, key_id: str) -> bool:
        now = trio.current_time()
        return now >= self._next_fetch and (key_id not in self._keys or now >= self._fresh_until)

    async def _fetch(self) -> None:
        self._next_fetch = trio.current_time() + COOLDOWN
        try:
            response = await self._http.get(self._url, timeout=FETCH_WITHIN)
            response.raise_for_status()
            keys = _rsa_keys(response.json())
        except (httpx.HTTPError, ValueError, TypeError, KeyError) as error:
            _log.warning("sign-in keys could not be fetched", error=type(error).__name__)
            return
        if keys:
            self._keys = keys
            self._fresh_until = trio.current_time() + _age(response)


def _rsa_keys(document: Any) -> dict[str, jwt.PyJWK]:
    keys = {}
    for entry in document["keys"]:
        usable = (
            isinstance(entry, dict)
            and entry.get("kty") == "RSA"
            and entry.get("use", "sig") == "sig"
            and entry.get("alg", "RS256") == "RS256"
            and isinstance(entry.get("kid"), str)
        )
        if usable:
            try:
                keys[entry["kid"]] = jwt.PyJWK.from_dict(entry, algorithm="RS256")
            except jwt.PyJWTError:
                continue  # one broken entry does not spoil the others
    return keys


def _age(response: httpx.Response) -> float:
    found = _MAX_AGE.search(response.headers.get("Cache-Control", ""))
    age = float(found[1]) if found else DEFAULT_AGE
    return min(max(age, AGES[0]), AGES[1])
