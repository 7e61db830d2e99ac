"""The rows of presence."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from halobestie.accounts.messages import Audit
from halobestie.adapters.postgres import Database, queries

from .messages import Offer, OfferCustomer, Reason

sql = queries("presence")


class MitraRow(msgspec.Struct, frozen=True):
    """A mitra's presence as it was last committed."""

    id: UUID
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


class OnlineChange(msgspec.Struct, frozen=True):
    """One line of the online log."""

    mitra_id: UUID
    display_name: str
    is_online: bool
    reason: Reason
    at: datetime


class PresenceStore:
    """Raises `Unavailable` when PostgreSQL is away."""

    def __init__(self, db: Database, audit: Audit) -> None:
        self._db = db
        self._audit = audit

    async def mitra(self, mitra_id: UUID) -> MitraRow | None:
        """A mitra, or None if there is none."""
        row = await self._db.run(sql.read_mitra, mitra_id=mitra_id)
        return None if row is None else msgspec.convert(dict(row), MitraRow)

    async def open_offers(self, mitra_id: UUID) -> list[Offer]:
        """What a mitra may accept, first asked first; the ages are left to the reader."""
        return [_offer(row) for row in await self._db.run(sql.open_offers, mitra_id=mitra_id)]

    async def seen(self, mitra_id: UUID, pairing_ids: Collection[UUID], at: datetime) -> None:
        """Commit that these offers were shown to the mitra, if they had not been before."""
        await self._db.run(sql.mark_seen, mitra_id=mitra_id, pairing_ids=list(pairing_ids), at=at)

    async def customer(self, customer_id: UUID) -> CustomerRow | None:
        """A customer, or None if there is none."""
        row = await self._db.run(sql.read_customer, customer_id=customer_id)
        return None if row is None else msgspec.convert(dict(row), CustomerRow)

    async def set_online(
        self,
        mitra_id: UUID,
        *,
        is_online: bool,
        reason: Reason,
        at: datetime,
        by: UUID | None = None,
    ) -> bool:
        """Commit a change of presence together with its line in the online log.

        False, and nothing is written, for going online with an account that is off.
        """

        async def work(conn: Any) -> bool:
            if not await sql.set_online(conn, mitra_id=mitra_id, is_online=is_online, at=at):
                return False
            await sql.log_online(conn, mitra_id=mitra_id, is_online=is_online, reason=reason, at=at)
            if by is not None:
                await self._audit(
                    conn,
                    actor_id=by,
                    action="mitra.online" if is_online else "mitra.offline",
                    subject=mitra_id,
                    old={"is_online": not is_online},
                    new={"is_online": is_online},
                    at=at,
                )
            return True

        return await self._db.transaction(work)

    async def heartbeat(self, mitra_id: UUID, at: datetime) -> None:
        """Commit that the mitra's app was there."""
        await self._db.run(sql.store_heartbeat, mitra_id=mitra_id, at=at)

    async def online(self) -> list[UUID]:
        """Every mitra that was online when last heard of."""
        return [row["mitra_id"] for row in await self._db.run(sql.online_mitras)]

    async def log(
        self,
        mitra_id: UUID | None,
        since: datetime | None,
        until: datetime | None,
        *,
        limit: int,
        offset: int,
    ) -> tuple[list[OnlineChange], int]:
        """Changes of presence, newest first, and how many there are."""
        wanted = {"mitra_id": mitra_id, "since": since, "until": until}
        rows = await self._db.run(sql.online_log, **wanted, limit=limit, offset=offset)
        total: int = await self._db.run(sql.count_online_log, **wanted)
        return [msgspec.convert(dict(row), OnlineChange) for row in rows], total


def _offer(row: Any) -> Offer:
    return Offer(
        pairing_id=row["pairing_id"],
        request_type=row["request_type"],
        customer=OfferCustomer(row["customer_name"]),
        duration_minutes=row["duration_minutes"],
        topics=tuple(row["topics"]),
        sensitivity=row["sensitivity"],
        is_free_trial=row["is_free_trial"],
        expires_at=row["expires_at"],
        expires_in_seconds=0,
    )
