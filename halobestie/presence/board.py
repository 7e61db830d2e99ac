"""How many mitras could take a customer now.

The Board lives as long as the node and is read without waiting; the BoardKeeper is the
only actor that writes to it. A crash of the keeper costs nothing: the board stays. A
start of the node finds it empty, and every mitra that was online writes itself back.
"""

from uuid import UUID

import msgspec

from actors import Actor, MailboxFull
from actors.system import Kind
from halobestie.pairing.messages import MitraFree, PairingMessage
from halobestie.roster import Roster

from .messages import BoardMessage, Broadcast, MitraChanged, Unwatch, Watch

BROADCAST_EVERY = 1.0  # seconds between two announcements to customers, at least


class Availability(msgspec.Struct, frozen=True):
    """The contract's answer of ``mitra-availability``."""

    available: bool
    count: int


class AvailabilityFrame(msgspec.Struct, frozen=True, tag="mitra_availability", tag_field="type"):
    """The same, pushed."""

    available: bool
    count: int


class Board:
    """Who is online, and with how many free slots. Read by anyone."""

    def __init__(self) -> None:
        self.online: set[UUID] = set()
        self.free: dict[UUID, int] = {}
        self.watchers: set[UUID] = set()

    @property
    def availability(self) -> Availability:
        """What customers may know."""
        return Availability(bool(self.free), len(self.free))


class BoardKeeper(Actor[BoardMessage]):
    """Keeps the board, tells searches of mitras that become free, and customers of changes."""

    def __init__(self, board: Board, roster: Roster, pairings: Kind[PairingMessage]) -> None:
        self._board = board
        self._roster = roster
        self._pairings = pairings
        self._told: bool | None = None

    async def receive(self, message: BoardMessage) -> tuple[UUID, ...] | None:
        match message:
            case MitraChanged():
                self._changed(message)
            case Watch(pairing_id):
                self._board.watchers.add(pairing_id)
                return tuple(self._board.free)
            case Unwatch(pairing_id):
                self._board.watchers.discard(pairing_id)
            case Broadcast():
                self._broadcast()
        return None

    def _changed(self, change: MitraChanged) -> None:
        board = self._board
        (board.online.add if change.is_online else board.online.discard)(change.mitra_id)
        was_free = change.mitra_id in board.free
        if change.free_slots:
            board.free[change.mitra_id] = change.free_slots
        else:
            board.free.pop(change.mitra_id, None)
        if change.free_slots and not was_free:
            for pairing_id in tuple(board.watchers):
                self._tell_search(pairing_id, change.mitra_id)
        if bool(board.free) != self._told and "broadcast" not in self.deadlines:
            self._broadcast()

    def _tell_search(self, pairing_id: UUID, mitra_id: UUID) -> None:
        try:
            self._pairings.ref(pairing_id).tell(MitraFree(mitra_id))
        except MailboxFull:
            # It hears of the next change; its window bounds what it can miss.
            self._board.watchers.discard(pairing_id)

    def _broadcast(self) -> None:
        """At most once a second, and always the last value."""
        now = self._board.availability
        if now.available != self._told:
            self._told = now.available
            frame = msgspec.json.encode(AvailabilityFrame(now.available, now.count))
            self._roster.broadcast("customer", frame)
            self.deadlines.after("broadcast", BROADCAST_EVERY, Broadcast())

    def info(self) -> dict[str, object]:
        board = self._board
        return {
            "online": len(board.online),
            "free": len(board.free),
            "searches": len(board.watchers),
        }
