"""What a session keeps in memory of its messages: numbers, repeats, receipts.

Pure bookkeeping between the session and the journal. Invariants: `seq` is given in
the order of arrival and without gaps; a client_message_id has one message; receipts
only grow, and never past what is committed; nothing counts until it is committed.
"""

from bisect import bisect_right
from datetime import datetime
from uuid import UUID

from actors import Later
from halobestie.ids import new_id

from .messages import Party, Receipts, Refusal, Sent, StoredMessage, other
from .store import SessionRow

Owed = tuple[Later[Sent | Refusal], UUID | None]
"""Who waits for a message's commit: an asker, and the socket it came from."""


class Pending:
    """A message that the journal has not committed yet."""

    __slots__ = ("message", "owed")

    def __init__(self, message: StoredMessage, owed: Owed) -> None:
        self.message = message
        self.owed = [owed]


class Letters:
    """The messages of one session, as its owner knows them."""

    def __init__(self, row: SessionRow, unread: dict[Party, list[int]]) -> None:
        self._session_id = row.id
        self.last_seq = row.last_seq
        self.receipts = Receipts(
            row.customer_delivered_seq,
            row.customer_read_seq,
            row.mitra_delivered_seq,
            row.mitra_read_seq,
        )
        self._wanted = self.receipts
        self._handed = self.receipts
        self._unread = unread
        self._pending: dict[int, Pending] = {}
        self._pending_ids: dict[tuple[Party, str], Pending] = {}
        # Filled from the rows before the first message: most restarts never need it.
        self.sent: dict[tuple[Party, str], Sent] | None = None

    # messages

    def known(self, party: Party, client_message_id: str) -> Sent | Pending | None:
        """What this client_message_id has become, if it was sent before."""
        key = (party, client_message_id)
        return self._pending_ids.get(key) or (self.sent or {}).get(key)

    def write(
        self,
        party: Party,
        sender_id: UUID,
        client_message_id: str,
        content: str,
        at: datetime,
        owed: Owed,
    ) -> StoredMessage:
        """Give a new message its number; it is pending until committed."""
        message = StoredMessage(
            session_id=self._session_id,
            id=new_id(),
            seq=self.last_seq + len(self._pending) + 1,
            sender_type=party,
            sender_id=sender_id,
            content=content,
            client_message_id=client_message_id,
            created_at=at,
        )
        pending = Pending(message, owed)
        self._pending[message.seq] = pending
        self._pending_ids[party, client_message_id] = pending
        return message

    def commit(self, up_to_seq: int) -> list[Pending]:
        """The journal has stored everything up to a seq: those that were pending, in order."""
        done = []
        while self.last_seq < up_to_seq:
            pending = self._pending.pop(self.last_seq + 1)
            self.last_seq += 1
            message = pending.message
            key = (message.sender_type, message.client_message_id)
            del self._pending_ids[key]
            if self.sent is not None:
                self.sent[key] = Sent(message.id, message.seq, message.created_at, again=True)
            self._unread[other(message.sender_type)].append(message.seq)
            done.append(pending)
        return done

    @property
    def pending(self) -> list[Pending]:
        """What waits for its commit, in order."""
        return list(self._pending.values())

    # receipts

    def receive(self, party: Party, delivered_up_to: int, read_up_to: int) -> None:
        """A party says what it has; more than is committed is cut to that."""
        read = min(read_up_to, self.last_seq)
        delivered = max(min(delivered_up_to, self.last_seq), read)
        was = self._wanted
        if party == "customer":
            self._wanted = Receipts(
                max(was.customer_delivered, delivered),
                max(was.customer_read, read),
                was.mitra_delivered,
                was.mitra_read,
            )
        else:
            self._wanted = Receipts(
                was.customer_delivered,
                was.customer_read,
                max(was.mitra_delivered, delivered),
                max(was.mitra_read, read),
            )

    def hand_over(self) -> Receipts:
        """The receipts to store with whatever is written now."""
        self._handed = self._wanted
        return self._wanted

    @property
    def owes_receipts(self) -> bool:
        """Receipts have come that no write carries yet."""
        return self._wanted != self._handed

    @property
    def is_writing(self) -> bool:
        """Something is with the journal."""
        return bool(self._pending) or self._handed != self.receipts

    def commit_receipts(self, stored: Receipts) -> list[tuple[Party, str, int]]:
        """Receipts are stored: for each author what to tell them, status and seq."""
        was, self.receipts = self.receipts, stored
        news: list[tuple[Party, str, int]] = []
        if stored.customer_read > was.customer_read:
            news.append(("mitra", "read", stored.customer_read))
        elif stored.customer_delivered > was.customer_delivered:
            news.append(("mitra", "delivered", stored.customer_delivered))
        if stored.mitra_read > was.mitra_read:
            news.append(("customer", "read", stored.mitra_read))
        elif stored.mitra_delivered > was.mitra_delivered:
            news.append(("customer", "delivered", stored.mitra_delivered))
        for party, read in (("customer", stored.customer_read), ("mitra", stored.mitra_read)):
            unread = self._unread[party]  # type: ignore[index]  # the two literals above
            del unread[: bisect_right(unread, read)]
        return news

    def unread(self, party: Party) -> int:
        """How many messages of the other a party has not read."""
        return len(self._unread[party])

    def last_unread(self, reader: Party) -> int:
        """The newest message that a reader has not read; 0 if there is none."""
        unread = self._unread[reader]
        return unread[-1] if unread else 0

    def delivered_to(self, reader: Party) -> int:
        """Up to which seq a reader has acknowledged, stored or not yet."""
        wanted = self._wanted
        return wanted.customer_delivered if reader == "customer" else wanted.mitra_delivered

    def peer_has(self, party: Party) -> tuple[int, int]:
        """Up to which seq the other has received and read what `party` wrote."""
        stored = self.receipts
        if party == "customer":
            return stored.mitra_delivered, stored.mitra_read
        return stored.customer_delivered, stored.customer_read
