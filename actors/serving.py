"""The messages of one actor: handled in turn, answered now or later, or settled.

Whatever happens, what was accepted is settled: handled, its asker told, or counted
as a dead letter. When actors start, crash and end is decided in `cell`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from enum import Enum, auto
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from .actor import Actor
from .deadlines import Deadline, Deadlines
from .errors import CrashRequested
from .mailbox import Gate, Mailbox
from .messages import Ask, Later, Question

if TYPE_CHECKING:
    from .system import Kind

R = TypeVar("R")

BATCH = 128  # messages between two flushes and checkpoints, for fairness among actors


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


class Serving:
    """A mailbox, the actor that reads it now, and what is in hand."""

    __slots__ = (
        "_owed",
        "actor",
        "busy_since",
        "busy_with",
        "deadlines",
        "draining",
        "key",
        "kind",
        "latest",
        "mailbox",
        "processed",
        "retiring",
        "state",
    )

    def __init__(self, kind: Kind[Any], key: Hashable) -> None:
        self.kind = kind
        self.key = key
        self.mailbox = Mailbox(kind.capacity)
        self.deadlines = Deadlines(kind.system.timers, kind.system.clock, self.mailbox)
        self.state = State.STARTING
        self.actor: Actor[Any] | None = None
        self.processed = 0
        self.latest = 0.0
        """The greatest lateness of a deadline so far, in seconds."""
        # The item in hand. It is settled if the actor fails now, so it is forgotten
        # before anything else can fail.
        self.busy_with: object = None
        self.busy_since = 0.0
        self.retiring = False
        self.draining = False
        # In order of asking; made when first needed: it is not small.
        self._owed: dict[Question, None] | None = None

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

    # handling

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
