"""The rule by which a simulated year is stepped: how far to the next cycle, from what is known.

    FINE     4 s   for a minute after anything happened, while a command waits for its answer, and
                   while an area's import is near its limit
    STEADY  60 s   while a set runs, a command is in force or a site serves itself
    QUIET  300 s   otherwise

No step goes beyond a moment that is known to matter (an activation begins, a plan is due), and
the world ends a step by itself when something happens in it. A site at which nothing is under way
is read every 900 s, a third of them in each round of 300 s, and when something happens there;
every other site in every cycle. Each area's own meter is read in every cycle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gridmuster.units import MS_PER_S

FINE_S: Final = 4
STEADY_S: Final = 60
QUIET_S: Final = 300
#: Time between two reports of a site at rest, s: the quarter of an hour of utilities' meters.
REST_S: Final = 900
#: Rounds of `QUIET_S` in that time.
REST_ROUNDS: Final = REST_S // QUIET_S
#: How long after anything happened cycles stay fine, s: a start and its first minute of load
#: report themselves as they go; each of their steps counts anew.
SETTLE_S: Final = 60
#: Share of an area's limit from which its cycles are fine.
NEAR_SHARE: Final = 0.9
FINE_MS: Final = FINE_S * MS_PER_S


@dataclass(frozen=True, slots=True)
class Known:
    """What the rule goes by at the end of a cycle.

    Args:
        now_ms: the cycle's plant time, ms.
        happened_ms: when something last happened, ms.
        waiting: whether a command waits for its answer.
        near: whether an area is near a limit of its connection.
        busy: whether a set runs, a command is in force or a site serves itself.
        due_ms: the next moment that is known to matter, ms; None: none is.
    """

    now_ms: int
    happened_ms: int
    waiting: bool
    near: bool
    busy: bool
    due_ms: int | None


def next_ms(known: Known) -> int:
    """When the next cycle is at the latest, ms, on the grid of 4 s.

    Args:
        known: what is known.
    """
    now_ms = known.now_ms
    recent = now_ms - known.happened_ms < SETTLE_S * MS_PER_S
    if recent or known.waiting or known.near:
        return _after(now_ms, FINE_S)
    at_ms = _after(now_ms, STEADY_S if known.busy else QUIET_S)
    if known.due_ms is not None:
        due_ms = max(-(-known.due_ms // FINE_MS) * FINE_MS, _after(now_ms, FINE_S))
        at_ms = min(at_ms, due_ms)
    return at_ms


def whole_round(at_ms: int) -> bool:
    """Whether an instant is on the grid of `QUIET_S`, on which sites at rest have their turns."""
    return at_ms % (QUIET_S * MS_PER_S) == 0


def turn(at_ms: int) -> int:
    """Which of the sites at rest are read at a whole round: those of this number."""
    return at_ms // (QUIET_S * MS_PER_S) % REST_ROUNDS


def _after(now_ms: int, step_s: int) -> int:
    step_ms = step_s * MS_PER_S
    return now_ms - now_ms % step_ms + step_ms
