"""Same-day adjustment: a baseline moved to the load shown before the event on its own day."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import fmean
from typing import Final

from gridmuster.report.baselines.meter import BaselineError, MeterSeries
from gridmuster.report.baselines.methods import Baseline, slot_kw
from gridmuster.units import MS_PER_HOUR


class How(StrEnum):
    """How a baseline is moved."""

    ADDITIVE = "additive"
    MULTIPLICATIVE = "multiplicative"


@dataclass(frozen=True)
class Adjustment:
    """Which hours before the event are compared, and how far a baseline may be moved.

    Args:
        name: what it is called.
        how: by adding the difference of both means, or multiplying by their ratio.
        from_h: start of the hours compared, h before the event's start.
        until_h: their end, h before the event's start.
        cap_share: the most it may move, share of the baseline; None: as far as it goes. For an
            additive one of the baseline's mean over the hours compared.
    """

    name: str
    how: How
    from_h: float
    until_h: float
    cap_share: float | None = None


#: PJM Manual 11, section 10.4: symmetric additive adjustment by the three hours that end one hour
#: before the event, without a cap.
PJM_ADDITIVE: Final = Adjustment("additive", How.ADDITIVE, 4.0, 1.0)
#: CAISO tariff 4.13.4 (load point adjustment): ratio of the first three of the four hours before
#: the event, within 20 %.
CAISO_RATIO: Final = Adjustment("ratio", How.MULTIPLICATIVE, 4.0, 1.0, 0.2)
#: NYISO Manual 7, section 5 (in-day adjustment): ratio of the first two of the four hours before
#: the event, within 20 %.
NYISO_RATIO: Final = Adjustment("ratio", How.MULTIPLICATIVE, 4.0, 2.0, 0.2)


def adjusted(baseline: Baseline, load: MeterSeries, adjustment: Adjustment) -> Baseline:
    """A baseline moved by what the load showed before the event.

    Our own choice: an interval counts when both the event's day and a like day have it; where none
    does, or a ratio's baseline is not above zero, there is no adjustment, which is an error and
    never a silent zero. An event's own start is taken, not that of its notice.

    Args:
        baseline: not yet adjusted.
        load: the same meter.
        adjustment: hours, kind and cap.

    Raises:
        BaselineError: when there is nothing to compare with, or it was adjusted before.
    """
    if baseline.shift_kw or baseline.ratio != 1.0:
        raise BaselineError(f"{baseline.name} is adjusted already")
    actual_kw, usual_kw, left_out = _compared(baseline, load, adjustment)
    name = f"{baseline.name}, {adjustment.name} adjustment"
    notes = baseline.notes
    if left_out:
        notes = (*notes, f"adjustment without {left_out} interval(s) that no reading covers")
    cap = adjustment.cap_share
    if adjustment.how is How.ADDITIVE:
        wanted_kw = actual_kw - usual_kw
        most_kw = abs(wanted_kw) if cap is None else cap * abs(usual_kw)
        shift_kw = max(-most_kw, min(wanted_kw, most_kw))
        moved = tuple(power_kw + shift_kw for power_kw in baseline.power_kw)
        capped = shift_kw != wanted_kw
        return replace(
            baseline, name=name, power_kw=moved, shift_kw=shift_kw, capped=capped, notes=notes
        )
    if usual_kw <= 0.0:
        raise BaselineError(
            f"{name}: the baseline before the event is {usual_kw:g} kW, of which no ratio can be "
            "taken; take an additive adjustment"
        )
    wanted = actual_kw / usual_kw
    ratio = wanted if cap is None else max(1.0 - cap, min(wanted, 1.0 + cap))
    moved = tuple(power_kw * ratio for power_kw in baseline.power_kw)
    return replace(
        baseline, name=name, power_kw=moved, ratio=ratio, capped=ratio != wanted, notes=notes
    )


def _compared(
    baseline: Baseline, load: MeterSeries, adjustment: Adjustment
) -> tuple[float, float, int]:
    """Mean of the event's day and of the like days before the event, kW; intervals left out."""
    start_ms = baseline.event.from_ms
    day = load.day(baseline.event)
    window = load.starts_ms(
        start_ms - round(adjustment.from_h * MS_PER_HOUR),
        start_ms - round(adjustment.until_h * MS_PER_HOUR),
    )
    actual: list[float] = []
    usual: list[float] = []
    for at_ms in window:
        shown_kw = load.power_kw.get(at_ms)
        usual_kw = slot_kw(load, baseline.used, load.slot(at_ms, day))
        if shown_kw is not None and usual_kw is not None:
            actual.append(shown_kw)
            usual.append(usual_kw)
    if not actual:
        raise BaselineError(
            f"{baseline.name}: no reading in the {adjustment.from_h:g} h to "
            f"{adjustment.until_h:g} h before the event, so nothing to adjust by"
        )
    return fmean(actual), fmean(usual), len(window) - len(actual)
