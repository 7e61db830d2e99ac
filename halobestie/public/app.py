"""The app of the public listener: what the customer's and the mitra's apps reach."""

from halobestie.house import House
from halobestie.web import HaloApp, make_app

from . import (
    account,
    auth,
    histories,
    mitra,
    payments,
    pricing,
    searches,
    sessions,
    transcripts,
)
from .sockets import add_sockets

FILES = (
    auth,
    account,
    pricing,
    payments,
    searches,
    mitra,
    sessions,
    transcripts,
    histories,
)


def public_app(house: House) -> HaloApp:
    """All public routes and both sockets, over one house."""
    settings = house.settings
    app = make_app(
        "public",
        [area for file in FILES for area in file.areas],
        authenticate=house.accounts.authenticate,
        ready=house.health.readiness,
        openapi_path="/api/shared/openapi.json",
        cors_origins=settings.cors_allowed_origins,
        trusted_hops=settings.trusted_proxy_hops,
    )
    app.house = house
    add_sockets(app)
    return app
