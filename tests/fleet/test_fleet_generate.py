"""What a generated fleet promises: all types, a peak that needs standby sets, enough of them."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmuster.fleet.autonomy import held_h
from gridmuster.fleet.check import check_fleet
from gridmuster.fleet.devices import (
    DeviceType,
    EmergencyGenerator,
    Engine,
    Generator,
    PermitClass,
    Store,
)
from gridmuster.fleet.generate import generate
from gridmuster.fleet.model import Area, Fleet, LoadClass, TransferKind
from gridmuster.fleet.profiles import HOURLY_SHARE
from gridmuster.fleet.rules.machines import efficiency
from gridmuster.units import Fuel

SIZES = (12, 13, 20, 36, 60, 61, 119, 121, 250)


def hourly_kw(fleet: Fleet, area: Area) -> list[float]:
    """A typical day of an area with its losses, added up here in its own way."""
    users = [
        user for site in fleet.sites_of_area[area.id] for user in fleet.end_users_of_site[site.id]
    ]
    return [
        (1.0 + area.loss_fraction)
        * sum(user.peak_kw * HOURLY_SHARE[user.load_class][hour] for user in users)
        for hour in range(24)
    ]


def excess_kw(fleet: Fleet, area: Area) -> float:
    assert area.connection is not None
    return max(hourly_kw(fleet, area)) - area.connection.import_limit_kw


def controllable_kw(fleet: Fleet, area: Area) -> list[float]:
    """Paralleling sets outside the emergency classes within the site's export limit, and stores."""
    found = []
    for site in fleet.sites_of_area[area.id]:
        room_kw = site.transfer.export_limit_kw
        for device in fleet.devices_of_site[site.id]:
            lasts = isinstance(device, Store) and (
                device.max_energy_kwh - device.min_energy_kwh >= device.rated_kw
            )
            callable_set = (
                isinstance(device, Generator)
                and site.transfer.kind is TransferKind.PARALLELING
                and device.permit.permit_class is not PermitClass.EPA_EMERGENCY
            )
            if lasts or callable_set:
                found.append(min(device.rated_kw, room_kw))
                room_kw -= found[-1]
    return found


@pytest.mark.parametrize("sites", SIZES)
@pytest.mark.parametrize("seed", [1, 2, 7])
def test_every_size_has_what_the_demo_needs(sites: int, seed: int) -> None:
    fleet = generate(sites, seed)
    assert len(fleet.sites) == sites
    assert {device.type for device in fleet.devices} == set(DeviceType)
    assert check_fleet(fleet).faults == ()

    over = [excess_kw(fleet, area) / area.connection.import_limit_kw for area in fleet.areas]  # type: ignore[union-attr]
    assert any(0.15 <= share <= 0.25 for share in over)
    for area in fleet.areas:
        assert area.connection is not None
        day = hourly_kw(fleet, area)
        assert max(day[:6]) <= 0.7 * area.connection.import_limit_kw
        counted = controllable_kw(fleet, area)
        excess = max(0.0, excess_kw(fleet, area))
        assert sum(counted) >= 1.6 * excess + max(counted)


@pytest.mark.parametrize("seed", range(1, 6))
def test_in_the_suburb_standby_sets_must_start_every_evening(seed: int) -> None:
    """Neither stores nor devices bought to run can cover the evening there."""
    fleet = generate(60, seed)
    area = fleet.area_by_id["north"]
    assert area.connection is not None
    day = hourly_kw(fleet, area)
    over = [hour for hour, kw in enumerate(day) if kw > area.connection.import_limit_kw]
    assert 18 in over and 19 in over
    assert all(first + 1 == second for first, second in pairwise(over))
    assert over[0] >= 13

    others = [
        device
        for site in fleet.sites_of_area["north"]
        for device in fleet.devices_of_site[site.id]
        if not isinstance(device, EmergencyGenerator)
    ]
    steady_kw = sum(device.rated_kw for device in others if isinstance(device, Generator))
    stored_kwh = sum(
        device.max_energy_kwh - device.min_energy_kwh
        for device in others
        if isinstance(device, Store)
    )
    needed_kwh = sum(
        kw - area.connection.import_limit_kw
        for kw in day
        if kw > 0 and kw > area.connection.import_limit_kw
    )
    assert steady_kw == 0.0
    assert stored_kwh < 0.25 * needed_kwh


def test_the_default_fleet_in_numbers() -> None:
    fleet = generate(60, 1)
    assert [area.id for area in fleet.areas] == ["north", "west", "east"]
    assert all(site.time_zone == "America/Chicago" for site in fleet.sites)
    towers = [site for site in fleet.sites if "tower" in site.tags]
    kinds = Counter(site.transfer.kind for site in towers if "hybrid" not in site.tags)
    share = {kind: count / len(towers) for kind, count in kinds.items()}
    assert 0.55 <= share[TransferKind.TRANSFER_SWITCH] <= 0.68
    assert 0.2 <= share[TransferKind.PARALLELING] <= 0.3
    assert sum("hybrid" in site.tags for site in towers) >= 3

    for site in towers:
        assert 4.0 <= site.backup_load_kw <= 7.0
        (own,) = [user for user in fleet.end_users_of_site[site.id] if user.behind_transfer]
        assert own.load_class is LoadClass.TELECOM
        assert own.peak_kw == site.backup_load_kw
    for site in towers:
        if site.transfer.kind is TransferKind.TRANSFER_SWITCH:
            (device,) = fleet.devices_of_site[site.id]
            assert isinstance(device, EmergencyGenerator)
            assert device.id == f"{site.id}-gen"
            assert device.fuel is Fuel.DIESEL
            assert 20.0 <= device.rated_kw <= 50.0
            assert device.permit.permit_class is PermitClass.EPA_EMERGENCY
            assert site.transfer.export_limit_kw == 0.0
            assert site.autonomy_h == 24.0
            assert 2.0 <= site.bridge_energy_kwh / site.backup_load_kw <= 4.05

    fuels = {device.fuel for device in fleet.devices if isinstance(device, EmergencyGenerator)}
    assert fuels == {Fuel.DIESEL, Fuel.NATURAL_GAS, Fuel.PROPANE}
    by_type = Counter(device.type for device in fleet.devices)
    assert all(by_type[kind] >= 1 for kind in DeviceType)
    (engine,) = [device for device in fleet.devices if isinstance(device, Engine)]
    assert 1000.0 <= engine.rated_kw <= 2000.0
    for area in fleet.areas:
        assert 2000.0 <= max(hourly_kw(fleet, area)) <= 4000.0


@pytest.mark.parametrize("sites", range(1, 12))
def test_small_fleets_are_right_too(sites: int) -> None:
    fleet = generate(sites, sites)
    assert len(fleet.sites) == sites
    assert check_fleet(fleet).faults == ()
    (area,) = fleet.areas
    counted = controllable_kw(fleet, area)
    excess = max(0.0, excess_kw(fleet, area))
    assert sum(counted) >= 1.6 * excess + max(counted, default=0.0)


@settings(max_examples=40)
@given(sites=st.integers(1, 200), seed=st.integers(0, 2**31))
def test_any_generated_fleet_is_sound(sites: int, seed: int) -> None:
    fleet = generate(sites, seed)
    findings = check_fleet(fleet)
    assert findings.faults == ()
    expected = ("wet-stacking", "90 %")
    assert all(any(word in w.limit for word in expected) for w in findings.warnings)
    for site in fleet.sites:
        if site.autonomy_h:
            assert held_h(site, fleet.devices_of_site[site.id], full=False) >= site.autonomy_h
    for device in fleet.devices:
        if isinstance(device, Generator):
            assert 0.1 < efficiency(device, device.fuel_curve[-1]) < 0.5


def test_a_seed_makes_one_fleet() -> None:
    assert generate(60, 1) == generate(60, 1)
    assert generate(60, 1) != generate(60, 2)
    with pytest.raises(ValueError, match="at least 1"):
        generate(0, 1)


def test_thousands_of_sites_keep_their_properties() -> None:
    fleet = generate(3000, 1)
    assert len(fleet.sites) == 3000
    assert check_fleet(fleet).faults == ()
    stressed = [area for area in fleet.areas if excess_kw(fleet, area) > 0.0]
    assert len(stressed) == 2 * len(fleet.areas) / 3
    for area in stressed:
        counted = controllable_kw(fleet, area)
        assert sum(counted) >= 1.6 * excess_kw(fleet, area) + max(counted)


@pytest.mark.parametrize("sites", [1, 7, 60, 121])
def test_every_site_is_on_a_feeder_of_its_area_that_leads_past_it(sites: int) -> None:
    fleet = generate(sites, 3)
    feeder_of = {f.id: (area.id, f) for area in fleet.areas for f in area.feeders}
    for site in fleet.sites:
        assert site.feeder is not None
        area, feeder = feeder_of[site.feeder]
        assert area == site.area and feeder.limit_kw is not None and feeder.line is not None
        (points,) = feeder.line.lines
        assert (site.longitude, site.latitude) in points
        assert site in fleet.sites_of_feeder[feeder.id]
    assert sum(map(len, fleet.sites_of_feeder.values())) == sites
    for area in fleet.areas:
        count = len(fleet.sites_of_area[area.id])
        assert len(area.feeders) <= 6 and len(area.feeders) >= (2 if count > 11 else 1)
