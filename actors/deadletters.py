"""Messages that no actor handled: counted by type, logged at a bounded rate.

Together with the rule that a question is always settled this makes the promise of
the runtime: an accepted message is handled, or its asker is told, or it is here.
"""

import logging
from collections import Counter
from collections.abc import Callable

import trio

from .faults import describe

log = logging.getLogger("actors")

LOG_EVERY = 10.0  # seconds between two log lines about one type


class DeadLetters:
    """Counts, and tells those who asked to hear of a type (a sender to be told, say)."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._watchers: dict[type, Callable[[object], None]] = {}
        self._logged_at: dict[str, float] = {}

    @property
    def total(self) -> int:
        """All dead letters so far."""
        return self.counts.total()

    def watch(self, message_type: type, watcher: Callable[[object], None]) -> None:
        """Call `watcher` with each dead letter of exactly this type."""
        self._watchers[message_type] = watcher

    def add(self, message: object, to: str, why: str) -> None:
        """Record that `message` will not be handled. Its content is never logged."""
        name = type(message).__name__
        self.counts[name] += 1
        now = trio.current_time()
        if now - self._logged_at.get(name, -LOG_EVERY) >= LOG_EVERY:
            self._logged_at[name] = now
            log.warning("dead letter %s to %s (%s), %d so far", name, to, why, self.counts[name])
        watcher = self._watchers.get(type(message))
        if watcher is None:
            return
        try:
            watcher(message)
        except Exception as error:  # noqa: BLE001 - it may be called amid the end of an actor
            log.error("the watcher of dead %s raised: %s", name, describe(error))
