import pytest

from halobestie.web import HaloApp
from tests.web.sample import build


@pytest.fixture
def app() -> HaloApp:
    return build()
