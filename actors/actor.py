"""The base class of every actor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .messages import Ask, Later

if TYPE_CHECKING:
    from .cell import Cell
    from .clock import Clock
    from .deadlines import Deadlines
    from .refs import Ref

M = TypeVar("M")
R = TypeVar("R")


class Actor(Generic[M]):
    """One task's worth of state, changed only by its own ``receive``.

    `M` is the union of the messages it understands. An instance is one incarnation:
    after a crash the runtime makes a new one, which reads itself back in
    ``started()``. State is changed after what must be durable has been committed,
    so that an exception leaves nothing half done.
    """

    __slots__ = ("__dict__", "_cell", "clock", "deadlines")

    _cell: Cell
    clock: Clock
    deadlines: Deadlines

    async def started(self) -> None:
        """Read yourself back and set your deadlines. Mail waits until this returns.

        ``self.stop()`` in here says that there is no such entity: waiting mail is
        refused (`ActorStopped`, dead letters) instead of starting another incarnation.
        """

    async def receive(self, message: M) -> Any:
        """Handle one message. What it returns answers an Ask, and is dropped otherwise."""
        raise NotImplementedError

    async def flush(self) -> None:
        """Called when the mailbox has run empty, or after a full batch of messages.

        What several messages share belongs here: one commit, one write. After a crash
        or `Unavailable` there is no flush: what `receive` had only gathered goes with
        the incarnation. So a gathered message that matters is an Ask whose answer is
        deferred until the flush (its asker is told then), or a row elsewhere.
        """

    async def stopping(self) -> None:
        """Called once before an orderly end; not after a crash or a cancellation."""

    def info(self) -> dict[str, object]:
        """A few facts for the live tree. Never secrets, phones or text that people wrote."""
        return {}

    @property
    def me(self) -> Ref[M]:
        """The address of this actor."""
        return self._cell.ref()

    def stop(self) -> None:
        """End after the present message. Mail that has come meanwhile goes to the next
        incarnation of a virtual actor; otherwise it is refused."""
        self._cell.retiring = True

    def defer(self, message: Ask[R]) -> Later[R]:
        """Answer the Ask that is being handled later; `receive`'s value is dropped then."""
        return self._cell.defer(message)
