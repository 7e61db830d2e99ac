"""Which sockets every person has on this node.

Plain data in memory, changed by the sockets themselves as they come and go, and read
by whoever has a frame for a person. Delivery is at most once, in order for each
socket; a socket whose queue is full is ended, and has what it missed by resuming.
"""

from collections.abc import Collection, Iterable
from uuid import UUID

import msgspec

from actors import MailboxFull, Ref

SIGNED_OUT = 4403


class Push(msgspec.Struct, frozen=True):
    """To a socket: write this frame, which is already encoded."""

    frame: bytes

    def __repr__(self) -> str:
        return "Push(…)"


class PushAll(msgspec.Struct, frozen=True):
    """To a socket: write these frames, in order. However many, it is one message."""

    frames: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"PushAll({len(self.frames)} frames)"


class PushMessage(msgspec.Struct, frozen=True):
    """To a socket: write this chat message, unless you have it already."""

    session_id: UUID
    seq: int
    frame: bytes

    def __repr__(self) -> str:
        return f"PushMessage(seq={self.seq})"


class CloseSocket(msgspec.Struct, frozen=True):
    """To a socket: close with this code, after what is queued."""

    code: int
    reason: str


SocketMessage = Push | PushAll | PushMessage | CloseSocket


class Entry(msgspec.Struct, frozen=True, eq=False):
    """One live socket and whose it is."""

    ref: Ref[SocketMessage]
    user_id: UUID
    user_type: str
    auth_session_id: UUID


class Roster:
    """The live sockets by person."""

    def __init__(self) -> None:
        self._of_user: dict[UUID, list[Entry]] = {}

    def add(self, entry: Entry) -> None:
        """A socket is there."""
        self._of_user.setdefault(entry.user_id, []).append(entry)

    def remove(self, entry: Entry) -> None:
        """A socket is gone."""
        entries = self._of_user[entry.user_id]
        entries.remove(entry)
        if not entries:
            del self._of_user[entry.user_id]

    def sockets(self, user_id: UUID) -> int:
        """How many live sockets a person has."""
        return len(self._of_user.get(user_id, ()))

    def connected(self, user_ids: Iterable[UUID]) -> set[UUID]:
        """Those who have a live socket."""
        return self._of_user.keys() & user_ids

    def everyone(self) -> list[Entry]:
        """Every live socket."""
        return [entry for entries in self._of_user.values() for entry in entries]

    def deliver(self, user_id: UUID, frame: bytes) -> int:
        """Give a frame to each socket of a person; how many there were."""
        entries = self._of_user.get(user_id, ())
        for entry in tuple(entries):
            self._tell(entry.ref, Push(frame))
        return len(entries)

    def deliver_all(self, user_id: UUID, frames: Collection[bytes]) -> None:
        """Give several frames to each socket of a person, in one message."""
        if frames:
            for entry in tuple(self._of_user.get(user_id, ())):
                self._tell(entry.ref, PushAll(tuple(frames)))

    def deliver_message(
        self, user_id: UUID, message: PushMessage, *, but: UUID | None = None
    ) -> int:
        """Give a chat message to each socket of a person, but not to the socket `but`."""
        entries = self._of_user.get(user_id, ())
        for entry in tuple(entries):
            if entry.ref.key != but:
                self._tell(entry.ref, message)
        return len(entries)

    def answer(self, user_id: UUID, socket_id: UUID, frame: bytes) -> None:
        """Give a frame to one socket, if it is still there."""
        for entry in self._of_user.get(user_id, ()):
            if entry.ref.key == socket_id:
                self._tell(entry.ref, Push(frame))
                return

    def broadcast(self, user_type: str, frame: bytes) -> None:
        """Give a frame to every socket of one type of user."""
        push = Push(frame)
        for entry in self.everyone():
            if entry.user_type == user_type:
                self._tell(entry.ref, push)

    def sign_out(self, auth_session_ids: Collection[UUID]) -> None:
        """Close the sockets of auth sessions that were revoked."""
        for entry in self.everyone():
            if entry.auth_session_id in auth_session_ids:
                self._tell(entry.ref, CloseSocket(SIGNED_OUT, "signed out"))

    @staticmethod
    def _tell(ref: Ref[SocketMessage], message: SocketMessage) -> None:
        try:
            ref.tell(message)
        except MailboxFull:
            ref.stop()
