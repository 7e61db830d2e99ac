from collections.abc import AsyncIterator

import pytest

from halobestie.adapters.postgres import Database
from halobestie.adapters.valkey import Valkey
from tests.accounts.world import Browser, World


@pytest.fixture
async def world(db: Database, valkey: Valkey) -> AsyncIterator[World]:
    async with World(db, valkey).running() as world:
        yield world


@pytest.fixture
async def customer(world: World) -> Browser:
    return await world.anonymous()


@pytest.fixture
async def ayu(world: World) -> Browser:
    return await world.mitra()


@pytest.fixture
async def boss(world: World) -> Browser:
    return await world.operator()
