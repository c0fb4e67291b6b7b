"""Odds that sets deliver, in each state of what may strike them together."""

from __future__ import annotations

from itertools import product

from gridmuster.fleet.causes import CommonCause
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.model import Fleet
from gridmuster.planning.adequacy import run_availability


class CauseBook:
    """The states of a fleet's common causes, and each set's odds in them.

    Args:
        fleet: the fleet.
    """

    def __init__(self, fleet: Fleet) -> None:
        causes = [cause for cause in fleet.common_causes if cause.probability > 0.0]
        self._sites = fleet.site_by_id
        self._states: list[tuple[CommonCause, ...]] = []
        odds = []
        for holds in product((False, True), repeat=len(causes)):
            likely = 1.0
            for cause, so in zip(causes, holds, strict=True):
                likely *= cause.probability if so else 1.0 - cause.probability
            if likely > 0.0:
                odds.append(likely)
                self._states.append(
                    tuple(cause for cause, so in zip(causes, holds, strict=True) if so)
                )
        #: Probability of each state; they add up to 1.
        self.states = tuple(odds)

    def odds(self, device: Generator, run_h: float, *, started: bool) -> tuple[float, ...]:
        """Probability that a set delivers through a run, in each state.

        Args:
            device: the set.
            run_h: length of the run, h.
            started: whether it runs already.
        """
        known, tags = device.reliability, self._sites[device.site].tags
        found = []
        for causes in self._states:
            there, fails, mttf_h = known.availability, known.fail_to_start, known.mttf_h
            for cause in causes:
                if cause.strikes(device, tags):
                    there *= cause.availability_factor
                    fails = min(fails * cause.fail_to_start_factor, 1.0)
                    mttf_h *= cause.mttf_factor
            found.append(run_availability(there, fails, mttf_h, run_h, started=started))
        return tuple(found)

    def mean(self, odds: tuple[float, ...]) -> float:
        """The odds over all states."""
        return sum(state * there for state, there in zip(self.states, odds, strict=True))
