"""Borders, the sites inside them, and time zones."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from gridmuster.errors import Fault
from gridmuster.fleet.book import Book
from gridmuster.fleet.model import Area, Site
from gridmuster.fleet.place import Place, did_you_mean, shown

#: Share of the smaller area that two areas may have in common: rounding along a shared edge.
OVERLAP_TOLERANCE: Final = 1e-6
#: Names that a machine resolves but that mean no place, or count leap seconds.
NO_PLACES: Final = ("posix/", "right/", "Factory", "localtime", "posixrules")
KM_PER_DEGREE: Final = 111.2


def faults(book: Book) -> Iterator[Fault]:
    """All faults of this kind."""
    yield from time_zones(book)
    shapes: dict[str, Any] = {}
    for area, place in book.areas:
        found = list(border_faults(area, place))
        yield from found
        if not found:
            shapes.setdefault(area.id, _shape(area))
        yield from line_faults(area, place)
    yield from overlaps(book, shapes)
    yield from sites_outside(book, shapes)


def _shape(area: Area) -> Any:
    from shapely.geometry import Polygon

    rings = area.border.coordinates
    return Polygon(rings[0], rings[1:])


def border_faults(area: Area, place: Place) -> Iterator[Fault]:
    """A ring that has too few points, is not closed or off the globe, or a border that crosses."""
    whole = True
    for k, ring in enumerate(area.border.coordinates):
        at = ("border", "coordinates", k)
        if len(ring) < 4:
            whole = False
            yield place.fault(
                *at,
                value=shown(ring),
                limit="a ring has at least 4 points, the last equal to the first (RFC 7946)",
                expected="points [longitude, latitude] around the area",
            )
        elif ring[0] != ring[-1]:
            whole = False
            yield place.fault(
                *at,
                value=f"a last point {_point(ring[-1])}",
                limit="a ring is closed: its last point is its first (RFC 7946)",
                expected=f"{_point(ring[0])} once more at the end",
            )
        for j, (longitude, latitude) in enumerate(ring):
            if abs(longitude) > 180.0 or abs(latitude) > 90.0:
                whole = False
                yield place.fault(
                    *at,
                    j,
                    value=_point((longitude, latitude)),
                    limit="longitude is within 180 degrees, latitude within 90",
                    expected="[longitude, latitude], in degrees and in that order",
                )
    if whole:
        yield from _crossing(area, place)


def line_faults(area: Area, place: Place) -> Iterator[Fault]:
    """A feeder's line of fewer than two points, or off the globe."""
    for k, feeder in enumerate(area.feeders):
        if feeder.line is None:
            continue
        several = feeder.line.type == "MultiLineString"
        for m, line in enumerate(feeder.line.lines):
            at = ("feeders", k, "line", "coordinates", *((m,) if several else ()))
            if len(line) < 2:
                yield place.fault(
                    *at,
                    value=shown(line),
                    limit="a line has at least 2 points (RFC 7946)",
                    expected="points [longitude, latitude] along the feeder",
                )
            for j, (longitude, latitude) in enumerate(line):
                if abs(longitude) > 180.0 or abs(latitude) > 90.0:
                    yield place.fault(
                        *at,
                        j,
                        value=_point((longitude, latitude)),
                        limit="longitude is within 180 degrees, latitude within 90",
                        expected="[longitude, latitude], in degrees and in that order",
                    )


def _crossing(area: Area, place: Place) -> Iterator[Fault]:
    from shapely import is_valid_reason

    shape = _shape(area)
    if not shape.is_valid:
        yield place.fault(
            "border",
            value=str(is_valid_reason(shape)),
            limit="a border may not cross or touch itself",
            expected="the points in their order around the area",
        )
    elif shape.area <= 0.0:
        yield place.fault(
            "border", value="no surface", limit="an area has a surface", expected="another border"
        )


def overlaps(book: Book, shapes: dict[str, Any]) -> Iterator[Fault]:
    """Two areas that have ground in common; a shared edge is allowed."""
    if len(shapes) < 2:
        return
    from shapely import STRtree

    placed = {area.id: place for area, place in reversed(book.areas)}
    ids = list(shapes)
    tree = STRtree([shapes[name] for name in ids])
    pairs = tree.query([shapes[name] for name in ids], predicate="intersects")
    for j, k in sorted(zip(*pairs.tolist(), strict=True)):
        if j <= k:
            continue
        first, second = shapes[ids[k]], shapes[ids[j]]
        common = first.intersection(second).area
        if common > OVERLAP_TOLERANCE * min(first.area, second.area):
            share = 100.0 * common / second.area
            yield placed[ids[j]].fault(
                "border",
                value=f"a border that takes {share:.2g} % of the area from {ids[k]}",
                limit="areas may share an edge, not ground",
                expected=f"a border outside that of {ids[k]}",
            )


def sites_outside(book: Book, shapes: dict[str, Any]) -> Iterator[Fault]:
    """A site that does not lie in the area it names."""
    from shapely import intersects_xy, prepare

    for area_id, shape in shapes.items():
        entries = book.sites_of.get(area_id, [])
        if not entries:
            continue
        prepare(shape)
        inside = intersects_xy(
            shape,
            [entry.part.longitude for entry in entries],
            [entry.part.latitude for entry in entries],
        )
        for (site, place), is_inside in zip(entries, inside.tolist(), strict=True):
            if not is_inside:
                yield _outside(site, place, shapes)


def _outside(site: Site, place: Place, shapes: dict[str, Any]) -> Fault:
    from shapely import intersects_xy
    from shapely.geometry import Point

    own = shapes[site.area]
    here = Point(site.longitude, site.latitude)
    limit = f"the site lies outside the border of its area {site.area}"
    others = [name for name, shape in shapes.items() if name != site.area and shape.covers(here)]
    if others:
        limit += f", inside area {others[0]}"
    elif intersects_xy(own, site.latitude, site.longitude):
        limit += "; latitude and longitude look swapped"
    else:
        limit += f", about {own.distance(here) * KM_PER_DEGREE:.3g} km away"
    west, south, east, north = own.bounds
    return place.fault(
        "latitude",
        value=f"latitude {site.latitude:g}, longitude {site.longitude:g}",
        limit=limit,
        expected=f"a place within latitude {south:g} to {north:g}, longitude {west:g} to {east:g}",
    )


def time_zones(book: Book) -> Iterator[Fault]:
    """A site whose time zone is no IANA zone."""
    for site, place in book.sites:
        if not is_zone(site.time_zone):
            near = did_you_mean(site.time_zone, _zone_names())
            yield place.fault(
                "time_zone",
                value=shown(site.time_zone),
                limit=f"there is no such IANA time zone{near}",
                expected="a name like America/Chicago or UTC",
            )


@lru_cache(maxsize=1024)
def is_zone(name: str) -> bool:
    """Whether a name is an IANA zone that means the same on every machine."""
    if name.startswith(NO_PLACES):
        return False
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


@lru_cache(maxsize=1)
def _zone_names() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))


def _point(point: tuple[float, float]) -> str:
    return f"[{point[0]:g}, {point[1]:g}]"
