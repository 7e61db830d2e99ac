"""Addresses of actors."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Generic, TypeVar

import trio

from .errors import ActorStopped, Quarantined, Unavailable
from .mailbox import Gate, Mailbox
from .messages import Ask, Question

if TYPE_CHECKING:
    from .system import Kind

M = TypeVar("M", contravariant=True)
R = TypeVar("R")

_REFUSALS = {Gate.AWAY: Unavailable, Gate.QUARANTINED: Quarantined, Gate.GONE: ActorStopped}


class Ref(Generic[M]):
    """The address of one actor: its kind and key. Valid whether or not it runs now."""

    __slots__ = ("_kind", "_mailbox", "key")

    def __init__(self, kind: Kind[M], key: Hashable) -> None:
        self._kind = kind
        self._mailbox: Mailbox | None = None
        self.key = key

    @property
    def path(self) -> str:
        """Where it stands in the tree."""
        return self._kind.path_of(self.key)

    def tell(self, message: M) -> None:
        """Send and go on. Never blocks; starts a virtual actor that does not run.

        Raises `MailboxFull`. To an actor that is gone, away or quarantined the
        message is a dead letter.
        """
        mailbox = self._mailbox
        if mailbox is None or mailbox.gate is not None:
            mailbox = self._look_up()
            if mailbox.gate is not None:
                self._kind.dead_letter(message, self.key, mailbox.gate.name.lower())
                return
        # Mailbox.put, spelled out: a call less on the hottest road there is.
        mail = mailbox.mail
        if len(mail) >= mailbox.high_water:
            mailbox.rise()
        mail.append(message)
        if mailbox.reader is not None:
            mailbox.wake()

    async def ask(self, message: Ask[R], *, timeout: float = 5.0) -> R:
        """Send and wait for the reply, at most `timeout` seconds.

        Raises an `ActorError` when there will be none, at once when that is known.
        Two actors that ask one another wait until the time-out: ask down, tell up.
        """
        mailbox = self._mailbox
        if mailbox is None or mailbox.gate is not None:
            mailbox = self._look_up()
            if mailbox.gate is not None:
                raise _REFUSALS[mailbox.gate](self.path)
        question = Question(message, trio.current_time() + timeout)
        mailbox.put(question)
        timers = self._kind.system.timers
        timers.add(question)
        try:
            return await question.wait()  # type: ignore[return-value]  # Ask[R] names it
        finally:
            timers.forget(question)

    def stop(self) -> None:
        """Have the actor end after the message it handles now, ahead of its mail."""
        self._kind.stop(self.key)

    def _look_up(self) -> Mailbox:
        self._mailbox = self._kind.mailbox(self.key)
        return self._mailbox

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and (self._kind, self.key) == (other._kind, other.key)

    def __hash__(self) -> int:
        return hash((self._kind, self.key))

    def __repr__(self) -> str:
        return f"<Ref {self.path}>"
