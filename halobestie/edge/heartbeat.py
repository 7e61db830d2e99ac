"""Pings, and the end of silent peers: one task and one wheel for all sockets of a listener.

A wire stands in the slot of its next beat and nowhere else, so that nothing is paid
between two beats and a closed wire leaves no trace.
"""

import random

import trio

from .statistics import Counters
from .wire import Wire

_TICKS = 20  # slots an interval has: a beat is at most a 20th of it late


class Heartbeat:
    """Pings each wire once an interval; hangs up on one that is silent for two and a second."""

    def __init__(self, interval: float, counters: Counters) -> None:
        self._interval = interval
        self._patience = 2 * interval + 1.0
        self._tick = interval / _TICKS
        self._counters = counters
        self._slots: dict[int, set[Wire]] = {}

    def __len__(self) -> int:
        return sum(len(slot) for slot in self._slots.values())

    def add(self, wire: Wire) -> None:
        """A new wire. Its first beat is early by chance: a crowd that reconnects together
        is not pinged together."""
        self._put(wire, trio.current_time() + self._interval * random.uniform(0.5, 1.0))

    def discard(self, wire: Wire) -> None:
        slot = self._slots.get(wire.beat)
        if slot is not None:
            slot.discard(wire)
            if not slot:
                del self._slots[wire.beat]

    async def run(self) -> None:
        """Beat until cancelled."""
        done = int(trio.current_time() / self._tick)
        while True:
            await trio.sleep_until((done + 1) * self._tick)
            now = trio.current_time()
            last = int(now / self._tick)
            for due in range(done + 1, last + 1):
                for wire in self._slots.pop(due, ()):
                    self._beat(wire, now)
            done = last

    def _beat(self, wire: Wire, now: float) -> None:
        if not wire.open:
            return
        silence = wire.silent_for(now)
        if silence >= self._patience:
            self._counters.faults["silent"] += 1
            wire.kill()
            return
        wire.ping()
        self._put(wire, min(now + self._interval, now - silence + self._patience))

    def _put(self, wire: Wire, at: float) -> None:
        # Rounded up: never early, and never into the slot that is being emptied.
        wire.beat = int(at / self._tick) + 1
        self._slots.setdefault(wire.beat, set()).add(wire)
