"""What this node's sockets were told of a session, kept beside the session's actor.

A session commits, then tells. An incarnation that dies in between leaves stored what
nobody heard; the next one finds here how far the telling had come, and goes on from
there. Plain data in memory, one entry for each session that runs: sockets do not outlive
the node either.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from .messages import Party
from .rules import Course


class Told:
    """How far one session's telling has come."""

    __slots__ = ("closing", "ends_at", "extension_id", "seq", "status")

    def __init__(self, course: Course, seq: int, closing: Iterable[Party]) -> None:
        self.seq = seq
        self.closing = set(closing)
        """Whose closing message the other knows."""
        self.note(course)

    def note(self, course: Course) -> None:
        """Both parties know this state."""
        self.status = course.status
        self.ends_at: datetime = course.ends_at
        self.extension_id = None if course.extension is None else course.extension.id


AllTold = dict[UUID, Told]
