"""Messages that want an answer, and the way the answer goes back."""

from typing import Generic, Protocol, TypeVar

import msgspec
import trio

from .errors import AskTimeout

R = TypeVar("R")


class Ask(msgspec.Struct, Generic[R], frozen=True):
    """A message whose reply type is known: ``class Accept(Ask["Accepted | Closed"])``.

    A message that wants no answer is any other frozen ``msgspec.Struct``. Both are
    plain data that could travel to another node: never a socket or a callback.
    """


class Debtor(Protocol):
    """Who owes deferred answers, and hears when one is owed no longer."""

    def settled(self, question: "Question") -> None: ...


class Question:
    """One ask under way: a message in the mailbox and the task that waits for it.

    Settled exactly once: by an answer, by an error, or by the asker giving up.
    """

    __slots__ = ("_error", "_task", "_value", "alive", "at", "debtor", "message")

    def __init__(self, message: object, at: float) -> None:
        self.message = message
        self.at = at  # trio time at which the asker waits no longer
        self.debtor: Debtor | None = None  # once its answer is deferred
        self.alive = True
        self._value: object = None
        self._error: Exception | None = None
        self._task: trio.lowlevel.Task | None = None

    def answer(self, value: object) -> None:
        """Hand the reply over. Does nothing when the asker has given up."""
        if self.alive:
            self._value = value
            self._settle()

    def refuse(self, error: Exception) -> None:
        """Let the asker's ``ask`` raise `error`."""
        if self.alive:
            self._error = error
            self._settle()

    def due(self) -> None:
        """Its time is over."""
        self.refuse(AskTimeout(type(self.message).__name__))

    def _settle(self) -> None:
        self.alive = False
        if self._task is not None:
            trio.lowlevel.reschedule(self._task)
            self._task = None
        if self.debtor is not None:
            self.debtor.settled(self)

    async def wait(self) -> object:
        """The reply. Cancelling the wait gives the question up."""
        if self.alive:
            self._task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._give_up)
        if self._error is not None:
            raise self._error
        return self._value

    def _give_up(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self.alive = False
        self._task = None
        if self.debtor is not None:
            self.debtor.settled(self)
        return trio.lowlevel.Abort.SUCCEEDED


class Later(Generic[R]):
    """An answer that an actor owes. What it still owes at its end is refused.

    Plain calls, allowed from any task; only the first counts.
    """

    __slots__ = ("_question",)

    def __init__(self, question: Question | None) -> None:
        self._question = question

    def answer(self, value: R) -> None:
        """Give the answer. Does nothing when the asker has given up."""
        if self._question is not None:
            self._question.answer(value)

    def refuse(self, error: Exception) -> None:
        """Let the asker's ``ask`` raise `error`."""
        if self._question is not None:
            self._question.refuse(error)
