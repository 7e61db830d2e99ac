"""One timed chat of a customer and a mitra.

A ChatSession owns its clock and its states (see `rules`); what is written in it is its
`Correspondence`. Every state and deadline is a row, committed with its place in the
timeline, its money and its pushes before anyone hears of it. A crash, a restart of the
node or a lost database costs a re-read: what fell due meanwhile happens at once, in
order, and what was committed but told to nobody is told (see `told`).
Once completed it stays for LINGER, for late receipts and repeats, then leaves memory.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

import msgspec

from actors import Actor, Kind, Ref
from halobestie.ids import new_id
from halobestie.knobs.messages import CurrentKnobs
from halobestie.payments.messages import StatusChange
from halobestie.presence.messages import CustomerMessage, MitraMessage, Present

from . import rules
from .announcer import Announcer
from .correspondence import Correspondence, refuse
from .frames import SessionFrames, party_of
from .history import Transcripts
from .letters import Letters
from .messages import (
    Announce,
    AnswerExtension,
    CloseAccount,
    ClosingMessage,
    CommitOverdue,
    Committed,
    Completion,
    DecisionOver,
    End,
    EndedBy,
    ExtensionOver,
    ExtensionView,
    Forgotten,
    GraceOver,
    LeaveClosing,
    Look,
    MoveEnd,
    NotCommitted,
    OneMinuteLeft,
    OperatorEnd,
    OweMessages,
    Party,
    PushDue,
    Pushed,
    Receipt,
    Refusal,
    RequestExtension,
    Reroute,
    SendMessage,
    Sent,
    SessionMessage,
    SessionView,
    Tick,
    TimeUp,
    Typing,
    Wake,
    Write,
)
from .rules import Due, Extension, Resolution
from .slots import Slots
from .store import (
    Change,
    Event,
    Loaded,
    PaymentGone,
    Resolved,
    SessionRow,
    SessionStore,
)
from .told import AllTold, Told

LINGER = 60.0  # seconds that a completed session stays in memory
NOT_FOUND = Refusal("not_found")
DUE: dict[Due, SessionMessage] = {
    "warn": OneMinuteLeft(),
    "end": TimeUp(),
    "extension": ExtensionOver(),
    "decision": DecisionOver(),
    "grace": GraceOver(),
}

Answer = SessionView | ExtensionView | Refusal | Sent | None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Whom every session deals with; one for all of them."""

    store: SessionStore
    transcripts: Transcripts
    journal: Ref[Write]
    herald: Ref[OweMessages]
    frames: SessionFrames
    knobs: CurrentKnobs
    board: Present
    mitras: Kind[MitraMessage]
    customers: Kind[CustomerMessage]
    announce_status: Callable[[StatusChange], None]
    told: AllTold


class ChatSession(Actor[SessionMessage]):
    _row: SessionRow
    _talk: Correspondence
    _say: Announcer
    _told: Told
    _closing: dict[Party, ClosingMessage]

    def __init__(self, session_id: UUID, around: Surroundings) -> None:
        self._id = session_id
        self._around = around
        self._store = around.store
        self._exists = False

    async def started(self) -> None:
        around = self._around
        loaded = await self._store.claim(self._id)
        if loaded is None:
            return
        row = self._row = loaded.row
        self._closing = {one.sender_type: one for one in loaded.closing}
        before = around.told.get(self._id)
        self._told = around.told.setdefault(self._id, Told(row, row.last_seq, self._closing))
        letters = Letters(row, loaded.unread)
        self._talk = Correspondence(
            row,
            letters,
            self._told,
            journal=around.journal,
            herald=around.herald,
            frames=around.frames,
            store=around.store,
            deadlines=self.deadlines,
            clock=self.clock,
        )
        self._say = Announcer(
            around.frames, letters, self._closing, around.knobs, around.board, self.clock
        )
        self._slots = Slots(around.mitras, around.customers)
        self._exists = True
        if before is None:
            if row.status == "active":
                self._say.begun(row)
        else:
            await self._catch_up(loaded, before)
        self._slots.moved(row)
        self._arm()

    async def _catch_up(self, loaded: Loaded, told: Told) -> None:
        """An incarnation before this one died: tell what it had committed and not told."""
        row = loaded.row
        missed = await self._around.transcripts.after(self._id, told.seq, row.last_seq - told.seq)
        self._talk.tell_missed(missed)
        resolved = None
        if told.extension_id not in (None, row.extension and row.extension.id):
            resolved = await self._store.extension(self._id, told.extension_id)
        self._say.caught_up(loaded, told, resolved)
        told.note(row)
        told.closing.update(self._closing)

    async def stopping(self) -> None:
        self._around.told.pop(self._id, None)

    async def receive(self, message: SessionMessage) -> Answer:
        if not self._exists:
            self.stop()
            if isinstance(message, SendMessage | Receipt | Typing):
                return refuse(self._around.frames, self._id, message, "not_found")
            return NOT_FOUND
        match message:
            case SendMessage():
                return await self._talk.send(message, self.defer)
            case Committed():
                self._talk.committed(message)
            case Receipt():
                return self._talk.receipt(message)
            case Typing():
                return self._talk.typing(message)
            case Look(user_id):
                party = party_of(self._row, user_id)
                return NOT_FOUND if party is None else self._say.view(self._row, party)
            case End(user_id):
                return await self._end(user_id)
            case LeaveClosing(user_id, content):
                return await self._leave_closing(user_id, content)
            case RequestExtension(user_id, payment_request_id):
                return await self._request(user_id, payment_request_id)
            case AnswerExtension():
                return await self._answer(message)
            case Reroute(mitra_id, operator_id):
                return await self._reroute(mitra_id, operator_id)
            case OperatorEnd(operator_id, reason):
                return await self._end_by_operator(operator_id, reason)
            case CloseAccount():
                if self._row.status in ("active", "expired"):
                    await self._close("system", None, end_reason="account_closed")
            case MoveEnd(remaining_seconds):
                return await self._move_end(remaining_seconds)
            case Pushed():
                self._talk.pushed(message)
            case NotCommitted(epoch):
                if epoch == self._row.epoch:
                    self._talk.give_up()
            case Announce() | Wake():
                pass  # it runs, and has minded what there is
            case _:
                await self._fall_due(message)
        return None

    # the clock

    async def _fall_due(
        self,
        message: Tick
        | OneMinuteLeft
        | TimeUp
        | DecisionOver
        | ExtensionOver
        | PushDue
        | GraceOver
        | CommitOverdue
        | Forgotten,
    ) -> None:
        match message:
            case Tick():
                self._say.tick(self._row)
                self._arm_tick()
            case OneMinuteLeft():
                await self._warn()
            case TimeUp():
                await self._expire()
            case DecisionOver():
                await self._complete("abandoned")
            case ExtensionOver():
                await self._silence()
            case GraceOver():
                await self._complete("grace_over")
            case PushDue(reader):
                self._talk.push_due(reader)
            case CommitOverdue():
                self._talk.give_up()
            case Forgotten():
                if self._talk.owes_pushes:
                    self.deadlines.after("forgotten", LINGER, Forgotten())
                else:
                    self.stop()
            case _:
                assert_never(message)

    def _arm(self) -> None:
        """Set the deadlines of the present state, and no others."""
        due = rules.deadlines(self._row, self.clock.now())
        for name, message in DUE.items():
            if name in due:
                self.deadlines.set(name, due[name], message)
            else:
                self.deadlines.clear(name)
        self.deadlines.clear("tick")
        if self._row.status == "active":
            self._arm_tick()
        elif self._row.status == "completed":
            self.deadlines.after("forgotten", LINGER, Forgotten())

    def _arm_tick(self) -> None:
        self.deadlines.after("tick", rules.next_tick(self._row.ends_at, self.clock.now()), Tick())

    async def _warn(self) -> None:
        if self.clock.now() >= self._row.ends_at:
            return  # too late: it is over
        await self._store.warn(self._row)
        self._row = msgspec.structs.replace(self._row, warned_for=self._row.ends_at)
        self._say.warning(self._row)

    async def _expire(self) -> None:
        row = rules.time_up(self._row, self._around.knobs.current.expired_decision_seconds)
        owed = self._say.owed("session_expired", row, row.decision_deadline, self.clock.now())
        await self._commit(self._change(row, Event("expired"), owed=owed))
        self._say.expired(row)

    async def _move_end(self, remaining_seconds: int) -> SessionView | Refusal:
        if self._row.status != "active":
            return Refusal("session_not_active")
        row = msgspec.structs.replace(self._row, ends_at=self.clock.in_seconds(remaining_seconds))
        await self._commit(self._change(row))
        self._say.tick(row)
        return self._say.view(row, "customer")

    # extensions

    async def _request(self, user_id: UUID, payment_id: UUID) -> ExtensionView | Refusal:
        if user_id != self._row.customer_id:
            return NOT_FOUND
        refusal = rules.may_request(self._row)
        if refusal is not None:
            return refusal
        knobs, now = self._around.knobs.current, self.clock.now()
        extension = Extension(
            id=new_id(),
            payment_request_id=payment_id,
            duration_minutes=0,  # as the payment says
            default_action=knobs.extension_default_action_on_timeout,
            expires_at=self.clock.in_seconds(knobs.extension_timeout_seconds),
        )
        row = rules.requested(self._row, extension)
        change = self._change(
            row,
            Event("extension_requested", "customer", user_id, {"extension_id": str(extension.id)}),
            requested=extension,
            owed=self._say.owed("extension_requested", row, extension.expires_at, now),
        )
        done = await self._store.request(change, user_id, payment_id)
        if isinstance(done, Refusal):
            return done
        self._moved(done.row)
        return self._say.extension_requested(done.row)

    async def _answer(self, answer: AnswerExtension) -> ExtensionView | Refusal:
        if answer.user_id != self._row.mitra_id:
            return NOT_FOUND
        pending = self._row.extension
        if pending is None or pending.id != answer.extension_id:
            known = await self._store.extension(self._id, answer.extension_id)
            return NOT_FOUND if known is None else Refusal("extension_resolved")
        outcome = Resolution("approved" if answer.accepts else "rejected")
        outcome = await self._resolve(pending, outcome, "mitra", answer.user_id)
        if answer.accepts and not outcome.is_approved:
            return Refusal("extension_resolved")
        return ExtensionView(
            pending.id, outcome.outcome, pending.duration_minutes, pending.expires_at
        )

    async def _silence(self) -> None:
        pending = self._row.extension
        assert pending is not None, "its deadline goes with it"
        mitra_id = self._row.mitra_id
        is_there = mitra_id in self._around.board.online and self._around.frames.is_there(mitra_id)
        outcome = rules.at_silence(pending.default_action, mitra_is_there=is_there)
        await self._resolve(pending, outcome, "system", None)

    async def _resolve(
        self, pending: Extension, outcome: Resolution, by: EndedBy, by_id: UUID | None
    ) -> Resolution:
        """Commit an answer with what it means for money and time; the one that stands."""
        now = self.clock.now()
        grace = self._around.knobs.current.closing_grace_seconds
        if outcome.is_approved:
            row = rules.approved(self._row, now)
        else:
            row = rules.rejected(self._row, now, grace)
        events = [resolved_event(pending, outcome, by, by_id)]
        owed = self._say.owed("session_closing", row, row.grace_deadline, now)
        if row.status == "closing":
            events.append(Event("closing"))
        change = self._change(
            row,
            *events,
            resolved=Resolved(pending, outcome),
            owed=owed if row.status == "closing" else (),
            ended_by="system" if row.status == "closing" else None,
        )
        try:
            await self._commit(change)
        except PaymentGone:
            # It ended under the request: there is nothing to buy time with.
            return await self._resolve(pending, Resolution("auto_rejected"), "system", None)
        self._say.extension_resolved(row, pending.id, outcome.outcome, outcome.reason)
        if outcome.is_approved:
            self._say.resumed(row)
        elif row.status == "closing":
            self._say.closing(row, "system")
        return outcome

    # the end

    async def _end(self, user_id: UUID) -> SessionView | Refusal:
        party = party_of(self._row, user_id)
        if party is None:
            return NOT_FOUND
        knobs = self._around.knobs.current
        refusal = rules.may_end(
            self._row,
            party,
            customer_may=knobs.early_end_customer_enabled,
            mitra_may=knobs.early_end_mitra_enabled,
        )
        if refusal is not None:
            return refusal
        await self._close(party, user_id)
        return self._say.view(self._row, party)

    async def _end_by_operator(self, operator_id: UUID, reason: str) -> Refusal | None:
        if self._row.status not in ("active", "expired"):
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
        now, pending = self.clock.now(), self._row.extension
        row = rules.closed(self._row, now, self._around.knobs.current.closing_grace_seconds)
        detail: dict[str, object] | None = None if reason is None else {"reason": reason}
        events = [Event("closing", ended_by, by, detail)]
        rejected = Resolution("rejected", "session_ended")
        if pending is not None:
            events.insert(0, resolved_event(pending, rejected, "system", None))
        owed = self._say.owed("session_closing", row, row.grace_deadline, now)
        change = self._change(
            row,
            *events,
            resolved=None if pending is None else Resolved(pending, rejected),
            ended_by=ended_by,
            end_reason=end_reason,
            owed=[one for one in owed if one.user_id != by],
            audit=None if ended_by != "operator" else ("session.end", by, reason),
        )
        await self._commit(change)
        if pending is not None:
            self._say.extension_resolved(row, pending.id, rejected.outcome, rejected.reason)
        self._say.closing(row, ended_by)

    async def _leave_closing(self, user_id: UUID, content: str | None) -> SessionView | Refusal:
        party = party_of(self._row, user_id)
        if party is None:
            return NOT_FOUND
        if party in self._closing:
            return Refusal("closing_message_exists")
        if self._row.status != "closing":
            return Refusal("session_not_closing")
        left = ClosingMessage(party, content)
        detail: dict[str, object] = {"skipped": content is None}
        events = [Event("closing_message", party, user_id, detail)]
        if self._closing:  # the other party's
            row = rules.completed(self._row)
            change = self._change(
                row, *events, Event("completed"), closing=left, completion="closed"
            )
        else:
            row = self._row
            change = self._change(row, *events, closing=left)
        stands = await self._commit(change)
        self._closing[party] = left
        self._told.closing.add(party)
        self._say.closing_message(row, left)
        if stands is not None:
            self._say.completed(row, stands)
        return self._say.view(row, party)

    async def _complete(self, reason: Completion) -> None:
        row = rules.completed(self._row)
        change = self._change(row, Event("completed"), completion=reason, ended_by="system")
        self._say.completed(row, await self._commit(change) or reason)

    # another mitra

    async def _reroute(self, mitra_id: UUID, operator_id: UUID) -> Refusal | None:
        """Give the session to another mitra. The slot is held while it is committed."""
        before = self._row
        refusal = rules.may_reroute(before)
        if refusal is not None or mitra_id == before.mitra_id:
            return refusal
        if not await self._slots.reserve(mitra_id, self._id):
            return Refusal("mitra_unavailable")
        row = msgspec.structs.replace(before, mitra_id=mitra_id)
        now = self.clock.now()
        owed = self._say.owed("paired", row, row.ends_at, now)
        change = self._change(
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
                self._slots.release(mitra_id, self._id)
        if isinstance(done, Refusal):
            return done
        self._slots.left(before.mitra_id, self._id)
        self._moved(done)
        self._say.rerouted(done, before.mitra_id)
        return None

    # committing

    def _change(self, row: SessionRow, *events: Event, **what: object) -> Change:
        return Change(row=row, at=self.clock.now(), events=events, **what)  # type: ignore[arg-type]

    async def _commit(self, change: Change) -> Completion | None:
        """Commit a step and take it for the present state; why it was completed, if it was."""
        stands = await self._store.commit(change)
        self._moved(change.row)
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

    def _moved(self, row: SessionRow) -> None:
        self._row = self._talk.row = row
        self._arm()
        self._slots.moved(row)
        self._told.note(row)

    def info(self) -> dict[str, object]:
        if not self._exists:
            return {}
        row, letters = self._row, self._talk.letters
        return {
            "status": row.status,
            "last_seq": letters.last_seq,
            "uncommitted": len(letters.pending),
            "remaining_seconds": rules.remaining_seconds(row.status, row.ends_at, self.clock.now()),
            "extension": row.extension is not None,
        }


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
