"""A session's refusals as HTTP has them."""

from typing import NoReturn

from halobestie.chat.messages import Refusal
from halobestie.errors import BadRequest, Conflict, Forbidden, NotFound

_WHY = {
    "session_not_active": "The session is not active.",
    "session_not_closing": "The session takes no closing message now.",
    "closing_message_exists": "You have left a closing message already.",
    "session_not_extendable": "This session cannot be extended any more.",
    "extension_pending": "An extension waits for its answer.",
    "extension_resolved": "The extension has been resolved already.",
    "payment_not_confirmed": "There is no confirmed extension payment of this session.",
    "session_not_completed": "The session is not over yet.",
    "already_rated": "The session has been rated already.",
}


def refuse(refusal: Refusal) -> NoReturn:
    """Raise what stands for it."""
    match refusal.code:
        case "not_found":
            raise NotFound("There is no such session.")
        case "early_end_disabled":
            raise Forbidden(refusal.code, "Sessions cannot be ended early.")
        case "free_trial_not_allowed":
            raise BadRequest(refusal.code, "A trial cannot extend a session.")
        case _:
            raise Conflict(refusal.code, _WHY.get(refusal.code, ""))
