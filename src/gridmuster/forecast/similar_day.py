"""Demand from similar days: same kind of day, same time of day, at the level of the last hours.

For each key (an end-user, a site's own load) the last days are kept by local time of day. The
forecast of a slot is the weighted median of that slot on days of the same kind, recent days
counting more, multiplied by how demand of the last hours compared with what those days said; that
correction fades with the lead. The band is the spread of the same samples about their median,
narrower for the next hours, wider when there are few days.

Without history the typical day of the key's load class (`fleet.profiles`), scaled to its peak,
stands in as one doubtful day with a wide band, so that the first hours already correct its level.

Constants were chosen on half of the Cambridge buildings' meters; `docs/planning.md` has the
figures on the other half.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from gridmuster.clock import IntervalGrid
from gridmuster.fleet.model import LoadClass
from gridmuster.fleet.profiles import HOURLY_SHARE
from gridmuster.forecast.calendar import KINDS, SECONDS_PER_DAY, kind_of_weekday, place, places
from gridmuster.units import MS_PER_HOUR, MS_PER_S

Floats = NDArray[np.float64]

LEVELS = (0.1, 0.5, 0.9)

#: Days kept of each kind: two working weeks and a month of weekends.
DAYS_KEPT = (10, 4, 4)
#: Weight of each day against the next newer one of its kind.
DAY_FADE = 0.8
#: Weight of the class's typical day against the newest day seen.
PRIOR_WEIGHT = 0.15
#: How far the typical day may be off: spread of log(actual / typical), about +-45 % at 80 %.
PRIOR_SPREAD = 0.30
#: Half-life of the recent past in the level, h.
LEVEL_HALF_LIFE_H = 3.0
#: Hours of agreement assumed before the first observation.
LEVEL_DOUBT_H = 0.25
#: Fading time of the level correction, h, and what remains of it in the end.
LEVEL_FADE_H = 10.0
LEVEL_STAYS = 0.4
#: The same without any history: then the level of the typical day itself is unknown.
LEVEL_STAYS_PRIOR = 0.85
#: Share of the band's width at once, and the time in which the rest of it opens, h.
BAND_NOW = 0.7
BAND_OPENS_H = 4.0
#: Bounds of the level correction.
LEVEL_BOUNDS = (0.2, 5.0)
#: Typical shares by time of day for a key of no class: a flat half of the peak.
FLAT_SHARE = (0.5,) * 24


class Day(Struct):
    """One local day: its number, kind, and mean power in each slot (None: not seen), kW."""

    ordinal: int
    kind: int
    power_kw: list[float | None]


class KeyMemory(Struct):
    """All that is kept of one key.

    ``slot_*`` is the slot being filled; ``actual`` and ``expected`` are fading sums of what was
    seen and what similar days said for the same slots (kW slots).
    """

    zone: str
    peak_kw: float
    load_class: str = ""
    days: list[Day] = field(default_factory=list)
    slot_start_ms: int = -1
    slot_sum_kw: float = 0.0
    slot_count: int = 0
    actual: float = 0.0
    expected: float = 0.0
    level_at_ms: int = -1


class DemandMemory(Struct):
    """All that is kept; plain data for a checkpoint."""

    slot_s: int = 900
    keys: dict[str, KeyMemory] = field(default_factory=dict)


class Base:
    """What similar days say of each kind and slot: median and relative spread by level."""

    __slots__ = ("median", "ordinal", "ratio", "seen")

    def __init__(self, ordinal: int, slots: int) -> None:
        self.ordinal = ordinal
        self.median: Floats = np.zeros((KINDS, slots))
        self.ratio: dict[tuple[float, ...], Floats] = {}
        self.seen: list[int] = [0] * KINDS


class DemandForecast:
    """Forecasts demand by key.

    Args:
        memory: what is known; updated in place by `observe`.
        made: what an earlier forecast on the same memory made of it, from `made`; None: nothing.
    """

    def __init__(self, memory: DemandMemory, made: Mapping[str, Base] | None = None) -> None:
        self.memory = memory
        self._slots = SECONDS_PER_DAY // memory.slot_s
        self._base: dict[str, Base] = dict(made or {})

    @property
    def made(self) -> Mapping[str, Base]:
        """What was made of similar days so far, by key; for a forecast that goes on with it."""
        return self._base

    def declare(
        self, key: str, zone: str, peak_kw: float, load_class: LoadClass | None = None
    ) -> None:
        """Make a key known, or change what is assumed of it; its history stays.

        Args:
            key: any name, like an end-user's id.
            zone: IANA zone in which its people live.
            peak_kw: highest demand expected, kW.
            load_class: whose typical day stands in for history; None: a flat day.
        """
        name = "" if load_class is None else load_class.value
        known = self.memory.keys.get(key)
        if known is None:
            self.memory.keys[key] = KeyMemory(zone, peak_kw, name)
        elif (known.zone, known.peak_kw, known.load_class) != (zone, peak_kw, name):
            known.zone, known.peak_kw, known.load_class = zone, peak_kw, name
            self._base.pop(key, None)

    def observe(self, key: str, at_ms: int, power_kw: float) -> None:
        """Take in one mean power.

        Args:
            key: a declared key.
            at_ms: start of the interval of the mean (5 or 15 min), ms; never earlier than before
                (what is late by more than a slot is dropped).
            power_kw: mean demand, kW.
        """
        one = self.memory.keys[key]
        slot_ms = self.memory.slot_s * MS_PER_S
        start_ms = at_ms - at_ms % slot_ms
        if start_ms < one.slot_start_ms:
            return
        if start_ms > one.slot_start_ms:
            self._close_slot(key, one)
            one.slot_start_ms, one.slot_sum_kw, one.slot_count = start_ms, 0.0, 0
        one.slot_sum_kw += power_kw
        one.slot_count += 1

    def teach(self, key: str, days: Sequence[tuple[int, Sequence[float | None]]]) -> None:
        """Take in past days that others measured; what was seen here stays.

        Args:
            key: a declared key.
            days: local day (proleptic ordinal) and its mean powers, kW, in equal slots of this
                forecast's length, None where unknown; days of another length, and the day that
                is being measured, are passed over.
        """
        one = self.memory.keys[key]
        own = {day.ordinal: day for day in one.days}
        today = date.max.toordinal()
        if one.slot_start_ms >= 0:
            today = place(one.slot_start_ms, one.zone, self.memory.slot_s)[0]
        for ordinal, values in days:
            if len(values) != self._slots or ordinal >= today:
                continue
            day = own.get(ordinal)
            if day is None:
                kind = kind_of_weekday(date.fromordinal(ordinal).weekday())
                own[ordinal] = Day(ordinal, kind, list(values))
            else:
                pairs = zip(day.power_kw, values, strict=True)
                day.power_kw = [new if old is None else old for old, new in pairs]
        one.days = [own[ordinal] for ordinal in sorted(own)]
        _forget(one.days)
        self._base.pop(key, None)

    def _close_slot(self, key: str, one: KeyMemory) -> None:
        """Put the finished slot into its day and into the level."""
        if one.slot_count == 0:
            return
        power_kw = one.slot_sum_kw / one.slot_count
        ordinal, kind, slot = place(one.slot_start_ms, one.zone, self.memory.slot_s)
        if not one.days or one.days[-1].ordinal < ordinal:
            one.days.append(Day(ordinal, kind, [None] * self._slots))
            _forget(one.days)
        day = one.days[-1]
        before = day.power_kw[slot]
        # The hour that an autumn day has twice: the mean of both.
        day.power_kw[slot] = power_kw if before is None else 0.5 * (before + power_kw)
        expected = float(self._of(key, one, ordinal).median[kind, slot])
        fade = _fade(one.slot_start_ms - one.level_at_ms) if one.level_at_ms >= 0 else 0.0
        one.actual = fade * one.actual + power_kw
        one.expected = fade * one.expected + expected
        one.level_at_ms = one.slot_start_ms

    def quantiles(
        self, key: str, grid: IntervalGrid, levels: tuple[float, ...] = LEVELS
    ) -> list[list[float]]:
        """Forecast one key.

        Args:
            key: a declared key.
            grid: the intervals to forecast.
            levels: probabilities, each above 0 and below 1.

        Returns:
            For each level the powers of all intervals, kW, never crossing.
        """
        one = self.memory.keys[key]
        slot_s = self.memory.slot_s
        parts = max(1, grid.step_s // slot_s)
        fine = IntervalGrid(grid.start_ms, grid.step_s // parts, grid.count * parts)
        kinds, slots = places(fine, one.zone, slot_s)
        ordinal = place(grid.start_ms, one.zone, slot_s)[0]
        base = self._of(key, one, ordinal)
        if levels not in base.ratio:
            _spread(one, base, levels)
        median = base.median[kinds, slots]
        lead_h = np.maximum(0.0, self._leads_h(one, fine))
        bare = np.array(base.seen)[kinds] == 0
        correction = self._level(one, lead_h, bare)
        opening = BAND_NOW + (1.0 - BAND_NOW) * (1.0 - np.exp(-lead_h / BAND_OPENS_H))
        ratio = base.ratio[levels][:, kinds, slots]
        power = median * correction * ratio ** np.where(bare, 1.0, opening)
        power = power.reshape(len(levels), grid.count, parts).mean(axis=2)
        result: list[list[float]] = np.sort(power, axis=0).tolist()
        return result

    def _leads_h(self, one: KeyMemory, grid: IntervalGrid) -> Floats:
        seen_ms = one.level_at_ms if one.level_at_ms >= 0 else grid.start_ms
        starts = grid.start_ms + grid.step_ms * np.arange(grid.count)
        return np.asarray((starts - seen_ms) / MS_PER_HOUR)

    def _level(self, one: KeyMemory, lead_h: Floats, bare: NDArray[np.bool_]) -> Floats:
        """Correction by how the last hours compared with similar days."""
        if one.expected <= 0.0 or one.level_at_ms < 0:
            return np.ones(len(lead_h))
        doubt = LEVEL_DOUBT_H * 3600.0 / self.memory.slot_s * one.peak_kw * FLAT_SHARE[0]
        level = (max(one.actual, 0.0) + doubt) / (one.expected + doubt)
        level = min(max(level, LEVEL_BOUNDS[0]), LEVEL_BOUNDS[1])
        stays = np.where(bare, LEVEL_STAYS_PRIOR, LEVEL_STAYS)
        share = stays + (1.0 - stays) * np.exp(-lead_h / LEVEL_FADE_H)
        return np.asarray(level**share)

    def _of(self, key: str, one: KeyMemory, ordinal: int) -> Base:
        """What days before ``ordinal`` say; made anew once a day."""
        base = self._base.get(key)
        if base is None or base.ordinal != ordinal:
            base = _make_base(one, ordinal, self._slots)
            self._base[key] = base
        return base


def _fade(elapsed_ms: int) -> float:
    return float(0.5 ** (elapsed_ms / MS_PER_HOUR / LEVEL_HALF_LIFE_H))


def _forget(days: list[Day]) -> None:
    """Drop the oldest days of each kind beyond what is kept (today is the last of the list)."""
    for kind in range(KINDS):
        of_kind = [day for day in days if day.kind == kind]
        for day in of_kind[: max(0, len(of_kind) - DAYS_KEPT[kind] - 1)]:
            days.remove(day)


def _typical(one: KeyMemory, slots: int) -> Floats:
    """The class's typical day at this key's peak, straight lines between the hours."""
    share = HOURLY_SHARE[LoadClass(one.load_class)] if one.load_class else FLAT_SHARE
    hours = (np.arange(slots) + 0.5) * 24.0 / slots
    shape = np.interp(hours, np.arange(24) + 0.5, np.array(share), period=24.0)
    return np.asarray(one.peak_kw * shape)


def _samples(one: KeyMemory, ordinal: int, kind: int) -> tuple[Floats, Floats]:
    """Powers of all earlier days of a kind, newest first, and their weights."""
    days = [day for day in reversed(one.days) if day.kind == kind and day.ordinal < ordinal]
    if not days:
        return np.zeros((0, 0)), np.zeros(0)
    power = np.array([day.power_kw for day in days], dtype=float)
    return power, np.asarray(DAY_FADE ** np.arange(len(days)), dtype=float)


def _make_base(one: KeyMemory, ordinal: int, slots: int) -> Base:
    base = Base(ordinal, slots)
    typical = _typical(one, slots)
    for kind in range(KINDS):
        power, weights = _samples(one, ordinal, kind)
        base.seen[kind] = len(weights)
        power = np.vstack([power.reshape(len(weights), slots), typical])
        weights = np.append(weights, PRIOR_WEIGHT if len(weights) else 1.0)
        base.median[kind] = _weighted_quantiles(power, weights, (0.5,))[0]
    return base


def _spread(one: KeyMemory, base: Base, levels: tuple[float, ...]) -> None:
    """Quantiles of the samples over their median, pooled with the neighbouring slots."""
    slots = base.median.shape[1]
    ratio = np.ones((len(levels), KINDS, slots))
    for kind in range(KINDS):
        power, weights = _samples(one, base.ordinal, kind)
        own = np.exp(PRIOR_SPREAD * np.array([_normal(level) for level in levels]))
        if not len(weights):
            ratio[:, kind, :] = own[:, None]
            continue
        relative = power / np.maximum(base.median[kind], 1e-6)
        pooled = np.vstack([np.roll(relative, shift, axis=1) for shift in (-1, 0, 1)])
        doubtful = np.repeat(own[:, None], slots, axis=1)
        pooled = np.vstack([pooled, doubtful])
        many = np.concatenate([weights, weights, weights, np.full(len(own), PRIOR_WEIGHT)])
        ratio[:, kind, :] = _weighted_quantiles(pooled, many, levels)
    base.ratio[levels] = np.clip(ratio, 0.05, 20.0)


def _weighted_quantiles(values: Floats, weights: Floats, levels: tuple[float, ...]) -> Floats:
    """Quantiles of each column of ``values`` (NaN: absent) with a weight for each row."""
    order = np.argsort(values, axis=0)
    ranked = np.take_along_axis(values, order, axis=0)
    weight = np.where(np.isnan(ranked), 0.0, weights[order])
    upto = np.cumsum(weight, axis=0)
    total = np.maximum(upto[-1], 1e-12)
    middle = (upto - 0.5 * weight) / total
    ranked = np.where(np.isnan(ranked), np.nanmax(values, axis=0), ranked)
    columns = np.arange(values.shape[1])
    found = np.empty((len(levels), values.shape[1]))
    last = len(values) - 1
    for number, level in enumerate(levels):
        above = np.clip((middle < level).sum(axis=0), 0, last)
        below = np.maximum(above - 1, 0)
        low, high = middle[below, columns], middle[above, columns]
        share = np.clip((level - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
        found[number] = ranked[below, columns] * (1.0 - share) + ranked[above, columns] * share
    return found


def _normal(level: float) -> float:
    """Standard normal quantile, to 0.0005 (Abramowitz, Stegun 1964, 26.2.23)."""
    tail = min(level, 1.0 - level)
    t = (-2.0 * np.log(tail)) ** 0.5
    top = 2.515517 + t * (0.802853 + t * 0.010328)
    bottom = 1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))
    value = float(t - top / bottom)
    return -value if level < 0.5 else value
