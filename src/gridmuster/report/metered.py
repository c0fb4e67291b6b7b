"""Interval data out of a journal: what a device's or an end-user's own counter gained.

series = metered("plant.journal", ["tower-1-gen"], 900, "America/Chicago")
generation_meter_output(series["tower-1-gen"], event)
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import chain

from gridmuster.report.baselines import MeterSeries
from gridmuster.report.source import Cycle, Progress, Session, stream
from gridmuster.report.tally import HOLD_MS
from gridmuster.signals import Quality
from gridmuster.store.journal import Journal
from gridmuster.units import MS_PER_HOUR, MS_PER_S


class IntervalMeter:
    """Cuts one counter into intervals.

    The counter at the seam of two intervals lies on a line between the readings before and after.
    An interval counts only when readings are near enough all through it and the counter never
    fell; others are absent.

    Args:
        step_ms: length of an interval, ms.
        keep: tells of an interval's start, ms, whether it is wanted; None: all are.
        gap_ms: how far apart readings may be, ms.
    """

    def __init__(
        self, step_ms: int, keep: Callable[[int], bool] | None = None, gap_ms: int = HOLD_MS
    ) -> None:
        self.power_kw: dict[int, float] = {}
        self._keep = keep
        self._gap_ms = gap_ms
        self._step_ms = step_ms
        self._last: tuple[int, float] | None = None
        self._seam: tuple[int, float] | None = None

    def take(self, at_ms: int, kwh: float) -> None:
        """Take a reading; one that is not later than the last is left out.

        Args:
            at_ms: when it was taken, ms.
            kwh: the counter; zero: it does not say.
        """
        last = self._last
        if last is not None and at_ms <= last[0]:
            return
        self._last = (at_ms, kwh) if kwh else None
        if last is None or not kwh or at_ms - last[0] > self._gap_ms or kwh < last[1]:
            self._seam = (at_ms, kwh) if kwh and at_ms % self._step_ms == 0 else None
            return
        step_ms = self._step_ms
        for seam_ms in range((last[0] // step_ms + 1) * step_ms, at_ms + 1, step_ms):
            share = (seam_ms - last[0]) / (at_ms - last[0])
            seam_kwh = last[1] + share * (kwh - last[1])
            if self._seam is not None and (self._keep is None or self._keep(self._seam[0])):
                gained_kwh = seam_kwh - self._seam[1]
                self.power_kw[self._seam[0]] = gained_kwh * MS_PER_HOUR / step_ms
            self._seam = (seam_ms, seam_kwh)


def metered(
    path_or_url: str,
    names: Collection[str],
    step_s: int,
    zone: str,
    progress: Progress | None = None,
    watch: Callable[[Session | Cycle], None] | None = None,
) -> dict[str, MeterSeries]:
    """Interval data of devices (what they sent out) and end-users (what they took).

    Readings are at most 60 s apart in an interval that counts. What a site sent late, after its
    link was cut, is not used: its intervals are absent.

    Args:
        path_or_url: path of an SQLite journal, or a database URL.
        names: ids of devices and end-users.
        step_s: length of an interval, s; divides an hour.
        zone: IANA zone of the result.
        progress: told records read and records in all.
        watch: told every head and cycle on the way, so that one pass is enough.

    Raises:
        JournalError: when there is no journal, it is empty or damaged, or cannot be read.
        BaselineError: for a step that does not divide an hour.
    """
    found = {name: MeterSeries(zone, step_s, {}) for name in names}
    meters = {name: IntervalMeter(step_s * MS_PER_S) for name in names}
    with Journal.open(path_or_url, read_only=True) as journal:
        for item in stream(journal, progress):
            if watch is not None:
                watch(item)
            if isinstance(item, Cycle):
                for name, at_ms, kwh in _counters(item):
                    if name in meters:
                        meters[name].take(at_ms, kwh)
    return {name: MeterSeries(zone, step_s, meters[name].power_kw) for name in found}


def _counters(cycle: Cycle) -> chain[tuple[str, int, float]]:
    """Counters that a cycle brought: whose, when (ms), kWh."""
    return chain(
        (
            (reading.device, at_ms, reading.produced_kwh)
            for at_ms, report in cycle.reports
            for reading in report.devices
            if reading.quality is not Quality.BAD
        ),
        (
            (reading.end_user, at_ms, reading.energy_kwh)
            for at_ms, demand in cycle.demands
            for reading in demand.readings
            if reading.quality is not Quality.BAD
        ),
    )
