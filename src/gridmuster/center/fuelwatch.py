"""Watches tanks: fuel that goes without the engine, and orders of fuel that are due.

What should be in a tank is its level at a mark, less what the fuel curve says the engine burnt
since. A refill, or any level above that, makes a new mark. What is missing beyond the gauge's and
the curve's tolerance was taken or leaks (`domain.md` section 5: up to 30 % of the energy cost in
places; level drop with the engine off, or faster than the curve).
"""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct, field

from gridmuster.clock import iso
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.model import Site
from gridmuster.fleet.operation import instant_ms
from gridmuster.programs.refuel import advise
from gridmuster.safety.fuel import fuel_floor, fuel_rate
from gridmuster.signals import DeviceReading, DeviceState
from gridmuster.units import MS_PER_HOUR, Fuel

#: A gauge is believed to this share of the tank.
GAUGE_SHARE: Final = 0.02
#: Engines burn up to this much more than their curve says: wear, heat, altitude.
CURVE_SHARE: Final = 0.1
#: Readings further apart leave open at what load the engine ran between them, ms.
MOST_GAP_MS: Final = 60_000
#: A loss faster than this share of the tank an hour is more like theft than like a leak.
THEFT_SHARE_PER_H: Final = 0.05
#: Over what time the burn of late is averaged, h.
LATELY_H: Final = 7 * 24.0
#: A burn is at least a mean over so long, h: one run is no habit.
LEAST_H: Final = 24.0
#: States in which an engine burns fuel.
BURNING: Final = frozenset(
    {DeviceState.STARTING, DeviceState.WARMING, DeviceState.RUNNING, DeviceState.COOLING}
)


class TankMemory(Struct):
    """What is known of one tank; levels and amounts in l or m3.

    ``mark`` is the level at ``mark_ms``, ``burnt`` what the curve says of the time since.
    ``lost_from_ms`` is when the level was last as expected. ``smooth_per_h`` is the burn, fading
    with time, and ``since_ms`` when it was first seen.
    """

    mark: float
    mark_ms: int
    level: float
    at_ms: int
    run_h: float | None = None
    power_kw: float = 0.0
    burning: bool = False
    burnt: float = 0.0
    smooth_per_h: float = 0.0
    lost_from_ms: int = 0
    since_ms: int = 0

    @property
    def burn_per_h(self) -> float:
        """Mean burn of late, over a day at least, l/h or m3/h."""
        seen_h = max((self.at_ms - self.since_ms) / MS_PER_HOUR, LEAST_H)
        return self.smooth_per_h / -math.expm1(-seen_h / LATELY_H)


class FuelLoss(Struct, frozen=True):
    """Fuel that is missing from a tank, with the evidence.

    ``lost`` is what is missing since ``since_ms``, the last time the level was as expected;
    ``burnt`` what the curve allows for since the mark.
    """

    lost: float
    mark: float
    level: float
    burnt: float
    since_ms: int
    hours: float

    @property
    def engine_off(self) -> bool:
        """Whether the engine stood still all that time."""
        return self.burnt <= 0.0


class FuelOrder(Struct, frozen=True):
    """An order of fuel: how much, and by when; ``spare`` is what is above the site's reserve."""

    amount: float
    by_ms: int
    spare: float
    floor: float
    burn_per_h: float
    coming: float


class FuelBook(Struct):
    """Tanks by device id; plain data for the checkpoint."""

    tanks: dict[str, TankMemory] = field(default_factory=dict)

    def note(self, at_ms: int, reading: DeviceReading, device: Generator) -> None:
        """Take a reading of an engine with a tank.

        Args:
            at_ms: when it arrived, ms.
            reading: the engine's newest reading; without a level it says nothing.
            device: the engine.
        """
        level = reading.fuel_level
        if device.tank is None or level is None:
            return
        burning = reading.state in BURNING
        known = self.tanks.get(device.id)
        if known is None:
            known = self.tanks[device.id] = TankMemory(level, at_ms, level, at_ms)
            known.lost_from_ms = known.since_ms = at_ms
        elif at_ms > known.at_ms:
            burnt = _burnt(known, at_ms, reading, device)
            hours = (at_ms - known.at_ms) / MS_PER_HOUR
            fade = math.exp(-hours / LATELY_H)
            known.smooth_per_h = known.smooth_per_h * fade + burnt / LATELY_H
            known.burnt += burnt
        gauge = GAUGE_SHARE * device.tank.capacity
        missing = known.mark - known.burnt - level
        if missing <= 0.0:
            known.mark, known.mark_ms, known.burnt = level, at_ms, 0.0
        if missing <= gauge / 2.0:
            known.lost_from_ms = at_ms
        known.level, known.at_ms = level, at_ms
        known.run_h, known.power_kw, known.burning = reading.run_h, reading.power_kw, burning

    def loss(self, device: Generator) -> FuelLoss | None:
        """Fuel that is missing beyond the tolerance; None: all is as it should be.

        Args:
            device: the engine whose tank it is.
        """
        known = self.tanks.get(device.id)
        if known is None or device.tank is None:
            return None
        lost = known.mark - known.burnt - known.level
        if lost <= GAUGE_SHARE * device.tank.capacity + CURVE_SHARE * known.burnt:
            return None
        hours = max(known.at_ms - known.lost_from_ms, 0) / MS_PER_HOUR
        return FuelLoss(lost, known.mark, known.level, known.burnt, known.lost_from_ms, hours)

    def order(self, device: Generator, site: Site, now_ms: int) -> FuelOrder | None:
        """An order that is due: what is spare would not last until it comes; None: not yet.

        Deliveries that the fleet file tells of count when they come within the lead time.

        Args:
            device: the engine.
            site: where it stands.
            now_ms: now, ms.
        """
        known, tank = self.tanks.get(device.id), device.tank
        if known is None or tank is None:
            return None
        lead_h, floor = site.delivery_lead_h, fuel_floor(site, device)
        coming = _coming(device, now_ms, now_ms + int(lead_h * MS_PER_HOUR))
        found = advise(known.level + coming, floor, tank.capacity, known.burn_per_h, lead_h)
        if found is None or known.level + coming >= tank.capacity:
            return None
        left_h = math.inf
        if found.spare <= 0.0:
            left_h = 0.0
        elif known.burn_per_h > 0.0:
            left_h = found.spare / known.burn_per_h
        by_ms = now_ms + int(max(min(left_h, 8760.0) - lead_h, 0.0) * MS_PER_HOUR)
        return FuelOrder(found.amount, by_ms, found.spare, floor, known.burn_per_h, coming)


def _burnt(known: TankMemory, at_ms: int, reading: DeviceReading, device: Generator) -> float:
    """What the curve says was burnt since the last reading; in a gap the most it can be."""
    passed_ms = at_ms - known.at_ms
    hours = passed_ms / MS_PER_HOUR
    if passed_ms > MOST_GAP_MS:
        ran_h = hours
        if reading.run_h is not None and known.run_h is not None:
            ran_h = min(max(reading.run_h - known.run_h, 0.0), hours)
        elif not (known.burning or reading.state in BURNING):
            ran_h = 0.0
        return fuel_rate(device, device.rated_kw) * ran_h
    if not (known.burning or reading.state in BURNING):
        return 0.0
    return fuel_rate(device, max(known.power_kw, reading.power_kw, 0.0)) * hours


def _coming(device: Generator, from_ms: int, until_ms: int) -> float:
    """Fuel that the file says comes in some time, l or m3."""
    found = 0.0
    for one in device.operation.deliveries:
        at_ms = instant_ms(one.at)
        if at_ms is not None and from_ms < at_ms <= until_ms:
            found += one.amount
    return found


def loss_text(found: FuelLoss, device: Generator) -> tuple[str, str]:
    """What is missing and the evidence for it, and what to do.

    Args:
        found: the loss.
        device: the engine.
    """
    unit = unit_of(device)
    assert device.tank is not None
    when = f"since {iso(found.since_ms)}"
    if found.engine_off:
        how = (
            f"the level fell from {found.mark:.0f} to {found.level:.0f} {unit} with the engine off"
        )
    else:
        how = (
            f"the level fell by {found.mark - found.level:.0f} {unit}, the fuel curve allows "
            f"{found.burnt:.0f} {unit}"
        )
    fast = found.lost > THEFT_SHARE_PER_H * device.tank.capacity * max(found.hours, 1e-9)
    kind = "as quick as theft" if fast else "as slow as a leak"
    return (
        f"{found.lost:.0f} {unit} of fuel are missing {when}: {how}; {kind}",
        "look at tank, lines and lock at the site; the alarm ends with the next refill",
    )


def order_text(found: FuelOrder, device: Generator, site: Site, now_ms: int) -> tuple[str, str]:
    """Why fuel is to be ordered, and how much by when.

    Args:
        found: the order.
        device: the engine.
        site: where it stands.
        now_ms: now, ms.
    """
    unit = unit_of(device)
    kept = f"{found.floor:.0f} {unit} kept for {site.autonomy_h:g} h of backup and the sump"
    if found.spare < 0.0:
        why = f"{-found.spare:.0f} {unit} below the {kept}: the promise is not covered"
    else:
        why = (
            f"{found.spare:.0f} {unit} above the {kept}; {found.burn_per_h * 24.0:.1f} {unit} a "
            f"day lately and {site.delivery_lead_h:g} h until a delivery"
        )
    if found.coming > 0.0:
        why += f", {found.coming:.0f} {unit} on their way counted"
    when = "now" if found.by_ms <= now_ms else f"by {iso(found.by_ms)}"
    return why, f"order {found.amount:.0f} {unit} {when}"


def unit_of(device: Generator) -> str:
    """The unit in which an engine's fuel is counted."""
    return "m3" if device.fuel in (Fuel.NATURAL_GAS, Fuel.HYDROGEN) else "l"
