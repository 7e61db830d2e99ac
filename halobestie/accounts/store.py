"""Rows of accounts, as structs; their SQL is in sql/queries/accounts*.sql."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from halobestie.accounts.messages import OperatorView, User
from halobestie.adapters.postgres import queries
from halobestie.callers import Role, UserType
from halobestie.quiet import Quiet

sql = queries("accounts")
session_sql = queries("accounts_sessions")
operator_sql = queries("accounts_operators")

RowT = TypeVar("RowT", bound=msgspec.Struct)


class CustomerRow(Quiet, frozen=True):
    """A customer, anonymous or registered."""

    id: UUID
    display_name: str
    phone: str | None
    is_anonymous: bool
    created_at: datetime
    blocked_at: datetime | None
    closed_at: datetime | None

    @property
    def user(self) -> User:
        return User(self.id, "customer", self.display_name, self.is_anonymous, self.phone)


class MitraRow(Quiet, frozen=True):
    """A trained professional's account; whether they are online is presence's business."""

    id: UUID
    display_name: str
    phone: str
    is_active: bool
    capacity_override: int | None
    created_at: datetime

    @property
    def user(self) -> User:
        return User(self.id, "mitra", self.display_name, False, self.phone)


class OperatorRow(Quiet, frozen=True):
    """A control-center user."""

    id: UUID
    email: str
    display_name: str
    role: Role
    is_active: bool
    created_at: datetime

    @property
    def view(self) -> OperatorView:
        return OperatorView(self.id, self.email, self.display_name, self.role)


class CredentialsRow(OperatorRow, frozen=True, kw_only=True):
    """A control-center user with what the password is checked against."""

    password_hash: str


class SessionRow(Quiet, frozen=True):
    """One sign-in."""

    id: UUID
    user_type: UserType
    user_id: UUID
    generation: int
    refresh_hash: str
    rotated_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class AuditRow(Quiet, frozen=True):
    """Who did what to whom, and what was there before and after."""

    id: UUID
    at: datetime
    actor_id: UUID | None
    actor_name: str
    action: str
    subject_type: str
    subject_id: str
    old_value: Any
    new_value: Any
    reason: str | None


def row(kind: type[RowT], record: Mapping[str, Any]) -> RowT:
    """The struct that a record holds."""
    return msgspec.convert(dict(record), kind)


def maybe(kind: type[RowT], record: Mapping[str, Any] | None) -> RowT | None:
    """The struct that a record holds, if there is one."""
    return None if record is None else row(kind, record)


def rows(kind: type[RowT], records: Iterable[Mapping[str, Any]]) -> list[RowT]:
    """The structs that records hold."""
    return [row(kind, record) for record in records]
