"""From the books to the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from gridmuster.clock import iso
from gridmuster.fleet.devices import Permit
from gridmuster.fleet.rules.permits import year_cap_h
from gridmuster.report.books import Books
from gridmuster.report.decisions import FALLBACK, OPTIMAL
from gridmuster.report.figures import (
    AreaFigures,
    DeviceFigures,
    FuelFigure,
    MeterOutage,
    Money,
    PlanFigures,
    Report,
    StoreFigures,
    Unserved,
    Violation,
)
from gridmuster.report.invariants.breaches import Breach
from gridmuster.report.machines import Machine
from gridmuster.signals import Purpose
from gridmuster.units import MS_PER_HOUR, Fuel, fuel_energy_kwh

#: Fuels metered in cubic metres; the others in litres.
GASES: Final = frozenset({Fuel.NATURAL_GAS, Fuel.HYDROGEN})
#: Decimals of energies, fuel and hours; of money; of shares and costs a kWh; of odds.
AMOUNT, USD, SHARE, ODDS = 3, 2, 5, 8


def unit_of(fuel: Fuel) -> str:
    """Unit in which a fuel is metered: l or m3."""
    return "m3" if fuel in GASES else "l"


def cap_h(permit: Permit) -> float | None:
    """Hours a calendar year outside outages that a permit allows, h; None: no cap.

    Of a mean of years it is what the years before leave, as far as the fleet file tells of them.
    """
    own = permit.own_rules
    return year_cap_h(permit, {} if own is None else {own.id: own})


def build(books: Books, breaches: Sequence[Breach], counts: Mapping[int, int]) -> Report:
    """The report of closed books.

    Args:
        books: the books.
        breaches: breaches found, the first of them when there are many.
        counts: how many of each invariant, by its number.
    """
    areas = [_area(books, area) for area in books.unserved_cost]
    machines = list(books.machines.machines.values())
    flows = _Flows(areas)
    return Report(
        **_period(books),
        **_energy(books, machines, flows),
        **_machinery(machines),
        **_substitutions(books),
        **_commands(books),
        **_money(books, areas, machines, flows),
        **_center(books),
        permit_hours_by_class=_permit_hours(machines),
        invariant_violations=sum(counts.values()),
        violations_by_invariant={str(number): counts[number] for number in sorted(counts)},
        violations=tuple(
            Violation(one.invariant, iso(one.at_ms), one.subject, one.text) for one in breaches
        ),
        **_troubles(books),
        areas=tuple(areas),
        devices=tuple(_device(books, machine) for machine in machines),
    )


def _period(books: Books) -> dict[str, Any]:
    return {
        "fleet": books.fleet_id,
        "currency": books.currency,
        "software": tuple(books.software),
        "since": iso(books.first_ms),
        "until": iso(books.now_ms),
        "hours": round(books.spans_ms / MS_PER_HOUR, SHARE),
        "sessions": books.heads,
        "cycles": books.decisions.cycles,
    }


def _energy(books: Books, machines: Sequence[Machine], flows: _Flows) -> dict[str, Any]:
    meters = books.demand.meters.values()
    return {
        "demand_kwh": flows.demand,
        "served_kwh": flows.served,
        "unserved_kwh": flows.unserved,
        "generation_kwh": flows.generation,
        "generation_kwh_by_type": _by_type(machines, lambda m: m.produced.total),
        "charging_kwh": flows.charging,
        "import_kwh": flows.imported,
        "export_kwh": flows.exported,
        "losses_kwh": flows.losses,
        "losses_model_kwh": flows.losses_model,
        "curtailed_kwh": round(sum(m.curtailed_kwh for m in machines), AMOUNT),
        "demand_estimated_kwh": round(sum(meter.estimated_kwh for meter in meters), AMOUNT),
    }


def _machinery(machines: Sequence[Machine]) -> dict[str, Any]:
    fuel = _fuel(machines)
    burners = [machine for machine in machines if machine.generator is not None]
    return {
        "fuel_by_fuel": fuel,
        "fuel_l_by_fuel": {name: f.amount for name, f in fuel.items() if f.unit == "l"},
        "fuel_m3_by_fuel": {name: f.amount for name, f in fuel.items() if f.unit == "m3"},
        "starts": sum(m.starts.total for m in burners),
        "failed_starts": sum(m.failed_starts.total for m in burners),
        "starts_by_type": _counts_by_type(burners),
        "run_h_by_type": _by_type(burners, lambda m: m.hours.total),
        "stores_by_type": _stores(machines),
    }


def _substitutions(books: Books) -> dict[str, Any]:
    decisions = books.decisions
    return {
        "substitutions": decisions.substitutions,
        "substitution_seconds_p50": decisions.to_command_s.quantile(0.5),
        "substitution_seconds_p99": decisions.to_command_s.quantile(0.99),
        "substitution_running_seconds_p50": decisions.to_running_s.quantile(0.5),
        "substitution_running_seconds_p99": decisions.to_running_s.quantile(0.99),
        "substitutions_not_running": decisions.not_running,
    }


def _commands(books: Books) -> dict[str, Any]:
    orders = books.orders
    return {
        "commands": orders.commands,
        "setpoints": orders.setpoints,
        "acknowledged": orders.acknowledged,
        "refused_by_site": orders.refused,
        "setpoints_refused": orders.setpoints_refused,
        "expired": orders.expired,
        "unanswered_at_end": orders.open,
        "done": orders.done,
        "failed": orders.failed,
        "acknowledge_seconds_p50": orders.answer_s.quantile(0.5),
        "acknowledge_seconds_p99": orders.answer_s.quantile(0.99),
        "vetoes": books.decisions.vetoes,
    }


def _money(
    books: Books, areas: Sequence[AreaFigures], machines: Sequence[Machine], flows: _Flows
) -> dict[str, Any]:
    money = _sum_money(area.money for area in areas)
    heat_kwh = sum(figure.energy_kwh for figure in _fuel(machines).values())
    renewable_kwh = sum(m.produced.total for m in machines if m.renewable)
    fuelled_kwh = sum(m.produced.total for m in machines if m.generator is not None)
    stored_kwh = sum(_stored_kwh(machine) for machine in machines)
    put_in_kwh = heat_kwh + renewable_kwh + flows.imported - stored_kwh
    unpriced_kwh = sum(link.unpriced_kwh for link in books.links.links.values())
    return {
        "operating_expense_usd": round(money.total_usd, USD),
        "operating_expense": money,
        "unpriced_kwh": round(unpriced_kwh, AMOUNT),
        "production_cost_usd_per_kwh": _ratio(money.own_usd, fuelled_kwh + renewable_kwh),
        "efficiency": _ratio(flows.served + flows.exported, put_in_kwh),
        "fuel_efficiency": _ratio(fuelled_kwh, heat_kwh),
    }


def _center(books: Books) -> dict[str, Any]:
    decisions = books.decisions
    cycle_ms = decisions.cycle_ms
    return {
        "lolp": round(decisions.lolp.mean, ODDS),
        "lolp_max": round(decisions.lolp.most, ODDS),
        "shortfall_kwh": round(sum(decisions.shortfall_kwh.values()), AMOUNT),
        "cycle_ms_p50": cycle_ms.quantile(0.5),
        "cycle_ms_p99": cycle_ms.quantile(0.99),
        "cycle_ms_max": cycle_ms.most if cycle_ms.count else None,
        "missed_cycles": decisions.missed_cycles,
        "plans": _plans(books),
    }


def _troubles(books: Books) -> dict[str, Any]:
    decisions, demand = books.decisions, books.demand
    supplies = demand.supplies.values()
    return {
        "unserved": _unserved(books),
        "outages": sum(supply.outages for supply in supplies),
        "outage_h": _hours(sum(supply.outage_ms for supply in supplies)),
        "meter_outages": demand.silence_count,
        "meter_outage_h": _hours(demand.silence_ms),
        "meter_silences": _silences(books),
        "silent_site_h": _hours(sum(supply.silent_ms for supply in supplies)),
        "alarms_by_kind": dict(sorted(decisions.alarms.items())),
        "late_messages": decisions.late,
        "malformed_messages": decisions.malformed,
        "counter_resets": _faults(books, "resets"),
        "counter_jumps": _faults(books, "jumps"),
    }


class _Flows:
    """Sums over the areas, kWh, rounded."""

    def __init__(self, areas: Sequence[AreaFigures]) -> None:
        self.demand = round(sum(area.demand_kwh for area in areas), AMOUNT)
        self.served = round(sum(area.served_kwh for area in areas), AMOUNT)
        self.unserved = round(sum(area.unserved_kwh for area in areas), AMOUNT)
        self.generation = round(sum(area.generation_kwh for area in areas), AMOUNT)
        self.charging = round(sum(area.charging_kwh for area in areas), AMOUNT)
        self.imported = round(sum(area.import_kwh for area in areas), AMOUNT)
        self.exported = round(sum(area.export_kwh for area in areas), AMOUNT)
        self.losses = round(sum(area.losses_kwh for area in areas), AMOUNT)
        self.losses_model = round(sum(area.losses_model_kwh for area in areas), AMOUNT)


def _area(books: Books, area: str) -> AreaFigures:
    machines = [m for m in books.machines.machines.values() if _area_of(books, m) == area]
    metered = [m for m in books.demand.meters.values() if m.area == area]
    link = books.links.links.get(area)
    metered_kwh = sum(meter.tally.total for meter in metered)
    generation_kwh = sum(machine.produced.total for machine in machines)
    charging_kwh = sum(machine.absorbed.total for machine in machines)
    import_kwh = link.imported.total if link else 0.0
    export_kwh = link.exported.total if link else 0.0
    unserved_kwh = books.shortages.kwh_by_area.get(area, 0.0)
    demand_kwh = metered_kwh + books.shortages.dark_kwh_by_area.get(area, 0.0)
    money = Money(
        fuel_usd=round(sum(m.fuel_usd for m in machines), USD),
        start_usd=round(sum(m.start_usd for m in machines), USD),
        om_usd=round(sum(m.om_usd for m in machines), USD),
        wear_usd=round(sum(m.wear_usd for m in machines), USD),
        purchase_usd=round(link.purchase_usd, USD) if link else 0.0,
        sale_usd=round(link.sale_usd, USD) if link else 0.0,
        unserved_usd=round(unserved_kwh * books.unserved_cost[area], USD),
    )
    lolp = books.decisions.lolp_by_area.get(area)
    return AreaFigures(
        area=area,
        demand_kwh=round(demand_kwh, AMOUNT),
        served_kwh=round(demand_kwh - unserved_kwh, AMOUNT),
        unserved_kwh=round(unserved_kwh, AMOUNT),
        generation_kwh=round(generation_kwh, AMOUNT),
        charging_kwh=round(charging_kwh, AMOUNT),
        import_kwh=round(import_kwh, AMOUNT),
        export_kwh=round(export_kwh, AMOUNT),
        losses_kwh=round(
            generation_kwh + import_kwh - export_kwh - charging_kwh - metered_kwh, AMOUNT
        ),
        losses_model_kwh=round(books.loss_fraction[area] * metered_kwh, AMOUNT),
        money=money,
        operating_expense_usd=round(money.total_usd, USD),
        lolp=round(lolp.mean, ODDS) if lolp else 0.0,
        lolp_max=round(lolp.most, ODDS) if lolp else 0.0,
        shortfall_kwh=round(books.decisions.shortfall_kwh.get(area, 0.0), AMOUNT),
    )


def _device(books: Books, machine: Machine) -> DeviceFigures:
    device, generator = machine.device, machine.generator
    permit = generator.permit if generator else None
    counted_h = sum(h for b, h in machine.hours_by_basis.items() if b != Purpose.OUTAGE.value)
    expense_usd = machine.fuel_usd + machine.start_usd + machine.om_usd + machine.wear_usd
    return DeviceFigures(
        device=device.id,
        type=device.type.value,
        site=device.site,
        area=_area_of(books, machine),
        generation_kwh=round(machine.produced.total, AMOUNT),
        charging_kwh=round(machine.absorbed.total, AMOUNT),
        fuel=round(machine.fuel.total, AMOUNT),
        fuel_unit=unit_of(generator.fuel) if generator else "",
        starts=machine.starts.total,
        failed_starts=machine.failed_starts.total,
        run_h=round(machine.hours.total, AMOUNT),
        hours_by_basis=_rounded(machine.hours_by_basis),
        permit_class=permit.permit_class.value if permit else "",
        permit_used_h=round(permit.hours_used_h + counted_h, AMOUNT) if permit else None,
        permit_cap_h=cap_h(permit) if permit else None,
        curtailed_kwh=round(machine.curtailed_kwh, AMOUNT),
        expense_usd=round(expense_usd, USD),
        setpoints=machine.commands,
    )


def _area_of(books: Books, machine: Machine) -> str:
    return books.machines.area_of[machine.device.id]


def _fuel(machines: Iterable[Machine]) -> dict[str, FuelFigure]:
    figures: dict[str, FuelFigure] = {}
    for fuel in Fuel:
        burners = [m for m in machines if m.generator is not None and m.generator.fuel is fuel]
        if not burners:
            continue
        amount = sum(m.fuel.total for m in burners)
        figures[fuel.value] = FuelFigure(
            round(amount, AMOUNT),
            unit_of(fuel),
            round(fuel_energy_kwh(fuel, amount), AMOUNT),
            round(sum(m.fuel_usd for m in burners), USD),
        )
    return figures


def _stored_kwh(machine: Machine) -> float:
    if machine.first_energy_kwh is None or machine.last_energy_kwh is None:
        return 0.0
    return machine.last_energy_kwh - machine.first_energy_kwh


def _stores(machines: Iterable[Machine]) -> dict[str, StoreFigures]:
    figures: dict[str, StoreFigures] = {}
    stores = [machine for machine in machines if machine.store is not None]
    for kind in dict.fromkeys(machine.device.type.value for machine in stores):
        of_kind = [machine for machine in stores if machine.device.type.value == kind]
        out_kwh = sum(machine.produced.total for machine in of_kind)
        in_kwh = sum(machine.absorbed.total for machine in of_kind)
        change_kwh = sum(_stored_kwh(machine) for machine in of_kind)
        capacity_kwh = sum(m.store.energy_capacity_kwh for m in of_kind if m.store is not None)
        figures[kind] = StoreFigures(
            round(out_kwh, AMOUNT),
            round(in_kwh, AMOUNT),
            round(change_kwh, AMOUNT),
            round(in_kwh - out_kwh - change_kwh, AMOUNT),
            round(out_kwh / capacity_kwh, AMOUNT) if capacity_kwh else 0.0,
        )
    return figures


def _permit_hours(machines: Iterable[Machine]) -> dict[str, dict[str, float]]:
    """Hours of the period by permit class and what they were run for."""
    hours: dict[str, dict[str, float]] = {}
    for machine in machines:
        if machine.generator is None:
            continue
        of_class = hours.setdefault(machine.generator.permit.permit_class.value, {})
        for basis, run_h in machine.hours_by_basis.items():
            of_class[basis] = of_class.get(basis, 0.0) + run_h
    return {name: _rounded(of_class) for name, of_class in sorted(hours.items())}


def _plans(books: Books) -> PlanFigures:
    decisions = books.decisions
    gap = decisions.plan_gap
    order = [OPTIMAL, *sorted(set(decisions.plans) - {OPTIMAL, FALLBACK}), FALLBACK]
    return PlanFigures(
        decisions.plan_s.count,
        {name: decisions.plans[name] for name in order if decisions.plans[name]},
        decisions.plan_s.quantile(0.5),
        decisions.plan_s.quantile(0.99),
        None if gap.mean is None else round(gap.mean, 6),
        round(gap.most, 6) if gap.count else None,
    )


def _unserved(books: Books) -> tuple[Unserved, ...]:
    return tuple(
        Unserved(
            entry.kind,
            entry.where,
            entry.area,
            iso(entry.from_ms),
            iso(entry.until_ms),
            round(entry.kwh, AMOUNT),
            entry.cause,
        )
        for entry in sorted(books.shortages.entries, key=lambda one: (one.from_ms, one.where))
    )


def _silences(books: Books) -> tuple[MeterOutage, ...]:
    return tuple(
        MeterOutage(
            one.end_user,
            one.area,
            iso(one.from_ms),
            iso(one.until_ms),
            _hours(one.until_ms - one.from_ms),
        )
        for one in books.demand.silences
    )


def _faults(books: Books, kind: str) -> int:
    tallies = [meter.tally for meter in books.demand.meters.values()]
    for machine in books.machines.machines.values():
        tallies += [machine.produced, machine.absorbed, machine.fuel, machine.hours]
    for link in books.links.links.values():
        tallies += [link.imported, link.exported]
    return sum(getattr(tally, kind) for tally in tallies)


def _by_type(machines: Iterable[Machine], value: Callable[[Machine], float]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for machine in machines:
        kind = machine.device.type.value
        sums[kind] = sums.get(kind, 0.0) + value(machine)
    return {kind: round(total, AMOUNT) for kind, total in sorted(sums.items())}


def _counts_by_type(machines: Iterable[Machine]) -> dict[str, int]:
    return {kind: int(n) for kind, n in _by_type(machines, lambda m: m.starts.total).items()}


def _sum_money(parts: Iterable[Money]) -> Money:
    listed = list(parts)
    return Money(
        **{
            name: round(sum(getattr(part, name) for part in listed), USD)
            for name in Money.__struct_fields__
        }
    )


def _ratio(above: float, below: float) -> float | None:
    return round(above / below, SHARE) if below > 0.0 else None


def _hours(span_ms: int) -> float:
    return round(span_ms / MS_PER_HOUR, AMOUNT)


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, AMOUNT) for name, value in sorted(values.items())}
