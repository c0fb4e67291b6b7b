"""Generated borders are closed, simple, and never overlap."""

from itertools import combinations

import pytest
from shapely.geometry import Polygon, box

from gridmuster.fleet.borders import cells


@pytest.mark.parametrize("count", [*range(1, 20), 33, 50])
def test_cells_share_edges_only(count: int) -> None:
    placed = cells(count, 30.27, -97.74)
    assert len(placed) == count
    shapes = [Polygon(cell.border.coordinates[0]) for cell in placed]
    for cell, shape in zip(placed, shapes, strict=True):
        assert cell.border.coordinates[0][0] == cell.border.coordinates[0][-1]
        assert shape.is_valid
        assert shape.contains(box(cell.west, cell.south, cell.east, cell.north))
    for first, second in combinations(shapes, 2):
        assert first.intersection(second).area < 1e-12
    union = shapes[0]
    for shape in shapes[1:]:
        union = union.union(shape)
    assert union.geom_type == "Polygon"
    assert union.area == pytest.approx(sum(shape.area for shape in shapes))
