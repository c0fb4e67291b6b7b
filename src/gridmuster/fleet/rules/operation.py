"""How devices are run: start classes and curves, instants, emissions, hours that cannot be so."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from gridmuster.errors import Fault
from gridmuster.fleet.book import Book
from gridmuster.fleet.clockhours import ClockHours, EnergyWish
from gridmuster.fleet.devices import Generator, Store
from gridmuster.fleet.operation import instant_ms
from gridmuster.fleet.place import Place, shown

WHEN = "an instant with an offset, like 2026-07-15T06:00:00-05:00"


def faults(book: Book) -> Iterator[Fault]:
    """All faults of this kind."""
    for device, place in book.devices:
        if isinstance(device, Generator):
            yield from start_classes(device, place)
            yield from start_curve(device, place)
            yield from deliveries(device, place)
            yield from maintenance(device, place)
            yield from emissions(device, place)
            yield from run_limits(device, place)
        elif isinstance(device, Store):
            yield from energy_wishes(device, place)


def start_classes(device: Generator, place: Place) -> Iterator[Fault]:
    """Classes that do not rise in time, or get cheaper with rest."""
    before_s, before_usd = 0.0, device.start_cost_usd
    for k, one in enumerate(device.operation.start_classes):
        if one.off_s <= before_s:
            yield place.fault(
                *("operation", "start_classes", k, "off_s"),
                value=f"{one.off_s:g} s",
                limit="start classes rise in time off",
                expected=f"more than {before_s:g} s",
            )
        elif one.cost_usd < before_usd:
            yield place.fault(
                *("operation", "start_classes", k, "cost_usd"),
                value=f"{one.cost_usd:g} USD",
                limit="a start after a longer rest is not cheaper",
                expected=f"at least {before_usd:g} USD (start_cost_usd is the hottest start)",
            )
        before_s, before_usd = max(before_s, one.off_s), max(before_usd, one.cost_usd)


def start_curve(device: Generator, place: Place) -> Iterator[Fault]:
    """A start that gives power after it is over, or whose times do not rise."""
    points = device.operation.start_curve
    delay_s = device.start_s + device.sync_s
    for k, (before, one) in enumerate(itertools.pairwise((None, *points))):
        if one is None:
            continue
        if before is not None and one.after_s <= before.after_s:
            yield place.fault(
                *("operation", "start_curve", k, "after_s"),
                value=f"{one.after_s:g} s",
                limit="times rise along the curve",
                expected=f"more than {before.after_s:g} s",
            )
        elif one.after_s > delay_s:
            yield place.fault(
                *("operation", "start_curve", k, "after_s"),
                value=f"{one.after_s:g} s",
                limit=f"it is on {delay_s:g} s after the order (start_s and sync_s)",
                expected=f"at most {delay_s:g} s",
            )


def deliveries(device: Generator, place: Place) -> Iterator[Fault]:
    """Deliveries at no instant, without a tank, or of more than the tank holds."""
    for k, one in enumerate(device.operation.deliveries):
        at = ("operation", "deliveries", k)
        if instant_ms(one.at) is None:
            yield _no_instant(place, (*at, "at"), one.at)
        if device.tank is None:
            yield place.fault(
                *at,
                value=f"{one.amount:g} l or m3",
                limit="the device has no tank to deliver to",
                expected="a tank, or no deliveries",
            )
        elif one.amount > device.tank.capacity:
            yield place.fault(
                *(*at, "amount"),
                value=f"{one.amount:g} l or m3",
                limit=f"the tank holds {device.tank.capacity:g}",
                expected=f"at most {device.tank.capacity:g}",
            )


def maintenance(device: Generator, place: Place) -> Iterator[Fault]:
    """Works at no instant, or that end before they begin."""
    for k, one in enumerate(device.operation.maintenance):
        at = ("operation", "maintenance", k)
        begins, ends = instant_ms(one.begins), instant_ms(one.ends)
        if begins is None:
            yield _no_instant(place, (*at, "begins"), one.begins)
        if ends is None:
            yield _no_instant(place, (*at, "ends"), one.ends)
        elif begins is not None and ends <= begins:
            yield place.fault(
                *(*at, "ends"),
                value=shown(one.ends),
                limit=f"the works begin at {one.begins}",
                expected="an instant after that",
            )


def emissions(device: Generator, place: Place) -> Iterator[Fault]:
    """A pollutant that is there twice."""
    seen: set[str] = set()
    for k, one in enumerate(device.operation.emissions):
        if one.pollutant in seen:
            yield place.fault(
                *("operation", "emissions", k, "pollutant"),
                value=shown(one.pollutant),
                limit="the pollutant is there twice",
                expected="each pollutant once",
            )
        seen.add(one.pollutant)


def run_limits(device: Generator, place: Place) -> Iterator[Fault]:
    """Limits of hours of the day that limit nothing."""
    for k, one in enumerate(device.operation.run_limits):
        if one.run_h is None and one.starts is None:
            yield place.fault(
                *("operation", "run_limits", k),
                value="neither run_h nor starts",
                limit="a limit of some hours limits hours on, or starts",
                expected="run_h, starts or both",
            )


def energy_wishes(device: Store, place: Place) -> Iterator[Fault]:
    """Wishes that wish nothing, that the store's own bounds forbid, or that exclude each other."""
    full = device.energy_capacity_kwh
    for k, one in enumerate(device.energy_wishes):
        if one.min_fraction is None and one.max_fraction is None:
            yield place.fault(
                *("energy_wishes", k),
                value="neither min_fraction nor max_fraction",
                limit="a wish says how much energy at least, or at most",
                expected="min_fraction, max_fraction or both",
            )
        if one.min_fraction is not None and one.min_fraction > device.max_energy_fraction:
            yield place.fault(
                *("energy_wishes", k, "min_fraction"),
                value=shown(one.min_fraction),
                limit=f"the ceiling kept always is {device.max_energy_fraction:g}",
                expected=f"at most {device.max_energy_fraction:g}",
            )
        if one.max_fraction is not None and one.max_fraction * full < device.min_energy_kwh:
            yield place.fault(
                *("energy_wishes", k, "max_fraction"),
                value=shown(one.max_fraction),
                limit=f"{device.min_energy_kwh:g} kWh are kept always",
                expected=f"at least {device.min_energy_kwh / full:g}",
            )
        yield from _excluded(device, place, k, one)


def _excluded(device: Store, place: Place, k: int, one: EnergyWish) -> Iterator[Fault]:
    """A least energy above what another wish allows at most in hours that both have."""
    for number, other in enumerate(device.energy_wishes):
        if one.min_fraction is None or other.max_fraction is None or not _meet(one, other):
            continue
        if one.min_fraction > other.max_fraction:
            yield place.fault(
                *("energy_wishes", k, "min_fraction"),
                value=shown(one.min_fraction),
                limit=f"energy_wishes[{number}] wishes at most {other.max_fraction:g} in some of "
                "these hours",
                expected=f"at most {other.max_fraction:g}",
            )


def _meet(one: ClockHours, other: ClockHours) -> bool:
    """Whether hours of the day have a moment in common, their ends counted."""
    for hours, moment in ((one, other.from_hour), (other, one.from_hour)):
        length = (hours.until_hour - hours.from_hour - 1e-9) % 24.0
        if (moment - hours.from_hour) % 24.0 <= length + 1e-9:
            return True
    return False


def _no_instant(place: Place, parts: tuple[str | int, ...], text: str) -> Fault:
    return place.fault(
        *parts, value=shown(text), limit="that is no instant with an offset", expected=WHEN
    )
