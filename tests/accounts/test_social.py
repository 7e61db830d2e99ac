"""Google and Apple: who is believed, and for how long their keys serve."""

import hashlib
from collections.abc import AsyncIterator

import httpx
import pytest
import trio
from trio.testing import MockClock

from halobestie.adapters.jwks import COOLDOWN, Jwks, NoKeys
from halobestie.adapters.postgres import Database
from halobestie.adapters.valkey import Valkey
from tests.accounts.providers import FakeProvider, served
from tests.accounts.world import Answer, Browser, HandClock, World

GOOGLE = "https://accounts.google.com"


@pytest.fixture
async def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def google(clock: HandClock) -> FakeProvider:
    return FakeProvider(clock, GOOGLE, "app-android")


@pytest.fixture
async def apple(clock: HandClock) -> FakeProvider:
    return FakeProvider(clock, "https://appleid.apple.com", "id.halobestie")


@pytest.fixture
async def world(
    db: Database, valkey: Valkey, clock: HandClock, google: FakeProvider, apple: FakeProvider
) -> AsyncIterator[World]:
    async with (
        served(google.app) as google_url,
        served(apple.app) as apple_url,
        httpx.AsyncClient(trust_env=False) as http,
        World(
            db,
            valkey,
            clock=clock,
            google_keys=Jwks(f"{google_url}/keys", http),
            apple_keys=Jwks(f"{apple_url}/keys", http),
            GOOGLE_CLIENT_IDS="app-ios,app-android",
            APPLE_CLIENT_IDS="id.halobestie",
        ).running() as world,
    ):
        yield world


async def sign_in(
    browser: Browser, token: str, nonce: str | None = None, provider: str = "google"
) -> Answer:
    body = {"id_token": token} | ({} if nonce is None else {"nonce": nonce})
    return await browser.post(f"/api/client/auth/{provider}", body)


async def test_a_person_comes_back_to_the_same_account(world: World, google: FakeProvider) -> None:
    first, again = world.app_user(), world.app_user()
    first.take(await sign_in(first, google.token(name="Sari Dewi")))
    again.take(await sign_in(again, google.token(iss="accounts.google.com", name="Else")))

    assert first.id == again.id
    assert first.user["display_name"] == again.user["display_name"] == "Sari Dewi"
    assert first.user["is_anonymous"] is False
    assert google.fetches == 1


async def test_the_same_email_or_subject_elsewhere_is_somebody_else(
    world: World, google: FakeProvider, apple: FakeProvider
) -> None:
    people = [world.app_user() for _ in range(3)]
    people[0].take(await sign_in(people[0], google.token("1")))
    people[1].take(await sign_in(people[1], google.token("2")))
    people[2].take(await sign_in(people[2], apple.token("1"), provider="apple"))

    assert len({person.id for person in people}) == 3


async def test_an_anonymous_customer_is_upgraded(world: World, google: FakeProvider) -> None:
    anonymous = await world.anonymous()
    before = anonymous.id
    anonymous.take(await sign_in(anonymous, google.token()))
    other = await world.anonymous()
    other.take(await sign_in(other, google.token()))

    assert anonymous.id == before == other.id
    assert anonymous.user["is_anonymous"] is False


async def test_a_nonce_may_be_raw_or_hashed_and_must_fit(world: World, apple: FakeProvider) -> None:
    hashed = hashlib.sha256(b"n-1").hexdigest()
    someone = world.app_user()
    answers = [
        await sign_in(someone, apple.token(**claims), "n-1", "apple")
        for claims in ({"nonce": "n-1"}, {"nonce": hashed}, {"nonce": "n-2"}, {})
    ]

    assert [answer.status for answer in answers] == [200, 200, 401, 401]
    assert answers[2].code == "invalid_id_token"


async def test_a_token_that_does_not_hold_is_refused(
    world: World, google: FakeProvider, apple: FakeProvider
) -> None:
    now = int(world.clock.now().timestamp())
    someone = world.app_user()
    bad = {
        "another app's": google.token(aud="app-of-others"),
        "no audience": google.token(aud=...),
        "another issuer": google.token(iss="https://evil.example"),
        "the other provider's": apple.token(),
        "expired": google.token(exp=now - 61),
        "from the future": google.token(iat=now + 120),
        "no expiry": google.token(exp=...),
        "an odd subject": google.token(5),
        "no subject": google.token(...),
        "an empty subject": google.token(""),
        "a NUL in the subject": google.token("a\0b"),
        "our own access token": someone.access_token or "",
        "cut": google.token()[:-20],
        "nonsense": "x",
    }
    for what, token in bad.items():
        refused = await sign_in(someone, token or "x")
        assert (refused.status, refused.code) == (401, "invalid_id_token"), what
    assert (await sign_in(someone, google.token(exp=now - 30, iat=now + 30))).status == 200


async def test_our_own_tokens_are_no_id_tokens(world: World) -> None:
    anonymous = await world.anonymous()
    refused = await sign_in(world.app_user(), anonymous.access_token or "")

    assert refused.code == "invalid_id_token"
    bearer = world.app_user()
    bearer.access_token = "eyJhbGciOiJSUzI1NiJ9.e30.AAAA"
    assert not await bearer.is_let_in()


async def test_without_client_ids_the_provider_is_off(db: Database, valkey: Valkey) -> None:
    async with World(db, valkey).running() as world:
        refused = await sign_in(world.app_user(), "x")

    assert (refused.status, refused.code) == (503, "provider_not_configured")


async def test_who_is_blocked_stays_out(world: World, google: FakeProvider) -> None:
    someone = world.app_user()
    someone.take(await sign_in(someone, google.token()))
    boss = await world.operator()
    await boss.patch(f"/internal/customers/{someone.id}", {"is_blocked": True})
    refused = await sign_in(world.app_user(), google.token())

    assert (refused.status, refused.code) == (403, "account_blocked")


@pytest.fixture
async def keys(google: FakeProvider) -> AsyncIterator[Jwks]:
    # A connection of its own for each fetch: the clock jumps over keep-alives.
    limits = httpx.Limits(max_keepalive_connections=0)
    async with (
        served(google.app) as url,
        httpx.AsyncClient(trust_env=False, limits=limits) as http,
    ):
        yield Jwks(f"{url}/keys", http)


def kid_of(provider: FakeProvider) -> str:
    return provider._newest


async def test_a_rotated_key_is_fetched_once_however_many_ask(
    google: FakeProvider, keys: Jwks, mock_clock: MockClock
) -> None:
    assert await keys.key(kid_of(google))
    google.rotate()
    assert await keys.key(kid_of(google)) is None  # the cool-down
    mock_clock.jump(COOLDOWN)
    found: list[object] = []

    async def ask() -> None:
        found.append(await keys.key(kid_of(google)))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(ask)

    assert len(found) == 10
    assert all(found)
    assert google.fetches == 2


async def test_forged_key_ids_do_not_make_us_hammer_the_provider(
    google: FakeProvider, keys: Jwks, mock_clock: MockClock
) -> None:
    for number in range(50):
        assert await keys.key(f"forged-{number}") is None
    assert google.fetches == 1
    mock_clock.jump(COOLDOWN)
    await keys.key("forged")
    assert google.fetches == 2


async def test_old_keys_serve_on_while_the_provider_fails(
    google: FakeProvider, keys: Jwks, mock_clock: MockClock
) -> None:
    known = kid_of(google)
    await keys.key(known)
    google.status = 503
    mock_clock.jump(3601)

    assert await keys.key(known)
    assert google.fetches == 2
    google.status = 200
    google.rotate()
    mock_clock.jump(COOLDOWN)
    assert await keys.key(kid_of(google))
    assert await keys.key(known) is None


async def test_without_any_keys_nobody_is_judged(
    google: FakeProvider, keys: Jwks, mock_clock: MockClock
) -> None:
    google.status = 500
    with pytest.raises(NoKeys):
        await keys.key("any")
