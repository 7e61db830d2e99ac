"""The frames that apps send, and what is wrong with those that cannot be read.

One struct a frame: its types are its validation. A frame that fails is looked at a
second time, slowly, to say why; a good one is decoded once.
"""

from typing import Annotated, Any
from uuid import UUID

import msgspec

from halobestie.callers import UserType
from halobestie.chat.frames import ErrorFrame

MAX_SEQ = 2**53  # what a JavaScript client can count to

Seq = Annotated[int, msgspec.Meta(ge=0, le=MAX_SEQ)]
ClientMessageId = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\0]*\Z")]
Content = Annotated[str, msgspec.Meta(min_length=1, max_length=4000, pattern=r"^[^\0]*\Z")]


class Incoming(msgspec.Struct, frozen=True, tag_field="type"):
    """The base of what follows."""


class Message(Incoming, frozen=True, tag="message"):
    """Say something."""

    session_id: UUID
    client_message_id: ClientMessageId
    content: Content

    def __repr__(self) -> str:
        return "Message(…)"


class Delivered(Incoming, frozen=True, tag="delivered"):
    """Everything up to a seq has arrived."""

    session_id: UUID
    up_to_seq: Seq


class Read(Incoming, frozen=True, tag="read"):
    """Everything up to a seq has been read."""

    session_id: UUID
    up_to_seq: Seq


class TypingNow(Incoming, frozen=True, tag="typing"):
    """The person types, or has stopped."""

    session_id: UUID
    is_typing: bool


class Resume(Incoming, frozen=True, tag="resume"):
    """Send again what came after a seq."""

    session_id: UUID
    after_seq: Seq


class Ping(Incoming, frozen=True, tag="ping"):
    """Are you there?"""


class HeartbeatFrame(Incoming, frozen=True, tag="heartbeat"):
    """A mitra's app is there."""


CustomerFrame = Message | Delivered | Read | TypingNow | Resume | Ping
MitraFrame = CustomerFrame | HeartbeatFrame

_DECODERS: dict[UserType, Any] = {
    "customer": msgspec.json.Decoder(CustomerFrame),
    "mitra": msgspec.json.Decoder(MitraFrame),
}
_TYPES: dict[UserType, frozenset[str]] = {
    "customer": frozenset({"message", "delivered", "read", "typing", "resume", "ping"}),
    "mitra": frozenset({"message", "delivered", "read", "typing", "resume", "ping", "heartbeat"}),
}


def decode(text: str, user_type: UserType) -> MitraFrame | ErrorFrame:
    """The frame, or the error to answer with."""
    try:
        frame: MitraFrame = _DECODERS[user_type].decode(text)
        return frame
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        return _explain(text, user_type, error)


def _explain(text: str, user_type: UserType, error: Exception) -> ErrorFrame:
    try:
        raw = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return ErrorFrame("invalid_frame", "A frame is a JSON object.")
    kind = _field(raw, "type", str)
    client_message_id = _field(raw, "client_message_id", str)
    session_id = _field(raw, "session_id", str)
    if kind not in _TYPES[user_type]:
        return ErrorFrame("unknown_type", "There is no such frame.", client_message_id, session_id)
    return ErrorFrame("validation_failed", _first_line(error), client_message_id, session_id)


def _field(raw: dict[str, msgspec.Raw], name: str, kind: Any) -> Any:
    try:
        return msgspec.json.decode(raw[name], type=kind)
    except (KeyError, msgspec.DecodeError, UnicodeError):
        return None


def _first_line(error: Exception) -> str:
    """What msgspec says is wrong. It names types and fields, never what was sent."""
    return str(error) if isinstance(error, msgspec.ValidationError) else "The text is not valid."
