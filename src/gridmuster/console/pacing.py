"""How many commands one caller may send: generous to people, a bound for a script gone wild."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from typing import Final

from gridmuster.clock import monotonic_s
from gridmuster.console.problems import Problem

#: Commands that a caller may send at once.
BURST: Final = 600
#: And a second in the long run.
PER_S: Final = 10.0
#: Callers remembered; the one heard of longest ago is forgotten first, and starts afresh.
MAX_CALLERS: Final = 4096


class Pace:
    """A bucket of commands for each caller, which fills again with time (token bucket).

    Args:
        burst: size of the bucket.
        per_s: commands that come back in a second.
        now_s: reading of a monotonic clock, s.
    """

    def __init__(
        self,
        burst: int = BURST,
        per_s: float = PER_S,
        now_s: Callable[[], float] = monotonic_s,
    ) -> None:
        self._burst = burst
        self._per_s = per_s
        self._now_s = now_s
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> None:
        """Count a command.

        Args:
            name: who sends it.

        Raises:
            Problem: 429 when the bucket is empty.
        """
        now_s = self._now_s()
        left, then_s = self._left.pop(name, (float(self._burst), now_s))
        left = min(float(self._burst), left + (now_s - then_s) * self._per_s)
        allowed = left >= 1.0
        self._left[name] = (left - 1.0 if allowed else left, now_s)
        while len(self._left) > MAX_CALLERS:
            self._left.popitem(last=False)
        if not allowed:
            wait_s = ceil((1.0 - left) / self._per_s)
            raise Problem(
                429,
                "too-many-commands",
                f"{name} sent over {self._burst} commands at once and {self._per_s:g} a second; "
                f"the next is taken in {wait_s} s. An emergency stop is never held up.",
                {"Retry-After": str(wait_s)},
            )
