"""The knobs in the database."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from halobestie.adapters.postgres import Connection, queries

from .messages import Knobs
from .rules import Limits, changed, defaults

sql = queries("knobs")


def knobs_of(records: list[Mapping[str, Any]], limits: Limits) -> tuple[Knobs, dict[str, str]]:
    """What the rows say, over the defaults; and the rows that are not (any more) allowed."""
    stored = {row["key"]: row["value"] for row in records}
    return changed(defaults(limits), stored, limits)


async def change(
    conn: Connection, wanted: Mapping[str, object], limits: Limits, by: UUID, at: datetime
) -> tuple[Knobs, Knobs, dict[str, str]]:
    """Values before and after, and what is wrong; with anything wrong nothing is stored."""
    await sql.lock_knobs(conn)
    before, _ = knobs_of(await sql.stored_knobs(conn), limits)
    after, wrong = changed(before, wanted, limits)
    if wrong:
        return before, before, wrong
    for key in wanted:
        if getattr(before, key) != getattr(after, key):
            value = msgspec.to_builtins(getattr(after, key))
            await sql.store_knob(conn, key=key, value=value, at=at, updated_by=by)
    return before, after, {}
