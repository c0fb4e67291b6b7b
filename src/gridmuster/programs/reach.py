"""Which sites an activation reaches: by area, feeder, polygon, owner, tag, or a list of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from gridmuster.fleet.model import Fleet, Site
from gridmuster.signals import Activation, Scope

Point = tuple[float, float]

#: Most points of a ring: every site is held against every edge, every edge against every other.
MOST_POINTS: Final = 500


def sites_in(fleet: Fleet, scope: Scope, target: str, wish: Activation) -> list[Site]:
    """The sites that an activation reaches, in the fleet's order.

    Args:
        fleet: the fleet.
        scope: how wide it was asked for.
        target: of which area, site, device or fleet.
        wish: its polygon, owner, tag, feeder and sites narrow that down.
    """
    listed = frozenset(wish.sites)
    return [
        site
        for site in _of_scope(fleet, scope, target)
        if (not listed or site.id in listed)
        and (not wish.owner or site.owner == wish.owner)
        and (not wish.tag or wish.tag in site.tags)
        and (not wish.feeder or site.feeder == wish.feeder)
        and (not wish.polygon or inside(wish.polygon, (site.longitude, site.latitude)))
    ]


def _of_scope(fleet: Fleet, scope: Scope, target: str) -> Sequence[Site]:
    if scope is Scope.AREA:
        return fleet.sites_of_area.get(target, ())
    if scope is Scope.FLEET:
        return fleet.sites if target == fleet.id else ()
    if scope is Scope.DEVICE and target in fleet.device_by_id:
        target = fleet.device_by_id[target].site
    return (fleet.site_by_id[target],) if target in fleet.site_by_id else ()


def inside(ring: Sequence[Point], point: Point) -> bool:
    """Whether a point lies inside a ring (even-odd rule, Shimrat 1962).

    Args:
        ring: corners (longitude, latitude), degrees; the last may repeat the first.
        point: the point, degrees.
    """
    x, y = point
    found = False
    for (x1, y1), (x2, y2) in pairwise([*ring, ring[0]]):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            found = not found
    return found


def ring_fault(ring: Sequence[Point]) -> str:
    """Why a ring is no polygon, in words; empty when it is one.

    Args:
        ring: corners (longitude, latitude), degrees; the last may repeat the first.
    """
    corners = [point for point, after in pairwise([*ring, ring[0]]) if point != after]
    if len(set(ring)) < 3:
        return f"a polygon has at least 3 different corners, not {len(set(ring))}"
    if len(corners) > MOST_POINTS:
        return f"a polygon has at most {MOST_POINTS} corners here, not {len(corners)}"
    for longitude, latitude in corners:
        if not (-180.0 <= longitude <= 180.0 and -90.0 <= latitude <= 90.0):
            return f"[{longitude:g}, {latitude:g}] is no [longitude, latitude] in degrees"
    edges = list(pairwise([*corners, corners[0]]))
    for k, first in enumerate(edges):
        for j in range(k + 2, len(edges)):
            if k == 0 and j == len(edges) - 1:
                continue
            if _cross(first, edges[j]):
                return f"the polygon crosses itself: its edges {k + 1} and {j + 1} meet"
    return ""


def _cross(one: tuple[Point, Point], other: tuple[Point, Point]) -> bool:
    (a, b), (c, d) = one, other
    return _turn(a, b, c) != _turn(a, b, d) and _turn(c, d, a) != _turn(c, d, b)


def _turn(a: Point, b: Point, c: Point) -> int:
    """1 when a, b, c turn left, -1 when they turn right, 0 on a line."""
    area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return (area > 0.0) - (area < 0.0)
