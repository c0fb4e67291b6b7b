"""Areas that share nothing become fleets of their own, and nothing is lost or made twice."""

from __future__ import annotations

import pytest

from gridmuster.fleet.causes import CommonCause
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.model import Fleet
from gridmuster.fleet.regions import changed, regions
from gridmuster.fleet.ties import EmissionCap, Link
from gridmuster.fleet.towers import generate_towers
from gridmuster.simulator.year import neglected, year_scenario

FLEET = generate_towers(301, 4)
FIRST, SECOND, THIRD, FOURTH = (area.id for area in FLEET.areas)
START_MS = 1_735_689_600_000


def link(one: str, other: str) -> Link:
    return Link(id=f"{one}-{other}", from_area=one, to_area=other, limit_kw=100.0)


def areas_of(fleets: list[Fleet]) -> list[list[str]]:
    return [[area.id for area in fleet.areas] for fleet in fleets]


def test_every_part_is_in_one_region() -> None:
    found = regions(FLEET)
    assert areas_of(found) == [[FIRST], [SECOND], [THIRD], [FOURTH]]
    assert len({fleet.id for fleet in found}) == len(found)
    for name in ("areas", "sites", "end_users", "devices"):
        parts = [part for fleet in found for part in getattr(fleet, name)]
        assert sorted(parts, key=lambda p: p.id) == sorted(getattr(FLEET, name), key=lambda p: p.id)


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        ([(THIRD, FIRST)], [[FIRST, THIRD], [SECOND], [FOURTH]]),
        ([(FOURTH, THIRD), (THIRD, SECOND)], [[FIRST], [SECOND, THIRD, FOURTH]]),
        ([(FIRST, SECOND), (THIRD, FOURTH), (FOURTH, SECOND)], [[FIRST, SECOND, THIRD, FOURTH]]),
    ],
)
def test_lines_tie_areas_together(links: list[tuple[str, str]], expected: list[list[str]]) -> None:
    tied = changed(FLEET, links=tuple(link(*ends) for ends in links))
    found = regions(tied)
    assert areas_of(found) == expected
    assert sorted(one.id for fleet in found for one in fleet.links) == sorted(
        one.id for one in tied.links
    )


def test_what_counts_over_areas_keeps_a_fleet_whole() -> None:
    cap = EmissionCap(id="co2", pollutant="co2", limit_kg_per_day=1.0)
    cause = CommonCause(id="cold", probability=0.1)
    for tied in (changed(FLEET, emission_caps=(cap,)), changed(FLEET, common_causes=(cause,))):
        assert regions(tied) == [tied]


def test_a_changed_fleet_forgets_what_was_looked_up_in_the_old_one() -> None:
    fleet = generate_towers(60, 1)
    assert fleet.devices_of_site and fleet.device_by_id
    worse = neglected(fleet, 1, 10.0)
    looked_up = [d for devices in worse.devices_of_site.values() for d in devices]
    assert sum(isinstance(d, Generator) and d.reliability.mttf_h < 100.0 for d in looked_up) > 20
    assert sorted(looked_up, key=lambda d: d.id) == sorted(worse.devices, key=lambda d: d.id)


def test_the_year_of_a_region_is_that_of_the_whole() -> None:
    whole = {str(one) for one in year_scenario(FLEET, START_MS, 2000.0, 7).events}
    bad = {
        d.id for d, was in zip(neglected(FLEET, 7).devices, FLEET.devices, strict=True) if d != was
    }
    found: set[str] = set()
    for fleet in regions(FLEET):
        events = {str(one) for one in year_scenario(fleet, START_MS, 2000.0, 7).events}
        assert events <= whole
        found |= events
        worse = zip(neglected(fleet, 7).devices, fleet.devices, strict=True)
        assert {d.id for d, was in worse if d != was} == bad & fleet.device_by_id.keys()
    assert found == whole
