"""How much fuel must stay in a tank for the site's own backup (invariant 3)."""

from __future__ import annotations

from gridmuster.fleet.devices import Generator
from gridmuster.fleet.model import Site


def fuel_rate(device: Generator, power_kw: float) -> float:
    """Fuel rate at an output, straight between the points of the device's own chart.

    Unlike the planner's convex curve this never lies below the chart, because a reserve must not
    be too small. Below the first and above the last point the nearest segment goes on.

    Args:
        device: the generator.
        power_kw: output, kW; below zero counts as zero.

    Returns:
        Fuel rate, l/h or m3/h, never below zero.
    """
    load = max(power_kw, 0.0) / device.rated_kw
    curve = device.fuel_curve
    k = 1
    while k < len(curve) - 1 and load > curve[k].load_fraction:
        k += 1
    low, high = curve[k - 1], curve[k]
    width = high.load_fraction - low.load_fraction
    if width <= 0.0:
        return max(low.fuel_per_h, high.fuel_per_h)
    slope = (high.fuel_per_h - low.fuel_per_h) / width
    return max(low.fuel_per_h + slope * (load - low.load_fraction), 0.0)


def fuel_floor(site: Site, device: Generator) -> float:
    """Fuel level below which an engine is not dispatched: autonomy x backup fuel rate + sump.

    Only a set that can hold the site's load on its own keeps a reserve for it; every tank keeps
    its sump. With several sets at a site each keeps the full reserve, since any may be the one
    that starts.

    Args:
        site: where the device stands, with its promise of autonomy, h, and its load, kW.
        device: the generator; without a tank (pipeline) the floor is zero.

    Returns:
        Fuel that stays, l or m3.
    """
    if device.tank is None:
        return 0.0
    sump = device.tank.sump_fraction * device.tank.capacity
    if not device.grid_forming or site.autonomy_h <= 0.0 or site.backup_load_kw <= 0.0:
        return sump
    load_kw = min(site.backup_load_kw, device.rated_kw)
    return site.autonomy_h * fuel_rate(device, load_kw) + sump
