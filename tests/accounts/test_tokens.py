"""A token of any kind for any other purpose is refused."""

import base64
import hmac
from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from actors import Clock
from halobestie.accounts.tokens import AccessTokens, RefreshTokens
from halobestie.callers import Caller
from halobestie.errors import Unauthenticated
from halobestie.ids import new_id
from tests.accounts.world import SECRET, HandClock

CALLER = Caller(new_id(), "customer", new_id())


@pytest.fixture
async def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def tokens(clock: HandClock) -> AccessTokens:
    return AccessTokens(SECRET, clock)


def claims(clock: Clock, **changes: object) -> dict[str, Any]:
    now = int(clock.now().timestamp())
    good = {
        "sub": str(CALLER.id),
        "user_type": "customer",
        "session_id": str(CALLER.session_id),
        "iat": now,
        "exp": now + 3600,
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not ...}


def signed(payload: dict[str, Any], key: Any = SECRET, algorithm: str | None = "HS256") -> str:
    header = {"typ": "JWT", "alg": algorithm or "none"}
    if isinstance(key, str):
        # By hand, because the library refuses to sign some of these.
        parts = [_b64(msgspec.json.encode(part)) for part in (header, payload)]
        digest = {"HS256": "sha256", "HS512": "sha512"}[header["alg"]]
        mac = hmac.digest(key.encode(), ".".join(parts).encode(), digest)
        return ".".join([*parts, _b64(mac)])
    return jwt.encode(payload, key, algorithm=algorithm)


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


async def test_our_own_token_is_its_bearers(tokens: AccessTokens) -> None:
    operator = Caller(new_id(), "cc_user", new_id(), "admin")

    assert tokens.check(tokens.make(CALLER)) == CALLER
    assert tokens.check(tokens.make(operator)) == operator


async def test_what_we_did_not_sign_so_is_refused(tokens: AccessTokens, clock: HandClock) -> None:
    rsa_key = rsa.generate_private_key(65537, 2048)
    good = claims(clock)
    spelt = _b64(b'{"alg":"nOnE"}')
    forged = {
        "no signature": jwt.encode(good, None, algorithm="none"),
        "none, spelt otherwise": f"{spelt}.{_b64(msgspec.json.encode(good))}.",
        "another key": signed(good, "x" * 40),
        "another algorithm": signed(good, SECRET, "HS512"),
        "a public key's algorithm": signed(good, rsa_key, "RS256"),
        "a refresh token": RefreshTokens(SECRET).make(CALLER.session_id, 1),
        "nothing": "",
        "dots": "..",
        "deep JSON": f"{_b64(b'[' * 3000)}.{_b64(b'{}')}.A",
    }
    for what, token in forged.items():
        with pytest.raises(Unauthenticated) as refused:
            tokens.check(token)
        assert refused.value.code == "unauthenticated", what


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": ...}, {"sub": 5}, {"sub": None}, {"sub": "me"}, {"sub": [str(CALLER.id)]},
        {"user_type": ...}, {"user_type": "root"}, {"user_type": "cc_user"},
        {"role": "admin"}, {"user_type": "cc_user", "role": "king"},
        {"session_id": ...}, {"session_id": 1}, {"iat": ...}, {"exp": ...}, {"exp": None},
        {"exp": "tomorrow"}, {"exp": 1e400}, {"iat": True}, {"iat": "now"},
    ],
)  # fmt: skip
async def test_a_token_with_odd_claims_is_refused(
    tokens: AccessTokens, clock: HandClock, changes: dict[str, object]
) -> None:
    with pytest.raises(Unauthenticated) as refused:
        tokens.check(signed(claims(clock, **changes)))

    assert refused.value.code == "unauthenticated"


async def test_a_token_is_refused_before_and_after_its_time(
    tokens: AccessTokens, clock: HandClock
) -> None:
    now = int(clock.now().timestamp())
    with pytest.raises(Unauthenticated) as future:
        tokens.check(signed(claims(clock, iat=now + 60, exp=now + 3660)))
    token = tokens.make(CALLER)
    clock.moves(timedelta(hours=1, seconds=1).total_seconds())
    with pytest.raises(Unauthenticated) as past:
        tokens.check(token)

    assert (future.value.code, past.value.code) == ("unauthenticated", "token_expired")


async def test_a_token_changed_anywhere_is_refused(tokens: AccessTokens) -> None:
    token = tokens.make(CALLER)
    for index, letter in enumerate(token):
        other = "A" if letter != "A" else "B"
        with pytest.raises(Unauthenticated):
            tokens.check(token[:index] + other + token[index + 1 :])
    for cut in (token[:-1], token + "A", token + ".", " " + token):
        with pytest.raises(Unauthenticated):
            tokens.check(cut)


@given(st.uuids(), st.integers(1, 2**32 - 1))
def test_a_refresh_token_says_what_it_was_made_of(session_id: UUID, generation: int) -> None:
    tokens = RefreshTokens(SECRET)
    token = tokens.make(session_id, generation)

    assert tokens.read(token) == (session_id, generation)
    assert RefreshTokens("another secret").read(token) is None
    for index, letter in enumerate(token):
        other = "A" if letter != "A" else "B"
        assert tokens.read(token[:index] + other + token[index + 1 :]) is None


@given(st.text(max_size=100))
def test_nonsense_is_no_refresh_token(text: str) -> None:
    assert RefreshTokens(SECRET).read(text) is None


@given(st.text(max_size=100))
def test_no_two_generations_share_a_token(text: str) -> None:
    tokens = RefreshTokens(SECRET + text)

    assert len({tokens.make(CALLER.session_id, generation) for generation in range(1, 9)}) == 8
