"""The audit log: who did or read what, when, and what was there before and after.

Append-only by a trigger of the database. A change and its row commit together.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from halobestie.accounts.store import AuditRow, operator_sql, rows
from halobestie.adapters.postgres import Connection, Database
from halobestie.ids import new_id


async def write_audit(
    connection: Connection,
    *,
    actor_id: UUID | None,
    action: str,
    subject: UUID | str,
    at: datetime,
    old: object = None,
    new: object = None,
    reason: str | None = None,
) -> None:
    """Asyncio-side: one row, within the transaction of what it tells about.

    action: `<subject type>.<verb>`, e.g. `mitra.change`. old, new: anything JSON can hold,
    without secrets, phones in full, or chat text. No actor_id: the system itself.
    """
    await operator_sql.write_audit(
        connection,
        id=new_id(),
        at=at,
        actor_id=actor_id,
        action=action,
        subject_type=action.partition(".")[0],
        subject_id=str(subject),
        old_value=old,
        new_value=new,
        reason=reason,
    )


class Audit:
    """Reads the log, and writes what happens outside of a transaction (a read, say)."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def write(self, **entry: Any) -> None:
        """`write_audit` by itself."""

        async def work(connection: Connection) -> None:
            await write_audit(connection, **entry)

        await self._db.transaction(work)

    async def list(
        self,
        *,
        actor_id: UUID | None,
        action: str | None,
        subject_id: str | None,
        since: datetime | None,
        until: datetime | None,
        limit: int,
        offset: int,
    ) -> tuple[list[AuditRow], int]:
        """Newest first, and how many there are."""
        wanted = {
            "actor_id": actor_id,
            "action": action,
            "subject_id": subject_id,
            "since": since,
            "until": until,
        }
        found = await self._db.run(operator_sql.list_audit, **wanted, limit=limit, offset=offset)
        total: int = await self._db.run(operator_sql.count_audit, **wanted)
        return rows(AuditRow, found), total
