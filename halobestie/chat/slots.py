"""What a session says to the presences of its two parties: a mitra's slots follow from it.

Presences read the rows when they start, so only those that run are told.
"""

from uuid import UUID

from actors import ActorError, Kind
from halobestie.presence.messages import (
    CustomerMessage,
    MitraMessage,
    Release,
    Reserve,
    SessionMoved,
)

from .store import SessionRow


class Slots:
    def __init__(self, mitras: Kind[MitraMessage], customers: Kind[CustomerMessage]) -> None:
        self._mitras = mitras
        self._customers = customers

    def moved(self, row: SessionRow) -> None:
        """The session has this status, and this mitra: a reservation for it is used."""
        moved = SessionMoved(row.id, row.status, row.id)
        self._mitras.tell_running(row.mitra_id, moved)
        self._customers.tell_running(row.customer_id, moved)

    async def reserve(self, mitra_id: UUID, session_id: UUID) -> bool:
        """Hold a slot of a mitra who is to take a session over. False: offline, full, or
        not to be asked now."""
        try:
            return await self._mitras.ref(mitra_id).ask(Reserve(session_id)) == "reserved"
        except ActorError:
            return False

    def release(self, mitra_id: UUID, session_id: UUID) -> None:
        """It was not to be."""
        self._mitras.tell_running(mitra_id, Release(session_id))

    def left(self, mitra_id: UUID, session_id: UUID) -> None:
        """The session is another mitra's: for this one it is as good as over."""
        self._mitras.tell_running(mitra_id, SessionMoved(session_id, "completed"))
