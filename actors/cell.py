"""The life of one actor: start, mail, deadlines, crash, restart, quarantine, end.

A Cell is the task behind a Ref. It outlives its incarnations (one actor instance
each) and owns the mailbox, so that mail survives a restart. It never raises into
the nursery, except `ServiceFailed` for a static service that keeps crashing.

    starting ─→ running ─→ stopping ─→ gone
       ↑  ↑        │           └─→ starting    mail came, and the kind is virtual
       │  └─ restarting, away     a crash; something it needs is away
       └──── quarantined          too many crashes

Whatever happens, what was accepted is settled: handled, its asker told, or counted
as a dead letter.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from enum import Enum, auto
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from .actor import Actor
from .deadlines import Deadline, Deadlines
from .errors import (
    ActorCrashed,
    ActorStopped,
    CrashRequested,
    Quarantined,
    ServiceFailed,
    Unavailable,
)
from .faults import describe, is_away, split, trace
from .mailbox import Gate, Mailbox
from .messages import Ask, Later, Question
from .restarts import CrashHistory

if TYPE_CHECKING:
    from .refs import Ref
    from .system import Kind

log = logging.getLogger("actors")

R = TypeVar("R")

BATCH = 128  # messages between two flushes and checkpoints, for fairness among actors
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


class _Ended(Exception):
    """There is to be no further incarnation."""


class Cell:
    """One running address. Made by its Kind, found through its Kind's refs."""

    __slots__ = (
        "__weakref__",
        "_crashes",
        "_factory",
        "_owed",
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
        self, kind: Kind[Any], key: Hashable, factory: Callable[[], Actor[Any]] | None
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
        # The item in hand. It is settled if the actor fails now, so it is forgotten
        # before anything else can fail.
        self.busy_with: object = None
        self.busy_since = 0.0
        self.retiring = False
        self.draining = False
        self.away_tries = 0
        self._factory = factory  # None: the kind's own, with the key
        self._crashes: CrashHistory | None = None
        # In order of asking; made when first needed: it is not small.
        self._owed: dict[Question, None] | None = None

    def ref(self) -> Ref[Any]:
        """The address under which others find this cell."""
        return self.kind.ref(self.key)

    @property
    def path(self) -> str:
        """Where it stands in the tree."""
        return self.kind.path_of(self.key)

    # answers that are owed

    def defer(self, message: Ask[R]) -> Later[R]:
        """See `Actor.defer`."""
        question = self.busy_with
        if not isinstance(question, Question) or question.message is not message:
            return Later(None)  # told, or a deadline's: nobody waits
        question.debtor = self
        if question.alive:
            if self._owed is None:
                self._owed = {}
            self._owed[question] = None
        return Later(question)

    def settled(self, question: Question) -> None:
        """An owed question was answered, or its asker waits no longer."""
        if self._owed is not None:
            self._owed.pop(question, None)
            if self.draining and not self._owed:
                self.mailbox.wake()

    # the life

    async def run(self) -> None:
        """One incarnation after the other, until the cell is gone."""
        try:
            while await self._incarnation():
                pass
        except _Ended:
            pass
        finally:
            self._bury()

    async def _incarnation(self) -> bool:
        """Whether there is to be another."""
        try:
            self.retiring = False
            actor = self.actor = self._make()
            await actor.started()
            if self.retiring:  # it is not to be: a next incarnation would not serve either
                self._close(State.STOPPING, Gate.GONE, ActorStopped(self.path))
            else:
                self.state = State.RUNNING
                self.mailbox.gate = None
                self.away_tries = 0
                await self._serve(actor)
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - the supervisor
            away = is_away(self._note(error))
        else:
            return await self._retire(actor)
        await (self._away() if away else self._crashed())
        return True

    def _make(self) -> Actor[Any]:
        kind = self.kind
        actor = kind.make(self.key) if self._factory is None else self._factory()
        actor._cell = self
        actor.clock = kind.system.clock
        actor.deadlines = self.deadlines
        return actor

    async def _serve(self, actor: Actor[Any]) -> None:
        """Handle mail and signals until it is time to end."""
        mailbox = self.mailbox
        mail, signals = mailbox.mail, mailbox.signals
        receive = actor.receive
        flushes = type(actor).flush is not Actor.flush
        handled = 0  # since the last flush
        while not self.retiring:
            if signals and handled < BATCH:
                handled += await self._heed(signals.pop(0), receive)
            elif mail and handled < BATCH:
                item = mail.popleft()
                handled += 1
                self.processed += 1
                self.busy_with = item
                self.busy_since = perf_counter()
                if type(item) is Question:
                    reply = await receive(item.message)
                    if item.debtor is None:
                        item.answer(reply)
                else:
                    await receive(item)
            elif handled:
                self.busy_with = None
                if flushes:
                    await self._flush(actor)
                if handled >= BATCH or mail or signals:
                    await trio.lowlevel.checkpoint()
                handled = 0
            elif self.draining and not self._owed:
                break
            else:
                mailbox.reader = trio.lowlevel.current_task()
                await trio.lowlevel.wait_task_rescheduled(mailbox.unpark)
        self.busy_with = None
        if handled and flushes:
            await self._flush(actor)

    async def _flush(self, actor: Actor[Any]) -> None:
        self.busy_with = actor
        self.busy_since = perf_counter()
        await actor.flush()
        self.busy_with = None

    async def _heed(self, signal: object, receive: Callable[[Any], Any]) -> int:
        """Act on a signal; how many messages of the actor that was: a due deadline is one."""
        self.busy_with = None
        if isinstance(signal, Deadline):
            lateness = self.deadlines.take(signal)
            if lateness is None:  # moved or cleared meanwhile
                return 0
            self.latest = max(self.latest, lateness)
            self.processed += 1
            self.busy_with = signal.message
            self.busy_since = perf_counter()
            await receive(signal.message)
            return 1
        if signal is Signal.STOP:
            self.retiring = True
        elif signal is Signal.DRAIN:
            self.draining = True
        else:
            raise CrashRequested
        return 0

    # endings

    def _wanted(self) -> bool:
        """Whether there should be an incarnation after one that failed: always, or only
        for the mail once it was told to end."""
        if self.retiring:
            return self.kind.virtual and bool(self.mailbox.mail)
        return not self.draining or bool(self.mailbox.mail)

    async def _retire(self, actor: Actor[Any]) -> bool:
        """An orderly end; True when mail came in the meantime for a next incarnation."""
        self.state = State.STOPPING
        self.deadlines.clear_all()
        if not self.kind.virtual:
            self._close(State.STOPPING, Gate.GONE, ActorStopped(self.path))
        try:
            await actor.stopping()
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - the supervisor
            self._note(error)
        self._drop_current(ActorStopped(self.path), "stopped")
        if not self.mailbox.mail:
            return False
        self.state = State.STARTING
        await trio.lowlevel.checkpoint()  # a chain of short lives must not hold the loop
        return True

    async def _crashed(self) -> None:
        """Tell the askers, count, and wait until the next start is due."""
        self._drop_current(ActorCrashed(self.path), "crashed")
        if not self._wanted():
            raise _Ended
        self.restarts += 1
        if self._crashes is None:
            self._crashes = CrashHistory(self.kind.restart, self.kind.system.random)
        delay = self._crashes.crashed(trio.current_time())
        if delay is not None:
            self.state = State.RESTARTING
            self.mailbox.gate = None
        elif self.kind.static:
            raise ServiceFailed(f"{self.path}: {self.last_error}")
        else:
            delay = self.kind.restart.quarantine
            self._crashes.forget()
            self._close(State.QUARANTINED, Gate.QUARANTINED, Quarantined(self.path))
            log.error("%s is quarantined for %.0f s", self.path, delay)
        await self._pause(delay)
        self.mailbox.gate = None
        self.state = State.STARTING

    async def _away(self) -> None:
        """Something it needs is away: refuse mail at once, and try again before long."""
        self._drop_current(Unavailable(self.path), "away")
        self._close(State.AWAY, Gate.AWAY, Unavailable(self.path))
        first, longest = AWAY_RETRY
        delay = min(longest, first * 2.0 ** min(self.away_tries, 10))
        self.away_tries += 1
        await self._pause(delay * self.kind.system.random.uniform(0.5, 1.0))

    async def _pause(self, seconds: float) -> None:
        """Wait before the next start, hearing only STOP and DRAIN.

        A cell that is to end does so now, unless mail waits that would be lost; to
        drain it starts again at once.
        """
        if not self._wanted():
            raise _Ended
        with trio.move_on_after(seconds):
            while True:
                await self.mailbox.wait_for_signal()
                signal = self.mailbox.signals.pop(0)
                self.retiring |= signal is Signal.STOP
                self.draining |= signal is Signal.DRAIN
                if not self._wanted():
                    raise _Ended
                if signal is Signal.DRAIN:
                    return

    # settling

    def _close(self, state: State, gate: Gate, error: Exception) -> None:
        """Take no mail for now, and settle what is in the mailbox."""
        self.state = state
        self.mailbox.gate = gate
        mail = self.mailbox.mail
        while mail:
            self._settle(mail.popleft(), error, state.value)

    def _drop_current(self, error: Exception, why: str) -> None:
        """Settle the message that was being handled and every answer that is owed."""
        self.deadlines.clear_all()
        item, self.busy_with = self.busy_with, None
        if item is not None and item is not self.actor:
            self._settle(item, error, why)
        owed, self._owed = self._owed, None
        for question in owed or ():
            question.refuse(error)
        self.actor = None

    def _settle(self, item: object, error: Exception, why: str) -> None:
        if isinstance(item, Question):
            item.refuse(error)
        else:
            self.kind.dead_letter(item, self.key, why)

    def _bury(self) -> None:
        """The end, also when cancelled: everything accepted is settled or counted."""
        self.kind.forget(self)
        gone = ActorStopped(self.path)
        self._drop_current(gone, "gone")
        self._close(State.STOPPING, Gate.GONE, gone)

    def _note(self, error: BaseException) -> Exception:
        """Log a failure and return it. A cancellation within it is raised on."""
        own, leaving = split(error)
        if own is not None:
            self.last_error = describe(own)
            if not is_away(own):
                log.error("%s crashed: %s\n%s", self.path, self.last_error, trace(own))
            elif self.away_tries == 0:
                log.warning("%s waits: %s", self.path, self.last_error)
        if leaving is not None or own is None:
            raise leaving or error
        return own
