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
    return ok(MitraList([_view(row) for row in found], total))


@control.post("/mitras", answers={201: MitraView}, refuses=("409 phone_taken",))
async def add_mitra(body: NewMitra) -> Response:
    """Add a mitra."""
    added = await house().accounts.mitras.add(
        normalise_phone(body.phone), clean_name(body.display_name), by=signed_in().id
    )
    return ok(_view(added), 201)


@control.get("/mitras/<uuid:mitra_id>", answers={200: MitraView})
async def get_mitra(mitra_id: UUID) -> Response:
    """One mitra."""
    return ok(_view(await house().accounts.mitras.find(mitra_id)))


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
    return ok(_view(await house().accounts.mitras.change(mitra_id, change, by=signed_in().id)))


def _view(mitra: MitraRow) -> MitraView:
    return MitraView(
        mitra.id,
        mitra.phone,
        mitra.display_name,
        mitra.is_active,
        mitra.id in house().accounts.ports.online_mitras(),
        mitra.capacity_override,
        mitra.created_at,
    )
