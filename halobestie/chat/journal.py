"""The journal: every message and receipt of every session, committed in groups.

While one commit is under way the next group gathers in the mailbox, so the latency of
a message is one or two commits and the throughput is not one commit a message. What
was given in order is stored in order. After the commit each session is told once how
far it is stored; if the commit fails, or its fate is unknown, each session is told
that, and reads itself back. What such a session had given meanwhile is refused by its
number: it must not be stored over a gap. The journal holds nothing of its own: a crash costs what
was not yet acknowledged, and the sessions notice by their own deadline.
"""

from uuid import UUID

from actors import Actor, Kind, MailboxFull, Unavailable
from halobestie.adapters.postgres import Dedicated

from .messages import Committed, NotCommitted, Receipts, SessionMessage, StoredMessage, Write
from .store import sql


class Journal(Actor[Write]):
    def __init__(self, db: Dedicated, sessions: Kind[SessionMessage]) -> None:
        self._db = db
        self._sessions = sessions
        self._batch: list[Write] = []
        self._commits = 0
        self._largest = 0

    async def receive(self, message: Write) -> None:
        self._batch.append(message)

    async def flush(self) -> None:
        """Commit what has gathered and tell each session."""
        batch, self._batch = self._batch, []
        if not batch:
            return
        groups: dict[UUID, _Group] = {}
        for write in batch:
            group = groups.setdefault(write.session_id, _Group(write.epoch))
            if write.epoch > group.epoch:
                # A session with a new owner: the former one has nothing more to say.
                group = groups[write.session_id] = _Group(write.epoch)
            if write.epoch == group.epoch:
                group.add(write)
        try:
            written = await self._commit(groups)
        except Unavailable:
            written = set()
        except Exception:
            self._tell(groups, set())
            raise
        self._commits += 1
        self._largest = max(self._largest, len(batch))
        self._tell(groups, written)

    async def _commit(self, groups: "dict[UUID, _Group]") -> set[UUID]:
        """Store all groups in one statement; the sessions that are still owned as they say."""
        messages = [message for group in groups.values() for message in group.messages]
        receipts = [group.receipts for group in groups.values()]
        rows = await self._db.run(
            sql.write_batch,
            session_ids=list(groups),
            epochs=[group.epoch for group in groups.values()],
            first_seqs=[group.first_seq for group in groups.values()],
            last_seqs=[group.last_seq for group in groups.values()],
            customer_delivered=[one.customer_delivered for one in receipts],
            customer_read=[one.customer_read for one in receipts],
            mitra_delivered=[one.mitra_delivered for one in receipts],
            mitra_read=[one.mitra_read for one in receipts],
            message_sessions=[message.session_id for message in messages],
            seqs=[message.seq for message in messages],
            ids=[message.id for message in messages],
            sender_types=[message.sender_type for message in messages],
            sender_ids=[message.sender_id for message in messages],
            client_message_ids=[message.client_message_id for message in messages],
            contents=[message.content for message in messages],
            created_ats=[message.created_at for message in messages],
        )
        return {row["id"] for row in rows}

    def _tell(self, groups: "dict[UUID, _Group]", written: set[UUID]) -> None:
        for session_id, group in groups.items():
            try:
                self._sessions.tell_running(
                    session_id,
                    Committed(group.epoch, group.last_seq, group.receipts)
                    if session_id in written
                    else NotCommitted(group.epoch),
                )
            except MailboxFull:
                continue  # a flooded session notices by its own deadline

    def info(self) -> dict[str, object]:
        return {"commits": self._commits, "largest_batch": self._largest}


class _Group:
    """What one commit holds of one session."""

    __slots__ = ("epoch", "first_seq", "last_seq", "messages", "receipts")

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.first_seq = 0
        self.last_seq = 0
        self.messages: list[StoredMessage] = []
        self.receipts = Receipts()

    def add(self, write: Write) -> None:
        """Receipts only ever grow, so the latest stands for all."""
        self.receipts = write.receipts
        if write.message is not None:
            self.messages.append(write.message)
            self.first_seq = self.first_seq or write.message.seq
            self.last_seq = write.message.seq
