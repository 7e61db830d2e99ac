"""The sockets of the control center's page. They only tell; what is sent to them is ignored."""

from quart.wrappers import Response

from halobestie.handshake import open_socket
from halobestie.house import House
from halobestie.web import HaloApp

from . import dashboard, watch
from .live import Studio


def add_sockets(app: HaloApp, house: House) -> None:
    """Give the app its live sockets. Once for a house: it registers kinds of actors."""
    studio = Studio(house)
    figures = studio.channel("dashboard", lambda: dashboard.DashboardSource(house), dashboard.EVERY)
    tree = studio.channel("tree", lambda: watch.TreeSource(house), watch.EVERY)

    @app.websocket("/internal/dashboard/watch")
    async def watch_dashboard() -> Response | None:
        return await open_socket("cc_user", figures)

    @app.websocket("/internal/debug/actors/watch")
    async def watch_actors() -> Response | None:
        return await open_socket("cc_user", tree)
