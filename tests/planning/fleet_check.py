"""Prices and checks fleets' schedules in plain Python; shares no code with the kernels."""

from __future__ import annotations

import itertools
import math

from gridmuster.planning.decomposition.fleet import Fleet
from gridmuster.planning.decomposition.plan import FleetPlan

KW = 1e-5


def column(values, t: int) -> float:
    return float(values[0] if len(values) == 1 else values[t])


def along(widths, slopes, power: float) -> float:
    total = 0.0
    for j, (width, slope) in enumerate(zip(widths, slopes, strict=True)):
        used = power if j == len(widths) - 1 else min(power, float(width))
        total += float(slope) * used
        power -= used
    return total


def allowed(fleet: Fleet, i: int, on) -> bool:
    """Whether an on-off sequence keeps least times, what is held, and the budget of hours."""
    e, count = fleet.engines, len(on)
    before = int(e.on_before[i])
    held = int(e.held[i])
    if any(value != before for value in on[:held]):
        return False
    if any(value and column(e.high_kw[i], t) <= 0.0 for t, value in enumerate(on)):
        return False
    hours = sum(on)
    first = 0
    for value, run in itertools.groupby(on):
        length = len(list(run))
        began = first > 0 or value != before
        whole = first + length < count
        least = int(e.up[i] if value else e.down[i])
        if began and whole and length < least:
            return False
        if began and not whole and value:
            hours += max(0, least - length)
        first += length
    return hours <= int(e.hours[i])


def fuel(fleet: Fleet, i: int, on, power) -> float:
    e, total = fleet.engines, 0.0
    count = len(on)
    for value, kw in zip(on, power, strict=True):
        if value:
            total += float(e.hourly_fuel[i]) + along(e.width_kw[i], e.slope_fuel[i], float(kw))
    first = count
    while first > 0 and on[first - 1]:
        first -= 1
    if first < count and (first > 0 or not e.on_before[i]):
        tail = max(0, first + int(e.up[i]) - count)
        low = column(e.low_kw[i], count - 1)
        total += tail * (float(e.hourly_fuel[i]) + along(e.width_kw[i], e.slope_fuel[i], low))
    return total * fleet.step_h


def engine_usd(fleet: Fleet, i: int, on, power) -> float:
    e, total, before = fleet.engines, 0.0, int(fleet.engines.on_before[i])
    for t, (value, kw) in enumerate(zip(on, power, strict=True)):
        if value:
            rate = float(e.hourly_usd[i]) + along(e.width_kw[i], e.slope_usd[i], float(kw))
            total += rate * fleet.step_h - column(e.bonus_usd[i], t)
            total += 0.0 if before else float(e.start_usd[i])
        before = int(value)
    return total


def faults(fleet: Fleet, plan: FleetPlan) -> list[str]:
    """Everything a schedule breaks."""
    found = []
    e, s, system = fleet.engines, fleet.stores, fleet.system
    count, step_h = system.count, fleet.step_h
    cost = 0.0
    given = [0.0] * count
    headroom = [0.0] * count
    for i in range(len(e.up)):
        on = [int(value) for value in plan.on[i]]
        power = [float(kw) for kw in plan.engine_kw[i]]
        if not allowed(fleet, i, on):
            found.append(f"engine {i}: on and off {on}")
        for t, kw in enumerate(power):
            low = column(e.low_kw[i], t) * on[t]
            high = column(e.high_kw[i], t) * on[t]
            if not low - KW <= kw <= high + KW:
                found.append(f"engine {i}: {kw} in {t}, {low} to {high}")
            given[t] += kw
            headroom[t] += min(high - kw, float(e.reach_kw[i]))
        burnt = fuel(fleet, i, on, power)
        if burnt > float(e.fuel[i]) * (1.0 + 1e-9) + 1e-6:
            found.append(f"engine {i}: burns {burnt} of {e.fuel[i]}")
        cost += engine_usd(fleet, i, on, power)
    for i in range(len(s.keep)):
        level = min(float(s.initial_kwh[i]), float(s.max_kwh[i]))
        for t, kw in enumerate(map(float, plan.store_kw[i])):
            if not -column(s.charge_kw[i], t) - KW <= kw <= column(s.discharge_kw[i], t) + KW:
                found.append(f"store {i}: {kw} in {t}")
            way = float(s.charge_efficiency[i]) if kw < 0 else 1 / float(s.discharge_efficiency[i])
            level = level * float(s.keep[i]) - kw * way * step_h
            if not float(s.min_kwh[i]) - 1e-5 <= level <= float(s.max_kwh[i]) + 1e-5:
                found.append(f"store {i}: {level} kWh after {t}")
            price = -float(s.charge_usd[i]) if kw < 0 else float(s.discharge_usd[i])
            cost += price * kw * step_h
            given[t] += kw
            if s.reserve[i]:
                held = max(0.0, level - float(s.min_kwh[i])) * float(s.discharge_efficiency[i])
                headroom[t] += min(column(s.discharge_kw[i], t) - kw, held / 0.25)
        wish = min(float(s.end_min_kwh[i]), float(s.max_kwh[i]))
        cost += float(s.end_penalty_usd[i]) * max(0.0, wish - level) - float(s.end_usd[i]) * level
    for t in range(count):
        made = float(plan.renewable_kw[:, t].sum())
        bought, sold = float(plan.bought_kw[t]), float(plan.sold_kw[t])
        unserved, surplus = float(plan.unserved_kw[t]), float(plan.surplus_kw[t])
        off = given[t] + made + bought - sold + unserved - surplus - float(system.demand_kw[t])
        if abs(off) > KW * max(1.0, abs(float(system.demand_kw[t]))):
            found.append(f"balance in {t}: {off}")
        if min(bought, sold) > KW or min(bought, sold, unserved, surplus) < -KW:
            found.append(f"flows in {t}: {bought}, {sold}, {unserved}, {surplus}")
        if bought > float(system.import_limit_kw[t]) + KW:
            found.append(f"import in {t}: {bought}")
        if sold > float(system.export_limit_kw[t]) + KW:
            found.append(f"export in {t}: {sold}")
        if (plan.renewable_kw[:, t] > system.renewable_kw[:, t] + KW).any():
            found.append(f"sun and wind in {t}")
        wanted = float(system.reserve_kw[t])
        if system.secures_largest:
            running = [column(e.high_kw[i], t) for i in range(len(e.up)) if plan.on[i, t]]
            wanted += max([*running, float(system.largest_kw[t])])
        have = headroom[t] + float(system.import_limit_kw[t]) - bought + sold
        short = float(plan.short_kw[t])
        if wanted - have > short + KW * max(1.0, wanted):
            found.append(f"reserve in {t}: {wanted - have} missing, {short} named")
        rate = float(system.import_usd[t]) * bought - float(system.export_usd[t]) * sold
        rate += system.unserved_usd * unserved + system.surplus_usd * surplus
        rate += system.reserve_usd * short
        rate += float((system.renewable_usd * plan.renewable_kw[:, t]).sum())
        cost += rate * step_h
    if not math.isclose(cost, plan.cost_usd, rel_tol=1e-8, abs_tol=1e-5):
        found.append(f"costs {cost}, said {plan.cost_usd}")
    return found
