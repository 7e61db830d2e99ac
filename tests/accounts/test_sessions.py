"""Staying signed in, and being put out."""

import jwt
import trio
import trio.testing
from trio.testing import MockClock

from halobestie.accounts.revocations import CHECK_EVERY
from halobestie.adapters.postgres import Database
from halobestie.adapters.valkey import Valkey
from tests.accounts.world import SECRET, Answer, Browser, DeafValkey, World, everything, session_of


async def test_an_anonymous_customer_gets_a_token_answer(customer: Browser) -> None:
    answer = await customer.refreshes()

    assert answer.status == 200
    assert answer.body["token_type"] == "Bearer"
    assert answer.body["expires_in"] == 3600
    assert set(answer.body) == {
        "access_token", "refresh_token", "token_type", "expires_in", "user",
    }  # fmt: skip
    assert answer.body["user"] == {
        "id": str(customer.id),
        "user_type": "customer",
        "display_name": "Sahabat",
        "is_anonymous": True,
        "phone": None,
    }


async def test_an_access_token_says_what_the_contract_names(customer: Browser) -> None:
    assert customer.access_token is not None
    claims = jwt.decode(customer.access_token, SECRET, algorithms=["HS256"])

    assert set(claims) == {"sub", "user_type", "session_id", "iat", "exp"}
    assert claims["sub"] == str(customer.id)
    assert claims["exp"] - claims["iat"] == 3600


async def test_me_is_the_bare_user(customer: Browser) -> None:
    assert (await customer.get("/api/shared/auth/me")).body == customer.user


async def test_an_access_token_lasts_an_hour(world: World, customer: Browser) -> None:
    world.passes(3599)
    assert await customer.is_let_in()
    world.passes(2)
    refused = await customer.get("/api/shared/auth/me")

    assert (refused.status, refused.code) == (401, "token_expired")


async def test_a_refresh_gives_a_new_pair_of_the_same_sign_in(
    world: World, customer: Browser
) -> None:
    before = session_of(customer)
    old = customer.refresh_token
    customer.take(await customer.refreshes())

    assert customer.refresh_token != old
    assert session_of(customer) == before
    assert await customer.is_let_in()


async def test_ten_refreshes_at_once_all_work(world: World, customer: Browser) -> None:
    answers: list[Answer] = []

    async def refresh() -> None:
        answers.append(await customer.refreshes())

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(refresh)

    assert [answer.status for answer in answers] == [200] * 10
    for answer in answers:
        one = world.app_user()
        one.take(answer)
        assert session_of(one) == session_of(customer)
        assert await one.is_let_in()
        assert (await one.refreshes()).status == 200
    assert world.closed_sockets == []


async def test_the_previous_token_works_for_half_a_minute(world: World, customer: Browser) -> None:
    old = customer.refresh_token
    customer.take(await customer.refreshes())
    world.passes(29)

    assert (await customer.refreshes(old)).status == 200
    assert (await customer.refreshes()).status == 200


async def test_a_token_used_again_later_ends_the_sign_in(world: World, customer: Browser) -> None:
    old = customer.refresh_token
    customer.take(await customer.refreshes())
    world.passes(31)
    reused = await customer.refreshes(old)

    assert (reused.status, reused.code) == (401, "refresh_reused")
    assert world.closed_sockets == [session_of(customer)]
    assert not await customer.is_let_in()
    assert (await customer.refreshes()).code == "refresh_invalid"


async def test_only_the_immediately_previous_token_has_grace(
    world: World, customer: Browser
) -> None:
    oldest = customer.refresh_token
    customer.take(await customer.refreshes())
    customer.take(await customer.refreshes())

    assert (await customer.refreshes(oldest)).code == "refresh_reused"
    assert not await customer.is_let_in()


async def test_a_refresh_token_lasts_thirty_days_from_its_making(
    world: World, customer: Browser
) -> None:
    world.passes(30 * 86400 - 60)
    customer.take(await customer.refreshes())
    world.passes(30 * 86400 - 60)
    customer.take(await customer.refreshes())
    world.passes(30 * 86400 + 1)

    assert (await customer.refreshes()).code == "refresh_invalid"


async def test_nonsense_is_no_refresh_token(customer: Browser) -> None:
    for token in ("", "x", "a.b.c", "ä", "A" * 70, "A" * 400, "\U0001f600"):
        refused = await customer.post("/api/shared/auth/refresh", {"refresh_token": token})

        assert (refused.status, refused.code) == (401, "refresh_invalid")


async def test_a_sign_in_refreshes_at_most_sixty_times_a_minute(
    world: World, customer: Browser
) -> None:
    for _ in range(60):
        customer.take(await customer.refreshes())
    refused = await customer.refreshes()

    assert (refused.status, refused.code) == (429, "rate_limited")
    assert refused.headers["Retry-After"] == str(refused.body["retry_after_seconds"]) == "60"
    world.passes(60)
    assert (await customer.refreshes()).status == 200


async def test_only_a_hash_of_the_refresh_token_is_kept(db: Database, customer: Browser) -> None:
    rows = await db.run(everything("auth_sessions"))

    assert rows[0]["refresh_hash"].startswith("$2b$04$")
    assert customer.refresh_token is not None
    assert all(customer.refresh_token not in str(value) for row in rows for value in row)


async def test_signing_out_ends_everything_of_that_sign_in(
    world: World, db: Database, customer: Browser
) -> None:
    elsewhere = world.app_user()
    elsewhere.take(await customer.refreshes())
    await customer.call(
        "PUT", "/api/shared/devices", {"fcm_token": "phone-1", "platform": "android"}
    )
    left = await customer.post("/api/shared/auth/logout")

    assert (left.status, left.raw) == (204, b"")
    assert world.closed_sockets == [session_of(customer)]
    assert not await customer.is_let_in()
    assert not await elsewhere.is_let_in()
    assert (await customer.refreshes()).code == "refresh_invalid"
    assert await db.run(everything("devices")) == []


async def test_one_sign_in_ends_without_the_others(world: World) -> None:
    first = await world.by_phone("081234567890")
    world.passes(61)
    second = await world.by_phone("081234567890")
    await first.post("/api/shared/auth/logout")

    assert first.id == second.id
    assert not await first.is_let_in()
    assert await second.is_let_in()


async def test_a_mitra_who_signs_out_is_said_to_have(world: World, ayu: Browser) -> None:
    await ayu.post("/api/shared/auth/logout")

    assert world.signed_out == [ayu.id]


async def test_another_node_hears_of_it_over_the_bus(
    world: World, db: Database, valkey: Valkey, customer: Browser
) -> None:
    heard = trio.Event()
    other = World(db, valkey, clock=world.clock)
    other.ports.close_sockets = lambda ids: heard.set() if session_of(customer) in ids else None
    async with other.running():
        await customer.post("/api/shared/auth/logout")
        await heard.wait()
        there = other.app_user()
        there.access_token = customer.access_token

        assert not await there.is_let_in()


async def test_another_node_reads_it_when_the_bus_is_away(
    world: World, db: Database, valkey: Valkey, customer: Browser, mock_clock: MockClock
) -> None:
    deaf = DeafValkey(valkey)
    other = World(db, deaf, clock=world.clock)  # type: ignore[arg-type]
    heard = trio.Event()
    other.ports.close_sockets = lambda ids: heard.set() if session_of(customer) in ids else None
    async with other.running():
        await customer.post("/api/shared/auth/logout")
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(CHECK_EVERY)
        await heard.wait()


async def test_a_node_that_starts_later_knows_it_too(
    world: World, db: Database, valkey: Valkey, customer: Browser
) -> None:
    await customer.post("/api/shared/auth/logout")
    later = World(db, valkey, clock=world.clock)
    async with later.running():
        there = later.app_user()
        there.access_token = customer.access_token

        assert not await there.is_let_in()
