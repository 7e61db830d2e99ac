"""What both apps do, as a phone would run them: stay connected, talk, forget nothing.

An app holds one socket (`Link`), one `Conversation` per session it heard of, and the
last word on everything else. After every `hello` it asks each conversation what to
resume and what to send again, so that a lost socket, or a killed node, loses nothing.
Delivered to the app: every message at least once, in order of `seq` within a session
(`Conversation` knows repeats). Signals (`typing`, ticks) at most once.

`on_news` is called after each frame; `until` waits for what frames bring about.
"""

from collections.abc import Callable

import trio

from .account import Account
from .api import Away, Refused
from .conversation import Conversation
from .history import Role, Sent
from .link import Frame, Link

TICK = 0.5  # seconds between looks at what is due again

NewsListener = Callable[["App", Frame], None]


class App:
    """What both apps have in common."""

    role: Role
    socket_path: str

    def __init__(self, account: Account, on_news: NewsListener | None = None) -> None:
        self.account = account
        self.user_id = account.user_id
        self.conversations: dict[str, Conversation] = {}
        self.hello: Frame | None = None
        self.hellos = 0  # also the number of the connection
        self.errors: list[Frame] = []  # `error` frames that answered no message
        self._on_news = on_news
        self._unlisted: set[str] = set()  # `hello` did not name them: are they over?
        self._link = Link(account, self.socket_path, self._on_frame)
        self._waiting = trio.lowlevel.ParkingLot()

    @property
    def connected(self) -> bool:
        return self._link.up

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Stay connected until cancelled; started once the first `hello` is in."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._link.run)
            nursery.start_soon(self._keep_trying)
            await self.until(lambda: self.hellos > 0)
            nursery.start_soon(self._keep_alive)
            nursery.start_soon(self._look_up_unlisted)
            task_status.started()

    async def until(self, happened: Callable[[], bool]) -> None:
        """Return once `happened()` holds; it is asked after every frame and `nudge`."""
        while not happened():
            await self._waiting.park()

    def nudge(self) -> None:
        """Let everybody who waits look again: something else than a frame has changed."""
        self._waiting.unpark_all()

    # talking

    def say(self, session_id: str, content: str) -> Sent:
        """Write a message. It is in the history at once, and goes out when a socket is up."""
        conversation, now = self.conversations[session_id], trio.current_time()
        sent = conversation.say(content, now)
        if self.connected:
            self._link.post(conversation.frame_of(sent, now))
        return sent

    def reads(self, session_id: str) -> None:
        """Tell that everything that came so far was read."""
        receipt = self.conversations[session_id].receipt("read")
        if receipt is not None:
            self._link.post(receipt)

    def types(self, session_id: str, is_typing: bool = True) -> None:
        self._link.post({"type": "typing", "session_id": session_id, "is_typing": is_typing})

    def post(self, frame: Frame) -> None:
        """Any frame at all, as it is."""
        self._link.post(frame)

    async def end(self, session_id: str) -> Frame:
        """End a session early, or when its time is over."""
        return await self._session_call(session_id, "end", {})

    async def skip_closing_message(self, session_id: str) -> Frame:
        return await self._session_call(session_id, "closing-message", {"skip": True})

    async def leave_closing_message(self, session_id: str, content: str) -> Frame:
        return await self._session_call(session_id, "closing-message", {"content": content})

    async def look_up(self, session_id: str) -> Frame:
        """The SESSION as the server has it now."""
        answer = await self.account.call("GET", f"/api/shared/chat-sessions/{session_id}")
        return self._learn(answer["session"]).session

    async def _session_call(self, session_id: str, verb: str, body: Frame) -> Frame:
        path = f"/api/shared/chat-sessions/{session_id}/{verb}"
        answer = await self.account.call("POST", path, body)
        return self._learn(answer["session"]).session

    # what the server says

    def _on_frame(self, frame: Frame) -> None:
        self._handle(frame)
        if self._on_news is not None:
            self._on_news(self, frame)
        self.nudge()

    def _handle(self, frame: Frame) -> None:
        """The frames that both apps understand. Unknown types are ignored, as apps must."""
        now = trio.current_time()
        conversation = self.conversations.get(frame.get("session_id", ""))
        if conversation is None and frame["type"] == "message":
            # overtook the `paired` that tells of its session
            conversation = self._learn({"id": frame["session_id"], "status": "active"})
        match frame["type"]:
            case "hello":
                self._on_hello(frame)
            case "message" if conversation is not None:
                if conversation.on_message(frame, self.hellos, now):
                    self._post_all(conversation.receipt("delivered"))
            case "message_status" if conversation is not None and frame["status"] == "sent":
                conversation.on_sent(frame, now)
            case "error":
                if conversation is not None and "client_message_id" in frame:
                    conversation.on_error(frame, now)
                else:
                    self.errors.append(frame)
            case "resumed" if conversation is not None:
                conversation.on_resumed()
                self._post_all(conversation.receipt("delivered"))
            case "session_expired" if conversation is not None:
                conversation.status = "expired"
            case "session_resumed" if conversation is not None:
                conversation.status = "active"
            case "session_closing" if conversation is not None:
                conversation.status = "closing"
            case "closing_message" if conversation is not None:
                conversation.closing_message = frame["content"]
            case "session_completed" if conversation is not None:
                conversation.status = "completed"
            case _:
                pass

    def _on_hello(self, frame: Frame) -> None:
        self.hello, self.hellos = frame, self.hellos + 1
        now = trio.current_time()
        listed = {session["id"]: session["last_seq"] for session in frame["sessions"]}
        for session in frame["sessions"]:
            self._learn(session)
        for conversation in self.conversations.values():
            last_seq = listed.get(conversation.id)
            if last_seq is None:
                if conversation.over and not conversation.unanswered:
                    continue  # complete, and said to be, on an earlier socket
                self._unlisted.add(conversation.id)
            self._post_all(*conversation.connected(self.hellos, last_seq, now))

    def _learn(self, session: Frame) -> Conversation:
        """Keep the newest SESSION that the server told."""
        conversation = self.conversations.get(session["id"])
        if conversation is None:
            conversation = Conversation(session, self.role)
            self.conversations[session["id"]] = conversation
        else:
            conversation.learn(session)
        return conversation

    def _post_all(self, *frames: Frame | None) -> None:
        for frame in frames:
            if frame is not None:
                self._link.post(frame)

    # what goes on by itself

    async def _keep_trying(self) -> None:
        """Send again what was answered `unavailable` and its like, or not at all."""
        while True:
            await trio.sleep(TICK)
            if self.connected:
                for conversation in self.conversations.values():
                    self._post_all(*conversation.due_again(trio.current_time()))

    async def _look_up_unlisted(self) -> None:
        """What ended while no socket was up was told to nobody."""
        while True:
            await self.until(lambda: bool(self._unlisted))
            session_id = self._unlisted.pop()
            try:
                await self.look_up(session_id)
            except Refused:
                pass  # not ours any more
            except Away:
                self._unlisted.add(session_id)

    async def _keep_alive(self) -> None:
        """The mitra's heartbeat; a customer's app has none."""
