"""The one source of time.

Wall time is ``trio.current_time()`` plus an offset that is read once, at start: a
wall clock that is stepped moves no deadline, and a test that moves trio's clock
(``trio.testing.MockClock``) moves everything.
"""

import time
from datetime import UTC, datetime, timedelta

import trio

_EPOCH = datetime.fromtimestamp(0, UTC)
_MICROSECOND = timedelta(microseconds=1)


class Clock:
    """Wall time for deadlines and rows. Make it inside a running trio program.

    It counts whole microseconds, as datetimes and PostgreSQL do: at or after
    ``trio_time(moment)`` it is certain that ``now() >= moment``, so a handler that
    compares a deadline with the clock never finds it early.
    """

    def __init__(self, starting_at: datetime | None = None) -> None:
        """Tells `starting_at` now, by default what the machine's clock tells."""
        now = time.time() if starting_at is None else starting_at.timestamp()
        self._offset = round((now - trio.current_time()) * 1e6)  # microseconds

    def now(self) -> datetime:
        """The present, in UTC."""
        return _EPOCH + timedelta(microseconds=round(trio.current_time() * 1e6) + self._offset)

    def in_seconds(self, seconds: float) -> datetime:
        """The moment `seconds` from now."""
        return self.now() + timedelta(seconds=seconds)

    def seconds_until(self, moment: datetime) -> float:
        """Seconds from now to `moment`; negative when it is past."""
        return self.trio_time(moment) - trio.current_time()

    def trio_time(self, moment: datetime) -> float:
        """`moment` on trio's own clock, for scopes and timers."""
        # A quarter below: rounds to the same microsecond, and a clock that was moved by
        # 0.1 three times reaches 0.3.
        return ((moment - _EPOCH) // _MICROSECOND - self._offset - 0.25) / 1e6
