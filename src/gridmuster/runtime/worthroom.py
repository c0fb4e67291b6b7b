"""What runs in the appraiser's own process: the history, and what was learnt of worths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gridmuster.forecast.market.heard import Heard
from gridmuster.forecast.market.history import MarketHistory
from gridmuster.planning.worth.appraisal import (
    Kinds,
    Learnt,
    delay_of,
    joined,
    learn_kinds,
    told_now,
)
from gridmuster.planning.worth.prices import finest
from gridmuster.planning.worth.told import PriceWorth
from gridmuster.runtime.forecasting import HeardHistory, MarketBase
from gridmuster.units import MS_PER_S

#: Prices heard last that say how late prices come.
LATEST: Final = 12


@dataclass(frozen=True, slots=True)
class WorthJob:
    """Something to be done at a plant time.

    Args:
        now_ms: plant time, ms.
        heard: prices heard since the last job.
        area: which area to tell of; "": learn instead.
        kinds: what to learn of.
    """

    now_ms: int
    heard: tuple[Heard, ...]
    area: str = ""
    kinds: Kinds | None = None


class WorthRoom:
    """History, what was learnt and what was heard, in one place.

    Args:
        base: what it goes on from.
    """

    def __init__(self, base: MarketBase) -> None:
        self.base = base
        self.past = HeardHistory(base)
        self.learnt: Learnt | None = None

    def do(self, job: WorthJob) -> PriceWorth | None:
        """Do a job: hear, and learn or tell."""
        self.past.hear(job.heard)
        if job.kinds is None:
            return self.tell(job.now_ms, job.area)
        history = self.past.seen()
        start_ms = self._begun(history, job.now_ms - self.base.shift_ms)
        step_s = history.column(finest(history)).step_s
        late_s = [(one.known_ms - one.start_ms) / MS_PER_S for one in self.past.heard[-LATEST:]]
        now = learn_kinds(history, job.kinds, start_ms, delay_of(late_s, step_s))
        self.learnt = joined(self.learnt, now)
        return None

    def tell(self, now_ms: int, area: str) -> PriceWorth | None:
        """What is worth what at a plant time, ms; None before anything was learnt."""
        learnt, shift_ms = self.learnt, self.base.shift_ms
        if learnt is None:
            return None
        history = self.past.seen()
        start_ms = self._begun(history, now_ms - shift_ms)
        step_s, stores, engines = told_now(history, learnt, start_ms)
        return PriceWorth(
            area=area,
            issued_at_ms=now_ms,
            start_ms=start_ms + shift_ms,
            step_s=step_s,
            learnt_at_ms=learnt.at_ms + shift_ms,
            delay_s=learnt.delay_s,
            stores=stores,
            engines=engines,
        )

    @staticmethod
    def _begun(history: MarketHistory, at_ms: int) -> int:
        """Beginning of the interval that holds an instant, ms."""
        own = history.column(finest(history))
        return at_ms - (at_ms - own.start_ms) % own.step_ms
