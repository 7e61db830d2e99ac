"""How fast an app may talk: a rate that it may sustain, and a burst after a pause."""

import trio

BURST_SECONDS = 2.0  # worth of frames that may come at once


class FrameBudget:
    """A token bucket, one for each socket. `rate` in frames a second."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._left = rate * BURST_SECONDS
        self._counted_at = trio.current_time()

    def take(self) -> bool:
        """Whether one more frame is within the budget."""
        now = trio.current_time()
        earned = (now - self._counted_at) * self._rate
        self._left = min(self._rate * BURST_SECONDS, self._left + earned)
        self._counted_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
