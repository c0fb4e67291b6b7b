"""Feeders for generated areas: lines from the middle of an area along its sites."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from gridmuster.fleet.borders import Cell
from gridmuster.fleet.model import Feeder, LineString, Site

#: Sites on one feeder, about, and most feeders of an area.
SITES_EACH: Final = 7
MOST: Final = 6
#: What each feeder carries of the area's connection, over an even share.
SPARE: Final = 1.5


def wire(
    area: str, cell: Cell, sites: Sequence[Site], limit_kw: float
) -> tuple[tuple[Feeder, ...], list[Site]]:
    """Feeders that leave the middle of an area like spokes, and its sites on them.

    Sites are dealt out by their direction from the middle, so that no two feeders cross much; a
    feeder then goes on to the nearest of its sites that it has not reached.

    Args:
        area: the area's id, which begins the feeders' ids.
        cell: where it lies.
        sites: its sites.
        limit_kw: what its connection carries, kW.

    Returns:
        The feeders, and the sites in their order, each on one of them.
    """
    count = min(MOST, max(1, round(len(sites) / SITES_EACH)))
    middle = (round((cell.west + cell.east) / 2, 5), round((cell.south + cell.north) / 2, 5))
    around = sorted(
        sites,
        key=lambda site: math.atan2(site.latitude - middle[1], site.longitude - middle[0]),
    )
    share = math.ceil(len(around) / count)
    feeders: list[Feeder] = []
    on: dict[str, str] = {}
    for k in range(0, len(around), share):
        part = around[k : k + share]
        name = f"{area}-{len(feeders) + 1}"
        feeders.append(
            Feeder(
                id=name,
                name=f"{area.replace('-', ' ').capitalize()} feeder {len(feeders) + 1}",
                line=LineString(type="LineString", coordinates=_along(middle, part)),
                limit_kw=max(round(SPARE * limit_kw / count, -1), 10.0),
            )
        )
        on.update({site.id: name for site in part})
    return tuple(feeders), [site.model_copy(update={"feeder": on[site.id]}) for site in sites]


def _along(start: tuple[float, float], sites: Sequence[Site]) -> tuple[tuple[float, float], ...]:
    """Points of a line from a start to the nearest site, and from each to the nearest left."""
    points = [start]
    left = [(site.longitude, site.latitude) for site in sites]
    while left:
        nearest = min(left, key=lambda point: math.dist(point, points[-1]))
        left.remove(nearest)
        points.append(nearest)
    return tuple(points)
