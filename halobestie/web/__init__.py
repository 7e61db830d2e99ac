"""What both listeners share over Quart: the app, its problems, routes and documents.

Handlers import everything they need from here.
"""

from halobestie.health import Readiness
from halobestie.web.addresses import client_address
from halobestie.web.admission import (
    Authenticate,
    authenticate,
    bearer_token,
    maybe_signed_in,
    signed_in,
)
from halobestie.web.answers import no_content, ok
from halobestie.web.app import HaloApp, house, make_app
from halobestie.web.bodies import CursorPage, Moment, OffsetPage, Page, SpanPage
from halobestie.web.problems import problem_response
from halobestie.web.routes import Area, Route

__all__ = [
    "Area",
    "Authenticate",
    "CursorPage",
    "HaloApp",
    "Moment",
    "OffsetPage",
    "Page",
    "Readiness",
    "Route",
    "SpanPage",
    "authenticate",
    "bearer_token",
    "client_address",
    "house",
    "make_app",
    "maybe_signed_in",
    "no_content",
    "ok",
    "problem_response",
    "signed_in",
]
