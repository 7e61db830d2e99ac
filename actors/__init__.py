"""A small OTP on trio: actors with typed messages, deadlines, supervision and a tree.

Knows trio, msgspec (for messages) and nothing of what it is used for.
"""

from .actor import Actor
from .changes import Change, Changes
from .clock import Clock
from .errors import (
    ActorCrashed,
    ActorError,
    ActorStopped,
    AskTimeout,
    CrashRequested,
    MailboxFull,
    Quarantined,
    ServiceFailed,
    Unavailable,
)
from .messages import Ask, Later
from .refs import Ref
from .restarts import Restart
from .system import ActorSystem, Kind, open_system
from .tree import Node, Totals, snapshot, totals

__all__ = [
    "Actor",
    "ActorCrashed",
    "ActorError",
    "ActorStopped",
    "ActorSystem",
    "Ask",
    "AskTimeout",
    "Change",
    "Changes",
    "Clock",
    "CrashRequested",
    "Kind",
    "Later",
    "MailboxFull",
    "Node",
    "Quarantined",
    "Ref",
    "Restart",
    "ServiceFailed",
    "Totals",
    "Unavailable",
    "open_system",
    "snapshot",
    "totals",
]
