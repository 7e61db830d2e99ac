"""How many customers one mitra has, and how many more there is room for.

Pure bookkeeping. A slot is taken by a session that is active or expired, or by a
reservation: an accept that is being committed. A reservation becomes its session, is
given back, or is dropped by its age. Rows know the sessions; reservations are memory
alone, and the database counts again before it lets an accept through.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from .messages import SessionMoved

RESERVATION_LIVES = timedelta(seconds=15)  # longer than any commit may take


class Slots:
    """The slots of one mitra."""

    def __init__(self) -> None:
        self.running: set[UUID] = set()
        self.closing: set[UUID] = set()
        self.reserved: dict[UUID, datetime] = {}

    def load(self, running: Iterable[UUID], closing: Iterable[UUID]) -> None:
        """What the rows say. Reservations stay: their commits are under way."""
        self.running, self.closing = set(running), set(closing)

    def free(self, capacity: int) -> int:
        """How many more customers there is room for."""
        return max(0, capacity - len(self.running) - len(self.reserved))

    def is_full(self, capacity: int) -> bool:
        """No room, however the accepts that are under way end."""
        return len(self.running) >= capacity

    def reserve(self, pairing_id: UUID, capacity: int, at: datetime) -> bool:
        """Take a slot for an accept; False if there is none. Twice is once."""
        if pairing_id not in self.reserved and self.free(capacity) == 0:
            return False
        self.reserved[pairing_id] = at
        return True

    def release(self, pairing_id: UUID) -> None:
        """The accept did not come to be; fine if there was none."""
        self.reserved.pop(pairing_id, None)

    def moved(self, moved: SessionMoved) -> None:
        """A session has begun or has another status."""
        self.running.discard(moved.session_id)
        self.closing.discard(moved.session_id)
        if moved.pairing_id is not None:
            self.release(moved.pairing_id)
        if moved.status in ("active", "expired"):
            self.running.add(moved.session_id)
        elif moved.status == "closing":
            self.closing.add(moved.session_id)

    @property
    def next_drop(self) -> datetime | None:
        """When the oldest reservation is over."""
        oldest = min(self.reserved.values(), default=None)
        return None if oldest is None else oldest + RESERVATION_LIVES

    def drop_old(self, now: datetime) -> None:
        """Give back what nobody has settled."""
        for pairing_id, since in tuple(self.reserved.items()):
            if now >= since + RESERVATION_LIVES:
                del self.reserved[pairing_id]
