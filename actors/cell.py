"""The life of one actor: start, mail, deadlines, crash, restart, quarantine, end.

A Cell is the task behind a Ref. It outlives its incarnations (one actor instance
each) and owns the mailbox, so that mail survives a restart. It never raises into
the nursery, except `ServiceFailed` for a static service that keeps crashing.

    starting ─→ running ─→ stopping ─→ gone
       ↑  ↑        │           └─→ starting    mail came, and the kind is virtual
       │  └─ restarting, away     a crash; something it needs is away
       └──── quarantined          too many crashes

What happens to single messages is in `serving`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

import trio

from .actor import Actor
from .errors import ActorCrashed, ActorStopped, Quarantined, ServiceFailed, Unavailable
from .faults import describe, is_away, split, trace
from .mailbox import Gate
from .restarts import CrashHistory
from .serving import Serving, Signal, State

if TYPE_CHECKING:
    from .refs import Ref
    from .system import Kind

__all__ = ["Cell", "Signal", "State"]

log = logging.getLogger("actors")

AWAY_RETRY = 0.2, 2.0  # seconds before the next try while something is away: first, longest


class _Ended(Exception):
    """There is to be no further incarnation."""


class Cell(Serving):
    """One running address. Made by its Kind, found through its Kind's refs."""

    __slots__ = (
        "__weakref__",
        "_crashes",
        "_factory",
        "away_tries",
        "last_error",
        "restarts",
        "started_at",
    )

    def __init__(
        self, kind: Kind[Any], key: Hashable, factory: Callable[[], Actor[Any]] | None
    ) -> None:
        super().__init__(kind, key)
        self.started_at = kind.system.clock.now()
        self.restarts = 0
        self.last_error: str | None = None
        self.away_tries = 0
        self._factory = factory  # None: the kind's own, with the key
        self._crashes: CrashHistory | None = None

    def ref(self) -> Ref[Any]:
        """The address under which others find this cell."""
        return self.kind.ref(self.key)

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
        # Open before it reads itself back: what is told from now on may not be in the rows.
        self.mailbox.gate = None

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
