"""The frames of a conversation, one struct each; `SessionFrames` says who gets them.

What a session says of its states is in `notices`.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from halobestie.roster import PushMessage, Roster

from .messages import Party, Sent, StoredMessage, other
from .store import SessionRow


class Frame(msgspec.Struct, frozen=True, tag_field="type"):
    """The base of what follows."""


class MessageFrame(Frame, frozen=True, tag="message"):
    """A chat message."""

    session_id: UUID
    id: UUID
    seq: int
    sender_type: Party
    sender_id: UUID
    content: str
    client_message_id: str
    created_at: datetime

    def __repr__(self) -> str:
        return f"MessageFrame(seq={self.seq})"


class SentFrame(Frame, frozen=True, tag="message_status"):
    """To the sender: the message is stored."""

    session_id: UUID
    client_message_id: str
    id: UUID
    seq: int
    created_at: datetime
    status: str = "sent"


class ReceiptFrame(Frame, frozen=True, tag="message_status"):
    """To the sender: the other has received or read everything up to a seq."""

    session_id: UUID
    status: str
    up_to_seq: int


class ErrorFrame(Frame, frozen=True, tag="error", omit_defaults=True):
    """A frame could not be done. It names the ids as the frame had them, right or wrong."""

    code: str
    message: str
    client_message_id: str | None = None
    session_id: UUID | str | None = None


class TypingFrame(Frame, frozen=True, tag="typing"):
    session_id: UUID
    is_typing: bool


encode = msgspec.json.Encoder().encode


def message_frame(message: StoredMessage) -> bytes:
    """A stored message as it goes over sockets, live or again."""
    return encode(
        MessageFrame(
            message.session_id,
            message.id,
            message.seq,
            message.sender_type,
            message.sender_id,
            message.content,
            message.client_message_id,
            message.created_at,
        )
    )


class SessionFrames:
    """Delivers a session's frames to the sockets of its two parties."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster

    def to(self, user_id: UUID, frame: Frame) -> int:
        """To every socket of one person; how many there were."""
        return self._roster.deliver(user_id, encode(frame))

    def to_both(self, row: SessionRow, frame: Frame) -> None:
        """To every socket of both."""
        encoded = encode(frame)
        self._roster.deliver(row.customer_id, encoded)
        self._roster.deliver(row.mitra_id, encoded)

    def is_there(self, user_id: UUID) -> bool:
        """Whether a person has a live socket."""
        return self._roster.sockets(user_id) > 0

    def message(self, row: SessionRow, message: StoredMessage, origin: UUID | None) -> int:
        """A new message: to the other party, and to the sender's other sockets. How many
        sockets the other party has."""
        push = PushMessage(row.id, message.seq, message_frame(message))
        there = self._roster.deliver_message(user_of(row, other(message.sender_type)), push)
        self._roster.deliver_message(message.sender_id, push, but=origin)
        return there

    def sent(
        self,
        row: SessionRow,
        user_id: UUID,
        client_message_id: str,
        sent: Sent,
        origin: UUID | None,
    ) -> None:
        """The acknowledgement, to the socket that sent; to all where that is not known."""
        frame = SentFrame(row.id, client_message_id, sent.id, sent.seq, sent.created_at)
        if origin is None:
            self.to(user_id, frame)
            return
        self._roster.answer(user_id, origin, encode(frame))

    def refused(
        self,
        session_id: UUID | None,
        user_id: UUID,
        client_message_id: str | None,
        code: str,
        origin: UUID,
    ) -> None:
        """Why a message was not stored, to the socket that sent it."""
        text = REFUSALS.get(code, code)
        frame = ErrorFrame(code, text, client_message_id, session_id)
        self._roster.answer(user_id, origin, encode(frame))


REFUSALS = {
    "not_found": "There is no such session.",
    "session_not_active": "The session is not active.",
    "unavailable": "It could not be stored: send it again.",
    "overloaded": "Too much at once: send it again.",
}


def user_of(row: SessionRow, party: Party) -> UUID:
    """Who a party is."""
    return row.customer_id if party == "customer" else row.mitra_id


def party_of(row: SessionRow, user_id: UUID) -> Party | None:
    """Which party someone is, if any."""
    if user_id == row.customer_id:
        return "customer"
    return "mitra" if user_id == row.mitra_id else None
