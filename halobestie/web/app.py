"""The app of one listener: routes in, problems and headers out.

It holds no state of its own beyond what it is made from. `app.house` is set by the node
once everything that handlers reach stands.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

import structlog
from quart import current_app, g, request, websocket
from quart.wrappers import Response
from quart_trio import QuartTrio

from halobestie.errors import NotFound, Problem
from halobestie.health import Readiness
from halobestie.web.admission import Authenticate
from halobestie.web.answers import ok
from halobestie.web.bodies import MAX_BODY_BYTES
from halobestie.web.headers import add_headers, preflight, request_id_of
from halobestie.web.openapi import openapi_document
from halobestie.web.problems import internal_error, problem_of, problem_response
from halobestie.web.routes import Area, Route, matched_rule

if TYPE_CHECKING:
    from halobestie.house import House

_log = structlog.get_logger("halobestie.web")
_SILENT = frozenset({"/healthz", "/readyz"})  # probes every few seconds: no access line


class HaloApp(QuartTrio):
    """A Quart app that answers everything, bugs included, in the contract's form."""

    house: "House"
    authenticate: Authenticate
    areas: tuple[Area, ...]

    @property
    def documented_routes(self) -> list[Route]:
        return [route for area in self.areas for route in area.routes if route.documented]

    async def handle_user_exception(self, error: Exception | BaseExceptionGroup[Any]) -> Any:
        """A refusal becomes its answer; anything else goes on, to `handle_exception`."""
        if isinstance(error, BaseExceptionGroup) and not isinstance(error, ExceptionGroup):
            raise error  # a cancellation or an interrupt is in it
        problem = problem_of(error)
        if problem is not None:
            return problem_response(problem)
        if isinstance(error, BaseExceptionGroup):
            raise error  # Quart would answer by its first refusal and hide the bug beside it
        return await super().handle_user_exception(error)

    async def handle_exception(self, error: Exception) -> Any:
        """A bug: logged here, answered with a request id."""
        self.log_exception(sys.exc_info())
        return await self.finalize_request(internal_error(), from_error_handler=True)

    def log_exception(
        self,
        exception_info: tuple[type, BaseException, TracebackType] | tuple[None, None, None],
    ) -> None:
        _log.error("handler crashed", exc_info=exception_info)


def make_app(
    name: str,
    areas: Iterable[Area],
    *,
    authenticate: Authenticate,
    ready: Callable[[], Readiness],
    openapi_path: str,
    cors_origins: Sequence[str] = (),
    trusted_hops: int = 0,
) -> HaloApp:
    """The app of the listener `name`, with `areas`, probes and its OpenAPI document.

    trusted_hops: how many proxies of ours stand in front (see `addresses`).
    """
    app = HaloApp(f"halobestie_{name}", static_folder=None)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # a redirect would repeat the Host header
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.config["TRUSTED_HOPS"] = trusted_hops
    app.authenticate = authenticate
    app.areas = (*areas, _about(name, openapi_path, ready))
    for area in app.areas:
        for route in area.routes:
            app.add_url_rule(route.rule, route.endpoint, route.view, methods=[route.method])
    _hook(app, frozenset(cors_origins))
    return app


def house() -> "House":
    """The running node's house."""
    return cast("HaloApp", current_app).house


def _about(name: str, openapi_path: str, ready: Callable[[], Readiness]) -> Area:
    area = Area("")

    @area.get("/healthz", answers={200: dict[str, str]})
    async def healthz() -> Response:
        """Whether the process lives."""
        return ok({"status": "ok"})

    @area.get("/readyz", answers={200: Readiness, 503: Readiness})
    async def readyz() -> Response:
        """Whether it takes work."""
        readiness = ready()
        return ok(readiness, 200 if readiness.status == "ready" else 503)

    @area.get(openapi_path, answers={200: dict[str, Any]})
    async def openapi() -> Response:
        """This document."""
        app = cast("HaloApp", current_app)
        return ok(openapi_document(f"Halo Bestie, {name} listener", app.documented_routes))

    return area


def _hook(app: HaloApp, origins: frozenset[str]) -> None:
    @app.before_request
    async def open_request() -> Response | None:
        g.started = perf_counter()
        g.request_id = request_id_of(request.headers)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)
        if (request.content_length or 0) > MAX_BODY_BYTES:
            raise Problem(413, "payload_too_large", "The request body is larger than 64 KiB.")
        if "\0" in request.path:
            raise NotFound
        return preflight()

    @app.after_request
    async def close_request(response: Response) -> Response:
        add_headers(response, origins)
        rule = matched_rule()
        if rule not in _SILENT:
            _log.info(
                "request",
                listener=app.name.removeprefix("halobestie_"),
                method=request.method,
                route=rule,
                status=response.status_code,
                ms=round((perf_counter() - g.started) * 1000, 1),
            )
        return response

    @app.before_websocket
    async def open_handshake() -> None:
        g.request_id = request_id_of(websocket.headers)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    async def close_handshake(response: Response | None) -> Response | None:
        if response is not None:  # refused: nothing was accepted
            response.headers["X-Request-Id"] = g.request_id
        return response

    app.after_websocket_funcs[None].append(close_handshake)  # type: ignore[arg-type]
