from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from halobestie.adapters.embedded import EmbeddedValkey
from tests.fakes.fcm import FakeFcm, fake_fcm
from tests.nodes import TestNode, running_node


@pytest.fixture
async def google(tmp_path: Path) -> AsyncIterator[FakeFcm]:
    """FCM and its token endpoint."""
    async with fake_fcm(tmp_path) as fake:
        yield fake


@pytest.fixture
async def node(
    database_url: str, valkey_server: EmbeddedValkey, google: FakeFcm
) -> AsyncIterator[TestNode]:
    """A node that sends its pushes to the fake."""
    async with running_node(
        database_url,
        valkey_server.url,
        FIREBASE_SERVICE_ACCOUNT_PATH=str(google.account_path),
        FCM_BASE_URL=google.url,
    ) as node:
        yield node
