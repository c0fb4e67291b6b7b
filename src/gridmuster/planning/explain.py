"""Why a plan has a device as it has it in an interval: price, cost, limits, the next best.

Everything is reckoned from the question and the answer alone, so that any plan can be explained,
whoever made it. `planning.reasons` holds the results, `planning.phrases` puts them into words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from msgspec import structs

from gridmuster.errors import PlanningError
from gridmuster.planning import phrases
from gridmuster.planning.limits import area_limits, store_limits, unit_limits
from gridmuster.planning.merit import TINY, AreaPicture, Offer, Source, energy_usd_per_h, taken
from gridmuster.planning.objectives import costs, describe
from gridmuster.planning.prepare import Group, singles
from gridmuster.planning.problem import PlanProblem, PlanSolution, Shortfall
from gridmuster.planning.reasons import (
    Alternative,
    LimitKind,
    NotPlanned,
    RenewableWhy,
    Run,
    StoreWhy,
    UnitWhy,
    Verdict,
    Why,
)
from gridmuster.planning.runs import (
    Best,
    Gap,
    best_output,
    best_run,
    run_in_plan,
    span,
    spread_usd_per_kwh,
)
from gridmuster.units import MS_PER_S

#: Money below this decides nothing, USD.
NO_MONEY_USD = 1e-4
#: Price differences below this are none, USD/kWh; plans round prices to a millionth.
NO_PRICE_USD_PER_KWH = 2e-6
#: How many alternatives are named.
OTHERS = 4
UNITS = (Source.SPARE_UNIT, Source.IDLE_UNIT)


class Explainer:
    """Answers why for one plan; safe to ask from several threads.

    Args:
        problem: the question.
        solution: the answer.
        when: says the instant at which an interval starts (or the plan ends) in words.

    Raises:
        PlanningError: when the answer is to another question.
    """

    def __init__(
        self,
        problem: PlanProblem,
        solution: PlanSolution,
        when: Callable[[int], str] | None = None,
    ) -> None:
        if (problem.start_ms, problem.step_s, problem.count) != (
            solution.start_ms,
            solution.step_s,
            solution.count,
        ):
            raise PlanningError(
                f"plan {solution.problem_id} has other intervals than problem {problem.id}"
            )
        self.problem, self.solution = problem, solution
        self._when = when or (lambda interval: f"interval {interval}")
        self._costs = costs(problem)
        self._areas = {area.id: number for number, area in enumerate(problem.areas)}
        self._units = {unit.id: number for number, unit in enumerate(problem.units)}
        self._stores = {store.id: number for number, store in enumerate(problem.stores)}
        self._renewables = {one.id: number for number, one in enumerate(problem.renewables)}
        self._pictures: dict[str, AreaPicture] = {}

    def why(self, device: str, interval: int) -> Why:
        """Why a device does what it does in an interval.

        Args:
            device: its id.
            interval: number of the interval.

        Raises:
            PlanningError: when the plan has no such interval.
        """
        if not 0 <= interval < self.problem.count:
            raise PlanningError(
                f"interval {interval} is not in the plan's {self.problem.count} intervals"
            )
        if device in self._units:
            return self._unit(self._units[device], interval)
        if device in self._stores:
            return self._store(self._stores[device], interval)
        if device in self._renewables:
            return self._renewable(self._renewables[device], interval)
        why = NotPlanned(device, interval, self._at_ms(interval))
        return structs.replace(why, sentences=phrases.not_planned(why))

    def _at_ms(self, interval: int) -> int:
        return self.problem.start_ms + interval * self.problem.step_s * MS_PER_S

    def picture(self, area: str) -> AreaPicture:
        """An area of the plan as arrays, by its id."""
        picture = self._pictures.get(area)
        if picture is None:
            number = self._areas[area]
            picture = AreaPicture(self.problem, self._costs, self.solution, number)
            self._pictures[area] = picture
        return picture

    def _shortfalls(self, device: str, area: str, interval: int) -> list[Shortfall]:
        return [
            one
            for one in self.solution.shortfalls
            if one.interval == interval and one.where in (device, area)
        ]

    def _words(self, device: str, area: str) -> phrases.Words:
        weights = self.problem.objectives.get(
            device, self.problem.objectives.get(area, self.problem.weights)
        )
        return phrases.Words(self._when, describe(weights), self.solution)

    def _group(self, number: int) -> Group:
        unit = self.problem.units[number]
        alone = structs.replace(self.problem, units=[unit])
        return singles(alone, replace(self._costs, units=(self._costs.units[number],)))[0]

    def _unit(self, number: int, t: int) -> UnitWhy:
        unit, picture = self.problem.units[number], self.picture(self.problem.units[number].area)
        group, own = self._group(number), self._costs.units[number]
        row = picture.row[number]
        on = bool(picture.on[row, t])
        best = best_output(unit, own, group, picture.price)
        run = self._run(number, t, picture, group, best)
        output = float(picture.power[row, t] if on else best.output_kw[t])
        if output <= TINY:
            output = float(group.max_kw[t])
        energy = energy_usd_per_h(unit, own.segment_usd_per_kwh, output)
        spread = spread_usd_per_kwh(run)
        hourly = own.hourly_usd + energy
        cost = hourly / output + spread if output > TINY else 0.0
        offers = picture.more(t, output, _lasts_h(run, output), number)
        others = [_alternative(offer, cost) for offer in offers]
        why = UnitWhy(
            device=unit.id,
            device_type=unit.device_type,
            area=unit.area,
            interval=t,
            at_ms=self._at_ms(t),
            verdict=Verdict.WHOLE_PLAN,
            on=on,
            starts=on and not (picture.on[row, t - 1] if t else unit.initial_on),
            power_kw=float(picture.power[row, t]),
            output_kw=output,
            price_usd_per_kwh=float(picture.price[t]),
            no_load_usd_per_h=own.hourly_usd,
            energy_usd_per_h=energy,
            start_usd=own.start_usd,
            start_usd_per_kwh=spread,
            cost_usd_per_kwh=cost,
            margin_usd_per_h=float(picture.price[t]) * output - hourly,
            run=run,
            missing_kw=0.0,
            instead_usd_per_h=None,
            limits=unit_limits(picture, group, number, t) + area_limits(picture, t),
            next_best=next((one for one in others if one.source in UNITS), None),
            others=others[:OTHERS],
            shortfalls=self._shortfalls(unit.id, unit.area, t),
        )
        why = (
            self._why_on(why, number, picture, offers)
            if on
            else self._why_off(why, number, picture, group, best)
        )
        return structs.replace(why, sentences=phrases.unit(why, self._words(unit.id, unit.area)))

    def _run(
        self, number: int, t: int, picture: AreaPicture, group: Group, best: Best
    ) -> Run | None:
        unit, own, row = self.problem.units[number], self._costs.units[number], picture.row[number]
        on, power = picture.on[row], picture.power[row]
        if on[t]:
            return run_in_plan(unit, own, on, power, picture.price, t, picture.step_h)
        return best_run(
            self._gap(number, t, picture), best, group, t, picture.step_h, resting=False
        )

    def _gap(self, number: int, t: int, picture: AreaPicture) -> Gap:
        first, end = span(picture.on[picture.row[number]], t)
        before = first > 0 or self.problem.units[number].initial_on
        return Gap(first, end, before, end < self.problem.count, self.problem.count)

    def _why_on(
        self, why: UnitWhy, number: int, picture: AreaPicture, offers: list[Offer]
    ) -> UnitWhy:
        """The first reason that holds for being on, the plainest first."""
        t, run = why.interval, why.run
        instead, left = taken(offers, why.power_kw)
        why = structs.replace(why, instead_usd_per_h=instead if left <= 0.0 else None)
        kinds = {limit.kind for limit in why.limits}
        if run is not None and run.margin_usd >= -NO_MONEY_USD:
            return structs.replace(why, verdict=Verdict.EARNS)
        if LimitKind.MUST_RUN in kinds:
            return structs.replace(why, verdict=Verdict.MUST_RUN)
        if LimitKind.MIN_UP in kinds and run is not None and run.first == 0 and not run.start_usd:
            return structs.replace(why, verdict=Verdict.HELD_ON)
        missing = float(picture.missing_without(number)[t])
        if missing > TINY:
            return structs.replace(why, verdict=Verdict.NEEDED, missing_kw=missing)
        had = float(picture.reserve_missing_without(None)[t])
        missing = float(picture.reserve_missing_without(number)[t]) - had
        if missing > TINY:
            return structs.replace(why, verdict=Verdict.RESERVE, missing_kw=missing)
        if why.instead_usd_per_h is not None and why.power_kw > TINY:
            own = why.cost_usd_per_kwh * why.power_kw
            if why.instead_usd_per_h >= own - NO_MONEY_USD:
                return structs.replace(why, verdict=Verdict.CHEAPEST_WAY)
        if LimitKind.MIN_UP in kinds:
            return structs.replace(why, verdict=Verdict.HELD_ON)
        return why

    def _why_off(
        self, why: UnitWhy, number: int, picture: AreaPicture, group: Group, best: Best
    ) -> UnitWhy:
        """The first reason that holds for being off, the plainest first."""
        t = why.interval
        kinds = {limit.kind for limit in why.limits}
        if not group.allowed[t]:
            return structs.replace(why, verdict=Verdict.NOT_ALLOWED)
        if why.run is not None and why.run.margin_usd <= NO_MONEY_USD:
            return structs.replace(why, verdict=Verdict.OUT_OF_MONEY)
        gap = self._gap(number, t, picture)
        rested = best_run(gap, best, group, t, picture.step_h, resting=True)
        if rested is None or rested.margin_usd <= NO_MONEY_USD:
            return structs.replace(why, verdict=Verdict.HELD_OFF)
        if kinds & {LimitKind.HOURS, LimitKind.FUEL, LimitKind.STARTS}:
            return structs.replace(why, verdict=Verdict.USED_UP)
        saved = self._room(number, t, picture, group)
        if saved is None:
            return why
        output, instead = saved
        hourly = why.no_load_usd_per_h + energy_usd_per_h(
            self.problem.units[number], self._costs.units[number].segment_usd_per_kwh, output
        )
        if instead is None or instead - hourly <= NO_MONEY_USD:
            cost = hourly / output + why.start_usd_per_kwh
            offers = picture.more(t, output, _lasts_h(why.run, output), number)
            others = [_alternative(offer, cost) for offer in offers]
            return structs.replace(
                why,
                verdict=Verdict.NO_ROOM,
                output_kw=output,
                energy_usd_per_h=hourly - why.no_load_usd_per_h,
                cost_usd_per_kwh=cost,
                margin_usd_per_h=why.price_usd_per_kwh * output - hourly,
                instead_usd_per_h=instead,
                next_best=next((one for one in others if one.source in UNITS), None),
                others=others[:OTHERS],
            )
        return why

    def _room(
        self, number: int, t: int, picture: AreaPicture, group: Group
    ) -> tuple[float, float | None] | None:
        """(output, kW; what the others would save an hour by making room for it) at its best.

        The saving is None when the others cannot make room even for the least output.
        """
        unit, own = self.problem.units[number], self._costs.units[number]
        low, high = float(group.min_kw[t]), float(group.max_kw[t])
        offers = picture.less(t, number)
        edges = np.cumsum([offer.power_kw for offer in offers])
        outputs = sorted({low, high, *(float(e) for e in edges if low < e < high)} - {0.0})
        found: tuple[float, float, float] | None = None
        for output in outputs:
            saved, left = taken(offers, output)
            if left > TINY:
                continue
            net = saved - energy_usd_per_h(unit, own.segment_usd_per_kwh, output)
            if found is None or net > found[0]:
                found = (net, output, saved)
        if found is not None:
            return found[1], found[2]
        return (outputs[0], None) if outputs else None

    def _store(self, number: int, t: int) -> StoreWhy:
        store = self.problem.stores[number]
        picture = self.picture(store.area)
        power = float(self.solution.power_kw[store.id][t])
        price = float(picture.price[t])
        buys, sells = picture.store_band(number, t)
        values = self.solution.energy_value_usd_per_kwh.get(store.id)
        value = self._costs.stores[number].end_value_usd_per_kwh if values is None else values[t]
        verdict = Verdict.WHOLE_PLAN
        if power > TINY and price >= sells - NO_PRICE_USD_PER_KWH:
            verdict = Verdict.GIVES
        elif power < -TINY and price <= buys + NO_PRICE_USD_PER_KWH:
            verdict = Verdict.TAKES
        elif abs(power) <= TINY and (
            buys - NO_PRICE_USD_PER_KWH <= price <= sells + NO_PRICE_USD_PER_KWH
        ):
            verdict = Verdict.WAITS
        why = StoreWhy(
            device=store.id,
            device_type=store.device_type,
            area=store.area,
            interval=t,
            at_ms=self._at_ms(t),
            verdict=verdict,
            power_kw=power,
            energy_kwh=float(self.solution.energy_kwh[store.id][t]),
            price_usd_per_kwh=price,
            value_usd_per_kwh=value,
            buys_below_usd_per_kwh=buys,
            sells_above_usd_per_kwh=sells,
            limits=store_limits(picture, number, t) + area_limits(picture, t),
            shortfalls=self._shortfalls(store.id, store.area, t),
        )
        words = self._words(store.id, store.area)
        return structs.replace(why, sentences=phrases.store(why, words))

    def _renewable(self, number: int, t: int) -> RenewableWhy:
        one = self.problem.renewables[number]
        picture = self.picture(one.area)
        power, available = float(self.solution.power_kw[one.id][t]), one.available_kw[t]
        verdict = Verdict.USED
        if available <= TINY:
            verdict = Verdict.NOTHING_THERE
        elif power < available - TINY:
            verdict = Verdict.CURTAILED
        why = RenewableWhy(
            device=one.id,
            device_type=one.device_type,
            area=one.area,
            interval=t,
            at_ms=self._at_ms(t),
            verdict=verdict,
            power_kw=power,
            available_kw=available,
            price_usd_per_kwh=float(picture.price[t]),
            cost_usd_per_kwh=self._costs.renewables[number],
            limits=area_limits(picture, t),
            shortfalls=self._shortfalls(one.id, one.area, t),
        )
        words = self._words(one.id, one.area)
        return structs.replace(why, sentences=phrases.renewable(why, words))


def _lasts_h(run: Run | None, output_kw: float) -> float:
    """How long a run lasts at an output, h; so that like units cost alike."""
    return 0.0 if run is None or output_kw <= TINY else run.energy_kwh / output_kw


def _alternative(offer: Offer, cost_usd_per_kwh: float) -> Alternative:
    return Alternative(
        offer.id,
        offer.source,
        offer.power_kw,
        offer.usd_per_kwh,
        offer.usd_per_kwh - cost_usd_per_kwh,
    )


def explain(problem: PlanProblem, solution: PlanSolution, device: str, interval: int) -> Why:
    """Why a plan has a device as it has it in an interval.

    Args:
        problem: the question.
        solution: its answer.
        device: id of a unit, store or renewable.
        interval: number of the interval.

    Raises:
        PlanningError: when the plan has no such interval, or answers another question.
    """
    return Explainer(problem, solution).why(device, interval)
