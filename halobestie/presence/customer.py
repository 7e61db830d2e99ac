"""One customer's presence: what is under way for them.

Runs while there is a socket or something under way, and is read back from rows after
a crash. It knows ids only; what a search or a session is, their actors say.
"""

from typing import assert_never
from uuid import UUID

from actors import Actor
from halobestie.roster import Roster

from .messages import CustomerMessage, Greet, Greeting, Quiet, SearchMoved, SessionMoved
from .store import PresenceStore

QUIET_SECONDS = 120.0  # an idle presence retires after this


class CustomerPresence(Actor[CustomerMessage]):
    def __init__(self, customer_id: UUID, *, store: PresenceStore, roster: Roster) -> None:
        self._id = customer_id
        self._store = store
        self._roster = roster
        self._sessions: list[UUID] = []
        self._pairing_id: UUID | None = None

    async def started(self) -> None:
        row = await self._store.customer(self._id)
        if row is None:
            self.stop()
            return
        self._sessions = list(row.sessions)
        self._pairing_id = row.pairing_id
        self.deadlines.after("quiet", QUIET_SECONDS, Quiet())

    async def receive(self, message: CustomerMessage) -> Greeting | None:
        match message:
            case Greet():
                return Greeting(session_ids=tuple(self._sessions), pairing_id=self._pairing_id)
            case SearchMoved(pairing_id, is_running):
                if is_running:
                    self._pairing_id = pairing_id
                elif self._pairing_id == pairing_id:
                    self._pairing_id = None
            case SessionMoved(session_id, status):
                if session_id in self._sessions:
                    self._sessions.remove(session_id)
                if status != "completed":
                    self._sessions.append(session_id)
            case Quiet():
                self._retire_if_idle()
            case _:
                assert_never(message)
        return None

    def _retire_if_idle(self) -> None:
        if self._roster.sockets(self._id):
            self.deadlines.after("quiet", QUIET_SECONDS, Quiet())
        else:
            self.stop()

    def info(self) -> dict[str, object]:
        return {
            "sockets": self._roster.sockets(self._id),
            "sessions": len(self._sessions),
            "searching": self._pairing_id is not None,
        }
