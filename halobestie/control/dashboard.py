"""The first page's figures: asked for once, or told live."""

import socket
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta
from quart.wrappers import Response

from halobestie.figures import PairingFigures, PaymentFigures, Series, SessionFigures
from halobestie.house import House
from halobestie.web import Area, house, ok

control = Area("/internal", users=("cc_user",))
areas = (control,)

EVERY = 2.0  # seconds between two live tellings
EXTENSION = "extension"  # the deadline of a session whose mitra is asked for more time

_encode = msgspec.json.Encoder().encode


class MitraFigures(msgspec.Struct, frozen=True):
    """Mitras that are online, have a free slot, and may work at all."""

    online: int
    available: int
    total: int


class NodeFigures(msgspec.Struct, frozen=True):
    """One process of the server."""

    node: str
    status: str
    started_at: datetime
    uptime_seconds: Annotated[int, Meta(ge=0)]
    actors: int
    sockets: int


class Dashboard(msgspec.Struct, frozen=True):
    """How the house stands."""

    at: datetime
    mitras: MitraFigures
    sessions: SessionFigures
    pairings: PairingFigures
    payments: PaymentFigures
    failures_by_cause_today: dict[str, int]
    series: Series
    nodes: list[NodeFigures]


class DashboardFrame(Dashboard, frozen=True, tag="dashboard", tag_field="type"):
    """The same, pushed."""


@control.get("/dashboard", answers={200: Dashboard})
async def dashboard() -> Response:
    """How the house stands. Today is the day in Jakarta."""
    return ok(await _look(house(), Dashboard))


class DashboardSource:
    """The figures, live."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._frame = b""

    async def look(self) -> bytes | None:
        self._frame = _encode(await _look(self._house, DashboardFrame))
        return self._frame

    def whole(self) -> bytes:
        return self._frame


async def _look(house: House, kind: type[Dashboard]) -> Dashboard:
    at = house.clock.now()
    cells = house.sessions.cells.values()
    counted = await house.figures.count(
        at, extension_pending=sum(EXTENSION in cell.deadlines for cell in cells)
    )
    return kind(
        at,
        MitraFigures(len(house.board.online), len(house.board.free), counted.active_mitras),
        counted.sessions,
        counted.pairings,
        counted.payments,
        counted.failures_by_cause_today,
        counted.series,
        [_node(house, at)],
    )


def _node(house: House, at: datetime) -> NodeFigures:
    return NodeFigures(
        node=socket.gethostname(),
        status=house.health.readiness().status,
        started_at=house.started_at,
        uptime_seconds=int((at - house.started_at).total_seconds()),
        actors=sum(len(kind.cells) for kind in house.system.kinds.values()),
        sockets=len(house.roster.everyone()),
    )
