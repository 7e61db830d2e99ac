"""What is written in a session: messages, receipts, and the pushes for who is not there.

The talking half of a ChatSession. It numbers what comes, hands it to the journal, and
acknowledges and delivers what the journal has committed; whether anything may be said is
the session's to know. A message for somebody without a socket is the herald's at once;
one that went over a socket is looked at again ACKNOWLEDGE_SECONDS later.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from actors import Clock, Later, MailboxFull, Ref, Unavailable
from actors.deadlines import Deadlines

from .frames import ReceiptFrame, SessionFrames, TypingFrame, party_of, user_of
from .letters import Letters, Pending
from .messages import (
    CommitOverdue,
    Committed,
    OweMessages,
    Party,
    PushDue,
    Pushed,
    Receipt,
    Refusal,
    Refused,
    SendMessage,
    Sent,
    StoredMessage,
    Typing,
    Write,
    other,
)
from .store import SessionRow, SessionStore
from .told import Told

COMMIT_SECONDS = 4.5  # the journal answers within this, or the sender is told to try again
ACKNOWLEDGE_SECONDS = 10.0  # an app that is awake has answered by then
PUSH: dict[Party, str] = {"customer": "push customer", "mitra": "push mitra"}
"""By reader, the deadline at which their app must have answered."""


class Correspondence:
    def __init__(
        self,
        row: SessionRow,
        letters: Letters,
        told: Told,
        *,
        journal: Ref[Write],
        herald: Ref[OweMessages],
        frames: SessionFrames,
        store: SessionStore,
        deadlines: Deadlines,
        clock: Clock,
    ) -> None:
        self.row = row
        self.letters = letters
        self._told = told
        self._journal = journal
        self._herald = herald
        self._frames = frames
        self._store = store
        self._deadlines = deadlines
        self._clock = clock
        self._pushed: dict[Party, int] = {
            "customer": row.customer_pushed_seq,
            "mitra": row.mitra_pushed_seq,
        }
        for reader in PUSH:
            if self._unreached(reader):
                # Apps may have gone down with the node: they get time to come back.
                self._look_again(reader)

    # messages

    async def send(
        self, message: SendMessage, defer: Callable[[SendMessage], Later[Sent | Refusal]]
    ) -> Sent | Refusal | None:
        """The answer, or None: then it is deferred until the message is committed."""
        party = party_of(self.row, message.user_id)
        if party is None:
            return self.refuse(message, "not_found")
        letters = self.letters
        if letters.sent is None:
            letters.sent = await self._store.sent(self.row.id) if letters.last_seq else {}
        known = letters.known(party, message.client_message_id)
        if isinstance(known, Sent):
            if message.socket_id is not None:
                self._frames.sent(
                    self.row, message.user_id, message.client_message_id, known, message.socket_id
                )
            return known
        if known is not None:
            known.owed.append((defer(message), message.socket_id))
            return None
        if self.row.status != "active":
            return self.refuse(message, "session_not_active")
        stored = letters.write(
            party,
            message.user_id,
            message.client_message_id,
            message.content,
            self._clock.now(),
            (defer(message), message.socket_id),
        )
        self._hand_over(Write(self.row.id, self.row.epoch, stored, letters.hand_over()))
        return None

    def refuse(self, message: SendMessage | Receipt | Typing, code: Refused) -> Refusal:
        """Say no, to the socket as well if it came from one."""
        return refuse(self._frames, self.row.id, message, code)

    def _hand_over(self, write: Write) -> None:
        try:
            self._journal.tell(write)
        except MailboxFull:
            self.give_up()
        if "commit" not in self._deadlines:
            self._deadlines.after("commit", COMMIT_SECONDS, CommitOverdue())

    def committed(self, done: Committed) -> None:
        """Stored: acknowledge, deliver, and store what has gathered."""
        if done.epoch != self.row.epoch:
            return  # of an owner before this one
        letters = self.letters
        unreached: set[Party] = set()
        for pending in letters.commit(done.seq):
            if not self._acknowledge(pending):
                unreached.add(other(pending.message.sender_type))
        self._told.seq = letters.last_seq
        for reader in unreached:
            self._push(reader)
        self._tell_receipts(letters.commit_receipts(done.receipts))
        if letters.owes_receipts:
            self._hand_over(Write(self.row.id, self.row.epoch, None, letters.hand_over()))
        self._deadlines.clear("commit")
        if letters.is_writing:
            self._deadlines.after("commit", COMMIT_SECONDS, CommitOverdue())

    def _acknowledge(self, pending: Pending) -> bool:
        """Answer who waits and deliver to who is there; False if the reader is not."""
        message = pending.message
        sent = Sent(message.id, message.seq, message.created_at)
        first = True
        for later, socket_id in pending.owed:
            later.answer(sent if first else msgspec.structs.replace(sent, again=True))
            if socket_id is not None:
                self._frames.sent(
                    self.row, message.sender_id, message.client_message_id, sent, socket_id
                )
            first = False
        if not self._frames.message(self.row, message, pending.owed[0][1]):
            return False
        reader = other(message.sender_type)
        if PUSH[reader] not in self._deadlines:
            self._look_again(reader)
        return True

    def give_up(self) -> None:
        """Nobody knows whether what is pending is stored: say so, and read back what is."""
        for pending in self.letters.pending:
            message = pending.message
            for _later, socket_id in pending.owed:
                if socket_id is not None:
                    self._frames.refused(
                        self.row.id,
                        message.sender_id,
                        message.client_message_id,
                        "unavailable",
                        socket_id,
                    )
        raise Unavailable("the journal did not commit")

    def tell_missed(self, messages: Sequence[StoredMessage]) -> None:
        """What was committed while an incarnation died and so told to nobody, its authors
        included. Sockets know by the seq what they have."""
        for message in messages:
            self._frames.message(self.row, message, None)
            sent = Sent(message.id, message.seq, message.created_at)
            self._frames.sent(self.row, message.sender_id, message.client_message_id, sent, None)
        self._told.seq = self.letters.last_seq
        for author in PUSH:
            delivered, read = self.letters.peer_has(author)
            self._tell_receipts([(author, "delivered", delivered), (author, "read", read)])

    # receipts

    def receipt(self, receipt: Receipt) -> Refusal | None:
        """Take a receipt; those that come while one is being stored go together."""
        party = party_of(self.row, receipt.user_id)
        if party is None:
            return self.refuse(receipt, "not_found")
        letters = self.letters
        letters.receive(party, receipt.delivered_up_to, receipt.read_up_to)
        if letters.owes_receipts and not letters.is_writing:
            self._hand_over(Write(self.row.id, self.row.epoch, None, letters.hand_over()))
        return None

    def _tell_receipts(self, news: Sequence[tuple[Party, str, int]]) -> None:
        for author, status, up_to in news:
            if not up_to:
                continue
            frame = ReceiptFrame(self.row.id, status, up_to)
            self._frames.to(user_of(self.row, author), frame)

    def typing(self, typing: Typing) -> Refusal | None:
        """Forward it, if anything can be said now."""
        party = party_of(self.row, typing.user_id)
        if party is None:
            return self.refuse(typing, "not_found")
        if self.row.status == "active":
            peer = user_of(self.row, other(party))
            self._frames.to(peer, TypingFrame(self.row.id, typing.is_typing))
        return None

    # pushes

    @property
    def owes_pushes(self) -> bool:
        """Somebody has neither acknowledged what was written nor been pushed it."""
        return any(self._unreached(reader) for reader in PUSH)

    def push_due(self, reader: Party) -> None:
        """See whether they have answered. The herald knows what is old enough."""
        if self._unreached(reader):
            self._push(reader)

    def pushed(self, done: Pushed) -> None:
        """The herald has owed pushes up to a seq."""
        reader = done.reader
        self._pushed[reader] = max(self._pushed[reader], done.seq)
        if done.next_at is not None:
            due = done.next_at + timedelta(seconds=ACKNOWLEDGE_SECONDS)
            self._deadlines.set(PUSH[reader], due, PushDue(reader))
        elif not self._unreached(reader):
            self._deadlines.clear(PUSH[reader])

    def _unreached(self, reader: Party) -> bool:
        has = max(self._pushed[reader], self.letters.delivered_to(reader))
        return self.letters.last_unread(reader) > has

    def _push(self, reader: Party) -> None:
        """Ask the herald, and ask again if it does not answer."""
        user_id = user_of(self.row, reader)
        patience = ACKNOWLEDGE_SECONDS if self._frames.is_there(user_id) else 0.0
        ask = OweMessages(
            self.row.id,
            reader,
            user_id,
            above=self.letters.delivered_to(reader),
            older_than=self._clock.in_seconds(-patience),
        )
        try:
            self._herald.tell(ask)
        except MailboxFull:
            pass  # the deadline asks again
        self._look_again(reader)

    def _look_again(self, reader: Party) -> None:
        self._deadlines.after(PUSH[reader], ACKNOWLEDGE_SECONDS, PushDue(reader))


def refuse(
    frames: SessionFrames, session_id: UUID, message: SendMessage | Receipt | Typing, code: Refused
) -> Refusal:
    """Say no to what came; a socket hears it as an `error` frame."""
    if message.socket_id is not None:
        client_message_id = message.client_message_id if isinstance(message, SendMessage) else None
        frames.refused(session_id, message.user_id, client_message_id, code, message.socket_id)
    return Refusal(code)
