"""A bounded mailbox with one reader.

A deque and at most one parked task: putting is synchronous, wakes the reader once
for many messages, and costs well under a microsecond. Beside the mail runs a lane
for the runtime's own signals (a deadline that is due, drain, stop), which is read
first and never refused, so that a flooded actor still hears that it shall stop.
"""

from collections import deque
from enum import Enum, auto

import trio

from .errors import MailboxFull


class Gate(Enum):
    """Why a mailbox takes no mail now."""

    AWAY = auto()
    """Its actor waits for something it needs."""
    QUARANTINED = auto()
    """Its actor crashed too often."""
    GONE = auto()
    """Its actor has ended; whoever holds this mailbox must look again."""


class Mailbox:
    """`capacity` messages, in order of arrival. Only the owning cell reads."""

    __slots__ = ("_signal_reader", "capacity", "gate", "high_water", "mail", "reader", "signals")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.gate: Gate | None = None
        self.high_water = 0  # the most that ever waited; never above `capacity`
        self.mail: deque[object] = deque()
        self.signals: list[object] = []  # mostly empty, and a list is a tenth of a deque
        self.reader: trio.lowlevel.Task | None = None
        self._signal_reader: trio.lowlevel.Task | None = None

    def rise(self) -> None:
        """Make room for one more than ever before, or raise `MailboxFull`."""
        if self.high_water >= self.capacity:
            raise MailboxFull(f"{self.capacity} messages wait")
        self.high_water += 1

    def put(self, item: object) -> None:
        """Append one message. Raises `MailboxFull`; the gate is the caller's to look at."""
        if len(self.mail) >= self.high_water:
            self.rise()
        self.mail.append(item)
        if self.reader is not None:
            self.wake()

    def wake(self) -> None:
        """Let the parked reader run."""
        if self.reader is not None:
            trio.lowlevel.reschedule(self.reader)
            self.reader = None

    def signal(self, signal: object, place: int | None = None) -> None:
        """Put into the runtime's lane, at its end or a given place; never refused."""
        self.signals.insert(len(self.signals) if place is None else place, signal)
        task = self.reader or self._signal_reader
        if task is not None:
            self.reader = self._signal_reader = None
            trio.lowlevel.reschedule(task)

    async def wait_for_signal(self) -> None:
        """Park until there is a signal, whatever mail gathers."""
        if not self.signals:
            self._signal_reader = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self.unpark)

    def unpark(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        """The parked task was cancelled."""
        self.reader = self._signal_reader = None
        return trio.lowlevel.Abort.SUCCEEDED
