"""What runs in the forecaster's own process: the history, the models, and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gridmuster.forecast.market.boosting import Boosting
from gridmuster.forecast.market.heard import Heard, levels_of, newest_ms, with_heard
from gridmuster.forecast.market.history import MarketHistory
from gridmuster.forecast.market.standing import Standing, say, teach, window_s
from gridmuster.forecast.told import PriceForecast, ScarcityChance
from gridmuster.units import MS_PER_HOUR, SECONDS_PER_HOUR

MODEL: Final = "boosted trees, conformal band"
#: Prices heard that are kept one by one; beyond, all but the last day go into the history.
LOOSE: Final = 4000
KEPT: Final = 600


@dataclass(frozen=True, slots=True)
class MarketBase:
    """What a forecaster goes on from.

    Args:
        history: from `forecast.market.heard.base_of`.
        shift_ms: what is added to an instant of the history to get plant time, ms.
        limit_usd_per_mwh: above which a price is scarcity.
        settings: of the trees; None: the usual.
    """

    history: MarketHistory
    shift_ms: int = 0
    limit_usd_per_mwh: float = 200.0
    settings: Boosting | None = None


class HeardHistory:
    """A history that goes on with what is heard.

    Args:
        base: what it goes on from.
    """

    def __init__(self, base: MarketBase) -> None:
        self.base = base
        self._history = base.history
        self.heard: list[Heard] = []

    def hear(self, heard: Sequence[Heard]) -> None:
        """Take in what was heard since the last time; instants in plant time."""
        shift_ms = self.base.shift_ms
        for one in heard:
            self.heard.append(
                Heard(
                    one.known_ms - shift_ms,
                    one.start_ms - shift_ms,
                    one.duration_s,
                    one.usd_per_mwh,
                    one.ahead_usd_per_mwh,
                )
            )
        if len(self.heard) > LOOSE:
            cut = len(self.heard) - KEPT
            while cut < len(self.heard) and self.heard[cut].start_ms % MS_PER_HOUR:
                cut += 1
            self._history = with_heard(self._history, self.heard[:cut])
            del self.heard[:cut]

    def seen(self) -> MarketHistory:
        """The history up to the price heard last."""
        return with_heard(self._history, self.heard)


class ForecastRoom:
    """History, models and what was heard, in one place.

    Args:
        base: what it goes on from.
    """

    def __init__(self, base: MarketBase) -> None:
        self.base = base
        self.past = HeardHistory(base)
        self.standing: Standing | None = None

    def do(self, job: Job) -> PriceForecast | None:
        """Do a job: hear, and learn or tell."""
        self.past.hear(job.heard)
        if not job.area:
            self.teach(job.now_ms)
            return None
        return self.tell(job.now_ms, job.area)

    def teach(self, now_ms: int) -> None:
        """Learn from all that is known at a plant time, ms."""
        seen, base = self.past.seen(), self.base
        self.standing = teach(seen, now_ms - base.shift_ms, base.limit_usd_per_mwh, base.settings)

    def tell(self, now_ms: int, area: str) -> PriceForecast | None:
        """What the models say at a plant time, ms; None before they were taught."""
        standing, shift_ms = self.standing, self.base.shift_ms
        if standing is None:
            return None
        seen = self.past.seen()
        issue_ms = now_ms - shift_ms
        said = say(seen, standing, issue_ms)
        scarcity = None
        if said.chance is not None:
            at_least_s, within_s = window_s(standing, seen)
            limit = self.base.limit_usd_per_mwh
            scarcity = ScarcityChance(limit, at_least_s, within_s, round(said.chance, 4))
        return PriceForecast(
            area=area,
            issued_at_ms=now_ms,
            start_ms=said.start_ms + shift_ms,
            step_s=int(SECONDS_PER_HOUR),
            quantiles_usd_per_mwh=levels_of(said.quantiles),
            model=MODEL,
            trained_at_ms=standing.trained_ms + shift_ms,
            data_until_ms=newest_ms(seen, issue_ms) + shift_ms,
            market=seen.area,
            scarcity=scarcity,
        )


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done at a plant time.

    Args:
        now_ms: plant time, ms.
        heard: prices heard since the last job.
        area: which area to tell of; "": learn instead.
    """

    now_ms: int
    heard: tuple[Heard, ...]
    area: str = ""
