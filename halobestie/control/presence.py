"""Who was online when, and an operator's way to put a mitra offline."""

from uuid import UUID

import msgspec
from quart.wrappers import Response

from halobestie.presence.messages import MitraStatus, SetOnline
from halobestie.presence.store import OnlineChange
from halobestie.web import Area, SpanPage, house, ok, signed_in

control = Area("/internal", users=("cc_user",))
areas = (control,)


class OnlineLog(msgspec.Struct, frozen=True):
    """One page, newest first."""

    rows: list[OnlineChange]
    total: int


class OnlineLogQuery(SpanPage, frozen=True, kw_only=True):
    """Whose changes."""

    mitra_id: UUID | None = None


@control.get("/mitra-online-logs", answers={200: OnlineLog})
async def online_log(query: OnlineLogQuery) -> Response:
    """Every change of presence and its reason."""
    rows, total = await house().presence_store.log(
        query.mitra_id, query.since, query.until, limit=query.limit, offset=query.offset
    )
    return ok(OnlineLog(rows, total))


@control.post("/mitras/<uuid:mitra_id>/offline", answers={200: MitraStatus})
async def put_offline(mitra_id: UUID) -> Response:
    """Put a mitra offline. Sessions stay; twice changes nothing. Audited."""
    await house().accounts.mitras.find(mitra_id)
    offline = SetOnline(False, "operator", by=signed_in().id)
    status = await house().mitras.ref(mitra_id).ask(offline)
    return ok(status)
