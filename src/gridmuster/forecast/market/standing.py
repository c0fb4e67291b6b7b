"""A forecast that stands by: taught once a day, told anew in milliseconds whenever it is asked.

One lot of boosted trees (see `direct`) learns from sampled issues of the past how the hour that is
running and the 28 after it depart from what is published of them, for every lead at once. Issues
of the last months that the trees had not seen give the sizes of misses and their percentiles (see
`calibration`). Telling is then one prediction for 29 rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gridmuster.errors import PlanningError
from gridmuster.forecast.market.asking import Asks
from gridmuster.forecast.market.boosting import Boosting
from gridmuster.forecast.market.calibration import Calibrator, Given, Learnt
from gridmuster.forecast.market.direct import MEMORY_DAYS, MOST_ROWS, Fitted, direct, fit
from gridmuster.forecast.market.features import features
from gridmuster.forecast.market.heard import AHEAD, FINE, TARGET
from gridmuster.forecast.market.history import Floats, Ints, MarketHistory
from gridmuster.forecast.market.scarcity import Scarcity, Watch, learn_chance
from gridmuster.forecast.market.verb import DIRECT_POWER
from gridmuster.forecast.market.wallclock import MS_PER_DAY
from gridmuster.units import MS_PER_HOUR, MS_PER_S

#: Hours told: the one that is running and those after it.
HOURS: Final = 29
#: Leads learnt from, hours: the next hours, in which most is known, thrice.
LEADS: Final = (*(0, 1, 2, 3) * 3, *range(4, HOURS))
#: Steps between one lead and the next through them: no divisor of their number, so that all come.
LEAP: Final = 17
#: Issues are taken on quarters of an hour, ms.
QUARTER_MS: Final = MS_PER_HOUR // 4
#: Days whose issues give the band, and the time between two of them: every hour comes in turn.
BAND_DAYS: Final = 120
BAND_EVERY_MS: Final = 7 * MS_PER_HOUR + QUARTER_MS
#: Hours before and after a lead whose misses count with its own.
AROUND_H: Final = 2
#: Fewest days of history to speak of a band.
FEWEST_DAYS: Final = 75
LEVELS: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
#: Persistent scarcity: half an hour without a break within the next hour, s.
AT_LEAST_S: Final = 1800
WITHIN_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Standing:
    """What was learnt.

    Args:
        trained_ms: when, ms.
        columns: of the history that it knows.
        trees: of the departure and of the size of the miss.
        learnt: sizes and percentiles of misses.
        watch: the chance of persistent scarcity; None where there was none to learn from.
        trusted: by lead, whether the trees lately did better than what is published.
    """

    trained_ms: int
    columns: tuple[str, ...]
    trees: Fitted
    learnt: Learnt
    watch: Watch | None
    trusted: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Saying:
    """What is told.

    Args:
        start_ms: start of the first hour, the running one, ms.
        quantiles: ``(5, HOURS)`` at `LEVELS`, USD/MWh.
        chance: of persistent scarcity; None: not known.
    """

    start_ms: int
    quantiles: Floats
    chance: float | None


def teach(
    history: MarketHistory,
    issue_ms: int,
    limit_usd_per_mwh: float,
    settings: Boosting | None = None,
) -> Standing:
    """Learn from all that was known by an instant.

    Args:
        history: from `heard.with_heard`.
        issue_ms: the instant, ms.
        limit_usd_per_mwh: above which a price is scarcity.
        settings: of the trees; None: the usual.

    Raises:
        PlanningError: when too little was known.
    """
    from threadpoolctl import threadpool_limits

    seen = _still_heard(history, issue_ms)
    begin = max(seen.column(TARGET).start_ms + 8 * MS_PER_DAY, issue_ms - MEMORY_DAYS * MS_PER_DAY)
    if issue_ms - begin < (FEWEST_DAYS - 8) * MS_PER_DAY:
        days = (issue_ms - seen.column(TARGET).start_ms) // MS_PER_DAY
        raise PlanningError(
            f"{history.area}: {days} days of prices, {FEWEST_DAYS} are needed to learn from"
        )
    # Half of a short history gives the band, the other half is learnt from first.
    band_ms = max(issue_ms - BAND_DAYS * MS_PER_DAY, (begin + issue_ms) // 2)
    early, late = _sampled(begin, band_ms), _whole(np.arange(band_ms, issue_ms, BAND_EVERY_MS))
    asks = Asks(
        np.concatenate([early.issue_ms, late.issue_ms]),
        np.concatenate([early.start_ms, late.start_ms]),
    )
    known = features(seen, TARGET, asks)
    with threadpool_limits(1):
        given = direct(seen, TARGET, asks, known, len(early), settings=settings)
        trees = fit(seen, TARGET, asks, known, issue_ms, settings or Boosting())
    if trees is None:
        raise PlanningError(f"{history.area}: too few prices were known to learn from")
    points, reference = given.points[len(early) :], known.reference[len(early) :]
    scales = given.scales[len(early) :]
    calibrator = Calibrator(seen, TARGET, late, _given(points, reference, scales))
    learnt = calibrator.learn(issue_ms)
    known_by = calibrator.known_ms <= issue_ms
    missed = np.abs(np.stack([calibrator.points, reference]) - calibrator.outcome)
    trusted = trusted_leads(_leads(late), np.where(known_by, missed, np.nan))
    if not trusted.all():
        points = np.where(trusted[_leads(late)], points, reference)
        learnt = Calibrator(seen, TARGET, late, _given(points, reference, scales)).learn(issue_ms)
    watch = _watch(seen, issue_ms, limit_usd_per_mwh)
    return Standing(issue_ms, tuple(seen.columns), trees, learnt, watch, trusted)


def _given(points: Floats, reference: Floats, scales: Floats) -> Given:
    return Given(("trees", "reference"), np.stack([points, reference]), scales, DIRECT_POWER)


def _leads(asks: Asks) -> Ints:
    """Whole hours from the hour of the issue to the one asked for."""
    return (asks.start_ms - asks.issue_ms // MS_PER_HOUR * MS_PER_HOUR) // MS_PER_HOUR


def trusted_leads(leads: Ints, missed: Floats) -> NDArray[np.bool_]:
    """At which leads a forecast did no worse than what is published, leads around it counted in.

    Args:
        leads: of rows, h.
        missed: size of the miss of the forecast and of what is published, ``(2, rows)``;
            not-a-number where the outcome is not known.

    Returns:
        For each lead told; all beyond the first stretch that is worse are not trusted, since a
        forecast knows less the further it looks. Without outcomes all are.
    """
    both = np.isfinite(missed).all(axis=0)
    count = np.bincount(leads[both], minlength=HOURS)[:HOURS].astype(np.float64)
    sums = [np.bincount(leads[both], row[both], HOURS)[:HOURS] for row in missed]
    window = np.ones(2 * AROUND_H + 1)
    many = np.convolve(count, window, "same")
    own, published = (np.convolve(one, window, "same") for one in sums)
    worse = (many > 0) & (own > published)
    first = int(np.argmax(worse)) if worse.any() else HOURS
    return np.asarray(np.arange(HOURS) < first)


def say(history: MarketHistory, standing: Standing, issue_ms: int) -> Saying:
    """Tell the running hour and those after it.

    Args:
        history: from `heard.with_heard`; what it holds of after the issue is not looked at.
        standing: taught at or before the issue.
        issue_ms: when it is told, ms.

    Raises:
        PlanningError: when nothing can be said.
    """
    from dataclasses import replace

    seen = replace(history, columns={name: history.column(name) for name in standing.columns})
    asks = _whole(np.array([issue_ms], np.int64))
    known = features(seen, TARGET, asks)
    points = known.reference + standing.trees.middle(known.matrix)
    points = np.where(standing.trusted[_leads(asks)], points, known.reference)
    scales = np.exp(standing.trees.size(known.matrix))
    given = _given(points, known.reference, scales)
    percentiles = Calibrator(seen, TARGET, asks, given).tell(standing.learnt, issue_ms)
    quantiles = percentiles[[round(100 * level) - 1 for level in LEVELS]]
    if not np.isfinite(quantiles).all():
        raise PlanningError(f"{history.area}: no price was known of the days before")
    chance = None if standing.watch is None else standing.watch.chance(seen, issue_ms)
    return Saying(int(asks.start_ms[0]), quantiles, chance)


def _still_heard(history: MarketHistory, issue_ms: int) -> MarketHistory:
    """The history without day-ahead prices when none is told of now any more."""
    from dataclasses import replace

    ahead = history.columns.get(AHEAD)
    if ahead is None:
        return history
    now = ahead.gather(np.array([issue_ms]), np.array([issue_ms]))
    if np.isfinite(now[0]):
        return history
    return replace(history, columns={k: c for k, c in history.columns.items() if k != AHEAD})


def _whole(issues_ms: Ints) -> Asks:
    """All hours told at each issue."""
    first = issues_ms // MS_PER_HOUR * MS_PER_HOUR
    starts = first[:, None] + MS_PER_HOUR * np.arange(HOURS, dtype=np.int64)
    return Asks(np.repeat(issues_ms, HOURS), starts.ravel())


def _sampled(from_ms: int, to_ms: int) -> Asks:
    """Single hours of issues spread evenly over a span, every lead in its turn."""
    count = min(MOST_ROWS, (to_ms - from_ms) // QUARTER_MS)
    number = np.arange(count, dtype=np.int64)
    issue_ms = from_ms + number * ((to_ms - from_ms) // max(count, 1))
    issue_ms = issue_ms // QUARTER_MS * QUARTER_MS
    lead = np.array(LEADS, np.int64)[number * LEAP % len(LEADS)]
    return Asks(issue_ms, issue_ms // MS_PER_HOUR * MS_PER_HOUR + lead * MS_PER_HOUR)


def _watch(history: MarketHistory, issue_ms: int, limit_usd_per_mwh: float) -> Watch | None:
    name = FINE if FINE in history.columns else TARGET
    step_s = history.column(name).step_s
    at_least = -(-AT_LEAST_S // step_s)
    within = max(at_least, WITHIN_S // step_s)
    return learn_chance(history, Scarcity(name, limit_usd_per_mwh, at_least, within), issue_ms)


def window_s(standing: Standing, history: MarketHistory) -> tuple[int, int]:
    """How long scarcity must last, and within what time from the issue, s."""
    if standing.watch is None:
        return AT_LEAST_S, WITHIN_S
    wish = standing.watch.wish
    step_s = history.column(wish.column).step_ms // MS_PER_S
    return wish.at_least * step_s, wish.within * step_s
