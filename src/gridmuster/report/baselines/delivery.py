"""What an event delivered: the baseline less the meter, or a generator's own output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from gridmuster.report.baselines.meter import BaselineError, Event, MeterSeries
from gridmuster.report.baselines.methods import Baseline


@dataclass(frozen=True)
class Delivered:
    """Power and energy delivered in an event.

    Args:
        name: how it was measured.
        starts_ms: starts of the event's intervals, ms.
        power_kw: delivered in each, kW, negative when more was taken than the baseline; None: no
            reading, and no credit.
        kwh: sum over the intervals with a reading, kWh.
        mean_kw: mean of those, kW; None: there is none.
        missing_ms: starts of the intervals without a reading, ms.
    """

    name: str
    starts_ms: tuple[int, ...]
    power_kw: tuple[float | None, ...]
    kwh: float
    mean_kw: float | None
    missing_ms: tuple[int, ...]


def delivered(baseline: Baseline, load: MeterSeries) -> Delivered:
    """What a load took less than its baseline.

    NAESB WEQ-015: the difference of baseline and metered load. Our own choice: an interval without
    a reading is named and earns nothing; what was taken above the baseline counts against the rest.

    Args:
        baseline: of the event.
        load: the same meter.
    """
    found = [
        None if (taken_kw := load.power_kw.get(at_ms)) is None else usual_kw - taken_kw
        for at_ms, usual_kw in zip(baseline.starts_ms, baseline.power_kw, strict=True)
    ]
    return _summed(baseline.name, baseline.starts_ms, found, load.step_h)


def generation_meter_output(
    output: MeterSeries, event: Event, usual_kw: Sequence[float] | None = None
) -> Delivered:
    """What a generator behind a meter of its own gave, as its meter says.

    Source: NAESB WEQ-015, Metering Generator Output; CAISO tariff 4.13.4 takes off what the
    generator usually gives at those times (``usual_kw``, like a baseline over days without events).

    Args:
        output: the generator's output, kW.
        event: the event.
        usual_kw: usual output in each interval, kW; None: a standby set, which usually gives none.

    Raises:
        BaselineError: when the usual output does not fit the event's intervals.
    """
    starts_ms = output.starts_ms(event.from_ms, event.until_ms)
    usual = [0.0] * len(starts_ms) if usual_kw is None else list(usual_kw)
    if len(usual) != len(starts_ms):
        raise BaselineError(f"{len(usual)} usual outputs for {len(starts_ms)} intervals")
    found = [
        None if (given_kw := output.power_kw.get(at_ms)) is None else given_kw - usual[k]
        for k, at_ms in enumerate(starts_ms)
    ]
    return _summed("generation meter output", starts_ms, found, output.step_h)


def _summed(
    name: str, starts_ms: tuple[int, ...], found: Sequence[float | None], step_h: float
) -> Delivered:
    known = [power_kw for power_kw in found if power_kw is not None]
    return Delivered(
        name,
        starts_ms,
        tuple(found),
        sum(known) * step_h,
        fmean(known) if known else None,
        tuple(at_ms for at_ms, kw in zip(starts_ms, found, strict=True) if kw is None),
    )
