"""One timed chat of a customer and a mitra.

A ChatSession owns its clock and its states (see `rules`); what is written in it is its
`Correspondence`. Every state and deadline is a row, committed with its place in the
timeline, its money and its pushes before anyone hears of it. A crash, a restart of the
node or a lost database costs a re-read: what fell due meanwhile happens at once, in
order, and what was committed but told to nobody is told (see `told`).
Once completed it stays for LINGER, for late receipts and repeats, then leaves memory.
"""

from typing import assert_never
from uuid import UUID

from actors import Actor

from . import rules
from .announcer import Announcer
from .correspondence import Correspondence, refuse
from .extending import Extending
from .frames import party_of
from .letters import Letters
from .life import NOT_FOUND, Life
from .messages import (
    Announce,
    AnswerExtension,
    CloseAccount,
    CommitOverdue,
    Committed,
    DecisionOver,
    End,
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
)
from .rules import Due
from .surroundings import Surroundings
from .told import Told

LINGER = 60.0  # seconds that a completed session stays in memory
DUE: dict[Due, SessionMessage] = {
    "warn": OneMinuteLeft(),
    "end": TimeUp(),
    "extension": ExtensionOver(),
    "decision": DecisionOver(),
    "grace": GraceOver(),
}

Answer = SessionView | ExtensionView | Refusal | Sent | None


class ChatSession(Actor[SessionMessage]):
    _talk: Correspondence
    _life: Life
    _more: Extending
    _say: Announcer

    def __init__(self, session_id: UUID, around: Surroundings) -> None:
        self._id = session_id
        self._around = around
        self._exists = False

    async def started(self) -> None:
        around = self._around
        loaded = await around.store.claim(self._id)
        if loaded is None:
            return
        row = loaded.row
        closing = {one.sender_type: one for one in loaded.closing}
        before = around.told.get(self._id)
        told = around.told.setdefault(self._id, Told(row, row.last_seq, closing))
        letters = Letters(row, loaded.unread)
        self._say = Announcer(
            around.frames, letters, closing, around.knobs, around.board, self.clock
        )
        self._life = Life(loaded, around, self._say, told, self.clock, self._moved)
        self._more = Extending(self._life, around, self._say, self.clock)
        self._talk = Correspondence(
            row,
            letters,
            told,
            journal=around.journal,
            herald=around.herald,
            frames=around.frames,
            store=around.store,
            deadlines=self.deadlines,
            clock=self.clock,
        )
        self._exists = True
        if before is not None:
            missed = row.last_seq - told.seq
            self._talk.tell_missed(await around.transcripts.after(self._id, told.seq, missed))
            await self._life.catch_up(loaded)
        elif row.status == "active":
            self._say.begun(row)
        self._life.tell_presences()
        self._arm()

    def _moved(self) -> None:
        """A step is committed: its deadlines stand, and what may be said follows from it."""
        self._talk.row = self._life.row
        self._arm()

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
                party = party_of(self._life.row, user_id)
                return NOT_FOUND if party is None else self._say.view(self._life.row, party)
            case End(user_id):
                return await self._life.end(user_id)
            case LeaveClosing(user_id, content):
                return await self._life.leave_closing(user_id, content)
            case RequestExtension(user_id, payment_request_id):
                return await self._more.request(user_id, payment_request_id)
            case AnswerExtension():
                return await self._more.answer(message)
            case Reroute(mitra_id, operator_id):
                return await self._life.reroute(mitra_id, operator_id)
            case OperatorEnd(operator_id, reason):
                return await self._life.end_by_operator(operator_id, reason)
            case CloseAccount():
                await self._life.close_account()
            case MoveEnd(remaining_seconds):
                return await self._life.move_end(remaining_seconds)
            case Pushed():
                self._talk.pushed(message)
            case NotCommitted(epoch):
                if epoch == self._life.row.epoch:
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
                self._say.tick(self._life.row)
                self._arm_tick()
            case OneMinuteLeft():
                await self._life.warn()
            case TimeUp():
                await self._life.expire()
            case DecisionOver():
                await self._life.complete("abandoned")
            case ExtensionOver():
                await self._more.silence()
            case GraceOver():
                await self._life.complete("grace_over")
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
        due = rules.deadlines(self._life.row, self.clock.now())
        for name, message in DUE.items():
            if name in due:
                self.deadlines.set(name, due[name], message)
            else:
                self.deadlines.clear(name)
        self.deadlines.clear("tick")
        if self._life.row.status == "active":
            self._arm_tick()
        elif self._life.row.status == "completed":
            self.deadlines.after("forgotten", LINGER, Forgotten())

    def _arm_tick(self) -> None:
        self.deadlines.after(
            "tick", rules.next_tick(self._life.row.ends_at, self.clock.now()), Tick()
        )

    def info(self) -> dict[str, object]:
        if not self._exists:
            return {}
        row, letters = self._life.row, self._talk.letters
        return {
            "status": row.status,
            "last_seq": letters.last_seq,
            "uncommitted": len(letters.pending),
            "remaining_seconds": rules.remaining_seconds(row.status, row.ends_at, self.clock.now()),
            "extension": row.extension is not None,
        }
