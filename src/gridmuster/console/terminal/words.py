"""Numbers, ages and times as people read them."""

from __future__ import annotations

import math

from gridmuster.center.view import AreaView, PlantView
from gridmuster.clock import from_ms, local
from gridmuster.console.terminal.palette import activity
from gridmuster.units import MS_PER_S

#: Shown for a number that is not there.
NOTHING = "–"


def clean(text: str) -> str:
    """Text without anything that would move the cursor or change the terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def number(value: float | None, digits: int = 0) -> str:
    """A number with thousands separated; a dash when there is none."""
    if value is None or not math.isfinite(value):
        return NOTHING
    rounded = round(value, digits)
    return f"{rounded + 0.0:,.{digits}f}"


def power(value_kw: float | None) -> str:
    """A power in kW, or from a million kW on in MW."""
    if value_kw is not None and abs(value_kw) >= 1e6:
        return f"{number(value_kw / 1000.0)} MW"
    return f"{number(value_kw)} kW"


def percent(share: float | None, digits: int = 0) -> str:
    """A fraction as a percentage."""
    return f"{number(None if share is None else share * 100.0, digits)} %"


def odds(share: float) -> str:
    """A small probability, with as many digits as it needs."""
    if share <= 0.0 or not math.isfinite(share):
        return percent(share)
    return "<0.01 %" if share < 0.0001 else percent(share, 2 if share < 0.1 else 0)


def age(seconds: float) -> str:
    """A length of time in its largest fitting unit."""
    if not math.isfinite(seconds):
        return NOTHING
    for unit, length_s, limit_s in (("s", 1, 100), ("min", 60, 6000), ("h", 3600, 172_800)):
        if seconds < limit_s:
            return f"{seconds / length_s:,.0f} {unit}"
    return f"{seconds / 86_400:,.0f} d"


def clock(at_ms: int, zone_name: str, seconds: bool = False) -> str:
    """Local time of day."""
    return local(at_ms, zone_name).strftime("%H:%M:%S" if seconds else "%H:%M")


def plant_time(view: PlantView) -> str:
    """The view's moment in the plant's zone."""
    return local(view.at_ms, view.time_zone).strftime("%a %d %b %Y %H:%M:%S %Z")


def utc_time(view: PlantView) -> str:
    """The view's moment in UTC."""
    return from_ms(view.at_ms).strftime("%H:%M:%S UTC")


def totals(areas: list[AreaView]) -> AreaView | None:
    """All areas as one, for a glance; forecasts are added when they share their intervals."""
    if not areas:
        return None
    first = areas[0]
    same = all(
        (a.forecast_start_ms, a.forecast_step_s, len(a.forecast_kw))
        == (first.forecast_start_ms, first.forecast_step_s, len(first.forecast_kw))
        for a in areas
    )
    by_type: dict[str, float] = {}
    for area in areas:
        for kind, power_kw in area.generation_kw_by_type.items():
            by_type[kind] = by_type.get(kind, 0.0) + power_kw
    short = [a for a in areas if a.shortfall_kw > 0.0]
    largest = max(areas, key=lambda a: a.largest_unit_kw)
    tightest = min(areas, key=lambda a: a.reserve_kw - a.largest_unit_kw)
    worst = max(areas, key=lambda a: ("good", "estimated", "stale", "bad").index(a.quality))
    return AreaView(
        "",
        "all areas",
        sum(a.demand_kw for a in areas),
        sum(a.estimated_kw for a in areas),
        sum(a.losses_kw for a in areas),
        sum(a.generation_kw for a in areas),
        by_type,
        sum(a.import_kw for a in areas),
        sum(a.import_limit_kw for a in areas),
        sum(a.export_limit_kw for a in areas),
        tightest.reserve_kw,
        tightest.largest_unit_kw,
        largest.largest_unit,
        sum(a.shortfall_kw for a in areas),
        f"in {len(short)} of {len(areas)} areas" if short else "",
        1.0 - math.prod(1.0 - min(max(a.lolp, 0.0), 1.0) for a in areas),
        first.price_usd_per_mwh,
        first.frequency_hz,
        all(a.energised for a in areas),
        worst.quality,
        first.forecast_start_ms,
        first.forecast_step_s,
        _added([a.forecast_kw for a in areas], same),
        _added([a.forecast_low_kw for a in areas], same),
        _added([a.forecast_high_kw for a in areas], same),
        _added([a.planned_generation_kw for a in areas], same),
        _added([a.planned_import_kw for a in areas], same),
    )


def _added(series: list[list[float]], same: bool) -> list[float]:
    return [sum(values) for values in zip(*series, strict=False)] if same else []


def plant_line(view: PlantView) -> str:
    """The plant in one line, for a log or a pipe."""
    when = f"{clock(view.at_ms, view.time_zone)} {view.mode.value.replace('_', ' ')}"
    total = totals(view.areas)
    if total is None:
        return f"{when}: nothing heard yet"
    counts: dict[str, int] = {}
    for device in view.devices:
        name = activity(device.state, device.quality)
        counts[name] = counts.get(name, 0) + 1
    met = "met"
    if total.shortfall_kw > 0.0:
        met = f"SHORT {power(total.shortfall_kw)} {total.shortfall_cause}"
    states = ", ".join(f"{counts[name]} {name}" for name in counts_order(counts))
    critical = sum(alarm.severity == "critical" for alarm in view.alarms)
    return clean(
        f"{when}: demand {power(total.demand_kw)} {met}; own generation "
        f"{power(total.generation_kw)}, import {power(total.import_kw)} of "
        f"{power(total.import_limit_kw)}; odds of a shortfall {odds(total.lolp)}; price "
        f"{number(total.price_usd_per_mwh)} USD/MWh; devices {states or 'none'}; "
        f"{len(view.alarms)} alarms, {critical} critical"
    )


def counts_order(counts: dict[str, int]) -> list[str]:
    """The activities that occur, in the order in which they are always shown."""
    order = ("run", "start", "cool", "idle", "fault", "lock", "silent")
    return [name for name in order if counts.get(name)]


def since(view: PlantView, at_ms: int) -> str:
    """How long before the view something was."""
    return age(max(0, view.at_ms - at_ms) / MS_PER_S)
