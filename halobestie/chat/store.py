"""The rows of a session. A write by an owner that was replaced raises `Unavailable`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec

from actors import Unavailable
from halobestie.accounts.messages import Audit
from halobestie.adapters.postgres import Connection, Database, queries
from halobestie.payments.messages import Purse
from halobestie.push.messages import Owed, Pushes

from .messages import (
    ClosingMessage,
    Completion,
    EndedBy,
    ExtensionStatus,
    ExtensionView,
    Party,
    Refusal,
    Sent,
)
from .rules import Course, Extension, Resolution

sql = queries("chat")

EventName = Literal[
    "expired",
    "extension_requested",
    "extension_approved",
    "extension_auto_approved",
    "extension_rejected",
    "extension_auto_rejected",
    "closing",
    "closing_message",
    "completed",
    "rerouted",
]


class SessionRow(Course, frozen=True, kw_only=True):
    """One session as it was last committed, with both names."""

    id: UUID
    customer_id: UUID
    customer_name: str
    mitra_id: UUID
    mitra_name: str
    payment_request_id: UUID
    topics: tuple[str, ...]
    sensitivity: str
    started_at: datetime
    last_seq: int
    customer_delivered_seq: int
    customer_read_seq: int
    mitra_delivered_seq: int
    mitra_read_seq: int
    customer_pushed_seq: int
    mitra_pushed_seq: int
    epoch: int


class Loaded(msgspec.Struct, frozen=True):
    """A session and what its owner keeps in memory."""

    row: SessionRow
    unread: dict[Party, list[int]]
    """By reader: the other's messages that they have not read."""
    closing: tuple[ClosingMessage, ...]
    ended_by: EndedBy | None
    completion: Completion | None


class Event(msgspec.Struct, frozen=True):
    """A line of the session's timeline: what, by whom, and what else is to be said of it."""

    name: EventName
    by: EndedBy = "system"
    by_id: UUID | None = None
    detail: dict[str, object] | None = None


class Resolved(msgspec.Struct, frozen=True):
    """An extension that is no longer pending."""

    extension: Extension
    resolution: Resolution


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one step of a session commits at once."""

    row: SessionRow
    """The session as it will be."""
    at: datetime
    events: tuple[Event, ...] = ()
    ended_by: EndedBy | None = None
    end_reason: Completion | None = None
    completion: Completion | None = None
    requested: Extension | None = None
    resolved: Resolved | None = None
    closing: ClosingMessage | None = None
    owed: Sequence[Owed] = ()
    audit: tuple[str, UUID, str | None] | None = None
    """An operator's deed: the action, who, and why."""


class PaymentGone(Exception):
    """The payment of an extension cannot be used any more; nothing was written."""


class _Refused(Exception):
    """Rolls the transaction back; carries the answer."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal


class SessionStore:
    """Raises `Unavailable` when PostgreSQL is away: then nothing is known to be written.

    The order of locks is everywhere: payment request, mitra, session.
    """

    def __init__(self, db: Database, purse: Purse, pushes: Pushes, audit: Audit) -> None:
        self._db = db
        self._purse = purse
        self._pushes = pushes
        self._audit = audit

    async def claim(self, session_id: UUID) -> Loaded | None:
        """Become the owner of a session and read it; None if there is none."""

        async def work(conn: Connection) -> Loaded | None:
            record = await sql.claim_session(conn, id=session_id)
            if record is None:
                return None
            row = msgspec.convert(dict(record), SessionRow)
            pending = await sql.pending_extension(conn, session_id=session_id)
            if pending is not None:
                extension = msgspec.convert(dict(pending), Extension)
                row = msgspec.structs.replace(row, extension=extension)
            unread: dict[Party, list[int]] = {"customer": [], "mitra": []}
            if row.last_seq > min(row.customer_read_seq, row.mitra_read_seq):
                for found in await sql.unread_of_session(
                    conn,
                    session_id=session_id,
                    customer_read_seq=row.customer_read_seq,
                    mitra_read_seq=row.mitra_read_seq,
                ):
                    reader: Party = "mitra" if found["sender_type"] == "customer" else "customer"
                    unread[reader].append(found["seq"])
            closing: Sequence[Any] = ()
            if row.status in ("closing", "completed"):
                closing = await sql.closing_of_session(conn, session_id=session_id)
            return Loaded(
                row,
                unread,
                tuple(ClosingMessage(one["sender_type"], one["content"]) for one in closing),
                record["ended_by"],
                record["completion_reason"],
            )

        loaded: Loaded | None = await self._db.transaction(work)
        return loaded

    async def sent(self, session_id: UUID) -> dict[tuple[Party, str], Sent]:
        """What every client_message_id of the session became."""
        rows = await self._db.run(sql.sent_of_session, session_id=session_id)
        return {
            (row["sender_type"], row["client_message_id"]): Sent(
                row["id"], row["seq"], row["created_at"], again=True
            )
            for row in rows
        }

    async def renamed(self, row: SessionRow) -> SessionRow:
        """The row with the name that the customer has now: none, after an erasure."""
        name = await self._db.run(sql.name_of_customer, customer_id=row.customer_id)
        return msgspec.structs.replace(row, customer_name=name)

    async def warn(self, row: SessionRow) -> None:
        """Commit that the one-minute warning of this run-down is given."""
        _owned(
            await self._db.run(sql.warn_session, id=row.id, epoch=row.epoch, ends_at=row.ends_at)
        )

    async def commit(self, change: Change) -> Completion | None:
        """Commit one step; why the session was completed, once it is.

        Raises `PaymentGone` if an approval finds the payment no longer confirmed.
        """

        async def work(conn: Connection) -> Completion | None:
            return await self._commit(conn, change)

        stands: Completion | None = await self._db.transaction(work)
        if change.owed:
            self._pushes.sent_soon()
        return stands

    async def request(
        self, change: Change, customer_id: UUID, payment_id: UUID
    ) -> Change | Refusal:
        """Commit that an extension is pending, if the payment is one for it; the change
        with the minutes that were paid."""

        async def work(conn: Connection) -> Change:
            paid = await self._purse.find(conn, payment_id)
            if paid is None or paid.customer_id != customer_id:
                raise _Refused(Refusal("not_found"))
            if paid.is_free_trial:
                raise _Refused(Refusal("free_trial_not_allowed"))
            usable = paid.is_extension and paid.session_id == change.row.id
            if not usable or paid.status != "confirmed" or paid.expires_at <= change.at:
                raise _Refused(Refusal("payment_not_confirmed"))
            assert change.requested is not None
            extension = msgspec.structs.replace(
                change.requested, duration_minutes=paid.duration_minutes
            )
            known = msgspec.structs.replace(
                change,
                requested=extension,
                row=msgspec.structs.replace(change.row, extension=extension),
            )
            await self._commit(conn, known)
            return known

        try:
            done: Change = await self._db.transaction(work)
        except _Refused as refused:
            return refused.refusal
        if done.owed:
            self._pushes.sent_soon()
        return done

    async def reroute(self, change: Change, capacity: int) -> SessionRow | Refusal:
        """Commit that another mitra has the session, counted under that mitra's lock, so
        that no accept at the same time can exceed the capacity."""

        async def work(conn: Connection) -> SessionRow:
            mitra = await sql.lock_new_mitra(conn, mitra_id=change.row.mitra_id)
            if mitra is None or not mitra["is_active"]:
                raise _Refused(Refusal("mitra_unavailable"))
            override = mitra["capacity_override"]
            used = await sql.mitra_slots_in_use(conn, mitra_id=change.row.mitra_id)
            if used >= (capacity if override is None else override):
                raise _Refused(Refusal("mitra_unavailable"))
            await self._commit(conn, change)
            return msgspec.structs.replace(change.row, mitra_name=mitra["display_name"])

        try:
            row: SessionRow = await self._db.transaction(work)
        except _Refused as refused:
            return refused.refusal
        if change.owed:
            self._pushes.sent_soon()
        return row

    async def extension(
        self, session_id: UUID, extension_id: UUID
    ) -> tuple[ExtensionView, str | None] | None:
        """An extension of a session, however it ended, and the reason."""
        found = await self._db.run(sql.find_extension, id=extension_id, session_id=session_id)
        if found is None:
            return None
        status: ExtensionStatus = found["status"]
        seen = ExtensionView(found["id"], status, found["duration_minutes"], found["expires_at"])
        return seen, found["reason"]

    # inside a transaction

    async def _commit(self, conn: Connection, change: Change) -> Completion | None:
        row, at = change.row, change.at
        if change.resolved is not None:
            await self._settle(conn, row, change.resolved, at)
        if change.closing is not None:
            left = await sql.store_closing_message(
                conn,
                session_id=row.id,
                epoch=row.epoch,
                sender_type=change.closing.sender_type,
                content=change.closing.content,
                at=at,
            )
            _owned(left)
        stands = await sql.move_session(
            conn,
            id=row.id,
            epoch=row.epoch,
            status=row.status,
            mitra_id=row.mitra_id,
            duration_minutes=row.duration_minutes,
            ends_at=row.ends_at,
            decision_deadline=row.decision_deadline,
            grace_deadline=row.grace_deadline,
            at=at,
            ended_by=change.ended_by,
            end_reason=change.end_reason,
            completion=change.completion,
        )
        _owned(stands)
        if change.requested is not None:
            await _add_extension(conn, row.id, change.requested, at)
        for event in change.events:
            await sql.log_event(
                conn,
                session_id=row.id,
                event=event.name,
                actor_type=event.by,
                actor_id=event.by_id,
                at=at,
                detail=event.detail,
            )
        await self._pushes.owe_all(conn, [one for one in change.owed if one.expires_at > at], at)
        if change.audit is not None:
            await self._write_audit(conn, change)
        return stands or None

    async def _settle(
        self, conn: Connection, row: SessionRow, resolved: Resolved, at: datetime
    ) -> None:
        """The money of an extension and its outcome, which agree whatever happens."""
        extension, resolution = resolved.extension, resolved.resolution
        if resolution.is_approved:
            if not await self._purse.consume(
                conn, extension.payment_request_id, session_id=row.id, at=at
            ):
                raise PaymentGone
        else:
            # False: it has failed already, and the operators have it.
            await self._purse.fail(
                conn,
                extension.payment_request_id,
                cause_tag=resolution.cause,
                is_terminal=True,
                targeted_mitra_id=row.mitra_id,
                at=at,
            )
        _owned(
            await sql.resolve_extension(
                conn,
                id=extension.id,
                outcome=resolution.outcome,
                reason=resolution.reason,
                at=at,
            )
        )

    async def _write_audit(self, conn: Connection, change: Change) -> None:
        assert change.audit is not None
        action, by, reason = change.audit
        await self._audit(
            conn,
            actor_id=by,
            action=action,
            subject=change.row.id,
            at=change.at,
            old=None,
            new={"mitra_id": str(change.row.mitra_id), "status": change.row.status},
            reason=reason,
        )


async def _add_extension(
    conn: Connection, session_id: UUID, extension: Extension, at: datetime
) -> None:
    await sql.add_extension(
        conn,
        id=extension.id,
        session_id=session_id,
        payment_request_id=extension.payment_request_id,
        duration_minutes=extension.duration_minutes,
        default_action=extension.default_action,
        at=at,
        expires_at=extension.expires_at,
    )


class CustomerSessions:
    """What a purchase must know of chat (see the ports of payments)."""

    async def running(self, conn: Connection, customer_id: UUID) -> UUID | None:
        """The customer's session whose time runs, or waits for a decision."""
        found: UUID | None = await sql.running_of_customer(conn, customer_id=customer_id)
        return found

    async def can_be_extended(
        self, conn: Connection, session_id: UUID, customer_id: UUID
    ) -> bool | None:
        """Whether it may get more time; None if it is not this customer's."""
        found: bool | None = await sql.extendable(
            conn, session_id=session_id, customer_id=customer_id
        )
        return found


async def extensions_in_use(conn: Connection, payment_ids: list[UUID]) -> set[UUID]:
    """Of these payments, those that a pending extension holds."""
    rows = await sql.extensions_in_use(conn, payment_request_ids=payment_ids)
    return {row["payment_request_id"] for row in rows}


def _owned(returned: object) -> None:
    """A write that touched no row: the session has another owner, or moved under us."""
    if returned is None:
        raise Unavailable("the session has another owner")


PUSH_LIFE = timedelta(hours=1)
"""Of a push whose event has no deadline of its own."""
