"""A price forecast as it is told to a center: one message, whole in itself.

Models that must be trained cannot live in the deciding core. Whoever runs them, the forecaster
beside the center or a program of somebody else, tells the core what they say in this message; it
is journaled like any other, and a replay needs no model.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Final

import numpy as np
from msgspec import Meta, Struct

from gridmuster.clock import iso
from gridmuster.codec import VERSION, Id, InstantMs
from gridmuster.signals import PriceUsd
from gridmuster.units import MS_PER_S

#: Probabilities of the rows of a forecast.
LEVELS: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
MEDIAN: Final = LEVELS.index(0.5)
#: Most intervals of one forecast: two days of five minutes.
MOST: Final = 576
#: How far the clock of who tells it may run before the center's, s.
AHEAD_S: Final = 5

Row = Annotated[tuple[PriceUsd, ...], Meta(min_length=1, max_length=MOST)]
Seconds = Annotated[int, Meta(ge=60, le=86_400)]


class ScarcityChance(Struct, frozen=True):
    """How likely the price is above a limit for so long without a break, soon after the issue."""

    limit_usd_per_mwh: PriceUsd
    at_least_s: Seconds
    within_s: Seconds
    probability: Annotated[float, Meta(ge=0.0, le=1.0)]


class PriceForecast(
    Struct, frozen=True, omit_defaults=True, tag="price_forecast", tag_field="kind"
):
    """Percentiles of the price at an area's connection, interval by interval.

    ``quantiles_usd_per_mwh`` has a row for each of 5, 25, 50, 75 and 95 %, with a value for each
    interval from ``start_ms`` on; no row lies below the one before it. ``data_until_ms`` is the
    newest instant of which anything was known, ``trained_at_ms`` when the model was last taught.

    Raises:
        ValueError: when that is not so; a reader sees it as a malformed message.
    """

    area: Id
    issued_at_ms: InstantMs
    start_ms: InstantMs
    step_s: Seconds
    quantiles_usd_per_mwh: Annotated[tuple[Row, ...], Meta(min_length=5, max_length=5)]
    model: Annotated[str, Meta(min_length=1, max_length=80)]
    trained_at_ms: InstantMs
    data_until_ms: InstantMs
    market: Annotated[str, Meta(max_length=80)] = ""
    scarcity: ScarcityChance | None = None
    v: int = VERSION

    def __post_init__(self) -> None:
        rows = self.quantiles_usd_per_mwh
        if len({len(row) for row in rows}) != 1:
            raise ValueError(f"quantile rows of {[len(row) for row in rows]} intervals, not one")
        for (low, under), (high, over) in pairwise(zip(LEVELS, rows, strict=True)):
            for k, (less, more) in enumerate(zip(under, over, strict=True)):
                if more < less:
                    raise ValueError(
                        f"quantiles fall in interval {k}: {less:g} at {low:g}, {more:g} at {high:g}"
                    )
        if self.start_ms + self.step_s * MS_PER_S <= self.issued_at_ms:
            raise ValueError("its first interval was over when it was issued")
        if max(self.trained_at_ms, self.data_until_ms) > self.issued_at_ms:
            raise ValueError("it rests on something of after its issue")

    @property
    def count(self) -> int:
        """How many intervals."""
        return len(self.quantiles_usd_per_mwh[0])

    @property
    def end_ms(self) -> int:
        """End of the last interval, ms."""
        return self.start_ms + self.count * self.step_s * MS_PER_S

    def refused(self, now_ms: int, fresh_s: int, held: PriceForecast | None) -> str:
        """Why it is not taken in; empty when it is.

        Args:
            now_ms: when it arrived, ms.
            fresh_s: age from which on a forecast is stale, s.
            held: the one in force before it.
        """
        age_s = (now_ms - self.issued_at_ms) / MS_PER_S
        if age_s < -AHEAD_S:
            return f"price forecast issued at {iso(self.issued_at_ms)}, {-age_s:.0f} s ahead of now"
        if age_s > fresh_s:
            return (
                f"price forecast issued at {iso(self.issued_at_ms)} is stale: {age_s:.0f} s old, "
                f"at most {fresh_s} s"
            )
        if held is not None and self.issued_at_ms < held.issued_at_ms:
            return (
                f"price forecast issued at {iso(self.issued_at_ms)} comes after the one of "
                f"{iso(held.issued_at_ms)}"
            )
        return ""

    def serves(self, at_ms: int, fresh_s: int) -> bool:
        """Whether it is fresh for what begins at an instant."""
        return at_ms - self.issued_at_ms <= fresh_s * MS_PER_S

    def at(self, start_ms: int, level: float) -> float | None:
        """A percentile of the interval that holds an instant, USD/MWh; None beyond its reach.

        Args:
            start_ms: the instant, ms.
            level: probability; between the rows by straight lines, beyond them the outer rows.
        """
        k = (start_ms - self.start_ms) // (self.step_s * MS_PER_S)
        if not 0 <= k < self.count:
            return None
        told = [row[k] for row in self.quantiles_usd_per_mwh]
        return float(np.interp(level, LEVELS, told))


class PriceSource(Struct, frozen=True):
    """Where a plan's prices came from; without a model they came from similar days.

    ``last_issued_ms`` is when the newest forecast from outside was issued, 0 when there was none.
    """

    model: str = ""
    market: str = ""
    issued_at_ms: int = 0
    trained_at_ms: int = 0
    data_until_ms: int = 0
    reaches_ms: int = 0
    last_issued_ms: int = 0
    scarcity: ScarcityChance | None = None

    @classmethod
    def of(cls, held: PriceForecast | None, fresh: bool) -> PriceSource:
        """The source that prices have with what was told last.

        Args:
            held: the newest forecast from outside; None: there was none.
            fresh: whether it is used.
        """
        if held is None:
            return cls()
        if not fresh:
            return cls(market=held.market, last_issued_ms=held.issued_at_ms)
        return cls(
            held.model,
            held.market,
            held.issued_at_ms,
            held.trained_at_ms,
            held.data_until_ms,
            held.end_ms,
            held.issued_at_ms,
            held.scarcity,
        )
