"""Ops: the live actor tree, and the metrics."""

import socket
from datetime import datetime

import msgspec
from quart.wrappers import Response
from quart_trio.wrappers import TrioResponse

from actors import Node, Totals, snapshot, totals
from actors.tree import cell_node
from halobestie.errors import NotFound
from halobestie.metrics import render
from halobestie.web import Area, house, ok

from . import forecast

control = Area("/internal", users=("cc_user",))
areas = (control,)


class Tree(msgspec.Struct, frozen=True):
    """Everything alive at one moment, without having asked any of it."""

    node: str
    at: datetime
    actors: Node
    totals: Totals


class TreeQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of the tree. `depth` 1 is the groups, 2 their actors."""

    path: str | None = None
    depth: int | None = None


@control.get("/debug/actors", answers={200: Tree}, refuses=("404 not_found",))
async def actors(query: TreeQuery) -> Response:
    """The live tree, or one subtree."""
    system, started_at = house().system, house().started_at
    if query.path is None:
        node = snapshot(system, started_at=started_at, depth=query.depth)
    else:
        node = _subtree(query.path)
    return ok(Tree(socket.gethostname(), house().clock.now(), node, totals(system)))


@control.get("/debug/drain-forecast", answers={200: forecast.Forecast})
async def drain_forecast() -> Response:
    """What a restart would meet in each of the next 30 minutes, and the quietest of them."""
    return ok(forecast.look(house()))


@control.get("/metrics", public=True, answers={200: str})
async def metrics() -> Response:
    """Prometheus' text format. No token: the listener is internal."""
    return TrioResponse(render(house()), content_type="text/plain; version=0.0.4; charset=utf-8")


def _subtree(path: str) -> Node:
    system = house().system
    cell = system.find(path)
    if cell is not None:
        return cell_node(cell)
    whole = snapshot(system, started_at=house().started_at)
    for group in whole.children:
        if group.path == path:
            return group
    raise NotFound("Nothing runs at this path.")
