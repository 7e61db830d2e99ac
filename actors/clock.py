"""The one source of time.

Wall time is ``trio.current_time()`` plus an offset that is read once, at start: a
wall clock that is stepped moves no deadline, and a test that moves trio's clock
(``trio.testing.MockClock``) moves everything.
"""

import time
from datetime import UTC, datetime, timedelta

import trio


class Clock:
    """Wall time for deadlines and rows. Make it inside a running trio program."""

    def __init__(self) -> None:
        self._offset = time.time() - trio.current_time()

    def now(self) -> datetime:
        """The present, in UTC."""
        return datetime.fromtimestamp(trio.current_time() + self._offset, UTC)

    def in_seconds(self, seconds: float) -> datetime:
        """The moment `seconds` from now."""
        return self.now() + timedelta(seconds=seconds)

    def seconds_until(self, moment: datetime) -> float:
        """Seconds from now to `moment`; negative when it is past."""
        return moment.timestamp() - self._offset - trio.current_time()

    def trio_time(self, moment: datetime) -> float:
        """`moment` on trio's own clock, for scopes and timers."""
        return moment.timestamp() - self._offset
