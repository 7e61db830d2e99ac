"""The app of the internal listener: the control center, ops and, in development, tests."""

from halobestie.house import House
from halobestie.web import HaloApp, make_app

from . import (
    audit,
    auth,
    config,
    customers,
    dashboard,
    debug,
    mitras,
    money,
    operators,
    page,
    pairings,
    presence,
    sessions,
    testing,
    testing_accounts,
    testing_chat,
)
from .sockets import add_sockets

FILES = (
    page,
    auth,
    dashboard,
    operators,
    audit,
    mitras,
    presence,
    pairings,
    sessions,
    customers,
    config,
    money,
    debug,
)

TEST_FILES = (testing, testing_accounts, testing_chat)


def control_app(house: House) -> HaloApp:
    """All internal routes and sockets, over one house. Test routes only where enabled."""
    settings = house.settings
    files = (*FILES, *TEST_FILES) if settings.test_routes_enabled else FILES
    app = make_app(
        "internal",
        [area for file in files for area in file.areas],
        authenticate=house.accounts.authenticate,
        ready=house.health.readiness,
        openapi_path="/internal/openapi.json",
        cors_origins=settings.cors_allowed_origins,
        trusted_hops=settings.trusted_proxy_hops,
    )
    app.house = house
    add_sockets(app, house)
    return app
