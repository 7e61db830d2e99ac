"""The rows of presence."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from halobestie.adapters.postgres import Database, queries

from .messages import Reason

sql = queries("presence")


class MitraRow(msgspec.Struct, frozen=True):
    """A mitra's presence as it was last committed."""

    id: UUID
    display_name: str
    is_active: bool
    capacity_override: int | None
    is_online: bool
    since: datetime | None
    last_heartbeat_at: datetime | None
    running: tuple[UUID, ...]
    closing: tuple[UUID, ...]


class CustomerRow(msgspec.Struct, frozen=True):
    """What a customer has under way."""

    id: UUID
    sessions: tuple[UUID, ...]
    pairing_id: UUID | None


class PresenceStore:
    """Raises `Unavailable` when PostgreSQL is away."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def mitra(self, mitra_id: UUID) -> MitraRow | None:
        """A mitra, or None if there is none."""
        row = await self._db.run(sql.read_mitra, mitra_id=mitra_id)
        return None if row is None else msgspec.convert(dict(row), MitraRow)

    async def customer(self, customer_id: UUID) -> CustomerRow | None:
        """A customer, or None if there is none."""
        row = await self._db.run(sql.read_customer, customer_id=customer_id)
        return None if row is None else msgspec.convert(dict(row), CustomerRow)

    async def set_online(
        self, mitra_id: UUID, *, is_online: bool, reason: Reason, at: datetime
    ) -> None:
        """Commit a change of presence together with its line in the online log."""

        async def work(conn: Any) -> None:
            await sql.set_online(conn, mitra_id=mitra_id, is_online=is_online, at=at)
            await sql.log_online(conn, mitra_id=mitra_id, is_online=is_online, reason=reason, at=at)

        await self._db.transaction(work)

    async def heartbeat(self, mitra_id: UUID, at: datetime) -> None:
        """Commit that the mitra's app was there."""
        await self._db.run(sql.store_heartbeat, mitra_id=mitra_id, at=at)

    async def online(self) -> list[UUID]:
        """Every mitra that was online when last heard of."""
        return [row["mitra_id"] for row in await self._db.run(sql.online_mitras)]
