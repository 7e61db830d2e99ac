"""Google and Apple: who an ID token says has signed in.

The key is issuer and subject. E-mail addresses in tokens are not looked at: they change
hands, and matching by them would hand accounts over.
"""

from collections.abc import Collection
from typing import Any, Final, NamedTuple, Protocol

import jwt
from jwt.types import Options

from actors import Clock
from halobestie.accounts.customers import Identity
from halobestie.accounts.rules import MAX_NAME, nonce_fits
from halobestie.adapters.jwks import NoKeys
from halobestie.errors import Away, Unauthenticated

LEEWAY: Final = 60  # seconds between the provider's clock and ours
MAX_SUBJECT: Final = 255

_ALGORITHM = "RS256"
# Signature and audience by the library; the times by our own clock, the rest below.
_OPTIONS: Options = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


class Keys(Protocol):
    """A provider's public keys. NoKeys when none were ever had."""

    async def key(self, key_id: str) -> jwt.PyJWK | None: ...


class Provider(NamedTuple):
    """Whose tokens these are. The first issuer is the one that accounts are kept under."""

    name: str
    issuers: tuple[str, ...]


GOOGLE = Provider("google", ("https://accounts.google.com", "accounts.google.com"))
APPLE = Provider("apple", ("https://appleid.apple.com",))


class Person(NamedTuple):
    """Who the token is about; Google also tells a name."""

    identity: Identity
    name: str | None


class IdTokens:
    """Checks one provider's ID tokens. Without audiences the provider is switched off."""

    def __init__(
        self, provider: Provider, audiences: Collection[str], keys: Keys, clock: Clock
    ) -> None:
        self._provider = provider
        self._audiences = list(audiences)
        self._keys = keys
        self._clock = clock

    async def check(self, token: str, nonce: str | None) -> Person:
        """Who signed in. 401 `invalid_id_token`; 503 `provider_not_configured`."""
        if not self._audiences:
            raise Away("provider_not_configured", f"Sign-in with {self._provider.name} is off.")
        key = await self._key_of(token)
        try:
            claims = jwt.decode(
                token, key, algorithms=[_ALGORITHM], audience=self._audiences, options=_OPTIONS
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise _invalid() from None
        subject = claims.get("sub")
        if (
            claims.get("iss") not in self._provider.issuers
            or not isinstance(subject, str)
            or not 0 < len(subject) <= MAX_SUBJECT
            or "\0" in subject
            or not self._is_current(claims)
            # A nonce that we were not told of is the SDK's own affair.
            or (nonce is not None and not nonce_fits(claims.get("nonce"), nonce))
        ):
            raise _invalid()
        return Person(Identity(self._provider.issuers[0], subject), _name(claims))

    async def _key_of(self, token: str) -> jwt.PyJWK:
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise _invalid() from None
        key_id = header.get("kid")
        if header.get("alg") != _ALGORITHM or not isinstance(key_id, str):
            raise _invalid()
        try:
            key = await self._keys.key(key_id)
        except NoKeys:
            raise Away(detail="The sign-in provider cannot be reached.") from None
        if key is None:
            raise _invalid()
        return key

    def _is_current(self, claims: dict[str, Any]) -> bool:
        now = self._clock.now().timestamp()
        issued, expires = claims.get("iat"), claims.get("exp")
        return (
            type(issued) is int
            and type(expires) is int
            and issued <= now + LEEWAY
            and expires > now - LEEWAY
        )


def _name(claims: dict[str, Any]) -> str | None:
    name = claims.get("name")
    if not isinstance(name, str):
        return None
    printable = "".join(letter for letter in name if letter.isprintable())
    return " ".join(printable.split())[:MAX_NAME].strip() or None


def _invalid() -> Unauthenticated:
    return Unauthenticated("invalid_id_token", "The ID token is not valid.")
