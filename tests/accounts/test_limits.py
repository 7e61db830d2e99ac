"""Budgets hold with Valkey and without it, and never open."""

import pytest

from halobestie.accounts.limits import Budget, Limiter
from halobestie.adapters.postgres import Database
from halobestie.adapters.valkey import Valkey
from halobestie.errors import TooMany
from tests.accounts.world import Browser, DeafValkey, HandClock, World

FIVE = Budget("five", 5, 60.0, "too_fast")


@pytest.fixture
async def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=["with Valkey", "without"])
async def limiter(request: pytest.FixtureRequest, valkey: Valkey, clock: HandClock) -> Limiter:
    return Limiter(valkey if request.param == "with Valkey" else DeafValkey(valkey), clock)


async def count_until_refused(limiter: Limiter, subject: str) -> tuple[int, TooMany]:
    for taken in range(1000):
        try:
            await limiter.take(FIVE, subject)
        except TooMany as refused:
            return taken, refused
    raise AssertionError("the budget is open")


async def test_a_budget_is_spent_per_subject(limiter: Limiter) -> None:
    taken, refused = await count_until_refused(limiter, "sari")

    assert taken == 5
    assert (refused.status, refused.code) == (429, "too_fast")
    assert refused.headers["Retry-After"] == str(refused.members["retry_after_seconds"])
    assert 55 <= int(refused.headers["Retry-After"]) <= 60
    assert (await count_until_refused(limiter, "dewi"))[0] == 5


async def test_the_window_slides(limiter: Limiter, clock: HandClock) -> None:
    for _ in range(5):
        await limiter.take(FIVE, "sari")
        clock.moves(10)
    with pytest.raises(TooMany) as refused:
        await limiter.take(FIVE, "sari")
    assert 8 <= int(refused.value.headers["Retry-After"]) <= 10
    clock.moves(10)

    assert (await count_until_refused(limiter, "sari"))[0] == 1


async def test_what_did_not_count_is_given_back(limiter: Limiter) -> None:
    for _ in range(20):
        await limiter.give_back(await limiter.take(FIVE, "sari"))

    assert (await count_until_refused(limiter, "sari"))[0] == 5
    await limiter.forget(FIVE, "sari")
    assert (await count_until_refused(limiter, "sari"))[0] == 5


async def test_two_nodes_count_together(valkey: Valkey, clock: HandClock) -> None:
    one, other = Limiter(valkey, clock), Limiter(valkey, clock)
    for _ in range(3):
        await one.take(FIVE, "sari")

    assert (await count_until_refused(other, "sari"))[0] == 2


@pytest.mark.parametrize("deaf", [False, True])
async def test_an_address_signs_up_so_many_times_a_minute(
    db: Database, valkey: Valkey, deaf: bool
) -> None:
    reached = DeafValkey(valkey) if deaf else valkey
    async with World(
        db,
        reached,  # type: ignore[arg-type]
        ANONYMOUS_SIGNUPS_PER_MINUTE="3",
        TRUSTED_PROXY_HOPS="1",
    ).running() as world:

        async def sign_up(forwarded: str) -> int:
            answer = await Browser(world.public).post(
                "/api/shared/auth/anonymous", X_Forwarded_For=forwarded
            )
            return answer.status

        # What a client puts in front of its own address does not make it another one.
        statuses = [await sign_up(f"10.0.0.{spoofed}, 1.2.3.4") for spoofed in range(5)]
        assert statuses == [201] * 3 + [429] * 2
        assert await sign_up("1.2.3.5") == 201
        world.passes(60)
        assert await sign_up("1.2.3.4") == 201
