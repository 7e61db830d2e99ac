from collections.abc import AsyncIterator

import pytest

from halobestie.adapters.embedded import EmbeddedValkey
from tests.nodes import TestNode, running_node


@pytest.fixture
async def node(database_url: str, valkey_server: EmbeddedValkey) -> AsyncIterator[TestNode]:
    """A whole node on a database of its own."""
    async with running_node(database_url, valkey_server.url) as node:
        yield node
