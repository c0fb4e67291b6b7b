"""Devices as offers: the window each can move in before the next decision, and what it costs.

Windows look ``LOOK_AHEAD_S`` ahead, so that a slow unit is given a target it can reach; stores
offer only what their energy sustains for ``SUSTAIN_H``.
"""

from __future__ import annotations

from dataclasses import dataclass

from gridmuster.dispatch.economic import Offer
from gridmuster.fleet.devices import Generator, Store
from gridmuster.fleet.economics import CostLine, store_hold_h

LOOK_AHEAD_S = 60.0
SUSTAIN_H = 5.0 / 60.0
#: Hours of energy at rated power below which a store rides through but does not carry.
SHORT_STORE_H = 0.5
#: Hours of energy at rated power from which a store may act on a price by itself: three intervals
#: of five minutes, with what a start of an engine takes.
PRICED_STORE_H = 0.25
#: A short store discharges only when the need would otherwise be cut, and refills at any usual
#: price: it is kept for the seconds nobody else can cover.
SHORT_STORE_DISCHARGE_USD_PER_KWH = 1.0
SHORT_STORE_CHARGE_USD_PER_KWH = 0.5
SHORT_STORE_TARGET_FRACTION = 0.8
#: What a device is worth moving off its planned power for, USD/kWh; keeps ties from chattering.
PLAN_INERTIA_USD_PER_KWH = 0.002


@dataclass(frozen=True, slots=True)
class PlannedStore:
    """What the plan wants of a store now.

    Args:
        power_kw: planned power of this interval, kW.
        value_usd_per_kwh: value of one more kWh held at the interval's end.
        held: costs of giving less and of giving more than that power, USD/kWh, where it was chosen
            by itself; None: they follow from the value.
    """

    power_kw: float
    value_usd_per_kwh: float
    held: tuple[float, float] | None = None


def generator_offer(
    device: Generator, cost: CostLine, power_kw: float, limit_kw: float, export: bool
) -> Offer:
    """Offer of a generator that is on.

    Args:
        device: the generator.
        cost: its cost line.
        power_kw: measured power, kW.
        limit_kw: most it can give now: derating, export limit, or its site's own load, kW.
        export: False when it can only carry its own site's load, which then fixes its power.
    """
    if not export:
        return Offer(device.id, limit_kw, ())
    floor_kw = min(device.min_load_fraction * device.rated_kw, limit_kw)
    reach_kw = device.ramp_fraction_per_s * device.rated_kw * LOOK_AHEAD_S
    low_kw = min(max(floor_kw, power_kw - reach_kw), limit_kw)
    high_kw = max(min(limit_kw, power_kw + reach_kw), low_kw)
    segments = []
    edge_kw = 0.0
    for width_kw, price in zip(cost.widths_kw, cost.usd_per_kwh, strict=True):
        from_kw, edge_kw = edge_kw, edge_kw + width_kw
        inside_kw = min(edge_kw, high_kw) - max(from_kw, low_kw)
        if inside_kw > 0.0:
            segments.append((inside_kw, price))
    return Offer(device.id, low_kw, tuple(segments))


def renewable_offer(device_id: str, available_kw: float, cost_usd_per_kwh: float) -> Offer:
    """Offer of sun or wind: anything from nothing to what there is."""
    return Offer(device_id, 0.0, ((max(available_kw, 0.0), cost_usd_per_kwh),))


def store_offer(
    device: Store, energy_kwh: float, limit_kw: float, plan: PlannedStore | None
) -> Offer:
    """Offer of a store.

    Args:
        device: the store.
        energy_kwh: its state of energy, kWh.
        limit_kw: most it may send out now (its rating, its site's export limit), kW.
        plan: what the plan wants; None without a plan.

    Returns:
        A window from charging to discharging. A long store is cheap to hold at its planned power
        and dearer to move off it; a short one waits for scarcity.
    """
    usable_kwh = max(energy_kwh - device.min_energy_kwh, 0.0)
    room_kwh = max(device.max_energy_kwh - energy_kwh, 0.0)
    high_kw = min(limit_kw, usable_kwh * device.discharge_efficiency / SUSTAIN_H)
    low_kw = -min(device.max_charge_kw, room_kwh / device.charge_efficiency / SUSTAIN_H)
    chosen = plan is not None and plan.held is not None
    if store_hold_h(device) < SHORT_STORE_H and not chosen:
        return _short_store_offer(device, energy_kwh, low_kw, high_kw)
    if plan is None:
        return Offer(device.id, 0.0, ((high_kw, SHORT_STORE_DISCHARGE_USD_PER_KWH),))
    planned_kw = min(max(plan.power_kw, low_kw), high_kw)
    if plan.held is not None:
        less, more = plan.held
        return Offer(device.id, low_kw, ((planned_kw - low_kw, less), (high_kw - planned_kw, more)))
    value = max(plan.value_usd_per_kwh, 0.0)
    charge_price = value * device.charge_efficiency
    discharge_price = value / device.discharge_efficiency + device.cycle_cost_usd_per_kwh
    below, above = [], []
    if planned_kw > 0.0:
        below = [(-low_kw, charge_price), (planned_kw, discharge_price - PLAN_INERTIA_USD_PER_KWH)]
        above = [(high_kw - planned_kw, discharge_price + PLAN_INERTIA_USD_PER_KWH)]
    else:
        below = [(planned_kw - low_kw, charge_price - PLAN_INERTIA_USD_PER_KWH)]
        above = [
            (-planned_kw, charge_price + PLAN_INERTIA_USD_PER_KWH),
            (high_kw, discharge_price + PLAN_INERTIA_USD_PER_KWH),
        ]
    return Offer(device.id, low_kw, tuple(below + above))


def _short_store_offer(device: Store, energy_kwh: float, low_kw: float, high_kw: float) -> Offer:
    target_kwh = SHORT_STORE_TARGET_FRACTION * device.max_energy_kwh
    if energy_kwh >= target_kwh:
        low_kw = 0.0
    return Offer(
        device.id,
        low_kw,
        (
            (-low_kw, SHORT_STORE_CHARGE_USD_PER_KWH),
            (max(high_kw, 0.0), SHORT_STORE_DISCHARGE_USD_PER_KWH),
        ),
    )
