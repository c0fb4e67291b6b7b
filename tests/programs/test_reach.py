"""Which sites an activation reaches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point as ShapelyPoint
from shapely.geometry import Polygon

from gridmuster.fleet.generate import generate
from gridmuster.programs.reach import MOST_POINTS, inside, ring_fault, sites_in
from gridmuster.signals import Activation, Scope

FLEET = generate(12, 1)
SQUARE = ((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0))
Corners = list[tuple[float, float]]


def wish(**changes: object) -> Activation:
    return Activation(100.0, 0, 3_600_000, **changes)  # type: ignore[arg-type]


@given(
    st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=3, max_size=9),
    st.tuples(st.floats(-10, 10), st.floats(-10, 10)),
)
def test_inside_agrees_with_a_geometry_library(
    corners: list[tuple[int, int]], point: tuple[float, float]
) -> None:
    ring = [(float(x), float(y)) for x, y in corners]
    shape = Polygon(ring) if len(set(ring)) >= 3 else None
    if shape is None or not shape.is_valid or shape.area == 0.0:
        return
    spot = ShapelyPoint(point)
    if shape.exterior.distance(spot) > 1e-9:
        assert inside(ring, point) == shape.contains(spot)


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=3, max_size=8))
def test_a_ring_that_crosses_itself_is_refused(corners: list[tuple[int, int]]) -> None:
    ring = [(float(x), float(y)) for x, y in corners]
    if len(set(ring)) < 3:
        assert "at least 3" in ring_fault(ring)
    elif Polygon(ring).is_valid:
        assert ring_fault(ring) == ""


@pytest.mark.parametrize(
    ("ring", "why"),
    [
        ([(0, 0), (1, 1)], "at least 3 different corners, not 2"),
        ([(0, 0), (1, 1), (0, 0), (1, 1)], "at least 3 different corners, not 2"),
        ([(0, 0), (10, 10), (10, 0), (0, 10)], "crosses itself"),
        ([(0, 0), (200, 0), (0, 10)], "no [longitude, latitude]"),
        ([(0.0, 0.001 * k) for k in range(MOST_POINTS + 1)], "at most"),
    ],
)
def test_what_is_no_polygon_is_said_so(ring: Corners, why: str) -> None:
    assert why in ring_fault(ring)


def test_a_closed_ring_is_as_good_as_an_open_one() -> None:
    assert ring_fault([*SQUARE, SQUARE[0]]) == "" == ring_fault(SQUARE)
    assert inside([*SQUARE, SQUARE[0]], (5.0, 5.0)) and not inside(SQUARE, (11.0, 5.0))


def test_scopes_reach_what_they_name() -> None:
    site = FLEET.sites[0]
    device = FLEET.devices_of_site[site.id][0]
    assert sites_in(FLEET, Scope.FLEET, FLEET.id, wish()) == list(FLEET.sites)
    assert sites_in(FLEET, Scope.AREA, site.area, wish()) == list(FLEET.sites_of_area[site.area])
    assert sites_in(FLEET, Scope.SITE, site.id, wish()) == [site]
    assert sites_in(FLEET, Scope.DEVICE, device.id, wish()) == [site]
    for scope in Scope:
        assert sites_in(FLEET, scope, "nowhere", wish()) == []


def test_filters_narrow_what_the_scope_reaches() -> None:
    def found(**changes: object) -> set[str]:
        return {site.id for site in sites_in(FLEET, Scope.FLEET, FLEET.id, wish(**changes))}

    towers = {site.id for site in FLEET.sites if "tower" in site.tags}
    assert found(tag="tower") == towers
    owner = next(site.owner for site in FLEET.sites if site.id in towers)
    both = {site.id for site in FLEET.sites if site.owner == owner and site.id in towers}
    assert found(tag="tower", owner=owner) == both
    first = FLEET.sites[0]
    assert found(sites=(first.id,)) == {first.id}
    near = [
        (first.longitude + dx, first.latitude + dy)
        for dx, dy in ((-1e-4, -1e-4), (1e-4, -1e-4), (1e-4, 1e-4), (-1e-4, 1e-4))
    ]
    assert found(polygon=tuple(near)) == {first.id}
    assert found(polygon=SQUARE) == set()
