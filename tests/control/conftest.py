"""A whole node with its internal listener, on real databases."""

from collections.abc import AsyncIterator

import pytest

from halobestie.adapters.embedded import EmbeddedValkey
from halobestie.adapters.valkey import Valkey
from tests.control.center import Center, open_center


@pytest.fixture
async def center(
    database_url: str, valkey: Valkey, valkey_server: EmbeddedValkey
) -> AsyncIterator[Center]:
    """The control center of a fresh node, and its first admin signed in."""
    async with open_center(database_url, valkey_server.url) as center:
        yield center
