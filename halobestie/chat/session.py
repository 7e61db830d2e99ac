"""One timed chat of a customer and a mitra.

A ChatSession owns its clock, its states (see `rules`) and the numbers of its messages.
Every state and deadline is a row, written before anyone hears of it; messages are
acknowledged after the journal has committed them. A crash, a restart of the node or a
lost database costs a re-read: what fell due meanwhile happens at once, in order.
Once completed it stays for LINGER, for late receipts and repeats, then leaves memory.
"""

from datetime import timedelta
from typing import assert_never
from uuid import UUID

import msgspec

from actors import Actor, Kind, MailboxFull, Ref, Unavailable
from halobestie.knobs.messages import CurrentKnobs
from halobestie.presence.messages import CustomerMessage, MitraMessage, Present, SessionMoved

from . import rules
from .frames import (
    ClosingFrame,
    ClosingMessageFrame,
    CompletedFrame,
    ExpiredFrame,
    PairedFrame,
    ReceiptFrame,
    SessionFrames,
    StartedFrame,
    TickFrame,
    TypingFrame,
    WarningFrame,
    party_of,
    user_of,
)
from .letters import Letters, Owed, Pending
from .messages import (
    Announce,
    CloseAccount,
    ClosingMessage,
    CommitOverdue,
    Committed,
    Completion,
    DecisionOver,
    End,
    EndedBy,
    Forgotten,
    GraceOver,
    LeaveClosing,
    Look,
    MoveEnd,
    NotCommitted,
    OneMinuteLeft,
    Party,
    Receipt,
    Refusal,
    Refused,
    SendMessage,
    Sent,
    SessionMessage,
    SessionView,
    Tick,
    TimeUp,
    Typing,
    Wake,
    Write,
    other,
)
from .store import SessionRow, SessionStore
from .views import view

LINGER = 60.0  # seconds that a completed session stays in memory
COMMIT_SECONDS = 4.5  # the journal answers within this, or the sender is told to try again
NOT_FOUND = Refusal("not_found")


class ChatSession(Actor[SessionMessage]):
    _row: SessionRow
    _letters: Letters
    _closing: dict[Party, ClosingMessage]

    def __init__(
        self,
        session_id: UUID,
        *,
        store: SessionStore,
        journal: Ref[Write],
        frames: SessionFrames,
        knobs: CurrentKnobs,
        board: Present,
        mitras: Kind[MitraMessage],
        customers: Kind[CustomerMessage],
    ) -> None:
        self._id = session_id
        self._store = store
        self._journal = journal
        self._frames = frames
        self._knobs = knobs
        self._board = board
        self._mitras = mitras
        self._customers = customers
        self._exists = False

    async def started(self) -> None:
        loaded = await self._store.claim(self._id)
        if loaded is None:
            return
        self._exists = True
        self._row = loaded.row
        self._letters = Letters(loaded.row, loaded.unread)
        self._closing = {one.sender_type: one for one in loaded.closing}
        self._tell_presences()
        self._arm()

    async def receive(self, message: SessionMessage) -> SessionView | Refusal | Sent | None:
        if not self._exists:
            self.stop()
            if isinstance(message, SendMessage | Receipt | Typing):
                return self._refuse(message, "not_found")
            return NOT_FOUND
        match message:
            case SendMessage():
                return await self._send(message)
            case Committed():
                self._committed(message)
            case Receipt():
                return self._receipt(message)
            case Typing():
                return self._typing(message)
            case Look(user_id):
                party = party_of(self._row, user_id)
                return NOT_FOUND if party is None else self._view(party)
            case Announce():
                self._announce()
            case End(user_id):
                return await self._end(user_id)
            case LeaveClosing(user_id, content):
                return await self._leave_closing(user_id, content)
            case CloseAccount():
                await self._close("system", None, end_reason="account_closed")
            case Tick():
                self._tick()
            case OneMinuteLeft():
                await self._warn()
            case TimeUp():
                await self._expire()
            case DecisionOver():
                await self._complete("abandoned")
            case GraceOver():
                await self._complete("grace_over")
            case NotCommitted(epoch):
                if epoch == self._row.epoch:
                    self._give_up_pending()
            case CommitOverdue():
                self._give_up_pending()
            case MoveEnd(remaining_seconds):
                return await self._move_end(remaining_seconds)
            case Wake():
                pass
            case Forgotten():
                self.stop()
            case _:
                assert_never(message)
        return None

    # messages

    async def _send(self, message: SendMessage) -> Sent | Refusal | None:
        party = party_of(self._row, message.user_id)
        if party is None:
            return self._refuse(message, "not_found")
        letters = self._letters
        if letters.sent is None:
            letters.sent = await self._store.sent(self._id) if letters.last_seq else {}
        known = letters.known(party, message.client_message_id)
        if isinstance(known, Sent):
            if message.socket_id is not None:
                self._frames.sent(
                    self._row, message.user_id, message.client_message_id, known, message.socket_id
                )
            return known
        if known is None and self._row.status != "active":
            return self._refuse(message, "session_not_active")
        owed: Owed = (self.defer(message), message.socket_id)
        if known is not None:
            known.owed.append(owed)
            return None
        stored = letters.write(
            party,
            message.user_id,
            message.client_message_id,
            message.content,
            self.clock.now(),
            owed,
        )
        self._hand_over(Write(self._id, self._row.epoch, stored, letters.hand_over()))
        return None

    def _refuse(self, message: SendMessage | Receipt | Typing, code: Refused) -> Refusal:
        if message.socket_id is not None:
            client_message_id = (
                message.client_message_id if isinstance(message, SendMessage) else None
            )
            self._frames.refused(
                self._id, message.user_id, client_message_id, code, message.socket_id
            )
        return Refusal(code)

    def _hand_over(self, write: Write) -> None:
        try:
            self._journal.tell(write)
        except MailboxFull:
            self._give_up_pending()
        if "commit" not in self.deadlines:
            self.deadlines.after("commit", COMMIT_SECONDS, CommitOverdue())

    def _committed(self, done: Committed) -> None:
        """Stored: acknowledge, deliver, and store what has gathered."""
        if done.epoch != self._row.epoch:
            return  # of an owner before this one
        letters = self._letters
        for pending in letters.commit(done.seq):
            self._acknowledge(pending)
        for author, status, up_to in letters.commit_receipts(done.receipts):
            frame = ReceiptFrame(self._id, status, up_to)
            self._frames.to(user_of(self._row, author), frame)
        if letters.owes_receipts:
            self._hand_over(Write(self._id, self._row.epoch, None, letters.hand_over()))
        self.deadlines.clear("commit")
        if letters.is_writing:
            self.deadlines.after("commit", COMMIT_SECONDS, CommitOverdue())

    def _acknowledge(self, pending: Pending) -> None:
        message = pending.message
        sent = Sent(message.id, message.seq, message.created_at)
        first = True
        for later, socket_id in pending.owed:
            later.answer(sent if first else msgspec.structs.replace(sent, again=True))
            if socket_id is not None:
                self._frames.sent(
                    self._row, message.sender_id, message.client_message_id, sent, socket_id
                )
            first = False
        self._frames.message(self._row, message, pending.owed[0][1])

    def _give_up_pending(self) -> None:
        """Nobody knows whether what is pending is stored: say so, and read back what is."""
        for pending in self._letters.pending:
            message = pending.message
            for _later, socket_id in pending.owed:
                if socket_id is not None:
                    self._frames.refused(
                        self._id,
                        message.sender_id,
                        message.client_message_id,
                        "unavailable",
                        socket_id,
                    )
        raise Unavailable("the journal did not commit")

    def _receipt(self, receipt: Receipt) -> Refusal | None:
        party = party_of(self._row, receipt.user_id)
        if party is None:
            return self._refuse(receipt, "not_found")
        letters = self._letters
        letters.receive(party, receipt.delivered_up_to, receipt.read_up_to)
        if letters.owes_receipts and not letters.is_writing:
            self._hand_over(Write(self._id, self._row.epoch, None, letters.hand_over()))
        return None

    def _typing(self, typing: Typing) -> Refusal | None:
        party = party_of(self._row, typing.user_id)
        if party is None:
            return self._refuse(typing, "not_found")
        if self._row.status == "active":
            peer = user_of(self._row, other(party))
            self._frames.to(peer, TypingFrame(self._id, typing.is_typing))
        return None

    # the clock

    def _arm(self) -> None:
        """Set the deadlines of the present state."""
        row, deadlines = self._row, self.deadlines
        for name in ("warn", "end", "tick", "decision", "grace"):
            deadlines.clear(name)
        if row.status == "active":
            now = self.clock.now()
            warning = rules.warning_at(row.ends_at, row.warned_for, now)
            if warning is not None:
                deadlines.set("warn", warning, OneMinuteLeft())
            deadlines.set("end", row.ends_at, TimeUp())
            deadlines.after("tick", rules.next_tick(row.ends_at, now), Tick())
        elif row.status == "expired" and row.decision_deadline is not None:
            deadlines.set("decision", row.decision_deadline, DecisionOver())
        elif row.status == "closing" and row.grace_deadline is not None:
            deadlines.set("grace", row.grace_deadline, GraceOver())
        else:
            deadlines.after("forgotten", LINGER, Forgotten())

    def _tick(self) -> None:
        now = self.clock.now()
        self._frames.to_both(self._row, TickFrame(self._id, self._remaining()))
        self.deadlines.after("tick", rules.next_tick(self._row.ends_at, now), Tick())

    async def _warn(self) -> None:
        await self._store.warn(self._row)
        self._row = msgspec.structs.replace(self._row, warned_for=self._row.ends_at)
        self._frames.to_both(self._row, WarningFrame(self._id, self._remaining()))

    async def _expire(self) -> None:
        """Counted from the end of the paid time, however late this comes."""
        seconds = self._knobs.current.expired_decision_seconds
        deadline = self._row.ends_at + timedelta(seconds=seconds)
        await self._store.expire(self._row, deadline, self.clock.now())
        self._moved(
            msgspec.structs.replace(self._row, status="expired", decision_deadline=deadline)
        )
        self._frames.to_both(self._row, ExpiredFrame(self._id, deadline))

    async def _move_end(self, remaining_seconds: int) -> SessionView | Refusal:
        if self._row.status != "active":
            return Refusal("session_not_active")
        ends_at = self.clock.in_seconds(remaining_seconds)
        await self._store.move_end(self._row, ends_at)
        self._row = msgspec.structs.replace(self._row, ends_at=ends_at)
        self._arm()
        self._frames.to_both(self._row, TickFrame(self._id, self._remaining()))
        return self._view("customer")

    # the end

    async def _end(self, user_id: UUID) -> SessionView | Refusal:
        party = party_of(self._row, user_id)
        if party is None:
            return NOT_FOUND
        knobs = self._knobs.current
        refusal = rules.may_end(
            self._row.status,
            party,
            customer_may=knobs.early_end_customer_enabled,
            mitra_may=knobs.early_end_mitra_enabled,
        )
        if refusal is not None:
            return refusal
        await self._close(party, user_id)
        return self._view(party)

    async def _close(
        self, ended_by: EndedBy, by: UUID | None, end_reason: Completion | None = None
    ) -> None:
        if self._row.status not in ("active", "expired"):
            return
        now = self.clock.now()
        grace = now + timedelta(seconds=self._knobs.current.closing_grace_seconds)
        await self._store.close(self._row, grace, ended_by, now, by=by, end_reason=end_reason)
        self._moved(
            msgspec.structs.replace(
                self._row, status="closing", decision_deadline=None, grace_deadline=grace
            )
        )
        self._frames.to_both(self._row, ClosingFrame(self._id, grace, ended_by))

    async def _leave_closing(self, user_id: UUID, content: str | None) -> SessionView | Refusal:
        party = party_of(self._row, user_id)
        if party is None:
            return NOT_FOUND
        if party in self._closing:
            return Refusal("closing_message_exists")
        if self._row.status != "closing":
            return Refusal("session_not_closing")
        if not await self._store.leave_closing(self._row, party, content, self.clock.now()):
            raise Unavailable  # another owner has stored one: read it back
        self._closing[party] = ClosingMessage(party, content)
        if content is not None:
            peer = user_of(self._row, other(party))
            self._frames.to(peer, ClosingMessageFrame(self._id, party, content))
        if len(self._closing) == 2:
            await self._complete("closed")
        return self._view(party)

    async def _complete(self, reason: Completion) -> None:
        stands = await self._store.complete(self._row, reason, self.clock.now())
        self._moved(
            msgspec.structs.replace(
                self._row, status="completed", decision_deadline=None, grace_deadline=None
            )
        )
        self._frames.to_both(self._row, CompletedFrame(self._id, stands))

    def _moved(self, row: SessionRow) -> None:
        """A change of state is committed."""
        self._row = row
        self._arm()
        self._tell_presences()

    def _tell_presences(self) -> None:
        moved = SessionMoved(self._id, self._row.status)
        self._mitras.tell_running(self._row.mitra_id, moved)
        self._customers.tell_running(self._row.customer_id, moved)

    # what others see

    def _announce(self) -> None:
        row = self._row
        self._frames.to(row.mitra_id, StartedFrame(self._view("mitra")))
        paired = PairedFrame(row.payment_request_id, self._view("customer"))
        self._frames.to(row.customer_id, paired)

    def _remaining(self) -> int:
        return rules.remaining_seconds(self._row.status, self._row.ends_at, self.clock.now())

    def _view(self, party: Party) -> SessionView:
        return view(
            self._row,
            self._letters,
            tuple(self._closing.values()),
            party,
            remaining_seconds=self._remaining(),
            mitra_is_online=self._row.mitra_id in self._board.online,
            mitra_sees_name=self._knobs.current.mitra_sees_customer_name,
        )

    def info(self) -> dict[str, object]:
        if not self._exists:
            return {}
        return {
            "status": self._row.status,
            "last_seq": self._letters.last_seq,
            "uncommitted": len(self._letters.pending),
            "remaining_seconds": self._remaining(),
        }
