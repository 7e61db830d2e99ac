"""The sockets of the two apps: hello, and the road in.

The handler of a socket is its reader: it decodes a frame once and tells one actor.
What goes out is the Socket actor's business. The road in holds no state but a budget
of frames.
"""

from datetime import datetime
from uuid import UUID

import msgspec
import structlog
from quart.wrappers import Response

from actors import ActorError, MailboxFull, Ref
from halobestie.callers import Caller
from halobestie.chat.frames import ErrorFrame, encode
from halobestie.chat.messages import (
    Look,
    Receipt,
    SendMessage,
    SessionView,
    Typing,
)
from halobestie.chat.notices import TickFrame
from halobestie.edge import Wire
from halobestie.handshake import open_socket
from halobestie.ids import new_id
from halobestie.pairing.messages import GetPairing, PairingView
from halobestie.presence.board import AvailabilityFrame
from halobestie.presence.messages import Greet, Greeting, Heartbeat, Offer
from halobestie.roster import SIGNED_OUT, CloseSocket, Entry, Push
from halobestie.web import HaloApp, house

from . import frames
from .budget import FrameBudget
from .frames import MitraFrame
from .socket import EndReplay, Outgoing, Replay, SayHello, once

REPLAY_PAGE = 100  # messages read and written at a time
TRY_AGAIN = 1013

log = structlog.get_logger("halobestie.sockets")


class Hello(msgspec.Struct, frozen=True, tag="hello", tag_field="type"):
    """The first frame of every socket."""

    user_id: UUID
    server_time: datetime
    heartbeat_cadence_seconds: int
    sessions: tuple[SessionView, ...]
    pairing: PairingView | None
    chat_requests: tuple[Offer, ...]


class Pong(msgspec.Struct, frozen=True, tag="pong", tag_field="type"):
    """I am here."""

    server_time: datetime


class HeartbeatAck(msgspec.Struct, frozen=True, tag="heartbeat_ack", tag_field="type"):
    """Heard."""

    is_online: bool
    server_time: datetime


def add_sockets(app: HaloApp) -> None:
    """Give an app the two sockets of the contract."""

    @app.websocket("/api/client/ws")
    async def customer_socket() -> Response | None:
        return await open_socket("customer", _serve)

    @app.websocket("/api/mitra/ws")
    async def mitra_socket() -> Response | None:
        return await open_socket("mitra", _serve)


async def _serve(caller: Caller, wire: Wire) -> None:
    """One socket, from hello to its end."""
    socket_id = new_id()
    ref = house().sockets.spawn(socket_id, once(wire))
    entry = Entry(ref, caller.id, caller.user_type, caller.session_id)
    house().roster.add(entry)
    if house().accounts.sessions.is_over(caller.session_id):
        # Revoked after the handshake, and before there was a socket to close.
        ref.tell(CloseSocket(SIGNED_OUT, "signed out"))
    try:
        try:
            await _greet(caller, ref)
        except ActorError:
            ref.tell(CloseSocket(TRY_AGAIN, "try again"))
        road = RoadIn(caller, socket_id, ref)
        async for text in wire:
            await road.take(text)
    finally:
        house().roster.remove(entry)
        ref.stop()


async def _greet(caller: Caller, ref: Ref[Outgoing]) -> None:
    """Say hello. The socket is in the roster already, so nothing falls in between."""
    home = house()
    if caller.user_type == "mitra":
        greeting: Greeting = await home.mitras.ref(caller.id).ask(Greet())
    else:
        greeting = await home.customers.ref(caller.id).ask(Greet())
    sessions = []
    for session_id in greeting.session_ids:
        view = await home.sessions.ref(session_id).ask(Look(caller.id))
        if isinstance(view, SessionView):
            sessions.append(view)
    pairing = None
    if greeting.pairing_id is not None:
        pairing = await home.pairings.ref(greeting.pairing_id).ask(GetPairing())
    hello = Hello(
        user_id=caller.id,
        server_time=house().clock.now(),
        heartbeat_cadence_seconds=home.settings.mitra_heartbeat_cadence_seconds,
        sessions=tuple(sessions),
        pairing=pairing,
        chat_requests=greeting.offers,
    )
    ref.tell(SayHello(encode(hello), {view.id: view.last_seq for view in sessions}))
    for view in sessions:
        if view.status == "active":
            ref.tell(Push(encode(TickFrame(view.id, view.remaining_seconds))))
    if caller.user_type == "customer":
        now = home.board.availability
        home.board.told.add(now.available)
        ref.tell(Push(encode(AvailabilityFrame(now.available, now.count))))


class RoadIn:
    """What one app sends."""

    def __init__(self, caller: Caller, socket_id: UUID, ref: Ref[Outgoing]) -> None:
        self._caller = caller
        self._socket_id = socket_id
        self._ref = ref
        self._home = house()
        self._budget = FrameBudget(self._home.settings.socket_frames_per_second)

    async def take(self, text: str) -> None:
        """Decode a frame and do it, or answer why not. Never raises for what is in it."""
        frame = frames.decode(text, self._caller.user_type)
        if not self._budget.take():
            client_message_id = getattr(frame, "client_message_id", None)
            session_id = getattr(frame, "session_id", None)
            self._answer(
                ErrorFrame("rate_limited", "Too many frames.", client_message_id, session_id)
            )
            return
        try:
            await self._do(frame)
        except MailboxFull:
            self._refuse(frame, "overloaded", "Too much at once: send it again.")
        except ActorError:
            self._refuse(frame, "unavailable", "It could not be done now: send it again.")

    async def _do(self, frame: MitraFrame | ErrorFrame) -> None:
        user_id, sessions = self._caller.id, self._home.sessions
        match frame:
            case frames.Message(session_id, client_message_id, content):
                sessions.ref(session_id).tell(
                    SendMessage(user_id, client_message_id, content, self._socket_id)
                )
            case frames.Delivered(session_id, up_to):
                sessions.ref(session_id).tell(
                    Receipt(user_id, delivered_up_to=up_to, socket_id=self._socket_id)
                )
            case frames.Read(session_id, up_to):
                sessions.ref(session_id).tell(
                    Receipt(user_id, read_up_to=up_to, socket_id=self._socket_id)
                )
            case frames.TypingNow(session_id, is_typing):
                sessions.ref(session_id).tell(Typing(user_id, is_typing, self._socket_id))
            case frames.Resume(session_id, after_seq):
                await self._resume(session_id, after_seq)
            case frames.HeartbeatFrame():
                status = await self._home.mitras.ref(user_id).ask(Heartbeat())
                self._answer(HeartbeatAck(status.is_online, house().clock.now()))
            case frames.Ping():
                self._answer(Pong(house().clock.now()))
            case ErrorFrame():
                self._answer(frame)

    async def _resume(self, session_id: UUID, after_seq: int) -> None:
        """Replay from the rows at the app's own pace until nothing live was held back."""
        parties = await self._home.transcripts.parties(session_id)
        if parties is None or self._caller.id not in parties:
            self._answer(ErrorFrame("not_found", "There is no such session.", None, session_id))
            return
        try:
            await self._replay(session_id, after_seq)
        except ActorError:
            # Live messages are held back: the app must begin anew, not go on with a gap.
            self._ref.tell(CloseSocket(TRY_AGAIN, "try again"))

    async def _replay(self, session_id: UUID, last: int) -> None:
        transcripts = self._home.transcripts
        while True:
            page = await transcripts.after(session_id, last, REPLAY_PAGE)
            await self._ref.ask(Replay(session_id, tuple(page)), timeout=60)
            if page:
                last = page[-1].seq
            if len(page) == REPLAY_PAGE:
                continue
            if await self._ref.ask(EndReplay(session_id, last), timeout=60) is None:
                return

    def _refuse(self, frame: MitraFrame | ErrorFrame, code: str, text: str) -> None:
        client_message_id = getattr(frame, "client_message_id", None)
        session_id = getattr(frame, "session_id", None)
        self._answer(ErrorFrame(code, text, client_message_id, session_id))

    def _answer(self, frame: msgspec.Struct) -> None:
        try:
            self._ref.tell(Push(encode(frame)))
        except MailboxFull:
            self._ref.stop()
