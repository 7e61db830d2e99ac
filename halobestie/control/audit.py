"""The audit log, for operators."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta
from quart.wrappers import Response

from halobestie.accounts.store import AuditRow
from halobestie.web import Area, SpanPage, house, ok

control = Area("/internal", users=("cc_user",))
areas = (control,)


class AuditList(msgspec.Struct, frozen=True):
    """One page, newest first."""

    rows: list[AuditRow]
    total: int


class AuditQuery(SpanPage, frozen=True, kw_only=True):
    """Whose deeds, of which kind, done to what."""

    actor_id: UUID | None = None
    action: Annotated[str, Meta(max_length=60)] | None = None
    subject_id: Annotated[str, Meta(max_length=100)] | None = None


@control.get("/audit-log", answers={200: AuditList})
async def list_audit(query: AuditQuery) -> Response:
    """Who changed or read what, when, with the old and the new value."""
    found, total = await house().accounts.audit.list(
        actor_id=query.actor_id,
        action=query.action,
        subject_id=query.subject_id,
        since=query.since,
        until=query.until,
        limit=query.limit,
        offset=query.offset,
    )
    return ok(AuditList(found, total))
