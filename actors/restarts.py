"""When a crashed actor may start again: pure decisions, no clock, no task."""

from collections import deque
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Restart:
    """How a kind of actor is started again after crashes. All times in seconds.

    The first crash is answered after about `first_delay`, each further one within
    `within` after twice as long, up to `longest_delay`. More than `intensity`
    crashes within `within` and the actor is quarantined for `quarantine` (a static
    service then ends the system instead).
    """

    first_delay: float = 0.05
    longest_delay: float = 5.0
    intensity: int = 5
    within: float = 30.0
    quarantine: float = 30.0


class CrashHistory:
    """The recent crashes of one actor."""

    __slots__ = ("_crashes", "_policy", "_random")

    def __init__(self, policy: Restart, random: Random) -> None:
        self._policy = policy
        self._random = random
        self._crashes: deque[float] = deque()

    def crashed(self, at: float) -> float | None:
        """Count a crash at time `at`: seconds to wait before a restart, or None for too many."""
        crashes, policy = self._crashes, self._policy
        crashes.append(at)
        while crashes[0] <= at - policy.within:
            crashes.popleft()
        if len(crashes) > policy.intensity:
            return None
        delay = min(policy.longest_delay, policy.first_delay * 2.0 ** (len(crashes) - 1))
        return delay * self._random.uniform(0.5, 1.0)

    def forget(self) -> None:
        """Start counting anew, as after a quarantine."""
        self._crashes.clear()
