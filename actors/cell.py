"""The life of one actor: start, mail, deadlines, crash, restart, quarantine, end.

A Cell is the task behind a Ref. It outlives its incarnations (one actor instance
each) and owns the mailbox, so that mail survives a restart. It never raises into
the nursery, except `ServiceFailed` for a static service that keeps crashing.

    starting ─→ running ─→ stopping ─→ gone
       ↑  ↑        │
       │  └─ restarting, away     a crash; something it needs is away
       └──── quarantined          too many crashes
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Hashable
from enum import Enum, auto
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from .actor import Actor
from .deadlines import Deadline, Deadlines
from .errors import ActorCrashed, ActorStopped, Quarantined, ServiceFailed, Unavailable
from .mailbox import Gate, Mailbox
from .messages import Ask, Later, Question
from .restarts import CrashHistory

if TYPE_CHECKING:
    from .refs import Ref
    from .system import Kind

log = logging.getLogger("actors")

R = TypeVar("R")

BATCH = 64  # messages between two flushes and checkpoints, for fairness among actors
AWAY_RETRY = 0.2, 2.0  # seconds before the next try while something is away: first, longest


class State(Enum):
    """Where in its life a cell is. The value is the word that people see."""

    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"
    AWAY = "away"
    QUARANTINED = "quarantined"
    STOPPING = "stopping"


class Signal(Enum):
    """What the runtime says to a cell, ahead of the mail."""

    DRAIN = auto()
    """Finish the mail and what you owe, then end."""
    STOP = auto()
    """End now."""
    CRASH = auto()
    """Raise, so that people can watch the supervision at work."""


class CrashRequested(Exception):
    """An operator or a test asked for this crash."""


class _Stopped(Exception):
    """A STOP that came while the cell was not serving."""


class Cell:
    """One running address. Made by its Kind, found through its Kind's refs."""

    __slots__ = (
        "__weakref__",
        "_crashes",
        "_factory",
        "_owed",
        "_question",
        "actor",
        "away_tries",
        "busy_since",
        "busy_with",
        "deadlines",
        "draining",
        "key",
        "kind",
        "last_error",
        "latest",
        "mailbox",
        "processed",
        "restarts",
        "retiring",
        "started_at",
        "state",
    )

    def __init__(
        self, kind: Kind[Any], key: Hashable, factory: Callable[[], Actor[Any]]
    ) -> None:
        self.kind = kind
        self.key = key
        self.mailbox = Mailbox(kind.capacity)
        self.deadlines = Deadlines(kind.system.timers, kind.system.clock, self.mailbox)
        self.started_at = kind.system.clock.now()
        self.state = State.STARTING
        self.actor: Actor[Any] | None = None
        self.processed = 0
        self.restarts = 0
        self.last_error: str | None = None
        self.latest = 0.0
        """The greatest lateness of a deadline so far, in seconds."""
        self.busy_with: object = None
        self.busy_since = 0.0
        self.retiring = False
        self.draining = False
        self.away_tries = 0
        self._factory = factory
        self._crashes: CrashHistory | None = None
        self._question: Question | None = None
        self._owed: set[Question] | None = None  # made when first needed: it is not small

    def ref(self) -> Ref[Any]:
        """The address under which others find this cell."""
        return self.kind.ref(self.key)

    def defer(self, message: Ask[R]) -> Later[R]:
        """See `Actor.defer`."""
        question = self._question
        if self._owed is None:
            self._owed = set()
        if question is not None and question.message is message:
            question.deferred = True
            self._owed.add(question)
        return Later(question, self._owed)

    # the life

    async def run(self) -> None:
        """One incarnation after the other, until the cell is gone."""
        try:
            while await self._incarnation():
                pass
        except _Stopped:
            pass
        finally:
            self._bury()

    async def _incarnation(self) -> bool:
        """Whether there is to be another."""
        try:
            actor = self.actor = self._factory()
            actor._cell = self
            actor.clock = self.kind.system.clock
            actor.deadlines = self.deadlines
            await actor.started()
            self.state = State.RUNNING
            self.mailbox.gate = None
            self.away_tries = 0
            await self._serve(actor)
        except Unavailable as error:
            await self._away(error)
            return True
        except Exception as error:
            await self._crashed(error)
            return True
        return await self._retire(actor)

    async def _serve(self, actor: Actor[Any]) -> None:
        """Handle mail and signals until it is time to end."""
        mailbox = self.mailbox
        mail, signals = mailbox.mail, mailbox.signals
        receive = actor.receive
        flushes = type(actor).flush is not Actor.flush
        handled = 0  # since the last flush
        while not self.retiring:
            if signals:
                signal = signals.pop(0)
                if isinstance(signal, Deadline):
                    if await self._due(signal, receive):
                        handled += 1
                elif signal is Signal.STOP:
                    break
                elif signal is Signal.DRAIN:
                    self.draining = True
                else:
                    raise CrashRequested
            elif mail and handled < BATCH:
                depth = len(mail)
                if depth > mailbox.high_water:
                    mailbox.high_water = depth
                item = mail.popleft()
                handled += 1
                self.processed += 1
                self.busy_with = item
                self.busy_since = perf_counter()
                if type(item) is Question:
                    await self._answer(item, receive)
                else:
                    await receive(item)
            elif handled:
                self.busy_with = None
                if flushes:
                    self.busy_since = perf_counter()
                    self.busy_with = actor
                    await actor.flush()
                    self.busy_with = None
                if handled >= BATCH:
                    await trio.lowlevel.checkpoint()
                handled = 0
            elif self.draining and not self._owed:
                break
            else:
                mailbox.reader = trio.lowlevel.current_task()
                await trio.lowlevel.wait_task_rescheduled(mailbox.unpark)
        self.busy_with = None
        if handled and flushes:
            await actor.flush()

    async def _due(self, deadline: Deadline, receive: Callable[[Any], Any]) -> bool:
        """Handle a deadline's message, unless it was moved or cleared meanwhile."""
        lateness = self.deadlines.take(deadline)
        if lateness is None:
            return False
        self.latest = max(self.latest, lateness)
        self.processed += 1
        self.busy_with = deadline.message
        self.busy_since = perf_counter()
        await receive(deadline.message)
        return True

    async def _answer(self, question: Question, receive: Callable[[Any], Any]) -> None:
        self._question = question
        reply = await receive(question.message)
        if not question.deferred:
            question.answer(reply)
        self._question = None

    # endings

    async def _retire(self, actor: Actor[Any]) -> bool:
        """An orderly end; True when mail came in the meantime for a next incarnation."""
        self.state = State.STOPPING
        self.deadlines.clear_all()
        try:
            await actor.stopping()
        except Exception as error:
            self._note(error)
        self._refuse_owed(ActorStopped(self.path))
        reborn = self.kind.virtual and bool(self.mailbox.mail)
        if reborn:
            self.retiring = False
            self.state = State.STARTING
        return reborn

    async def _crashed(self, error: Exception) -> None:
        """Tell the askers, count, and wait until the next start is due."""
        self._note(error)
        self.restarts += 1
        self._drop_current(ActorCrashed(self.path), "crashed")
        if self._crashes is None:
            self._crashes = CrashHistory(self.kind.restart, self.kind.system.random)
        delay = self._crashes.crashed(trio.current_time())
        if delay is not None:
            self.state = State.RESTARTING
        elif self.kind.static:
            raise ServiceFailed(self.path) from error
        else:
            delay = self.kind.restart.quarantine
            self._crashes.forget()
            self._close(State.QUARANTINED, Gate.QUARANTINED, Quarantined(self.path))
            log.error("%s is quarantined for %.0f s", self.path, delay)
        await self._pause(delay)
        self.mailbox.gate = None
        self.state = State.STARTING

    async def _away(self, error: Unavailable) -> None:
        """Something it needs is away: refuse mail at once, and try again before long."""
        self.last_error = describe(error)
        if self.away_tries == 0:
            log.warning("%s waits: %s", self.path, self.last_error)
        self._drop_current(Unavailable(self.path), "away")
        self._close(State.AWAY, Gate.AWAY, Unavailable(self.path))
        first, longest = AWAY_RETRY
        delay = min(longest, first * 2.0 ** min(self.away_tries, 10))
        self.away_tries += 1
        await self._pause(delay * self.kind.system.random.uniform(0.5, 1.0))

    async def _pause(self, seconds: float) -> None:
        """Wait before a restart, hearing only STOP and DRAIN."""
        with trio.move_on_after(seconds):
            while True:
                await self.mailbox.wait_for_signal()
                if self.mailbox.signals.pop(0) in (Signal.STOP, Signal.DRAIN):
                    raise _Stopped

    def _close(self, state: State, gate: Gate, error: Exception) -> None:
        """Take no mail for now, and settle what is in the mailbox."""
        self.state = state
        self.mailbox.gate = gate
        self._empty_mailbox(error, state.value)

    def _bury(self) -> None:
        """The end, also when cancelled: everything accepted is settled or counted."""
        self.kind.forget(self)
        self.mailbox.gate = Gate.GONE
        self._drop_current(ActorStopped(self.path), "gone")
        self._empty_mailbox(ActorStopped(self.path), "gone")

    def _drop_current(self, error: Exception, why: str) -> None:
        """Settle the message that was being handled and every answer that is owed."""
        self.deadlines.clear_all()
        item, self.busy_with = self.busy_with, None
        question, self._question = self._question, None
        if question is not None:
            question.refuse(error)
        elif item is not None and item is not self.actor:
            self.kind.dead_letter(item, self.key, why)
        self._refuse_owed(error)
        self.actor = None

    def _refuse_owed(self, error: Exception) -> None:
        for question in self._owed or ():
            question.refuse(error)
        self._owed = None

    def _empty_mailbox(self, error: Exception, why: str) -> None:
        mail = self.mailbox.mail
        while mail:
            item = mail.popleft()
            if isinstance(item, Question):
                item.refuse(error)
            else:
                self.kind.dead_letter(item, self.key, why)

    def _note(self, error: Exception) -> None:
        self.last_error = describe(error)
        where = "".join(traceback.format_tb(error.__traceback__)[-6:])
        log.error("%s crashed: %s\n%s", self.path, self.last_error, where)

    @property
    def path(self) -> str:
        """Where it stands in the tree."""
        return self.kind.path_of(self.key)


def describe(error: BaseException) -> str:
    """The type of an error and where it was raised.

    Never its text: that may quote what people wrote, or a phone.
    """
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
