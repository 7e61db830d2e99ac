"""One app's side of one session: its outbox, what it knows, what it owes the server.

No socket, no clock and no await in here: frames and times go in, frames come out, so
every reconnect can be replayed in a test. Delivery as an app sees it: what it wrote
is sent until it is acknowledged or refused (at least once on the wire, once in the
store, because the `client_message_id` stays); what the other party wrote may come
twice around a resume, and is known by its `seq`.
"""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from .history import Ack, History, Role, Sent, Sighting

Frame = dict[str, Any]

# Not stored, but may be: the same message is welcome a little later.
RETRYABLE = frozenset({"overloaded", "unavailable", "rate_limited"})
RETRY_AFTER = 1.0  # seconds, after such an answer
RESEND_AFTER = 10.0  # seconds without any answer on a socket that is up

# `expired` may become `active` again; from `closing` on there is no way back
_STAGES = {"closing": 1, "completed": 2}


class Conversation:
    """Made by the first frame that names the session; kept for as long as the app runs."""

    def __init__(self, session: Frame, role: Role) -> None:
        self.session: Frame = dict(session)  # the SESSION last told, kept up by events
        self.history = History(session_id=session["id"], role=role)
        self.closing_message: str | None = None  # the other party's
        self._unanswered: dict[str, Sent] = {}
        self._ids: dict[int, str] = {}
        self._known_up_to = 0
        self._peer_up_to = 0  # highest of theirs at or below _known_up_to
        self._peer_seqs: set[int] = set()
        self._resumes = 0

    @property
    def id(self) -> str:
        return self.history.session_id

    @property
    def status(self) -> str:
        return str(self.session["status"])

    @status.setter
    def status(self, status: str) -> None:
        self.session["status"] = status

    @property
    def over(self) -> bool:
        return self.status == "completed"

    @property
    def known_up_to(self) -> int:
        """Every message up to this seq is known, whoever wrote it."""
        return self._known_up_to

    @property
    def unanswered(self) -> int:
        """Messages that were neither acknowledged nor refused yet."""
        return len(self._unanswered)

    # what the app does

    def say(self, content: str, at: float) -> Sent:
        """Put a message into the outbox. It leaves with `frame_of` or the next `hello`."""
        sent = Sent(str(uuid4()), content, at)
        self.history.sent[sent.client_message_id] = sent
        self._unanswered[sent.client_message_id] = sent
        return sent

    def frame_of(self, sent: Sent, at: float) -> Frame:
        """The message as it goes over the wire, now."""
        sent.tried_at, sent.again_at = at, None
        return {
            "type": "message",
            "session_id": self.id,
            "client_message_id": sent.client_message_id,
            "content": sent.content,
        }

    def due_again(self, at: float) -> Iterator[Frame]:
        """What the server asked for again, and what it never answered."""
        for sent in self._unanswered.values():
            asked = sent.again_at is not None and sent.again_at <= at
            if asked or (sent.tried_at is not None and sent.tried_at + RESEND_AFTER <= at):
                yield self.frame_of(sent, at)

    def receipt(self, kind: str) -> Frame | None:
        """`delivered` or `read` for what is known without a gap; None if there is nothing."""
        if not self._peer_up_to:
            return None
        return {"type": kind, "session_id": self.id, "up_to_seq": self._peer_up_to}

    # what the server says

    def learn(self, session: Frame) -> None:
        """A SESSION that was told now. An HTTP answer may be older than the last event:
        what was closing or over stays so."""
        status = max(session["status"], self.status, key=_stage)
        self.session = {**session, "status": status}

    def connected(self, connection: int, last_seq: int | None, at: float) -> Iterator[Frame]:
        """A new socket said hello: what to send on it, in order.

        `last_seq` is None when `hello` no longer lists the session.
        """
        self._resumes = 0
        self.history.baselines[connection] = self._known_up_to if last_seq is None else last_seq
        if last_seq is None or last_seq > self._known_up_to:
            self._resumes = 1
            yield {"type": "resume", "session_id": self.id, "after_seq": self._known_up_to}
        for sent in self._unanswered.values():
            yield self.frame_of(sent, at)

    def on_message(self, frame: Frame, connection: int, at: float) -> bool:
        """A `message` frame. True if it is new and of the other party."""
        seen = Sighting(
            seq=frame["seq"],
            id=frame["id"],
            sender_type=frame["sender_type"],
            client_message_id=frame["client_message_id"],
            at=at,
            connection=connection,
            resumed=self._resumes > 0,
        )
        self.history.sightings.append(seen)
        is_new = seen.seq not in self._ids
        if seen.sender_type != self.history.role:
            self._peer_seqs.add(seen.seq)
        self._know(seen.seq, seen.id)
        return is_new and seen.sender_type != self.history.role

    def on_sent(self, frame: Frame, at: float) -> Sent | None:
        """A `message_status` `sent`. The message, if this is its first answer."""
        ack = Ack(frame["client_message_id"], frame["seq"], frame["id"], at)
        self.history.acks.append(ack)
        self._know(ack.seq, ack.id)
        return self._unanswered.pop(ack.client_message_id, None)

    def on_error(self, frame: Frame, at: float) -> None:
        """An `error` that names this session, and perhaps one of its messages."""
        sent = self._unanswered.get(frame.get("client_message_id", ""))
        if sent is None:
            return
        if frame["code"] in RETRYABLE:
            sent.again_at = at + RETRY_AFTER
        else:
            self.history.refused[sent.client_message_id] = frame["code"]
            del self._unanswered[sent.client_message_id]

    def on_resumed(self) -> None:
        self._resumes = 0

    def _know(self, seq: int, message_id: str) -> None:
        self._ids.setdefault(seq, message_id)
        while self._known_up_to + 1 in self._ids:
            self._known_up_to += 1
            if self._known_up_to in self._peer_seqs:
                self._peer_up_to = self._known_up_to


def _stage(status: str) -> int:
    return _STAGES.get(status, 0)
