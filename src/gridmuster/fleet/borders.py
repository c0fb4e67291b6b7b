"""Borders for generated areas: neighbours that share their edges and never overlap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from gridmuster.fleet.model import Border

#: Size of one area, degrees: about 13 km each way at 30 degrees north.
WIDTH_DEG: Final = 0.14
HEIGHT_DEG: Final = 0.12
#: Edges wave by this share of an area's height, and division lines bend by it.
WAVE: Final = 0.05
#: Sites keep this share of the width and height away from the middle of any edge.
MARGIN: Final = 0.12


@dataclass(frozen=True, slots=True)
class Cell:
    """One area's place on the map: its border and a box that lies well inside it, degrees."""

    border: Border
    west: float
    south: float
    east: float
    north: float


def cells(count: int, latitude: float, longitude: float) -> list[Cell]:
    """Borders of ``count`` areas around a city, row by row from the south-west.

    Rows share one waving edge and cells in a row share one bent division line, point for point,
    so that no two areas overlap. An upper row may have fewer, wider cells.

    Args:
        count: how many areas, >= 1.
        latitude: of the middle, degrees north.
        longitude: of the middle, degrees east.

    Returns:
        One cell an area.
    """
    rows = _row_lengths(count)
    columns = max(rows)
    west = longitude - columns * WIDTH_DEG / 2
    south = latitude - len(rows) * HEIGHT_DEG / 2
    divisions = [[west + k * columns * WIDTH_DEG / n for k in range(n + 1)] for n in rows]
    edges = []
    for j in range(len(rows) + 1):
        touching = [*divisions[max(j - 1, 0)], *divisions[min(j, len(rows) - 1)]]
        edges.append(_edge(south + j * HEIGHT_DEG, j, west, columns, touching))
    return [
        _cell(edges[j], edges[j + 1], left, right, south + j * HEIGHT_DEG)
        for j in range(len(rows))
        for left, right in pairwise(divisions[j])
    ]


def _row_lengths(count: int) -> list[int]:
    rows = max(1, round(math.sqrt(count)))
    base, extra = divmod(count, rows)
    return [base + 1] * extra + [base] * (rows - extra)


def _edge(
    level: float, number: int, west: float, columns: int, must_have: Sequence[float]
) -> list[tuple[float, float]]:
    """Points (longitude, latitude) of a waving west-east line, those at ``must_have`` included."""
    samples = {round(west + k * WIDTH_DEG / 6, 5) for k in range(6 * columns + 1)}
    xs = sorted(samples | {round(x, 5) for x in must_have})
    wave_deg = WAVE * HEIGHT_DEG
    return [
        (x, round(level + wave_deg * math.sin((x - west) / WIDTH_DEG * 4.7 + 1.9 * number), 5))
        for x in xs
    ]


def _cell(
    lower: Sequence[tuple[float, float]],
    upper: Sequence[tuple[float, float]],
    left: float,
    right: float,
    level: float,
) -> Cell:
    left, right = round(left, 5), round(right, 5)
    bottom = [point for point in lower if left <= point[0] <= right]
    top = [point for point in upper if left <= point[0] <= right]
    middle = round(level + HEIGHT_DEG / 2, 5)
    ring = [*bottom, _bend(right, middle), *reversed(top), _bend(left, middle), bottom[0]]
    inset_x, inset_y = MARGIN * WIDTH_DEG, MARGIN * HEIGHT_DEG
    return Cell(
        border=Border(coordinates=(tuple(ring),)),
        west=left + inset_x,
        south=level + inset_y,
        east=right - inset_x,
        north=level + HEIGHT_DEG - inset_y,
    )


def _bend(x: float, y: float) -> tuple[float, float]:
    """The middle point of the division line at ``x``; the same for both its neighbours."""
    return (round(x + WAVE * WIDTH_DEG * math.sin(997.0 * x + 31.0 * y), 5), y)
