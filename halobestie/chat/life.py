"""The states of one session, and the steps between them.

The half of a ChatSession that knows its row. Each step asks the rules what follows,
commits it with its line in the timeline, its money, its pushes and its audit, and only
then takes it for the present state and tells everybody. A step that fails has changed
nothing here.
"""

from collections.abc import Callable
from uuid import UUID

import msgspec

from actors import Clock
from halobestie.payments.messages import StatusChange

from . import rules
from .announcer import Announcer
from .frames import party_of
from .messages import (
    ClosingMessage,
    Completion,
    EndedBy,
    Party,
    Refusal,
    SessionView,
)
from .rules import Extension, Resolution
from .slots import Slots
from .store import Change, Event, Loaded, Resolved, SessionRow
from .surroundings import Surroundings
from .told import Told

NOT_FOUND = Refusal("not_found")


class Life:
    """`on_move` is called after each committed step, before anybody is told."""

    def __init__(
        self,
        loaded: Loaded,
        around: Surroundings,
        say: Announcer,
        told: Told,
        clock: Clock,
        on_move: Callable[[], None],
    ) -> None:
        self.row = loaded.row
        self.closing: dict[Party, ClosingMessage] = say.last_words
        self._around = around
        self._store = around.store
        self._say = say
        self._slots = Slots(around.mitras, around.customers)
        self._told = told
        self._clock = clock
        self._on_move = on_move

    async def catch_up(self, loaded: Loaded) -> None:
        """An incarnation before this one died: tell what it had committed and not told."""
        row, told = loaded.row, self._told
        resolved = None
        if told.extension_id not in (None, row.extension and row.extension.id):
            resolved = await self._store.extension(row.id, told.extension_id)
        self._say.caught_up(loaded, told, resolved)
        told.note(row)
        told.closing.update(self.closing)

    def tell_presences(self) -> None:
        """Slots follow from where the session stands."""
        self._slots.moved(self.row)

    async def warn(self) -> None:
        """One minute is left."""
        if self._clock.now() >= self.row.ends_at:
            return  # too late: it is over
        await self._store.warn(self.row)
        self.row = msgspec.structs.replace(self.row, warned_for=self.row.ends_at)
        self._say.warning(self.row)

    async def expire(self) -> None:
        """Time is up."""
        row = rules.time_up(self.row, self._around.knobs.current.expired_decision_seconds)
        owed = self._say.owed("session_expired", row, row.decision_deadline, self._clock.now())
        await self.commit(self.change(row, Event("expired"), owed=owed))
        self._say.expired(row)

    async def move_end(self, remaining_seconds: int) -> SessionView | Refusal:
        """For tests: let another time remain."""
        if self.row.status != "active":
            return Refusal("session_not_active")
        row = msgspec.structs.replace(self.row, ends_at=self._clock.in_seconds(remaining_seconds))
        await self.commit(self.change(row))
        self._say.tick(row)
        return self._say.view(row, "customer")

    async def end(self, user_id: UUID) -> SessionView | Refusal:
        """A party ends it."""
        party = party_of(self.row, user_id)
        if party is None:
            return NOT_FOUND
        knobs = self._around.knobs.current
        refusal = rules.may_end(
            self.row,
            party,
            customer_may=knobs.early_end_customer_enabled,
            mitra_may=knobs.early_end_mitra_enabled,
        )
        if refusal is not None:
            return refusal
        await self._close(party, user_id)
        return self._say.view(self.row, party)

    async def close_account(self) -> None:
        """The customer is going, and has another name: nothing more is said."""
        self.moved(await self._store.renamed(self.row))
        if self.row.status in ("active", "expired"):
            await self._close("system", None, end_reason="account_closed")

    async def end_by_operator(self, operator_id: UUID, reason: str) -> Refusal | None:
        """An operator ends it, and says why."""
        if self.row.status not in ("active", "expired"):
            return Refusal("session_not_active")
        await self._close("operator", operator_id, end_reason="operator", reason=reason)
        return None

    async def _close(
        self,
        ended_by: EndedBy,
        by: UUID | None,
        *,
        end_reason: Completion | None = None,
        reason: str | None = None,
    ) -> None:
        """Let the conversation end; what was pending is rejected before."""
        now, pending = self._clock.now(), self.row.extension
        row = rules.closed(self.row, now, self._around.knobs.current.closing_grace_seconds)
        detail: dict[str, object] | None = None if reason is None else {"reason": reason}
        events = [Event("closing", ended_by, by, detail)]
        rejected = Resolution("rejected", "session_ended")
        if pending is not None:
            events.insert(0, resolved_event(pending, rejected, "system", None))
        owed = self._say.owed("session_closing", row, row.grace_deadline, now)
        change = self.change(
            row,
            *events,
            resolved=None if pending is None else Resolved(pending, rejected),
            ended_by=ended_by,
            end_reason=end_reason,
            owed=[one for one in owed if one.user_id != by],
            audit=None if ended_by != "operator" else ("session.end", by, reason),
        )
        await self.commit(change)
        if pending is not None:
            self._say.extension_resolved(row, pending.id, rejected.outcome, rejected.reason)
        self._say.closing(row, ended_by)

    async def leave_closing(self, user_id: UUID, content: str | None) -> SessionView | Refusal:
        """A party leaves a last word, or skips it; with the second all is over."""
        party = party_of(self.row, user_id)
        if party is None:
            return NOT_FOUND
        if party in self.closing:
            return Refusal("closing_message_exists")
        if self.row.status != "closing":
            return Refusal("session_not_closing")
        left = ClosingMessage(party, content)
        detail: dict[str, object] = {"skipped": content is None}
        events = [Event("closing_message", party, user_id, detail)]
        if self.closing:  # the other party's
            row = rules.completed(self.row)
            change = self.change(
                row, *events, Event("completed"), closing=left, completion="closed"
            )
        else:
            row = self.row
            change = self.change(row, *events, closing=left)
        stands = await self.commit(change)
        self.closing[party] = left
        self._told.closing.add(party)
        self._say.closing_message(row, left)
        if stands is not None:
            self._say.completed(row, stands)
        return self._say.view(row, party)

    async def complete(self, reason: Completion) -> None:
        """Nothing more follows."""
        row = rules.completed(self.row)
        change = self.change(row, Event("completed"), completion=reason, ended_by="system")
        self._say.completed(row, await self.commit(change) or reason)

    # another mitra

    async def reroute(self, mitra_id: UUID, operator_id: UUID) -> Refusal | None:
        """Give the session to another mitra. The slot is held while it is committed."""
        before = self.row
        refusal = rules.may_reroute(before)
        if refusal is not None or mitra_id == before.mitra_id:
            return refusal
        if not await self._slots.reserve(mitra_id, self.row.id):
            return Refusal("mitra_unavailable")
        row = msgspec.structs.replace(before, mitra_id=mitra_id)
        now = self._clock.now()
        owed = self._say.owed("paired", row, row.ends_at, now)
        change = self.change(
            row,
            Event(
                "rerouted",
                "operator",
                operator_id,
                {"from": str(before.mitra_id), "to": str(mitra_id)},
            ),
            owed=[one for one in owed if one.user_id == mitra_id],
            audit=("session.reroute", operator_id, None),
        )
        done: SessionRow | Refusal | None = None
        try:
            knob = self._around.knobs.current.max_customers_per_mitra
            done = await self._store.reroute(change, knob)
        finally:
            if not isinstance(done, SessionRow):
                self._slots.release(mitra_id, self.row.id)
        if isinstance(done, Refusal):
            return done
        self._slots.left(before.mitra_id, self.row.id)
        self.moved(done)
        self._say.rerouted(done, before.mitra_id)
        return None

    # committing

    def change(self, row: SessionRow, *events: Event, **what: object) -> Change:
        """A step that leads to this row."""
        return Change(row=row, at=self._clock.now(), events=events, **what)  # type: ignore[arg-type]

    async def commit(self, change: Change) -> Completion | None:
        """Commit a step and take it for the present state; why it was completed, if it was."""
        stands = await self._store.commit(change)
        self.moved(change.row)
        if change.resolved is not None:
            approved = change.resolved.resolution.is_approved
            self._around.announce_status(
                StatusChange(
                    change.row.customer_id,
                    change.resolved.extension.payment_request_id,
                    "consumed" if approved else "failed_pairing",
                )
            )
        return stands

    def moved(self, row: SessionRow) -> None:
        """A step is committed."""
        self.row = row
        self._on_move()
        self._slots.moved(row)
        self._told.note(row)


def resolved_event(
    extension: Extension, resolution: Resolution, by: EndedBy, by_id: UUID | None
) -> Event:
    """How an extension ended, for the timeline."""
    detail: dict[str, object] = {
        "extension_id": str(extension.id),
        "minutes": extension.duration_minutes,
        "reason": resolution.reason,
    }
    match resolution.outcome:
        case "approved":
            return Event("extension_approved", by, by_id, detail)
        case "auto_approved":
            return Event("extension_auto_approved", by, by_id, detail)
        case "rejected":
            return Event("extension_rejected", by, by_id, detail)
        case "auto_rejected":
            return Event("extension_auto_rejected", by, by_id, detail)
