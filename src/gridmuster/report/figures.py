"""The report: every figure with its unit in its name. `docs/report.md` has the formulas.

Energies in kWh, money in the fleet's currency (named USD), fuel in litres (liquids) or cubic
metres (gases), times as ISO 8601 in UTC. A figure that has no value (no substitution, no plan)
is None. The order of the fields is the order of the JSON.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct


class FuelFigure(Struct, frozen=True):
    """Fuel used of one kind, its unit (l or m3), its heat (LHV) and what it cost."""

    amount: float
    unit: str
    energy_kwh: float
    usd: float


class Money(Struct, frozen=True):
    """The parts of the operating expense; sales count against it."""

    fuel_usd: float = 0.0
    start_usd: float = 0.0
    om_usd: float = 0.0
    wear_usd: float = 0.0
    purchase_usd: float = 0.0
    sale_usd: float = 0.0
    unserved_usd: float = 0.0

    @property
    def total_usd(self) -> float:
        """Operating expense."""
        return self.own_usd + self.purchase_usd - self.sale_usd + self.unserved_usd

    @property
    def own_usd(self) -> float:
        """What own devices cost: fuel, starts, service and wear."""
        return self.fuel_usd + self.start_usd + self.om_usd + self.wear_usd


class Unserved(Struct, frozen=True):
    """Energy that was not served: what kind, whose, when, how much, why.

    Kinds: ``dead_supply`` (a site's own load), ``dead_area``, ``shed``, ``island``,
    ``import_over_limit``.
    """

    kind: str
    where: str
    area: str
    since: str
    until: str
    kwh: float
    cause: str


class MeterOutage(Struct, frozen=True):
    """A time in which a meter said nothing."""

    end_user: str
    area: str
    since: str
    until: str
    hours: float


class Violation(Struct, frozen=True):
    """A breach of one of the invariants of `domain.md` section 6."""

    invariant: int
    at: str
    subject: str
    text: str


class StoreFigures(Struct, frozen=True):
    """What went through the stores of one type.

    ``losses_kwh`` is what was taken and neither given back nor kept.
    """

    discharged_kwh: float
    charged_kwh: float
    energy_change_kwh: float
    losses_kwh: float
    full_cycles: float


class PlanFigures(Struct, frozen=True):
    """Plans made: how many, how they ended, how long they took, how far from the bound."""

    count: int
    by_status: dict[str, int]
    seconds_p50: float | None
    seconds_p99: float | None
    gap_mean: float | None
    gap_max: float | None


class AreaFigures(Struct, frozen=True):
    """One area's share of the figures."""

    area: str
    demand_kwh: float
    served_kwh: float
    unserved_kwh: float
    generation_kwh: float
    charging_kwh: float
    import_kwh: float
    export_kwh: float
    losses_kwh: float
    losses_model_kwh: float
    money: Money
    operating_expense_usd: float
    lolp: float
    lolp_max: float
    shortfall_kwh: float


class DeviceFigures(Struct, frozen=True):
    """One device's share of the figures; fuel in ``fuel_unit``, empty where it burns none."""

    device: str
    type: str
    site: str
    area: str
    generation_kwh: float
    charging_kwh: float
    fuel: float
    fuel_unit: str
    starts: int
    failed_starts: int
    run_h: float
    hours_by_basis: dict[str, float]
    permit_class: str
    permit_used_h: float | None
    permit_cap_h: float | None
    curtailed_kwh: float
    expense_usd: float
    setpoints: int


class Report(Struct, frozen=True):
    """Everything a journal says of a period, in one place."""

    fleet: str
    currency: str
    software: tuple[str, ...]
    since: str
    until: str
    hours: float
    sessions: int
    cycles: int

    demand_kwh: float
    served_kwh: float
    unserved_kwh: float
    generation_kwh: float
    generation_kwh_by_type: dict[str, float]
    charging_kwh: float
    import_kwh: float
    export_kwh: float
    losses_kwh: float
    losses_model_kwh: float
    curtailed_kwh: float
    demand_estimated_kwh: float

    fuel_by_fuel: dict[str, FuelFigure]
    fuel_l_by_fuel: dict[str, float]
    fuel_m3_by_fuel: dict[str, float]
    starts: int
    failed_starts: int
    starts_by_type: dict[str, int]
    run_h_by_type: dict[str, float]
    stores_by_type: dict[str, StoreFigures]

    substitutions: int
    substitution_seconds_p50: float | None
    substitution_seconds_p99: float | None
    substitution_running_seconds_p50: float | None
    substitution_running_seconds_p99: float | None
    substitutions_not_running: int

    commands: int
    setpoints: int
    acknowledged: int
    refused_by_site: int
    setpoints_refused: int
    expired: int
    unanswered_at_end: int
    done: int
    failed: int
    acknowledge_seconds_p50: float | None
    acknowledge_seconds_p99: float | None
    vetoes: int

    operating_expense_usd: float
    operating_expense: Money
    unpriced_kwh: float
    production_cost_usd_per_kwh: float | None
    efficiency: float | None
    fuel_efficiency: float | None

    lolp: float
    lolp_max: float
    shortfall_kwh: float

    cycle_ms_p50: float | None
    cycle_ms_p99: float | None
    cycle_ms_max: float | None
    missed_cycles: int
    plans: PlanFigures

    permit_hours_by_class: dict[str, dict[str, float]]

    invariant_violations: int
    violations_by_invariant: dict[str, int]
    violations: tuple[Violation, ...]

    unserved: tuple[Unserved, ...]
    outages: int
    outage_h: float
    meter_outages: int
    meter_outage_h: float
    meter_silences: tuple[MeterOutage, ...]
    silent_site_h: float
    alarms_by_kind: dict[str, int]
    late_messages: int
    malformed_messages: int
    counter_resets: int
    counter_jumps: int

    areas: tuple[AreaFigures, ...]
    devices: tuple[DeviceFigures, ...]


def encode_report(report: Report, *, devices: bool = True) -> str:
    """The report as JSON, keys in a fixed order.

    Args:
        report: the report.
        devices: with the breakdown by device, which is the longest part.
    """
    fields = msgspec.to_builtins(report)
    if not devices:
        del fields["devices"]
    return msgspec.json.format(msgspec.json.encode(fields), indent=2).decode()
