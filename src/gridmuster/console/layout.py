"""Where everything stands: a fleet's areas and sites as columns, for pages that draw them.

Fixed while the fleet is; asked for once by a page and kept by the browser. What sites do now is
told by the stream's topic ``sites``, site by site in the order of this document.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Sequence
from typing import Any, Final, Protocol, runtime_checkable

import msgspec
import numpy as np
from msgspec import Struct

from gridmuster.console.plant import Plant
from gridmuster.fleet.model import Border, Feeder, Fleet

#: Digits of a degree: 5 are about 1 m on the ground.
DEGREE_DIGITS: Final = 5
#: Characters of the name of an order of sites, and of a document's tag.
ORDER_CHARACTERS: Final = 16
#: Level of compression: the size of level 9 within a tenth, in a third of its time.
GZIP_LEVEL: Final = 5


class BorderDocument(Struct, frozen=True):
    """A GeoJSON Polygon (RFC 7946)."""

    type: str
    coordinates: list[list[tuple[float, float]]]


class AreaPlace(Struct, frozen=True):
    """An area and its border."""

    id: str
    name: str
    islanded: bool
    border: BorderDocument


class FeederPlace(Struct, frozen=True):
    """A feeder with its lines; ``area`` is a position in the list of areas."""

    id: str
    name: str
    area: int
    limit_kw: float | None
    lines: list[list[tuple[float, float]]]


class SiteColumns(Struct, frozen=True):
    """Sites by column; the same position in each column is the same site.

    ``area``, ``zone``, ``kind`` and ``feeder`` are positions in the lists of areas, time zones,
    kinds and feeders; -1: on no feeder.
    """

    ids: list[str]
    names: list[str]
    area: list[int]
    longitude: list[float]
    latitude: list[float]
    zone: list[int]
    kind: list[int]
    feeder: list[int]


class Places(Struct, frozen=True):
    """A fleet's areas and sites; ``order`` names the order of its sites."""

    fleet: str
    name: str
    order: str
    areas: list[AreaPlace]
    time_zones: list[str]
    kinds: list[list[str]]
    feeders: list[FeederPlace]
    sites: SiteColumns


@runtime_checkable
class HasFleet(Protocol):
    """A plant that says which fleet it commands."""

    @property
    def fleet(self) -> Fleet:
        """The fleet."""
        ...


class Layout:
    """The order in which a fleet's sites are told, and which devices are at each.

    Args:
        fleet: the fleet; None for a plant that does not say, which then has no sites.
    """

    def __init__(self, fleet: Fleet | None) -> None:
        self.fleet = fleet
        self.site_ids: list[str] = [] if fleet is None else [site.id for site in fleet.sites]
        self.index_of_site = {site: index for index, site in enumerate(self.site_ids)}
        digest = hashlib.sha256("\n".join(self.site_ids).encode()).hexdigest()
        self.order = digest[:ORDER_CHARACTERS]
        devices = () if fleet is None else fleet.devices
        self.device_ids = [device.id for device in devices]
        at = self.index_of_site
        self.site_of_device = np.array([at[device.site] for device in devices], dtype=np.int64)
        self.position_of_device = {device: n for n, device in enumerate(self.device_ids)}


class Charts:
    """The layout and the document of a plant's fleet, made anew when it has another fleet.

    Args:
        plant: whose fleet.
    """

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._layout = Layout(fleet_of(plant))
        self._packed: tuple[Layout, PackedPlaces] | None = None

    def layout(self) -> Layout:
        """The layout of the present fleet."""
        fleet = fleet_of(self._plant)
        if fleet is not self._layout.fleet:
            self._layout = Layout(fleet)
        return self._layout

    def packed(self) -> PackedPlaces | None:
        """The present fleet's document, when it is made already."""
        kept = self._packed
        return kept[1] if kept is not None and kept[0] is self.layout() else None

    def keep(self, layout: Layout, packed: PackedPlaces) -> None:
        """Keep a document for the next who asks."""
        self._packed = (layout, packed)


class PackedPlaces:
    """The document as it is sent: encoded and compressed once.

    Args:
        layout: what to encode; takes a second for 50,000 sites, so do it in a thread.
    """

    def __init__(self, layout: Layout) -> None:
        self.plain = msgspec.json.encode(places(layout))
        self.packed = gzip.compress(self.plain, GZIP_LEVEL, mtime=0)
        self.tag = f'"{hashlib.sha256(self.plain).hexdigest()[:ORDER_CHARACTERS]}"'


def fleet_of(plant: Plant) -> Fleet | None:
    """The fleet a plant commands; None when it does not say."""
    return plant.fleet if isinstance(plant, HasFleet) else None


def places(layout: Layout) -> Places:
    """The document of a fleet's areas and sites."""
    fleet = layout.fleet
    if fleet is None:
        none = SiteColumns([], [], [], [], [], [], [], [])
        return Places("", "", layout.order, [], [], [], [], none)
    area_index = {area.id: n for n, area in enumerate(fleet.areas)}
    feeder_index: dict[str | None, int] = {name: n for n, name in enumerate(fleet.feeder_by_id)}
    zones: dict[str, int] = {}
    kinds: dict[tuple[str, ...], int] = {}
    zone, kind = [], []
    sorted_types: dict[tuple[str, ...], tuple[str, ...]] = {}
    for site in fleet.sites:
        zone.append(zones.setdefault(site.time_zone, len(zones)))
        listed = tuple([device.type.value for device in fleet.devices_of_site[site.id]])
        types = sorted_types.get(listed)
        if types is None:
            types = sorted_types.setdefault(listed, tuple(sorted(set(listed))))
        kind.append(kinds.setdefault(types, len(kinds)))
    columns = SiteColumns(
        layout.site_ids,
        [site.name or site.id for site in fleet.sites],
        [area_index[site.area] for site in fleet.sites],
        _rounded([site.longitude for site in fleet.sites]),
        _rounded([site.latitude for site in fleet.sites]),
        zone,
        kind,
        [feeder_index.get(site.feeder, -1) for site in fleet.sites],
    )
    areas = [
        AreaPlace(area.id, area.name or area.id, area.connection is None, _border(area.border))
        for area in fleet.areas
    ]
    return Places(
        fleet.id,
        fleet.name or fleet.id,
        layout.order,
        areas,
        list(zones),
        [list(types) for types in kinds],
        [_feeder(n, feeder) for n, area in enumerate(fleet.areas) for feeder in area.feeders],
        columns,
    )


def _feeder(area: int, feeder: Feeder) -> FeederPlace:
    lines = () if feeder.line is None else feeder.line.lines
    return FeederPlace(
        feeder.id,
        feeder.name or feeder.id,
        area,
        feeder.limit_kw,
        [[(round(x, DEGREE_DIGITS), round(y, DEGREE_DIGITS)) for x, y in line] for line in lines],
    )


def _border(border: Border) -> BorderDocument:
    rings: Sequence[Any] = border.coordinates
    return BorderDocument(
        "Polygon",
        [
            [(round(x, DEGREE_DIGITS), round(y, DEGREE_DIGITS)) for x, y, *_ in ring]
            for ring in rings
        ],
    )


def _rounded(degrees: list[float]) -> list[float]:
    return [round(value, DEGREE_DIGITS) for value in degrees]
