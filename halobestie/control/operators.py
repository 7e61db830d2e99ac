"""Control-center users, for admins."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType
from quart.wrappers import Response

from halobestie.accounts.messages import DisplayName
from halobestie.accounts.operators import OperatorChange
from halobestie.accounts.rules import clean_name
from halobestie.accounts.store import OperatorRow
from halobestie.callers import Role
from halobestie.quiet import Quiet
from halobestie.web import Area, OffsetPage, house, ok, signed_in

control = Area("/internal", users=("cc_user",))
areas = (control,)

Email = Annotated[str, Meta(max_length=254, pattern=r"^[^@\s\x00]+@[^@\s\x00]+\Z")]
Password = Annotated[str, Meta(min_length=10, max_length=200)]


class OperatorList(msgspec.Struct, frozen=True):
    """One page, in the order of their making."""

    rows: list[OperatorRow]
    total: int


class NewOperator(Quiet, frozen=True):
    """Somebody to work in the control center."""

    email: Email
    display_name: DisplayName
    role: Role
    password: Password


class OperatorPatch(Quiet, frozen=True):
    """What is to be different."""

    email: Email | UnsetType = UNSET
    display_name: DisplayName | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    password: Password | UnsetType = UNSET


@control.get("/cc-users", role="admin", answers={200: OperatorList})
async def list_operators(query: OffsetPage) -> Response:
    """All control-center users."""
    found, total = await house().accounts.operators.list(limit=query.limit, offset=query.offset)
    return ok(OperatorList(found, total))


@control.post("/cc-users", role="admin", answers={201: OperatorRow}, refuses=("409 email_taken",))
async def add_operator(body: NewOperator) -> Response:
    """Add a control-center user."""
    operator = await house().accounts.operators.add(
        body.email, clean_name(body.display_name), body.role, body.password, by=signed_in().id
    )
    return ok(operator, 201)


@control.patch(
    "/cc-users/<uuid:operator_id>",
    role="admin",
    answers={200: OperatorRow},
    refuses=("409 email_taken", "409 last_admin"),
)
async def change_operator(operator_id: UUID, body: OperatorPatch) -> Response:
    """Change a control-center user.

    Another role or password, or being switched off, signs them out everywhere. The last
    admin stays one.
    """
    name = body.display_name
    change = OperatorChange(
        email=body.email,
        display_name=UNSET if name is UNSET else clean_name(name),
        role=body.role,
        is_active=body.is_active,
        password=body.password,
    )
    return ok(await house().accounts.operators.change(operator_id, change, by=signed_in().id))
