"""Mitras' accounts, for operators."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType
from quart.wrappers import Response

from halobestie.accounts.messages import DisplayName
from halobestie.accounts.mitras import MitraChange
from halobestie.accounts.rules import clean_name, normalise_phone, search_text
from halobestie.accounts.store import MitraRow
from halobestie.figures import midnight
from halobestie.pairing.reports import MitraCounts
from halobestie.quiet import Quiet
from halobestie.web import Area, OffsetPage, house, ok, signed_in

control = Area("/internal", users=("cc_user",))
areas = (control,)


class MitraView(Quiet, frozen=True):
    """A mitra as operators see them."""

    id: UUID
    phone: str
    display_name: str
    is_active: bool
    is_online: bool
    capacity_override: int | None
    created_at: datetime
    offers_today: int
    """Since midnight in Jakarta; an offer made again in the same search counts once."""
    accepts_today: int


class MitraList(msgspec.Struct, frozen=True):
    """One page, newest first."""

    rows: list[MitraView]
    total: int


class MitraQuery(OffsetPage, frozen=True, kw_only=True):
    """`query`: part of a name or phone, or an id."""

    query: Annotated[str, Meta(max_length=100)] | None = None
    is_online: bool | None = None


class NewMitra(Quiet, frozen=True):
    """A professional who is to sign in with this phone."""

    phone: Annotated[str, Meta(min_length=1, max_length=40)]
    display_name: DisplayName


class MitraPatch(Quiet, frozen=True):
    """What is to be different. `capacity_override: null` means: as the knob says."""

    display_name: DisplayName | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    capacity_override: Annotated[int, Meta(ge=0, le=50)] | UnsetType | None = UNSET


@control.get("/mitras", answers={200: MitraList})
async def list_mitras(query: MitraQuery) -> Response:
    """Mitras, newest first."""
    found, total = await house().accounts.mitras.list(
        search_text(query.query), query.is_online, limit=query.limit, offset=query.offset
    )
    return ok(MitraList(await _views(found), total))


@control.post("/mitras", answers={201: MitraView}, refuses=("409 phone_taken",))
async def add_mitra(body: NewMitra) -> Response:
    """Add a mitra."""
    added = await house().accounts.mitras.add(
        normalise_phone(body.phone), clean_name(body.display_name), by=signed_in().id
    )
    return ok((await _views([added]))[0], 201)


@control.get("/mitras/<uuid:mitra_id>", answers={200: MitraView})
async def get_mitra(mitra_id: UUID) -> Response:
    """One mitra."""
    found = await house().accounts.mitras.find(mitra_id)
    return ok((await _views([found]))[0])


@control.patch("/mitras/<uuid:mitra_id>", answers={200: MitraView})
async def change_mitra(mitra_id: UUID, body: MitraPatch) -> Response:
    """Change a mitra.

    Switching one off signs them out and takes them offline; their running sessions stay,
    flagged for rerouting.
    """
    name = body.display_name
    change = MitraChange(
        display_name=UNSET if name is UNSET else clean_name(name),
        is_active=body.is_active,
        capacity_override=body.capacity_override,
    )
    changed = await house().accounts.mitras.change(mitra_id, change, by=signed_in().id)
    return ok((await _views([changed]))[0])


async def _views(mitras: list[MitraRow]) -> list[MitraView]:
    since = midnight(house().clock.now())
    counts = await house().searches.counts([mitra.id for mitra in mitras], since)
    online = house().accounts.ports.online_mitras()
    return [
        MitraView(
            mitra.id,
            mitra.phone,
            mitra.display_name,
            mitra.is_active,
            mitra.id in online,
            mitra.capacity_override,
            mitra.created_at,
            counts.get(mitra.id, MitraCounts()).offers,
            counts.get(mitra.id, MitraCounts()).accepts,
        )
        for mitra in mitras
    ]
