"""Mitras' accounts, as the control center keeps them and they themselves see them."""

from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from actors import Clock
from halobestie.accounts.audit import write_audit
from halobestie.accounts.messages import Ports
from halobestie.accounts.rules import masked
from halobestie.accounts.sessions import AuthSessions
from halobestie.accounts.store import MitraRow, maybe, row, rows, sql
from halobestie.adapters.postgres import Connection, Database
from halobestie.errors import Conflict, NotFound
from halobestie.ids import new_id

# The first start of a development server finds nobody to talk to; these three are there.
SEED = (
    ("+628110000001", "Bestie Ayu"),
    ("+628110000002", "Bestie Budi"),
    ("+628110000003", "Bestie Citra"),
)


class MitraChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be different; what is unset stays."""

    display_name: str | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    capacity_override: int | UnsetType | None = UNSET


class Mitras:
    """The mitras' accounts."""

    def __init__(self, db: Database, sessions: AuthSessions, ports: Ports, clock: Clock) -> None:
        self._db = db
        self._sessions = sessions
        self._ports = ports
        self._clock = clock

    async def find(self, mitra_id: UUID) -> MitraRow:
        """NotFound if there is none."""
        found = maybe(MitraRow, await self._db.run(sql.find_mitra, id=mitra_id))
        if found is None:
            raise NotFound
        return found

    async def active_with_phone(self, phone: str) -> MitraRow | None:
        """Who may sign in with this phone."""
        found = maybe(MitraRow, await self._db.run(sql.find_mitra_by_phone, phone=phone))
        return found if found is not None and found.is_active else None

    async def add(self, phone: str, display_name: str, *, by: UUID | None) -> MitraRow:
        """Conflict `phone_taken`."""
        at = self._clock.now()

        async def work(connection: Connection) -> MitraRow:
            added = await sql.add_mitra(
                connection, id=new_id(), display_name=display_name, phone=phone, at=at
            )
            if added is None:
                raise Conflict("phone_taken", "Another mitra has this phone.")
            mitra = row(MitraRow, added)
            new = {"display_name": display_name, "phone_ending": masked(phone)}
            await write_audit(
                connection, actor_id=by, action="mitra.add", subject=mitra.id, new=new, at=at
            )
            return mitra

        return await self._db.transaction(work)

    async def change(self, mitra_id: UUID, wanted: MitraChange, *, by: UUID) -> MitraRow:
        """Switching one off signs them out and takes them offline; sessions stay."""
        at = self._clock.now()

        async def work(connection: Connection) -> tuple[MitraRow, MitraRow, list[UUID]]:
            before = maybe(MitraRow, await sql.lock_mitra(connection, id=mitra_id))
            if before is None:
                raise NotFound
            values = {
                name: getattr(before if getattr(wanted, name) is UNSET else wanted, name)
                for name in wanted.__struct_fields__
            }
            changed = await sql.change_mitra(connection, id=mitra_id, **values, at=at)
            after = row(MitraRow, changed)
            if after == before:
                return before, after, []
            await write_audit(
                connection,
                actor_id=by,
                action="mitra.change",
                subject=mitra_id,
                old={name: getattr(before, name) for name in values},
                new=values,
                at=at,
            )
            revoked: list[UUID] = []
            if before.is_active and not after.is_active:
                revoked = await self._sessions.revoke_within(connection, mitra_id, "deactivated")
            return before, after, revoked

        before, after, revoked = await self._db.transaction(work)
        await self._sessions.announce(revoked)
        if wanted.is_active is False:
            # Also when it was off already: the first time may have been cut short here.
            await self._ports.mitra_deactivated(mitra_id)
        elif after != before:
            await self._ports.mitra_changed(mitra_id)
        return after

    async def rename(self, mitra_id: UUID, display_name: str) -> MitraRow:
        """A mitra changes their own name."""
        change = MitraChange(display_name=display_name)
        return await self.change(mitra_id, change, by=mitra_id)

    async def seed(self) -> None:
        """Add the development mitras if there are none."""
        if await self._db.run(sql.any_mitra):
            return
        for phone, display_name in SEED:
            try:
                await self.add(phone, display_name, by=None)
            except Conflict:
                pass  # another node starts for the first time too

    async def list(
        self, search: str | None, is_online: bool | None, *, limit: int, offset: int
    ) -> tuple[list[MitraRow], int]:
        """Newest first, and how many there are."""
        wanted = {
            "search": search,
            "is_online": is_online,
            "online": list(self._ports.online_mitras()),
        }
        found = await self._db.run(sql.list_mitras, **wanted, limit=limit, offset=offset)
        total: int = await self._db.run(sql.count_mitras, **wanted)
        return rows(MitraRow, found), total
