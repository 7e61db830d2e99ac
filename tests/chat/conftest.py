from collections.abc import AsyncIterator

import pytest

from halobestie.adapters.embedded import EmbeddedValkey
from tests.chat.couple import Couple, new_couple
from tests.nodes import TestNode, running_node


@pytest.fixture
async def node(database_url: str, valkey_server: EmbeddedValkey) -> AsyncIterator[TestNode]:
    async with running_node(database_url, valkey_server.url) as node:
        yield node


@pytest.fixture
async def couple(node: TestNode) -> Couple:
    """Sari and Ayu in a session of twelve minutes."""
    return await new_couple(node)
