"""The optimum of a tiny planning problem by trying every on and off, the rest by a textbook LP.

It shares nothing with the planner: limits on on and off are walked along in plain Python, costs of
starts are looked up, and what is left is a linear model written row by row, solved anew for each
combination. Selling must not pay more than buying costs, no price may be below 0, and whatever is
made must find a place (else burning it in stores or links would pay, which the planner forbids).
"""

from __future__ import annotations

import itertools
import math

import highspy
import numpy as np

from gridmuster.planning.problem import PlanProblem, PlanUnit

INF = float("inf")


class Lp:
    """Minimise cost over columns between bounds, rows between limits."""

    def __init__(self) -> None:
        self.low: list[float] = []
        self.high: list[float] = []
        self.cost: list[float] = []
        self.rows: list[tuple[float, dict[int, float], float]] = []

    def column(self, low: float, high: float, cost: float = 0.0) -> int:
        self.low.append(low)
        self.high.append(high)
        self.cost.append(cost)
        return len(self.low) - 1

    def row(self, low: float, terms: list[tuple[int, float]], high: float) -> None:
        found: dict[int, float] = {}
        for column, value in terms:
            found[column] = found.get(column, 0.0) + value
        self.rows.append((low, found, high))

    def solver(self) -> highspy.Highs:
        solver = highspy.Highs()
        solver.setOptionValue("output_flag", False)
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = len(self.low), len(self.rows)
        model.col_cost_ = np.array(self.cost)
        model.col_lower_, model.col_upper_ = np.array(self.low), np.array(self.high)
        model.row_lower_ = np.array([row[0] for row in self.rows])
        model.row_upper_ = np.array([row[2] for row in self.rows])
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.num_col_, model.a_matrix_.num_row_ = len(self.low), len(self.rows)
        sizes = [len(row[1]) for row in self.rows]
        model.a_matrix_.start_ = np.concatenate(([0], np.cumsum(sizes))).astype(np.int32)
        model.a_matrix_.index_ = np.array([c for row in self.rows for c in row[1]], dtype=np.int32)
        model.a_matrix_.value_ = np.array([v for row in self.rows for v in row[1].values()])
        solver.passModel(model)
        return solver


def legal(unit: PlanUnit, on: tuple[int, ...], step_s: float) -> bool:
    """Whether a unit may be on and off like this, whatever it gives."""
    hour = step_s / 3600.0
    state, lasted = unit.initial_on, unit.initial_s
    steps = len(unit.start_power_kw)
    lead = max(math.ceil(unit.start_delay_s / step_s - 0.5 - 1e-9), steps, 0)
    due = None
    if unit.starting_s is not None:
        left = max(unit.start_delay_s, steps * step_s) - unit.starting_s
        due = max(math.ceil(left / step_s - 0.5 - 1e-9), 0)
    stopped = 0
    for t, value in enumerate(on):
        out = any(span.first <= t < span.end for span in unit.maintenance)
        if value and (out or unit.max_kw[t] <= 0.0):
            return False
        if bool(value) != state:
            if lasted < (unit.min_up_s if state else unit.min_down_s) - 1e-6:
                return False
            if value and t - stopped < lead and (stopped or unit.initial_on or t != due):
                return False
            state, lasted = bool(value), 0.0
            stopped = t
        lasted += step_s
    starts = started(unit, on)
    whole = [*on, *beyond(unit, on, step_s)]
    budgets = [(0, len(whole), unit.run_h_left, unit.starts_left)]
    budgets += [(w.first, w.end, w.run_h_left, w.starts_left) for w in unit.windows]
    for first, end, hours, count in budgets:
        if hours is not None and sum(whole[first:end]) * hour > hours + 1e-9:
            return False
        if count is not None and sum(starts[first:end]) > count:
            return False
    return True


def beyond(unit: PlanUnit, on: tuple[int, ...], step_s: float) -> list[int]:
    """The intervals after the horizon in which the last run begun in it must still be on."""
    starts = [t for t, value in enumerate(started(unit, on)) if value]
    if not starts or not all(on[starts[-1] :]):
        return []
    return [1] * max(0, starts[-1] + up_intervals(unit, step_s) - len(on))


def up_intervals(unit: PlanUnit, step_s: float) -> int:
    """Least intervals on."""
    return max(1, math.ceil(unit.min_up_s / step_s - 1e-9))


def earliest(unit: PlanUnit, step_s: float) -> int:
    """First interval in which a unit can be on: rested, and its start done."""
    if unit.initial_on:
        return 0
    rest = max(0, math.ceil((unit.min_down_s - unit.initial_s) / step_s - 1e-9))
    steps = len(unit.start_power_kw)
    lead_s = max(unit.start_delay_s, steps * step_s)
    if unit.starting_s is not None:
        return max(rest, math.ceil((lead_s - unit.starting_s) / step_s - 0.5 - 1e-9))
    return max(rest, math.ceil(unit.start_delay_s / step_s - 0.5 - 1e-9), steps)


def started(unit: PlanUnit, on: tuple[int, ...]) -> list[int]:
    """1 where it starts."""
    return [int(b > a) for a, b in itertools.pairwise([int(unit.initial_on), *on])]


def starts_usd(unit: PlanUnit, on: tuple[int, ...], step_s: float) -> float:
    """What its starts cost, by the time off before each."""
    total, off_s = 0.0, 0.0 if unit.initial_on else unit.initial_s
    state = unit.initial_on
    for value in on:
        if value and not state:
            usd = unit.start_cost_usd
            for one in unit.start_classes:
                usd = one.cost_usd if off_s >= one.off_s - 1e-6 else usd
            total += usd
        if not value:
            off_s += step_s
        else:
            off_s = 0.0
        state = bool(value)
    return total


class Oracle:
    """The linear model of a problem with on and off as columns to be fixed."""

    def __init__(self, case: PlanProblem) -> None:
        self.case = case
        self.lp = Lp()
        self.count, self.hour = case.count, case.step_s / 3600.0
        self.values = {area.id: area.unserved_cost_usd_per_kwh for area in case.areas}
        self.balance: dict[tuple[str, int], list[tuple[int, float]]] = {}
        self.headroom: dict[tuple[str, int], list[tuple[int, float]]] = {}
        self.burnt: dict[str, list[list[tuple[int, float]]]] = {}
        self.fixed: list[int] = []
        self.kept: dict[str, list[tuple[int, float]]] = {}
        self.least: dict[str, float] = {}
        for area in case.areas:
            for t in range(self.count):
                self.balance[area.id, t] = []
                self.headroom[area.id, t] = []
        self.largest = {key: self.lp.column(0.0, INF) for key in self.balance}
        for unit in case.units:
            self._unit(unit)
        for store in case.stores:
            self._store(store)
        for one in case.renewables:
            for t in range(self.count):
                cost = one.cost_usd_per_kwh * self.hour
                column = self.lp.column(0.0, one.available_kw[t], cost)
                self.balance[one.area, t].append((column, 1.0))
        for link in case.links:
            self._link(link)
        for cap in case.emission_caps:
            self._cap(cap)
        for area in case.areas:
            self._area(area)

    def _unit(self, unit: PlanUnit) -> None:
        lp, hour, count = self.lp, self.hour, self.count
        on = [lp.column(0.0, 0.0) for _ in range(count)]
        up = [lp.column(0.0, 0.0) for _ in range(count)]
        down = [lp.column(0.0, 0.0) for _ in range(count)]
        self.fixed += [*on, *up, *down]
        rise = unit.ramp_kw_per_s * self.case.step_s
        fall = rise
        if unit.ramp_down_kw_per_s is not None:
            fall = unit.ramp_down_kw_per_s * self.case.step_s
        before: list[tuple[int, float]] = []
        burnt = []
        for t in range(count):
            low, high = min(unit.min_kw[t], unit.max_kw[t]), unit.max_kw[t]
            parts = [
                lp.column(0.0, width, usd * hour)
                for width, usd in zip(unit.segment_kw, unit.segment_usd_per_kwh, strict=True)
            ]
            lp.cost[on[t]] = (unit.no_load_usd_per_h + unit.run_h_value_usd_per_h) * hour
            power = [(part, 1.0) for part in parts]
            lp.row(0.0, [*power, (on[t], -low)], INF)
            first = high if unit.start_max_kw is None else min(high, max(unit.start_max_kw, low))
            last = high if unit.stop_max_kw is None else min(high, max(unit.stop_max_kw, low))
            limits = [[(on[t], high), (up[t], first - high)]]
            if t + 1 < count:
                limits.append([(on[t], high), (down[t + 1], last - high)])
            for limit in limits:
                lp.row(-INF, power + [(c, -v) for c, v in limit], 0.0)
            # Ramps; what they cannot bear is priced.
            beyond = lp.column(0.0, INF, 0.5 * self.values[unit.area] * hour)
            start = low + rise if unit.start_max_kw is None else high
            earlier = [(c, -v) for c, v in before]
            was = unit.initial_kw if unit.initial_on and t == 0 else 0.0
            was_on = [(on[t - 1], -rise)] if t else []
            spare = rise * unit.initial_on if t == 0 else 0.0
            terms = [*power, *earlier, *was_on, (up[t], -start), (beyond, -1.0)]
            lp.row(-INF, terms, was + spare)
            base = min(unit.min_kw[max(t - 1, 0)], unit.max_kw[max(t - 1, 0)])
            stop = base + fall
            if unit.stop_max_kw is not None:
                stop = max(unit.stop_max_kw, base)
            terms = [(c, -v) for c, v in power] + before
            terms += [(on[t], -fall), (down[t], -stop), (beyond, -1.0)]
            lp.row(-INF, terms, -was)
            before = power
            fuel = [(on[t], unit.no_load_fuel_per_h * hour), (up[t], unit.start_fuel)]
            fuel += [(p, f * hour) for p, f in zip(parts, unit.segment_fuel_per_kwh, strict=True)]
            burnt.append(fuel)
            self.balance[unit.area, t] += power
            lp.row(0.0, [(self.largest[unit.area, t], 1.0), (on[t], -high)], INF)
            if unit.gives_reserve:
                able = lp.column(0.0, INF)
                for limit in limits:
                    lp.row(-INF, [*power, (able, 1.0)] + [(c, -v) for c, v in limit], 0.0)
                lp.row(-INF, [(able, 1.0), (on[t], -unit.ramp_kw_per_s * 600.0)], 0.0)
                self.headroom[unit.area, t].append((able, 1.0))
            for early, kw in enumerate(reversed(unit.start_power_kw), start=1):
                if t + early < count:
                    self.balance[unit.area, t].append((up[t + early], kw))
        self.burnt[unit.id] = burnt
        low, lower, rate = min(unit.min_kw[-1], unit.max_kw[-1]), 0.0, unit.no_load_fuel_per_h
        if any(one.first < count <= one.end for one in unit.maintenance):
            low = 0.0
        for width, fuel in zip(unit.segment_kw, unit.segment_fuel_per_kwh, strict=True):
            rate += fuel * max(0.0, min(low, lower + width) - lower)
            lower += width
        self.least[unit.id] = rate * hour
        lasts = up_intervals(unit, self.case.step_s)
        self.kept[unit.id] = [
            (up[t], -rate * hour * max(0, t + lasts - count)) for t in range(count)
        ]
        self._tank(unit, burnt)

    def _tank(self, unit: PlanUnit, burnt: list[list[tuple[int, float]]]) -> None:
        if unit.fuel_left is None:
            return
        lp, room = self.lp, INF if unit.fuel_room is None else unit.fuel_room
        level: list[tuple[int, float]] = []
        left = unit.fuel_left
        for t in range(self.count):
            coming = sum(one.amount for one in unit.fuel_deliveries if one.interval == t)
            if coming:
                taken = lp.column(0.0, coming)
                level = [*level, (taken, 1.0)]
                lp.row(-INF, level, max(room, left) - left)
            level = level + [(c, -v) for c, v in burnt[t]]
            last = self.count - 1
            kept = self.kept[unit.id] if t == last else []
            # A run from before that must go on beyond the horizon, if its fuel lasts at all.
            past = 0.0
            held = math.ceil((unit.min_up_s - unit.initial_s) / self.case.step_s - 1e-9)
            if unit.initial_on and t == last and held > self.count:
                least = self.least[unit.id]
                need = least * held
                coming = sum(one.amount for one in unit.fuel_deliveries)
                coming = coming if unit.fuel_room is None else 0.0
                past = least * (held - self.count) if need <= left + coming else 0.0
            lp.row(past - left, level + kept, INF)

    def _store(self, store: object) -> None:
        lp, hour, count = self.lp, self.hour, self.count
        value = self.values[store.area]
        held = (1.0 - store.self_discharge_per_h) ** hour
        before: list[tuple[int, float]] = []
        energy_before = store.initial_energy_kwh
        worst = lp.column(0.0, INF, 0.5 * value)
        for t in range(count):
            charge = lp.column(0.0, store.charge_kw[t])
            give = lp.column(0.0, store.discharge_kw[t], store.cycle_cost_usd_per_kwh * hour)
            energy = lp.column(store.min_energy_kwh, store.max_energy_kwh)
            gain = held * energy_before if t == 0 else 0.0
            terms = [(energy, 1.0), (charge, -store.charge_efficiency * hour)]
            terms += [(give, hour / store.discharge_efficiency), *before]
            lp.row(gain, terms, gain)
            before = [(energy, -held)]
            self.balance[store.area, t] += [(give, 1.0), (charge, -1.0)]
            low = store.energy_low_kwh[t] if store.energy_low_kwh else 0.0
            high = store.energy_high_kwh[t] if store.energy_high_kwh else INF
            if store.energy_low_kwh or store.energy_high_kwh:
                missing = lp.column(0.0, INF, 0.5 * value / count)
                lp.row(low, [(energy, 1.0), (missing, 1.0)], INF)
                lp.row(-INF, [(energy, 1.0), (missing, -1.0)], high)
                lp.row(0.0, [(worst, 1.0), (missing, -1.0)], INF)
            if store.gives_reserve:
                able = lp.column(-INF, INF)
                lp.row(-INF, [(able, 1.0), (give, 1.0), (charge, -1.0)], store.discharge_kw[t])
                lasts = store.discharge_efficiency / 0.25
                lp.row(-INF, [(able, 1.0), (energy, -lasts)], -lasts * store.min_energy_kwh)
                self.headroom[store.area, t].append((able, 1.0))
        lp.cost[energy] = -store.end_value_usd_per_kwh

    def _link(self, link: object) -> None:
        lp, arrives = self.lp, 1.0 - link.loss_fraction
        for t in range(self.count):
            cost = link.usd_per_kwh * self.hour
            forth = lp.column(0.0, link.limit_kw[t], cost)
            back = lp.column(0.0, link.back_limit_kw[t], cost)
            lent, lent_back = lp.column(0.0, INF), lp.column(0.0, INF)
            lp.row(-INF, [(forth, 1.0), (back, -1.0), (lent, 1.0)], link.limit_kw[t])
            lp.row(-INF, [(back, 1.0), (forth, -1.0), (lent_back, 1.0)], link.back_limit_kw[t])
            self.balance[link.from_area, t] += [(forth, -1.0), (back, arrives)]
            self.balance[link.to_area, t] += [(forth, arrives), (back, -1.0)]
            self.headroom[link.from_area, t] += [(lent, -1.0), (lent_back, arrives)]
            self.headroom[link.to_area, t] += [(lent, arrives), (lent_back, -1.0)]

    def _cap(self, cap: object) -> None:
        excess = self.lp.column(0.0, INF, cap.excess_usd_per_kg)
        terms = [(excess, -1.0)]
        for unit in self.case.units:
            if not cap.areas or unit.area in cap.areas:
                rate = unit.emission_kg_per_fuel.get(cap.pollutant, 0.0)
                burnt = self.burnt[unit.id][cap.first : cap.end]
                terms += [(c, rate * v) for part in burnt for c, v in part]
        self.lp.row(-INF, terms, cap.limit_kg)

    def _area(self, area: object) -> None:
        lp, hour = self.lp, self.hour
        for t in range(self.count):
            bought = lp.column(
                0.0, area.import_limit_kw[t], area.import_price_usd_per_kwh[t] * hour
            )
            sold = lp.column(0.0, area.export_limit_kw[t], -area.export_price_usd_per_kwh[t] * hour)
            value = area.unserved_cost_usd_per_kwh * hour
            unserved = lp.column(0.0, max(area.demand_kw[t], 0.0), value)
            surplus = lp.column(0.0, INF, value)
            terms = [(bought, 1.0), (sold, -1.0), (unserved, 1.0), (surplus, -1.0)]
            terms += self.balance[area.id, t]
            lp.row(area.demand_kw[t], terms, area.demand_kw[t])
            short = lp.column(0.0, INF, 0.2 * value)
            terms = [(bought, -1.0), (sold, 1.0), (short, 1.0), (self.largest[area.id, t], -1.0)]
            terms += self.headroom[area.id, t]
            lp.row(area.reserve_kw[t] - area.import_limit_kw[t], terms, INF)

    def optimum_usd(self) -> float:
        """The least cost, or infinity when no unit's sequence is legal."""
        case, count = self.case, self.count
        every = list(itertools.product((0, 1), repeat=count))
        choices = [[on for on in every if legal(unit, on, case.step_s)] for unit in case.units]
        solver = self.lp.solver()
        best = math.inf
        columns = np.array(self.fixed, dtype=np.int32)
        for chosen in itertools.product(*choices):
            usd, values = 0.0, []
            for unit, on in zip(case.units, chosen, strict=True):
                ups = started(unit, on)
                downs = [int(a > b) for a, b in itertools.pairwise([int(unit.initial_on), *on])]
                values += [*on, *ups, *downs]
                usd += starts_usd(unit, on, case.step_s)
                if unit.must_run:
                    first = earliest(unit, case.step_s)
                    share = 0.5 * self.values[unit.area] * self.hour
                    usd += share * sum(
                        unit.max_kw[t]
                        for t in range(first, count)
                        if not on[t]
                        and not any(one.first <= t < one.end for one in unit.maintenance)
                    )
            at = np.array(values, dtype=float)
            if len(columns):
                solver.changeColsBounds(len(columns), columns, at, at)
            solver.run()
            if solver.getModelStatus() == highspy.HighsModelStatus.kOptimal:
                best = min(best, usd + solver.getInfo().objective_function_value)
        return best
