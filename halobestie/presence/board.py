"""How many mitras could take a customer now.

The Board lives as long as the node and is read without waiting; the BoardKeeper is the
only actor that writes to it. The board outlives a crash of the keeper; whatever the
message that crashed it said, every presence is asked to say again. A start of the node
finds it empty, and every mitra that was online writes itself back.
"""

from typing import assert_never
from uuid import UUID

import msgspec

from actors import Actor, Kind, MailboxFull
from halobestie.pairing.messages import MitrasFree, PairingMessage
from halobestie.roster import Roster

from .messages import (
    BoardMessage,
    Broadcast,
    MitraChanged,
    MitraMessage,
    OnlineNow,
    TellBoard,
    TellSearches,
    Unwatch,
    Watch,
)

BROADCAST_EVERY = 1.0  # seconds between two announcements to customers, at least
# Seconds between two announcements to searches: when a shift begins, hundreds of mitras
# come online within a second, and each search is to ask them by a few statements.
GATHER = 0.1


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
        # What connected customers may still hold for true. Both values, if one connected
        # and was told the present while a broadcast had to wait.
        self.told: set[bool] = set()

    @property
    def availability(self) -> Availability:
        """What customers may know."""
        return Availability(bool(self.free), len(self.free))


class BoardKeeper(Actor[BoardMessage]):
    """Keeps the board, tells searches of mitras that become free, and customers of changes."""

    def __init__(
        self,
        board: Board,
        roster: Roster,
        mitras: Kind[MitraMessage],
        pairings: Kind[PairingMessage],
    ) -> None:
        self._board = board
        self._roster = roster
        self._mitras = mitras
        self._pairings = pairings
        # Have become free since the searches were told.
        self._news: set[UUID] = set()

    async def started(self) -> None:
        self._mitras.tell_all(TellBoard())
        self._news = set(self._board.free)

    async def receive(self, message: BoardMessage) -> OnlineNow | None:
        match message:
            case MitraChanged():
                self._changed(message)
            case Watch(pairing_id):
                self._board.watchers.add(pairing_id)
                return self._online_now()
            case Unwatch(pairing_id):
                self._board.watchers.discard(pairing_id)
            case Broadcast():
                self._broadcast()
            case TellSearches():
                pass  # the flush does
            case _:
                assert_never(message)
        return None

    async def flush(self) -> None:
        """Tell once of everybody who has become free."""
        if "gather" in self.deadlines:
            return
        news, self._news = self._news, set()
        if news and self._board.watchers:
            message = MitrasFree(tuple(news))
            for pairing_id in self._board.watchers:
                try:
                    self._pairings.tell_running(pairing_id, message)
                except MailboxFull:
                    self._news = news  # once more for all; who knows it already asks nobody
            self.deadlines.after("gather", GATHER, TellSearches())

    def _online_now(self) -> OnlineNow:
        board = self._board
        return OnlineNow(tuple(board.free), tuple(board.online - board.free.keys()))

    def _changed(self, change: MitraChanged) -> None:
        board = self._board
        (board.online.add if change.is_online else board.online.discard)(change.mitra_id)
        if not change.free_slots:
            board.free.pop(change.mitra_id, None)
            self._news.discard(change.mitra_id)
        else:
            if change.mitra_id not in board.free:
                self._news.add(change.mitra_id)
            board.free[change.mitra_id] = change.free_slots
        if "broadcast" not in self.deadlines:
            self._broadcast()

    def _broadcast(self) -> None:
        """At most once a second, and always the last value."""
        now = self._board.availability
        if self._board.told - {now.available}:
            self._board.told = {now.available}
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
