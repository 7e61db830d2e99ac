"""What the contract's objects look like: every named field, and its type.

A shape is a dict of field → shape, a list of one shape, a set of allowed values, or a
check of one value. Unknown fields are allowed: the contract may be added to.
"""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

Check = Callable[[object], bool]
Shape = dict[str, Any] | list[Any] | set[Any] | Check

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def uuid(value: object) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value
    except ValueError:
        return False


def time(value: object) -> bool:
    return isinstance(value, str) and bool(_TIME.fullmatch(value))


def text(value: object) -> bool:
    return isinstance(value, str)


def integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def count(value: object) -> bool:
    return integer(value) and value >= 0  # type: ignore[operator]


def number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def boolean(value: object) -> bool:
    return isinstance(value, bool)


def anything(_: object) -> bool:
    return True


def mapping(value: object) -> bool:
    return isinstance(value, dict)


class Or:
    """`Or(None, uuid)`: null or an id."""

    def __init__(self, *shapes: Any) -> None:
        self.shapes = shapes


def null(shape: Any) -> Or:
    return Or(shape, lambda value: value is None)


def misfits(value: object, shape: Any, where: str = "") -> list[str]:
    """What is wrong with it, with the path; nothing if it fits."""
    if isinstance(shape, Or):
        found = [misfits(value, each, where) for each in shape.shapes]
        return [] if [] in found else found[0]
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return [f"{where or 'it'} is no object: {value!r}"]
        missing = [f"{where}.{name} is missing" for name in shape if name not in value]
        return missing + [
            wrong
            for name, inner in shape.items()
            if name in value
            for wrong in misfits(value[name], inner, f"{where}.{name}")
        ]
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{where or 'it'} is no list: {value!r}"]
        return [w for i, each in enumerate(value) for w in misfits(each, shape[0], f"{where}[{i}]")]
    if isinstance(shape, set):
        return [] if value in shape else [f"{where} is {value!r}, not one of {shape}"]
    return [] if shape(value) else [f"{where} is {value!r}, no {shape.__name__}"]


def fits(value: Any, shape: Any) -> Any:
    """The value itself, if it has this shape."""
    wrong = misfits(value, shape)
    assert not wrong, "; ".join(wrong)
    return value


CAUSES = {
    "no_mitra_available",
    "all_mitras_rejected",
    "targeted_mitra_rejected",
    "targeted_mitra_timeout",
    "targeted_mitra_offline",
    "customer_cancelled",
    "payment_session_expired",
}
USER = {
    "id": uuid,
    "user_type": {"customer", "mitra", "cc_user"},
    "display_name": null(text),
    "is_anonymous": boolean,
    "phone": null(text),
}
TOKENS = {
    "access_token": text,
    "refresh_token": text,
    "token_type": {"Bearer"},
    "expires_in": {3600},
    "user": USER,
}
OPERATOR_LOGIN = {
    "access_token": text,
    "expires_in": integer,
    "user": {"id": uuid, "email": text, "display_name": text, "role": {"admin", "operator"}},
}
EXTENSION = {"id": uuid, "status": text, "duration_minutes": integer, "expires_at": time}
SENSITIVITY = {"regular", "sensitive"}
SESSION_STATUS = {"active", "expired", "closing", "completed"}
SESSION = {
    "id": uuid,
    "status": SESSION_STATUS,
    "customer": {"id": uuid, "display_name": text},
    "mitra": {"id": uuid, "display_name": text, "is_online": boolean},
    "topics": [text],
    "sensitivity": SENSITIVITY,
    "duration_minutes": integer,
    "started_at": time,
    "ends_at": time,
    "remaining_seconds": count,
    "decision_deadline": null(time),
    "grace_deadline": null(time),
    "extension": null(EXTENSION),
    "last_seq": count,
    "unread_count": count,
    "peer_delivered_seq": count,
    "peer_read_seq": count,
    "payment_request_id": uuid,
}
PAIRING = {
    "id": uuid,
    "payment_request_id": uuid,
    "request_type": {"blast", "returning"},
    "status": {"searching", "paired", "failed", "cancelled"},
    "cause_tag": null(CAUSES),
    "is_terminal": null(boolean),
    "expires_at": time,
    "mitras_notified": count,
    "session_id": null(uuid),
}
PAYMENT = {
    "id": uuid,
    "status": {"pending", "confirmed", "consumed", "failed_pairing", "abandoned", "expired"},
    "amount": count,
    "currency": {"IDR"},
    "duration_minutes": integer,
    "tier_id": text,
    "is_free_trial": boolean,
    "is_extension": boolean,
    "session_id": null(uuid),
    "targeted_mitra_id": null(uuid),
    "topics": [text],
    "sensitivity": SENSITIVITY,
    "created_at": time,
    "expires_at": time,
    "confirmed_at": null(time),
    "consumed_at": null(time),
    "xendit_invoice_url": null(text),
    "pairing": null(PAIRING),
}
OFFER = {
    "pairing_id": uuid,
    "request_type": {"blast", "returning"},
    "customer": {"display_name": text},
    "duration_minutes": integer,
    "topics": [text],
    "sensitivity": SENSITIVITY,
    "is_free_trial": boolean,
    "expires_at": time,
    "expires_in_seconds": count,
}
HELLO = {
    "type": {"hello"},
    "user_id": uuid,
    "server_time": time,
    "heartbeat_cadence_seconds": {15},
    "sessions": [SESSION],
    "pairing": null(PAIRING),
    "chat_requests": [OFFER],
}
MESSAGE = {
    "session_id": uuid,
    "id": uuid,
    "seq": count,
    "sender_type": {"customer", "mitra"},
    "sender_id": uuid,
    "content": text,
    "client_message_id": text,
    "created_at": time,
}
TIERS = [
    {
        "id": text,
        "label": text,
        "duration_minutes": integer,
        "amount": count,
        "is_free_trial": boolean,
    }
]
PRICING = {"currency": {"IDR"}, "is_free_trial_eligible": boolean, "tiers": TIERS}
MITRA_STATUS = {
    "is_online": boolean,
    "since": null(time),
    "last_heartbeat_at": null(time),
    "active_sessions": count,
    "capacity": count,
    "stale_after_seconds": integer,
    "heartbeat_cadence_seconds": {15},
}
FRAMES: dict[str, Any] = {
    "hello": HELLO,
    "message": MESSAGE,
    "typing": {"session_id": uuid, "is_typing": boolean},
    "session_tick": {"session_id": uuid, "remaining_seconds": count},
    "session_warning": {"session_id": uuid, "remaining_seconds": count},
    "session_expired": {"session_id": uuid, "decision_deadline": time},
    "extension_requested": {
        "session_id": uuid,
        "extension_id": uuid,
        "duration_minutes": integer,
        "expires_at": time,
        "timeout_seconds": integer,
        "default_action": {"auto_approve", "auto_reject"},
    },
    "extension_resolved": {
        "session_id": uuid,
        "extension_id": uuid,
        "outcome": {"approved", "auto_approved", "rejected", "auto_rejected"},
    },
    "session_resumed": {"session_id": uuid, "ends_at": time, "remaining_seconds": count},
    "session_closing": {
        "session_id": uuid,
        "grace_deadline": time,
        "ended_by": {"customer", "mitra", "operator", "system"},
    },
    "closing_message": {
        "session_id": uuid,
        "sender_type": {"customer", "mitra"},
        "content": text,
    },
    "session_completed": {
        "session_id": uuid,
        "reason": {"closed", "grace_over", "abandoned", "operator", "account_closed"},
    },
    "session_started": {"session": SESSION},
    "paired": {"payment_request_id": uuid, "session": SESSION},
    "pairing_failed": {"payment_request_id": uuid, "cause_tag": CAUSES, "is_terminal": boolean},
    "returning_chat_rejected": {
        "payment_request_id": uuid,
        "mitra_id": uuid,
        "fallback_available": boolean,
    },
    "returning_chat_timeout": {
        "payment_request_id": uuid,
        "mitra_id": uuid,
        "fallback_available": boolean,
    },
    "payment_status": {"payment_request_id": uuid, "status": text},
    "chat_request": OFFER,
    "chat_request_closed": {
        "pairing_id": uuid,
        "reason": {
            "taken",
            "cancelled",
            "expired",
            "declined",
            "offline",
            "at_capacity",
            "accepted_elsewhere",
        },
    },
    "presence": {"is_online": boolean, "reason": text},
    "mitra_availability": {"available": boolean, "count": count},
    "heartbeat_ack": {},
    "pong": {"server_time": time},
    "resumed": {"session_id": uuid, "last_seq": count},
    "error": {
        "code": {
            "invalid_frame",
            "unknown_type",
            "validation_failed",
            "not_found",
            "session_not_active",
            "rate_limited",
            "overloaded",
            "unavailable",
        },
        "message": text,
    },
    "session_rerouted": {
        "session_id": uuid,
        "mitra": {"id": uuid, "display_name": text, "is_online": boolean},
    },
    "message_status": {"session_id": uuid, "status": {"sent", "delivered", "read"}},
    "server_draining": {"reconnect_in_ms": count},
}
