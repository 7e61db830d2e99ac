"""More time: asked for by the customer, given or refused by the mitra, or met with silence."""

from uuid import UUID

from actors import Clock
from halobestie.ids import new_id

from . import rules
from .announcer import Announcer
from .life import NOT_FOUND, Life, resolved_event
from .messages import AnswerExtension, EndedBy, ExtensionView, Refusal
from .rules import Extension, Resolution
from .store import Event, PaymentGone, Resolved
from .surroundings import Surroundings


class Extending:
    """The extensions of one session; the pending one stands in its row."""

    def __init__(self, life: Life, around: Surroundings, say: Announcer, clock: Clock) -> None:
        self._life = life
        self._around = around
        self._say = say
        self._clock = clock

    async def request(self, user_id: UUID, payment_id: UUID) -> ExtensionView | Refusal:
        if user_id != self._life.row.customer_id:
            return NOT_FOUND
        refusal = rules.may_request(self._life.row)
        if refusal is not None:
            return refusal
        knobs, now = self._around.knobs.current, self._clock.now()
        extension = Extension(
            id=new_id(),
            payment_request_id=payment_id,
            duration_minutes=0,  # as the payment says
            default_action=knobs.extension_default_action_on_timeout,
            expires_at=self._clock.in_seconds(knobs.extension_timeout_seconds),
        )
        row = rules.requested(self._life.row, extension)
        change = self._life.change(
            row,
            Event("extension_requested", "customer", user_id, {"extension_id": str(extension.id)}),
            requested=extension,
            owed=self._say.owed("extension_requested", row, extension.expires_at, now),
        )
        done = await self._around.store.request(change, user_id, payment_id)
        if isinstance(done, Refusal):
            return done
        self._life.moved(done.row)
        return self._say.extension_requested(done.row)

    async def answer(self, answer: AnswerExtension) -> ExtensionView | Refusal:
        if answer.user_id != self._life.row.mitra_id:
            return NOT_FOUND
        pending = self._life.row.extension
        if pending is None or pending.id != answer.extension_id:
            known = await self._around.store.extension(self._life.row.id, answer.extension_id)
            return NOT_FOUND if known is None else Refusal("extension_resolved")
        outcome = Resolution("approved" if answer.accepts else "rejected")
        outcome = await self._resolve(pending, outcome, "mitra", answer.user_id)
        if answer.accepts and not outcome.is_approved:
            return Refusal("extension_resolved")
        return ExtensionView(
            pending.id, outcome.outcome, pending.duration_minutes, pending.expires_at
        )

    async def silence(self) -> None:
        pending = self._life.row.extension
        assert pending is not None, "its deadline goes with it"
        mitra_id = self._life.row.mitra_id
        is_there = mitra_id in self._around.board.online and self._around.frames.is_there(mitra_id)
        outcome = rules.at_silence(pending.default_action, mitra_is_there=is_there)
        await self._resolve(pending, outcome, "system", None)

    async def _resolve(
        self, pending: Extension, outcome: Resolution, by: EndedBy, by_id: UUID | None
    ) -> Resolution:
        """Commit an answer with what it means for money and time; the one that stands."""
        now = self._clock.now()
        grace = self._around.knobs.current.closing_grace_seconds
        if outcome.is_approved:
            row = rules.approved(self._life.row, now)
        else:
            row = rules.rejected(self._life.row, now, grace)
        events = [resolved_event(pending, outcome, by, by_id)]
        owed = self._say.owed("session_closing", row, row.grace_deadline, now)
        if row.status == "closing":
            events.append(Event("closing"))
        change = self._life.change(
            row,
            *events,
            resolved=Resolved(pending, outcome),
            owed=owed if row.status == "closing" else (),
            ended_by="system" if row.status == "closing" else None,
        )
        try:
            await self._life.commit(change)
        except PaymentGone:
            # It ended under the request: there is nothing to buy time with.
            return await self._resolve(pending, Resolution("auto_rejected"), "system", None)
        self._say.extension_resolved(row, pending.id, outcome.outcome, outcome.reason)
        if outcome.is_approved:
            self._say.resumed(row)
        elif row.status == "closing":
            self._say.closing(row, "system")
        return outcome
