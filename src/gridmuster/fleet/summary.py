"""A fleet in a few tables: what it has, what of it can be delivered, and what is promised."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from gridmuster.fleet.autonomy import held_h
from gridmuster.fleet.devices import (
    PERMIT_CAP_H,
    Device,
    DeviceType,
    Generator,
    PermitClass,
    Store,
)
from gridmuster.fleet.model import Area, EndUser, Fleet, TransferKind
from gridmuster.fleet.profiles import hourly_demand_kw

#: How long firm power must last, h, and with what probability it must be there (`domain.md`).
FIRM_H: Final = 4.0
FIRM_PROBABILITY: Final = 0.99
#: Quantile of the standard normal distribution at `FIRM_PROBABILITY`.
FIRM_DEVIATIONS: Final = 2.3263478740408408
#: Up to this many units the outage table is exact; beyond, the sum is as good as normal.
MOST_EXACT_UNITS: Final = 1000
TABLE_STEPS: Final = 50_000


@dataclass(frozen=True, slots=True)
class AreaSummary:
    """One area: what it draws on a typical day and what stands against it, kW.

    ``controllable_kw`` is what can be called for demand: deliverable generators outside the
    emergency classes, and stores. Limits are None when it is islanded.
    """

    id: str
    sites: int
    devices: int
    end_users: int
    peak_kw: float
    night_kw: float
    import_limit_kw: float | None
    export_limit_kw: float | None
    controllable_kw: float
    store_kwh: float


@dataclass(frozen=True, slots=True)
class TransferSummary:
    """Sites with one kind of transfer arrangement."""

    kind: TransferKind
    sites: int
    backup_load_kw: float
    export_limit_kw: float


@dataclass(frozen=True, slots=True)
class TypeSummary:
    """Devices of one type, kW.

    ``deliverable_kw`` is what the transfer arrangements let through; ``firm_kw`` is what of it is
    there for four hours with 99 % probability, from cold starts and full stores, when units fail
    independently (no sun and no wind counted); ``emergency_kw`` is the deliverable part that only
    an emergency permit covers.
    """

    type: DeviceType
    count: int
    rated_kw: float
    deliverable_kw: float
    firm_kw: float
    emergency_kw: float


@dataclass(frozen=True, slots=True)
class PermitSummary:
    """Engines of one permit class; ``cap_h`` is the class's own, None without one."""

    permit_class: PermitClass
    engines: int
    rated_kw: float
    cap_h: float | None
    mean_used_h: float
    most_used_h: float


@dataclass(frozen=True, slots=True)
class PromiseSummary:
    """Sites with the same promise of autonomy, h, and the shortest that any of them holds.

    None stands for ever (a pipeline).
    """

    autonomy_h: float
    sites: int
    least_held_now_h: float | None
    least_held_full_h: float | None


@dataclass(frozen=True, slots=True)
class FleetSummary:
    """A fleet in a few tables; its ``firm_kw`` is of all devices together, not the types' sum."""

    id: str
    name: str
    objective: str
    sites: int
    devices: int
    end_users: int
    rated_kw: float
    deliverable_kw: float
    firm_kw: float
    areas: tuple[AreaSummary, ...]
    transfers: tuple[TransferSummary, ...]
    types: tuple[TypeSummary, ...]
    permits: tuple[PermitSummary, ...]
    promises: tuple[PromiseSummary, ...]


def summarise(fleet: Fleet) -> FleetSummary:
    """Count and add up a fleet.

    Args:
        fleet: a fleet without faults.
    """
    deliverable = deliverable_kw(fleet)
    devices = fleet.devices
    return FleetSummary(
        id=fleet.id,
        name=fleet.name,
        objective=fleet.objective,
        sites=len(fleet.sites),
        devices=len(devices),
        end_users=len(fleet.end_users),
        rated_kw=sum(device.rated_kw for device in devices),
        deliverable_kw=sum(deliverable.values()),
        firm_kw=firm_kw(_units(devices, deliverable)),
        areas=tuple(_area(fleet, area, deliverable) for area in fleet.areas),
        transfers=tuple(_transfers(fleet)),
        types=tuple(_types(devices, deliverable)),
        permits=tuple(_permits(devices)),
        promises=tuple(_promises(fleet)),
    )


def deliverable_kw(fleet: Fleet) -> dict[str, float]:
    """What each device can give its area, by id, after its site's transfer arrangement.

    Behind a transfer switch engines replace the site's own load at most; everything else at a
    site gives at most the export limit and the own load. A limit is shared in proportion to the
    ratings.

    Args:
        fleet: the fleet.

    Returns:
        kW by device id.
    """
    result: dict[str, float] = {}
    for site in fleet.sites:
        at_site = fleet.devices_of_site[site.id]
        switched = [
            device
            for device in at_site
            if isinstance(device, Generator) and not site.transfer.engine_may_export
        ]
        free = [device for device in at_site if device not in switched]
        limit_kw = site.transfer.export_limit_kw + site.backup_load_kw
        for group, most_kw in ((switched, site.backup_load_kw), (free, limit_kw)):
            rated_kw = sum(device.rated_kw for device in group)
            share = min(1.0, most_kw / rated_kw) if rated_kw else 0.0
            result.update((device.id, share * device.rated_kw) for device in group)
    return result


def _units(devices: Iterable[Device], deliverable: dict[str, float]) -> list[tuple[float, float]]:
    """Power, kW, and the probability that it is there for `FIRM_H`, by device.

    Delivery probability = availability x (1 - fail to start) x exp(-T / MTTF) (`domain.md`).
    """
    units = []
    for device in devices:
        power_kw = deliverable[device.id]
        odds = device.reliability
        probability = odds.availability * math.exp(-FIRM_H / odds.mttf_h)
        if isinstance(device, Store):
            usable_kwh = device.max_energy_kwh - device.min_energy_kwh
            power_kw = min(power_kw, max(0.0, usable_kwh) * device.discharge_efficiency / FIRM_H)
        elif isinstance(device, Generator):
            probability *= 1.0 - odds.fail_to_start
        else:
            continue
        units.append((power_kw, probability))
    return units


def firm_kw(units: Sequence[tuple[float, float]]) -> float:
    """The power that is there with 99 % probability when units fail independently.

    Up to 1,000 units the capacity outage table is convolved on 50,000 steps; beyond, the sum is
    taken as normal.

    Args:
        units: power, kW, and probability of being there, for each.

    Returns:
        kW.
    """
    total_kw = sum(power for power, _ in units)
    if total_kw <= 0.0:
        return 0.0
    if len(units) > MOST_EXACT_UNITS:
        mean_kw = sum(power * p for power, p in units)
        variance = sum(power * power * p * (1.0 - p) for power, p in units)
        return max(0.0, mean_kw - FIRM_DEVIATIONS * math.sqrt(variance))
    step_kw = total_kw / TABLE_STEPS
    # Probability of each amount of lost power, in steps.
    lost = np.zeros(TABLE_STEPS + len(units) + 1)
    lost[0] = 1.0
    for power, p in units:
        steps = round(power / step_kw)
        if steps:
            moved = (1.0 - p) * lost[:-steps]
            lost *= p
            lost[steps:] += moved
    # A little less, because sums that are exactly 99 % come out a bit above or below it.
    enough = int(np.searchsorted(np.cumsum(lost), FIRM_PROBABILITY - 1e-9))
    return max(0.0, total_kw - enough * step_kw)


def _is_emergency(device: Device) -> bool:
    return isinstance(device, Generator) and device.permit.permit_class in (
        PermitClass.EPA_EMERGENCY,
        PermitClass.CALIFORNIA_EMERGENCY,
        PermitClass.UK_BACKUP,
    )


def _area(fleet: Fleet, area: Area, deliverable: dict[str, float]) -> AreaSummary:
    sites = fleet.sites_of_area[area.id]
    devices = [device for site in sites for device in fleet.devices_of_site[site.id]]
    users: list[EndUser] = [user for site in sites for user in fleet.end_users_of_site[site.id]]
    hourly = [kw * (1.0 + area.loss_fraction) for kw in hourly_demand_kw(users)]
    connection = area.connection
    return AreaSummary(
        id=area.id,
        sites=len(sites),
        devices=len(devices),
        end_users=len(users),
        peak_kw=max(hourly),
        night_kw=min(hourly),
        import_limit_kw=connection.import_limit_kw if connection else None,
        export_limit_kw=connection.export_limit_kw if connection else None,
        controllable_kw=sum(
            deliverable[device.id]
            for device in devices
            if isinstance(device, Generator | Store) and not _is_emergency(device)
        ),
        store_kwh=sum(
            device.energy_capacity_kwh for device in devices if isinstance(device, Store)
        ),
    )


def _transfers(fleet: Fleet) -> Iterable[TransferSummary]:
    for kind in TransferKind:
        sites = [site for site in fleet.sites if site.transfer.kind is kind]
        if sites:
            yield TransferSummary(
                kind=kind,
                sites=len(sites),
                backup_load_kw=sum(site.backup_load_kw for site in sites),
                export_limit_kw=sum(site.transfer.export_limit_kw for site in sites),
            )


def _types(devices: Sequence[Device], deliverable: dict[str, float]) -> Iterable[TypeSummary]:
    for kind in DeviceType:
        group = [device for device in devices if device.type is kind]
        if group:
            yield TypeSummary(
                type=kind,
                count=len(group),
                rated_kw=sum(device.rated_kw for device in group),
                deliverable_kw=sum(deliverable[device.id] for device in group),
                firm_kw=firm_kw(_units(group, deliverable)),
                emergency_kw=sum(deliverable[one.id] for one in group if _is_emergency(one)),
            )


def _permits(devices: Sequence[Device]) -> Iterable[PermitSummary]:
    generators = [device for device in devices if isinstance(device, Generator)]
    for permit_class in PermitClass:
        group = [one for one in generators if one.permit.permit_class is permit_class]
        if group:
            used = [one.permit.hours_used_h for one in group]
            yield PermitSummary(
                permit_class=permit_class,
                engines=len(group),
                rated_kw=sum(one.rated_kw for one in group),
                cap_h=PERMIT_CAP_H[permit_class],
                mean_used_h=sum(used) / len(used),
                most_used_h=max(used),
            )


def _promises(fleet: Fleet) -> Iterable[PromiseSummary]:
    held: dict[float, list[tuple[float, float]]] = {}
    for site in fleet.sites:
        if site.autonomy_h > 0.0:
            devices = fleet.devices_of_site[site.id]
            hours = (held_h(site, devices, full=False), held_h(site, devices, full=True))
            held.setdefault(site.autonomy_h, []).append(hours)
    for autonomy_h, pairs in sorted(held.items()):
        now_h, full_h = (min(column) for column in zip(*pairs, strict=True))
        yield PromiseSummary(
            autonomy_h=autonomy_h,
            sites=len(pairs),
            least_held_now_h=now_h if math.isfinite(now_h) else None,
            least_held_full_h=full_h if math.isfinite(full_h) else None,
        )
