"""Named deadlines of actors, without a task for each.

An actor sets deadlines by name; setting a name again moves it. One heap and one
task serve the whole system: a deadline that is due goes into the signal lane of
its actor, which handles its message like any other. A deadline fires at most once
and never early; one that was moved or cleared in between does not fire, also when
it was already in the lane. Several that are due come in the order of their times,
and ahead of the mail. Deadlines die with the incarnation that set them: an
actor with durable ones sets them again from its row in ``started()``.
"""

from __future__ import annotations

import heapq
import itertools
import math
from datetime import datetime
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from .clock import Clock
    from .mailbox import Mailbox
    from .messages import Question


class Deadline:
    """One promise: `message` at trio time `at`. Dead once moved, cleared or handled."""

    __slots__ = ("alive", "at", "due_at", "mailbox", "message", "name")

    def __init__(
        self, name: str, at: float, due_at: datetime, message: object, mailbox: Mailbox
    ) -> None:
        self.name = name
        self.at = at
        self.due_at = due_at
        self.message = message
        self.mailbox = mailbox
        self.alive = True

    def due(self) -> None:
        """Its time has come: into the actor's lane, behind what was due before it."""
        lane = self.mailbox.signals
        place = len(lane)
        while place and isinstance(before := lane[place - 1], Deadline) and before.at > self.at:
            place -= 1
        self.mailbox.signal(self, place)


class Timers:
    """The heap of everything that will be due (deadlines, and the time-outs of asks),
    and the task that waits for it."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Deadline | Question]] = []
        self._order = itertools.count()
        self._dead = 0
        self._scope = trio.CancelScope()

    def add(self, entry: Deadline | Question) -> None:
        """Promise to call the entry's `due` once its time has come."""
        heapq.heappush(self._heap, (entry.at, next(self._order), entry))
        if self._heap[0][2] is entry:
            self._scope.cancel()

    def forget(self, entry: Deadline | Question) -> None:
        """Drop an entry. Lazily: the heap is swept when half of it is dead."""
        entry.alive = False
        self._dead += 1
        if self._dead > 64 and self._dead * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].alive]
            heapq.heapify(self._heap)
            self._dead = 0

    async def run(self) -> None:
        """Call what falls due, for ever."""
        while True:
            now = trio.current_time()
            while self._heap and self._heap[0][0] <= now:
                entry = heapq.heappop(self._heap)[2]
                if entry.alive:
                    entry.due()
            self._scope = trio.CancelScope(
                deadline=self._heap[0][0] if self._heap else math.inf,
            )
            with self._scope:
                await trio.sleep_forever()


class Deadlines:
    """The deadlines of one actor."""

    __slots__ = ("_by_name", "_clock", "_mailbox", "_timers")

    def __init__(self, timers: Timers, clock: Clock, mailbox: Mailbox) -> None:
        self._timers = timers
        self._clock = clock
        self._mailbox = mailbox
        self._by_name: dict[str, Deadline] = {}

    def set(self, name: str, at: datetime, message: object) -> None:
        """Have `message` handled at `at`, or at once if that is past."""
        self.clear(name)
        deadline = Deadline(name, self._clock.trio_time(at), at, message, self._mailbox)
        self._by_name[name] = deadline
        if deadline.at <= trio.current_time():
            deadline.due()  # at once means before the mail that waits
        else:
            self._timers.add(deadline)

    def after(self, name: str, seconds: float, message: object) -> None:
        """Have `message` handled `seconds` from now."""
        self.set(name, self._clock.in_seconds(seconds), message)

    def clear(self, name: str) -> None:
        """Forget a deadline; fine if there is none."""
        deadline = self._by_name.pop(name, None)
        if deadline is not None:
            self._timers.forget(deadline)

    def clear_all(self) -> None:
        """Forget every deadline."""
        for name in list(self._by_name):
            self.clear(name)

    def take(self, deadline: Deadline) -> float | None:
        """Claim a due deadline: its lateness in seconds, or None if it no longer stands."""
        if not deadline.alive:
            return None
        deadline.alive = False
        del self._by_name[deadline.name]
        return max(0.0, trio.current_time() - deadline.at)

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def pending(self) -> list[Deadline]:
        """What is set, soonest first."""
        return sorted(self._by_name.values(), key=lambda deadline: deadline.at)
