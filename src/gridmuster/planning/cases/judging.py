"""Judges a schedule against its case, rule by rule; shares no code with what made it."""

from __future__ import annotations

from dataclasses import dataclass

from gridmuster.planning.cases.case import Case, Schedule, Thermal

#: Violations below this are rounding, MW.
TOLERANCE_MW = 1e-6
#: Violations listed; more are counted.
MAX_LISTED = 50


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a schedule costs and where it breaks a rule.

    Args:
        cost: cost of hours on and starts, in the case's own money.
        violations: unit or row, hour from 1, rule and amount, in words.
        violated: how many there are, listed or not.
    """

    cost: float
    violations: tuple[str, ...]
    violated: int

    @property
    def feasible(self) -> bool:
        """Whether no rule is broken."""
        return self.violated == 0


_Key = tuple[int, tuple[int, ...], tuple[float, ...]]


@dataclass(slots=True)
class _Row:
    """What one unit's rows came to, and how many units have the same."""

    cost: float
    power: list[float]
    headroom: list[float]
    broken: bool
    count: int


class _Found:
    def __init__(self) -> None:
        self.listed: list[str] = []
        self.count = 0

    def note(self, text: str) -> None:
        self.count += 1
        if len(self.listed) < MAX_LISTED:
            self.listed.append(text)

    def excess(self, where: str, hour: int, rule: str, over: float, scale: float = 1.0) -> None:
        if over > TOLERANCE_MW * max(1.0, scale):
            self.note(f"{where}, hour {hour + 1}: {rule} by {over:.6g} MW")


def judge(case: Case, schedule: Schedule) -> Judgement:
    """Price a schedule and list what it breaks.

    Args:
        case: the case.
        schedule: the answer to it; a unit that is missing is a violation.
    """
    found = _Found()
    cost = 0.0
    hours = case.hours
    given = [0.0] * hours
    spare = [0.0] * hours
    alike: dict[_Key, _Row] = {}
    for name, unit in case.units():
        on, power = schedule.commitment.get(name), schedule.power_mw.get(name)
        if on is None or power is None or len(on) != hours or len(power) != hours:
            found.note(f"{name}: no schedule of {hours} hours")
            continue
        # Units that share their description and rows are looked at once, unless they break a rule.
        key = (id(unit), tuple(on), tuple(power))
        row = alike.get(key)
        if row is None or row.broken:
            before = found.count
            row_cost = _times(unit, name, on, found)
            headroom = _limits(unit, name, on, power, found)
            row_cost += sum(unit.cost.price(mw) for mw, now in zip(power, on, strict=True) if now)
            count = 0 if row is None else row.count
            row = alike[key] = _Row(row_cost, power, headroom, found.count > before, count)
        row.count += 1
    for row in alike.values():
        cost += row.cost * row.count
        for hour in range(hours):
            given[hour] += row.power[hour] * row.count
            spare[hour] += row.headroom[hour] * row.count
    for source in case.renewable:
        given_mw = schedule.renewable_mw.get(source.name)
        if given_mw is None or len(given_mw) != hours:
            found.note(f"{source.name}: no schedule of {hours} hours")
            continue
        for hour, power_mw in enumerate(given_mw):
            given[hour] += power_mw
            over = max(source.min_mw[hour] - power_mw, power_mw - source.max_mw[hour])
            found.excess(source.name, hour, "outside what is available", over, case.copies)
    for hour, demand in enumerate(case.demand_mw):
        scale = max(1.0, demand / 1000.0)
        found.excess("demand", hour, "not met exactly", abs(given[hour] - demand), scale)
        found.excess("reserve", hour, "short", case.reserve_mw[hour] - spare[hour], scale)
    return Judgement(cost, tuple(found.listed), found.count)


def _times(unit: Thermal, name: str, on: list[int], found: _Found) -> float:
    """Minimum times and must-run; returns what the starts cost."""
    cost = 0.0
    state, hours = int(unit.on_before), unit.hours_before
    for hour, now in enumerate(on):
        if now not in (0, 1):
            found.note(f"{name}, hour {hour + 1}: commitment is {now}, neither 0 nor 1")
            return cost
        if unit.must_run and not now:
            found.note(f"{name}, hour {hour + 1}: off, but it must run")
        if now == state:
            hours += 1
            continue
        least = unit.up_h if state else unit.down_h
        if hours < least:
            word = "stopped" if state else "started"
            found.note(f"{name}, hour {hour + 1}: {word} after {hours} h of {least} h")
        if now:
            cost += unit.start_cost(hours)
        state, hours = now, 1
    return cost


def _limits(
    unit: Thermal, name: str, on: list[int], power: list[float], found: _Found
) -> list[float]:
    """Power limits and ramps; returns the reserve that the unit can hold in each hour, MW."""
    headroom = [0.0] * len(on)
    span = unit.max_mw - unit.min_mw
    before_on = unit.on_before
    before = unit.power_before_mw - unit.min_mw if before_on else 0.0
    for hour, now in enumerate(on):
        if not now:
            found.excess(name, hour, "gives power while off", abs(power[hour]))
            found.excess(name, hour, "falls faster than its ramp", before - unit.ramp_down_mw)
            if before_on:
                over = before + unit.min_mw - unit.ramp_stop_mw
                found.excess(name, hour, "stops from above its limit", over)
            before, before_on = 0.0, False
            continue
        above = power[hour] - unit.min_mw
        cap = span
        if not before_on:
            cap = min(cap, unit.ramp_start_mw - unit.min_mw)
        if hour + 1 < len(on) and not on[hour + 1]:
            cap = min(cap, unit.ramp_stop_mw - unit.min_mw)
        cap = min(cap, before + unit.ramp_up_mw)
        found.excess(name, hour, "below its least power", -above)
        found.excess(name, hour, "above its limit or ramp", above - cap)
        found.excess(name, hour, "falls faster than its ramp", before - above - unit.ramp_down_mw)
        headroom[hour] = max(cap - above, 0.0)
        before, before_on = above, True
    return headroom
