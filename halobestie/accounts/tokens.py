"""Access and refresh tokens as texts. No database, no network.

An access token is a JWT (HS256, one hour). A refresh token is opaque to clients: the id
of the auth session, a generation number, and a MAC over both. Deriving it makes rotation
safe under concurrency, because every refresh of generation n hands out the same
generation n + 1, and lets any earlier generation be recognised without keeping its hash.
The database keeps only a bcrypt hash of the newest one.
"""

import base64
import binascii
import hashlib
import hmac
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

import jwt
import msgspec
from jwt.types import Options

from actors import Clock
from halobestie.callers import Caller, Role, UserType
from halobestie.errors import Unauthenticated

ACCESS_LIFETIME: Final = timedelta(hours=1)
REFRESH_LIFETIME: Final = timedelta(days=30)
CLOCK_SKEW: Final = 30  # seconds by which another node's clock may be ahead

_ALGORITHM = "HS256"
# Signature only: the times are checked against our own clock, below.
_OPTIONS: Options = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}
# 32 bytes of signature leave two bits of the last base64 letter unused: zeros, or forged.
_LAST_LETTERS = frozenset("AEIMQUYcgkosw048")
_UUID_BYTES = 16
_MAC_BYTES = 32
_GENERATION_BYTES = 4


class _Claims(msgspec.Struct):
    sub: UUID
    user_type: UserType
    session_id: UUID
    iat: int
    exp: int
    role: Role | None = None


class AccessTokens:
    """Makes and checks access tokens with the node's key."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._secret = secret
        self._clock = clock

    def make(self, caller: Caller) -> str:
        now = int(self._clock.now().timestamp())
        claims: dict[str, object] = {
            "sub": str(caller.id),
            "user_type": caller.user_type,
            "session_id": str(caller.session_id),
            "iat": now,
            "exp": now + int(ACCESS_LIFETIME.total_seconds()),
        }
        if caller.role is not None:
            claims["role"] = caller.role
        return jwt.encode(claims, self._secret, algorithm=_ALGORITHM)

    def check(self, token: str) -> Caller:
        """Whose it is; Unauthenticated when forged, malformed, expired or not yet made."""
        try:
            if token[-1:] not in _LAST_LETTERS:
                raise _not_valid()
            payload = jwt.decode(token, self._secret, algorithms=[_ALGORITHM], options=_OPTIONS)
            claims = msgspec.convert(payload, _Claims)
        except (jwt.PyJWTError, msgspec.ValidationError, ValueError, RecursionError):
            raise _not_valid() from None
        now = self._clock.now().timestamp()
        if claims.iat > now + CLOCK_SKEW or (claims.user_type == "cc_user") != bool(claims.role):
            raise _not_valid()
        if claims.exp <= now:
            raise Unauthenticated("token_expired", "The access token has expired; refresh it.")
        return Caller(claims.sub, claims.user_type, claims.session_id, claims.role)


def _not_valid() -> Unauthenticated:
    return Unauthenticated(detail="The access token is not valid.")


class RefreshToken(NamedTuple):
    """What a genuine refresh token says."""

    session_id: UUID
    generation: int


class RefreshTokens:
    """Derives and recognises refresh tokens.

    A new AUTH_JWT_SECRET makes every older one worthless: all have to sign in again.
    """

    def __init__(self, secret: str) -> None:
        # A key of its own: a MAC made for another purpose is no refresh token.
        self._key = hmac.digest(secret.encode(), b"halobestie refresh token", hashlib.sha256)

    def make(self, session_id: UUID, generation: int) -> str:
        said = session_id.bytes + generation.to_bytes(_GENERATION_BYTES, "big")
        return base64.urlsafe_b64encode(said + self._mac(said)).decode().rstrip("=")

    def read(self, token: str) -> RefreshToken | None:
        """What it says; None if we did not make it."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        if len(raw) != _UUID_BYTES + _GENERATION_BYTES + _MAC_BYTES:
            return None
        said = RefreshToken(
            UUID(bytes=raw[:_UUID_BYTES]),
            int.from_bytes(raw[_UUID_BYTES:-_MAC_BYTES], "big"),
        )
        # The whole text, not the bytes: base64 has several spellings of its last letter.
        genuine = hmac.compare_digest(token.encode(), self.make(*said).encode())
        return said if genuine else None

    def _mac(self, said: bytes) -> bytes:
        return hmac.digest(self._key, said, hashlib.sha256)
