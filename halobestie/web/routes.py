"""Routes that say what they are: who may call, what they take, what they answer.

An Area is one file's worth of routes under a prefix. Its decorators register a handler
together with its declaration; the same declaration enforces authentication, decodes body
and query, and writes the OpenAPI document. A handler is a coroutine whose parameters are
the path's arguments and, if it wants them, `body` and `query`, typed with a struct:

    client = Area("/api/client", users=("customer",))

    @client.post("/chat-requests", answers={202: Pairing}, refuses=("409 already_active",))
    async def start_search(body: StartSearch) -> Response:
        \"\"\"Start looking for a mitra.\"\"\"
        customer = signed_in()
        ...
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar, get_type_hints

import msgspec
from quart import g, request
from quart.wrappers import Response

from halobestie.callers import Role, UserType
from halobestie.web.admission import admit
from halobestie.web.bodies import read_body, read_query

Handler = Callable[..., Awaitable[Response]]
H = TypeVar("H", bound=Handler)


class Route:
    """One method on one path, and all that is known about it."""

    def __init__(
        self,
        method: str,
        rule: str,
        handler: Handler,
        *,
        users: tuple[UserType, ...],
        role: Role | None,
        answers: Mapping[int, Any],
        refuses: Sequence[str],
        documented: bool,
    ) -> None:
        self.method = method
        self.rule = rule
        self.handler = handler
        self.users = users  # nobody in particular: the route is public
        self.role = role
        self.answers = answers
        self.refuses = refuses
        self.documented = documented
        hints = get_type_hints(handler)
        self.body: type[msgspec.Struct] | None = hints.get("body")
        self.query: type[msgspec.Struct] | None = hints.get("query")
        self._decoder = None if self.body is None else msgspec.json.Decoder(self.body)

    @property
    def endpoint(self) -> str:
        # Quart reads a blueprint's name before a dot.
        return f"{self.method} {self.rule}".replace(".", "·")

    @property
    def public(self) -> bool:
        return not self.users

    async def view(self, **arguments: Any) -> Response:
        """What Quart calls: admit, decode, handle."""
        g.caller = admit(self.users, self.role)
        if self.query is not None:
            arguments["query"] = read_query(self.query)
        if self._decoder is not None:
            arguments["body"] = await read_body(self._decoder)
        return await self.handler(**arguments)

    @property
    def summary(self) -> str:
        return (inspect.getdoc(self.handler) or "").partition("\n")[0]

    @property
    def description(self) -> str:
        return (inspect.getdoc(self.handler) or "").partition("\n")[2].strip()


class Area:
    """Routes under one prefix, for the same kinds of user.

    Without `users` every route of the area is public. `documented=False` keeps pages
    and the like out of the OpenAPI document.
    """

    def __init__(
        self, prefix: str, *, users: Sequence[UserType] = (), documented: bool = True
    ) -> None:
        self.prefix = prefix
        self.users = tuple(users)
        self.documented = documented
        self.routes: list[Route] = []

    def get(self, path: str, **declared: Any) -> Callable[[H], H]:
        return self.route("GET", path, **declared)

    def post(self, path: str, **declared: Any) -> Callable[[H], H]:
        return self.route("POST", path, **declared)

    def put(self, path: str, **declared: Any) -> Callable[[H], H]:
        return self.route("PUT", path, **declared)

    def patch(self, path: str, **declared: Any) -> Callable[[H], H]:
        return self.route("PATCH", path, **declared)

    def delete(self, path: str, **declared: Any) -> Callable[[H], H]:
        return self.route("DELETE", path, **declared)

    def route(
        self,
        method: str,
        path: str,
        *,
        public: bool = False,
        role: Role | None = None,
        answers: Mapping[int, Any] | None = None,
        refuses: Sequence[str] = (),
    ) -> Callable[[H], H]:
        """Register the decorated handler; it stays callable as it is.

        answers: status → what the body holds (a type, or None for no body).
        refuses: "status code" pairs beyond the common ones, e.g. "409 already_active".
        role: the control-center role that is needed.
        """

        def register(handler: H) -> H:
            self.routes.append(
                Route(
                    method,
                    self.prefix + path,
                    handler,
                    users=() if public else self.users,
                    role=role,
                    answers=answers or {200: Any},
                    refuses=refuses,
                    documented=self.documented,
                )
            )
            return handler

        return register


def matched_rule() -> str:
    """The rule of this request, for logs: a path itself may hold a token."""
    return "-" if request.url_rule is None else request.url_rule.rule
