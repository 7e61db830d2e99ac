"""How a socket is opened, on either listener: who is calling, and what a refusal looks like.

The access token comes as `Authorization: Bearer`, as a sub-protocol `bearer.<token>` beside
`halobestie` (browsers, which cannot set headers), or as `?access_token=`. A refusal is an
HTTP answer; where `halobestie` was offered it is a close code, 4401 or 4403, because a
browser does not see the HTTP answer of a handshake.
"""

from collections.abc import Awaitable, Callable, Sequence

from quart import websocket
from quart.wrappers import Response

from halobestie.callers import Caller, UserType
from halobestie.edge import Wire, take_wire
from halobestie.errors import Forbidden, Problem, Unauthenticated
from halobestie.web import authenticate, bearer_token, problem_response

PROTOCOL = "halobestie"

Serve = Callable[[Caller, Wire], Awaitable[None]]


async def open_socket(user_type: UserType, serve: Serve) -> Response | None:
    """Authenticate, accept, and serve until the socket closes; the refusal, if there is one."""
    offered = websocket.requested_subprotocols
    subprotocol = PROTOCOL if PROTOCOL in offered else None
    try:
        caller = _caller(user_type, offered)
    except Problem as problem:
        if subprotocol is None:
            return problem_response(problem)
        await websocket.accept(subprotocol=subprotocol)
        await take_wire(websocket).close(4000 + problem.status, problem.code)
        return None
    await websocket.accept(subprotocol=subprotocol)
    await serve(caller, take_wire(websocket))
    return None


def _caller(user_type: UserType, offered: Sequence[str]) -> Caller:
    token = bearer_token()
    if token is None:
        token = next((one[7:] for one in offered if one.startswith("bearer.")), None)
    token = token or websocket.args.get("access_token")
    if not token:
        raise Unauthenticated(detail="An access token is needed.")
    caller = authenticate(token)
    if caller.user_type != user_type:
        raise Forbidden(detail="This socket is for another kind of user.")
    return caller
