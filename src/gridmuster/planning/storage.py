"""Stores: energy carried on, one-way efficiencies, floors, end wishes, no burning of energy.

    e(t) = (1 - self_discharge)^h e(t-1) + eta_c c(t) h - d(t) h / eta_d

Wished bounds of the hour are priced by the worst breach, like a wished end, and a little by each,
so that a wish that holds for long is not worth more than serving demand.

Charging and discharging at once only pays where energy is worth less than nothing; there (and
where a solution shows it) a binary forbids it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.planning.linear import INF, Floats, Ints, LinearModel
from gridmuster.planning.objectives import STORE_END_SHARE, STORE_FLOOR_SHARE, StoreCosts
from gridmuster.planning.problem import PlanStore

#: Share of a store by which its floor may be missed without binaries.
HAIR = 1e-3


@dataclass(frozen=True, slots=True)
class StoreColumns:
    """Columns of one store and its energy rows.

    ``floor`` is what is missing to the floor. Where the store may be below it (``doubtful``),
    ``full`` is 1 when it is not.
    """

    charge: Ints
    discharge: Ints
    energy: Ints
    floor: Ints | None
    end: Ints
    hour: Ints | None
    energy_rows: Ints
    lowest: Floats
    doubtful: Ints
    full: Ints


def held_share(store: PlanStore, step_h: float) -> float:
    """Share of its energy that a store keeps over one interval."""
    return float((1.0 - store.self_discharge_per_h) ** step_h)


def lowest_kwh(store: PlanStore, count: int, step_h: float) -> Floats:
    """Least energy at the end of each interval: the floor, or what is left when untouched.

    Nothing forces a store up to its floor if nothing can.
    """
    held = held_share(store, step_h) ** np.arange(1, count + 1)
    first = min(store.initial_energy_kwh, store.max_energy_kwh)
    return np.asarray(np.minimum(store.min_energy_kwh, first * held))


def add_store(
    model: LinearModel, store: PlanStore, costs: StoreCosts, step_h: float, unserved_usd: float
) -> StoreColumns:
    """Columns and rows of one store."""
    count = len(store.charge_kw)
    charge = model.columns(count, 0.0, store.charge_kw, costs.charge_usd_per_kwh * step_h)
    discharge = model.columns(count, 0.0, store.discharge_kw, costs.discharge_usd_per_kwh * step_h)
    lowest = lowest_kwh(store, count, step_h)
    worth = np.zeros(count)
    worth[-1] = -costs.end_value_usd_per_kwh
    energy = model.columns(count, lowest, store.max_energy_kwh, worth)
    before = np.zeros(count)
    held = held_share(store, step_h)
    before[0] = held * min(store.initial_energy_kwh, store.max_energy_kwh)
    rows = model.rows(count, before, before)
    model.entries(rows, energy, 1.0)
    model.entries(rows[1:], energy[:-1], -held)
    model.entries(rows, charge, -store.charge_efficiency * step_h)
    model.entries(rows, discharge, step_h / store.discharge_efficiency)
    floor = None
    doubtful = full = np.zeros(0, dtype=np.int64)
    if (lowest < store.min_energy_kwh).any():
        floor = model.columns(count, 0.0, INF, STORE_FLOOR_SHARE * unserved_usd / count)
        wish = model.rows(count, store.min_energy_kwh, INF)
        model.entries(wish, energy, 1.0)
        model.entries(wish, floor, 1.0)
        doubtful, full = _rest_below_floor(model, store, discharge, energy, lowest)
    end = model.columns(1, 0.0, INF, STORE_END_SHARE * unserved_usd)
    wish = model.rows(1, min(store.end_min_kwh, store.max_energy_kwh), INF)
    model.entries(wish, energy[-1:], 1.0)
    model.entries(wish, end, 1.0)
    hour = _hours(model, store, energy, unserved_usd)
    return StoreColumns(charge, discharge, energy, floor, end, hour, rows, lowest, doubtful, full)


def wished_kwh(store: PlanStore, count: int) -> tuple[Floats, Floats]:
    """(Least, most energy wished at the end of each interval), within what the store can hold."""
    low = np.asarray(store.energy_low_kwh or np.zeros(count), dtype=float)
    high = np.asarray(store.energy_high_kwh or np.full(count, INF), dtype=float)
    return np.minimum(low, store.max_energy_kwh), np.maximum(high, store.min_energy_kwh)


def beyond_wishes(store: PlanStore, energy_kwh: Floats) -> Floats:
    """Energy beyond the wished bounds of the hour, kWh."""
    low, high = wished_kwh(store, len(energy_kwh))
    return np.asarray(np.maximum(np.maximum(low - energy_kwh, energy_kwh - high), 0.0))


def _hours(model: LinearModel, store: PlanStore, energy: Ints, unserved_usd: float) -> Ints | None:
    """Columns of the energy beyond wished bounds, and the worst of them; None without wishes."""
    if not store.energy_low_kwh and not store.energy_high_kwh:
        return None
    count = len(energy)
    low, high = wished_kwh(store, count)
    beyond = model.columns(count, 0.0, INF, STORE_FLOOR_SHARE * unserved_usd / count)
    worst = model.columns(1, 0.0, INF, STORE_END_SHARE * unserved_usd)
    at = np.flatnonzero(low > 0.0)
    rows = model.rows(len(at), low[at], INF)
    model.entries(rows, energy[at], 1.0)
    model.entries(rows, beyond[at], 1.0)
    at = np.flatnonzero(high < store.max_energy_kwh)
    rows = model.rows(len(at), -INF, high[at])
    model.entries(rows, energy[at], 1.0)
    model.entries(rows, beyond[at], -1.0)
    rows = model.rows(count, 0.0, INF)
    model.entries(rows, worst, 1.0)
    model.entries(rows, beyond, -1.0)
    return beyond


def _rest_below_floor(
    model: LinearModel, store: PlanStore, discharge: Ints, energy: Ints, lowest: Floats
) -> tuple[Ints, Ints]:
    """A store below its floor is charged, not drawn: d <= D y, e >= lowest + (floor - lowest) y."""
    gap = store.min_energy_kwh - lowest
    # A floor missed by self-discharge alone, by a hair, needs no binaries.
    where = np.flatnonzero(gap > HAIR * store.max_energy_kwh)
    full = model.columns(len(where), 0.0, 1.0, 0.0, integer=True)
    rows = model.rows(len(where), -INF, 0.0)
    model.entries(rows, discharge[where], 1.0)
    model.entries(rows, full, -np.asarray(store.discharge_kw, dtype=float)[where])
    rows = model.rows(len(where), lowest[where], INF)
    model.entries(rows, energy[where], 1.0)
    model.entries(rows, full, -gap[where])
    return where, full


def add_exclusion(model: LinearModel, store: PlanStore, columns: StoreColumns, where: Ints) -> None:
    """Forbid charging and discharging at once in some intervals: c <= C y, d <= D (1 - y)."""
    charge_kw = np.asarray(store.charge_kw, dtype=float)[where]
    discharge_kw = np.asarray(store.discharge_kw, dtype=float)[where]
    charging = model.columns(len(where), 0.0, 1.0, 0.0, integer=True)
    rows = model.rows(len(where), -INF, 0.0)
    model.entries(rows, columns.charge[where], 1.0)
    model.entries(rows, charging, -charge_kw)
    rows = model.rows(len(where), -INF, discharge_kw)
    model.entries(rows, columns.discharge[where], 1.0)
    model.entries(rows, charging, discharge_kw)
