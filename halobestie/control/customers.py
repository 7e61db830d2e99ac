"""Customers' accounts, for operators."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta
from quart.wrappers import Response

from halobestie.accounts.rules import search_text
from halobestie.accounts.store import CustomerRow
from halobestie.quiet import Quiet
from halobestie.web import Area, OffsetPage, house, ok, signed_in

control = Area("/internal", users=("cc_user",))
areas = (control,)


class CustomerView(Quiet, frozen=True):
    """A customer as operators see them."""

    id: UUID
    display_name: str
    phone: str | None
    is_anonymous: bool
    is_blocked: bool
    is_closed: bool
    created_at: datetime


class CustomerList(msgspec.Struct, frozen=True):
    """One page, newest first."""

    rows: list[CustomerView]
    total: int


class CustomerQuery(OffsetPage, frozen=True, kw_only=True):
    """`query`: part of a name or phone, or an id."""

    query: Annotated[str, Meta(max_length=100)] | None = None


class CustomerPatch(msgspec.Struct, frozen=True):
    """Whether the customer is to be kept out."""

    is_blocked: bool


@control.get("/customers", answers={200: CustomerList})
async def list_customers(query: CustomerQuery) -> Response:
    """Customers, newest first."""
    found, total = await house().accounts.customers.list(
        search_text(query.query), limit=query.limit, offset=query.offset
    )
    return ok(CustomerList([_view(row) for row in found], total))


@control.get("/customers/<uuid:customer_id>", answers={200: CustomerView})
async def get_customer(customer_id: UUID) -> Response:
    """One customer."""
    return ok(_view(await house().accounts.customers.find(customer_id)))


@control.patch("/customers/<uuid:customer_id>", answers={200: CustomerView})
async def change_customer(customer_id: UUID, body: CustomerPatch) -> Response:
    """Block or unblock a customer.

    Blocking ends their tokens and sockets at once, cancels a search and closes a session.
    """
    customer = await house().accounts.customers.block(
        customer_id, blocked=body.is_blocked, by=signed_in().id
    )
    return ok(_view(customer))


def _view(customer: CustomerRow) -> CustomerView:
    return CustomerView(
        customer.id,
        customer.display_name,
        customer.phone,
        customer.is_anonymous,
        customer.blocked_at is not None,
        customer.closed_at is not None,
        customer.created_at,
    )
