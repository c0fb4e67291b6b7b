"""The parts of a fleet with the places they were read from: what the checks look at.

Parts that failed their own validation are absent, but their ids are known, so that nothing that
refers to them is called unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Generic, NamedTuple, TypeVar

from gridmuster.fleet.devices import (
    Battery,
    Device,
    DeviceType,
    EmergencyGenerator,
    Engine,
    Flywheel,
    FuelCell,
    Microturbine,
    Photovoltaic,
    Smes,
    WindTurbine,
)
from gridmuster.fleet.devices import Part as FleetPart
from gridmuster.fleet.model import Area, EndUser, Fleet, Site
from gridmuster.fleet.permits import PermitRules
from gridmuster.fleet.place import Place, Source
from gridmuster.fleet.ties import EmissionCap, Link

T = TypeVar("T")

#: The four lists of a fleet, each of which may come from tables.
KINDS: Final = ("areas", "sites", "end_users", "devices")
#: One of each, in words.
KIND_WORDS: Final = {
    "areas": "area",
    "sites": "site",
    "end_users": "end-user",
    "devices": "device",
}
DEVICE_CLASSES: Final[dict[str, type[FleetPart]]] = {
    DeviceType.EMERGENCY_GENERATOR.value: EmergencyGenerator,
    DeviceType.FUEL_CELL.value: FuelCell,
    DeviceType.PHOTOVOLTAIC.value: Photovoltaic,
    DeviceType.ENGINE.value: Engine,
    DeviceType.WIND_TURBINE.value: WindTurbine,
    DeviceType.MICROTURBINE.value: Microturbine,
    DeviceType.BATTERY.value: Battery,
    DeviceType.SMES.value: Smes,
    DeviceType.FLYWHEEL.value: Flywheel,
}


class Entry(NamedTuple, Generic[T]):
    """A part and where it stands."""

    part: T
    place: Place


@dataclass
class Book:
    """All parts of a fleet that are valid by themselves, in the order they were read.

    Args:
        top: where the fleet's own fields stand.
        objective: the fleet's objective; None when it could not be read.
        currency: the fleet's currency; None when it could not be read.
        permit_rules: permit classes of the fleet's own; None when they could not be read.
        links: its links; none when they could not be read.
        emission_caps: its emission caps; none when they could not be read.
        areas: its areas.
        sites: its sites.
        end_users: its end-users.
        devices: its devices.
        ids: by kind, every id that was read, those of invalid parts included.
        unsure: ids of areas and sites of which something is missing because it was invalid.
        unread: kinds of which a list or table could not be read.
    """

    top: Place
    objective: str | None = None
    currency: str | None = None
    permit_rules: tuple[PermitRules, ...] | None = None
    links: tuple[Link, ...] = ()
    emission_caps: tuple[EmissionCap, ...] = ()
    areas: list[Entry[Area]] = field(default_factory=list)
    sites: list[Entry[Site]] = field(default_factory=list)
    end_users: list[Entry[EndUser]] = field(default_factory=list)
    devices: list[Entry[Device]] = field(default_factory=list)
    ids: dict[str, set[str]] = field(default_factory=lambda: {kind: set() for kind in KINDS})
    unsure: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)

    @cached_property
    def area_by_id(self) -> dict[str, Area]:
        """Areas by id."""
        return {entry.part.id: entry.part for entry in self.areas}

    @cached_property
    def site_by_id(self) -> dict[str, Site]:
        """Sites by id."""
        return {entry.part.id: entry.part for entry in self.sites}

    @cached_property
    def sites_of(self) -> dict[str, list[Entry[Site]]]:
        """Sites by area id; areas without sites are absent."""
        return _grouped(self.sites, "area")

    @cached_property
    def devices_of(self) -> dict[str, list[Entry[Device]]]:
        """Devices by site id; sites without devices are absent."""
        return _grouped(self.devices, "site")

    @cached_property
    def end_users_of(self) -> dict[str, list[Entry[EndUser]]]:
        """End-users by site id; sites without end-users are absent."""
        return _grouped(self.end_users, "site")

    def whole(self, site: Site) -> bool:
        """Whether all that was written about a site could be read."""
        return not self.unread and site.id not in self.unsure

    def whole_area(self, area: Area) -> bool:
        """Whether all that was written about an area and its sites could be read."""
        return (
            not self.unread
            and area.id not in self.unsure
            and all(self.whole(entry.part) for entry in self.sites_of.get(area.id, ()))
        )

    def devices_in(self, area_id: str) -> list[Device]:
        """Devices of an area, through its sites."""
        return [
            device.part
            for site in self.sites_of.get(area_id, ())
            for device in self.devices_of.get(site.part.id, ())
        ]

    def end_users_in(self, area_id: str) -> list[EndUser]:
        """End-users of an area, through the sites that read their meters."""
        return [
            user.part
            for site in self.sites_of.get(area_id, ())
            for user in self.end_users_of.get(site.part.id, ())
        ]


def _grouped(entries: Iterable[Any], key: str) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for entry in entries:
        groups.setdefault(getattr(entry.part, key), []).append(entry)
    return groups


def book_of(fleet: Fleet, name: str) -> Book:
    """The book of a fleet that is in memory already.

    Args:
        fleet: the fleet.
        name: what to call it in faults.
    """
    source = Source(name)
    book = Book(
        Place(source),
        objective=fleet.objective,
        currency=fleet.currency,
        permit_rules=fleet.permit_rules,
        links=fleet.links,
        emission_caps=fleet.emission_caps,
    )
    for kind in KINDS:
        parts: Sequence[Any] = getattr(fleet, kind)
        entries = [Entry(part, Place(source, (kind, k))) for k, part in enumerate(parts)]
        getattr(book, kind).extend(entries)
        book.ids[kind].update(part.id for part in parts)
    return book
