import pytest

from halobestie.adapters.postgres import Database
from tests.payments.shop import Client, Shop


@pytest.fixture
async def shop(db: Database) -> Shop:
    """Payments without a provider."""
    return Shop(db)


@pytest.fixture
async def sari(shop: Shop) -> Client:
    """A registered customer."""
    return await shop.customer()


@pytest.fixture
async def rina(shop: Shop) -> Client:
    """An operator."""
    return await shop.operator()
