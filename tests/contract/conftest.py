"""One node for the whole folder; the people of each test come and go."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from .people import Town, open_town
from .server import SIGNING_KEY, Node


@pytest.fixture(scope="session")
def node(server_folder: Path) -> Iterator[Node]:
    """`run.py serve` with the defaults, and the shortest pause between two codes."""
    node = Node(
        server_folder / "contract",
        OTP_COOLDOWN_SECONDS="1",
        AUTH_JWT_SECRET=SIGNING_KEY,
        CORS_ALLOWED_ORIGINS="https://app.halobestie.test",
    )
    node.start()
    yield node
    node.stop()


@pytest.fixture
async def town(node: Node) -> AsyncIterator[Town]:
    """Fresh people against the shared node."""
    async with open_town(node) as town:
        yield town
