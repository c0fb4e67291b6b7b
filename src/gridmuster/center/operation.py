"""What the fleet file says of a generator's operation, as a plan of the coming day needs it."""

from __future__ import annotations

import math
from typing import Any

from gridmuster.clock import IntervalGrid
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.model import Fleet, Site
from gridmuster.fleet.operation import StartPoint, instant_ms
from gridmuster.fleet.ties import EmissionCap
from gridmuster.planning.problem import Delivery, PlanLink, Span, StartClass
from gridmuster.units import MS_PER_S

#: Shortest power while starting that is worth a word to the planner, kW.
LEAST_START_KW = 1e-6


def operation_of(
    device: Generator,
    site: Site,
    caps: tuple[EmissionCap, ...],
    grid: IntervalGrid,
    share: float,
) -> dict[str, Any]:
    """Fields of a `PlanUnit` that follow from the device's ``operation``.

    Args:
        device: the generator.
        site: where it stands.
        caps: the fleet's; rates are told of the pollutants that they cap.
        grid: the plan's intervals.
        share: share of delivered fuel that a plan may count on.
    """
    operation, rated_kw = device.operation, device.rated_kw
    warmup_s = warm_s(device, site)
    down = operation.ramp_down_fraction_per_s
    return {
        "start_classes": [StartClass(one.off_s, one.cost_usd) for one in operation.start_classes],
        "start_power_kw": start_power_kw(device, grid.step_s, warmup_s),
        "start_fuel": operation.start_fuel,
        "start_max_kw": _of_rated(operation.start_max_fraction, rated_kw),
        "stop_max_kw": _of_rated(operation.stop_max_fraction, rated_kw),
        "ramp_down_kw_per_s": _of_rated(down, rated_kw),
        "fuel_deliveries": deliveries(device, grid, share),
        "maintenance": maintenance(device, grid),
        "run_h_value_usd_per_h": operation.hour_value_usd_per_h,
        "emission_kg_per_fuel": {
            cap.pollutant: operation.kg_per_fuel(cap.pollutant, device.fuel) for cap in caps
        },
    }


def longest_rest_s(device: Generator) -> float:
    """Time off after which a start costs no more, s; 0 where all starts cost alike."""
    return max((one.off_s for one in device.operation.start_classes), default=0.0)


def warm_s(device: Generator, site: Site) -> float:
    """How long it is held at minimum load before it gives what it is asked, s.

    A set that takes over its own site's load alone, behind a transfer switch, is not held there.
    """
    return device.warmup_s if site.transfer.engine_may_export else 0.0


def lead_s(device: Generator, site: Site) -> float:
    """From the order until it gives what it is asked: start, synchronising and warm-up, s."""
    return device.start_s + device.sync_s + warm_s(device, site)


def start_power_kw(device: Generator, step_s: int, warmup_s: float = 0.0) -> list[float]:
    """Mean power in each of the last intervals before it is on, the earliest first, kW.

    A warm-up at minimum load is told where it is half an interval or more; a shorter one only
    brings the order forward.

    Args:
        device: the generator; its start curve is straight between its points.
        step_s: length of an interval, s.
        warmup_s: how long it is at minimum load before it is on, s.
    """
    points = device.operation.start_curve
    closed_s = device.start_s + device.sync_s
    delay_s = closed_s + warmup_s
    is_told = bool(points) or warmup_s >= 0.5 * step_s
    count = math.ceil(delay_s / step_s) if is_told else 0
    begins = [delay_s - (count - k) * step_s for k in range(count)]
    powers = []
    for at in begins:
        end = at + step_s
        share_s = _area_s(points, min(at, closed_s), min(end, closed_s))
        share_s += device.min_load_fraction * max(end - max(at, closed_s), 0.0)
        powers.append(device.rated_kw * share_s / step_s)
    while powers and powers[0] < LEAST_START_KW:
        del powers[0]
    return powers


def deliveries(device: Generator, grid: IntervalGrid, share: float) -> list[Delivery]:
    """Fuel that comes within the plan, from the interval that begins once it is there.

    What should have come before the plan begins is in the tank's level, or it did not come.
    """
    if device.tank is None:
        return []
    found = []
    for one in device.operation.deliveries:
        at_ms = instant_ms(one.at)
        if at_ms is not None and at_ms > grid.start_ms:
            interval = math.ceil((at_ms - grid.start_ms) / (grid.step_s * MS_PER_S))
            if interval < grid.count:
                found.append(Delivery(interval, one.amount * share))
    return sorted(found, key=lambda one: one.interval)


def maintenance(device: Generator, grid: IntervalGrid) -> list[Span]:
    """Intervals of the plan, and beyond it, that works touch."""
    step_ms = grid.step_s * MS_PER_S
    found = []
    for one in device.operation.maintenance:
        begins, ends = instant_ms(one.begins), instant_ms(one.ends)
        if begins is None or ends is None or ends <= grid.start_ms:
            continue
        first = max(math.floor((begins - grid.start_ms) / step_ms), 0)
        found.append(Span(first, math.ceil((ends - grid.start_ms) / step_ms)))
    return found


def links_of(fleet: Fleet, count: int) -> list[PlanLink]:
    """The fleet's links over the intervals of a plan.

    Args:
        fleet: the fleet.
        count: how many intervals.
    """
    return [
        PlanLink(
            id=link.id,
            from_area=link.from_area,
            to_area=link.to_area,
            limit_kw=[link.limit_kw] * count,
            back_limit_kw=[link.limit_kw if link.back_limit_kw is None else link.back_limit_kw]
            * count,
            loss_fraction=link.loss_fraction,
            usd_per_kwh=link.usd_per_kwh,
        )
        for link in fleet.links
    ]


def _of_rated(fraction: float | None, rated_kw: float) -> float | None:
    return None if fraction is None else fraction * rated_kw


def _area_s(points: tuple[StartPoint, ...], begin_s: float, end_s: float) -> float:
    """Integral of a start curve over some time since the order, share of rated times s.

    The curve is 0 before its first point and keeps the value of its last after it.
    """
    return _until_s(points, end_s) - _until_s(points, begin_s)


def _until_s(points: tuple[StartPoint, ...], end_s: float) -> float:
    total = 0.0
    for number, one in enumerate(points):
        if end_s <= one.after_s:
            break
        if number + 1 == len(points):
            total += one.load_fraction * (end_s - one.after_s)
            break
        following = points[number + 1]
        width_s = following.after_s - one.after_s
        part_s = min(end_s, following.after_s) - one.after_s
        slope = (following.load_fraction - one.load_fraction) / width_s
        total += part_s * (one.load_fraction + 0.5 * slope * part_s)
    return total
