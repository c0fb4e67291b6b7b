"""The report against what really happened in the simulated world, which keeps books of its own."""

from __future__ import annotations

import pytest
from plants import BACKED, DARK, FAILING, SILENT, Run

from gridmuster.report import Report, report_journal

#: Counters travel in registers of 0.1 kWh and 0.1 l.
RESOLUTION = 0.1


@pytest.fixture(scope="module")
def report(bad_run: Run) -> Report:
    return report_journal(str(bad_run.journal))


def test_energies_are_the_worlds_within_half_a_percent(bad_run: Run, report: Report) -> None:
    truth = bad_run.truth
    areas = truth.areas.values()
    assert report.demand_kwh == pytest.approx(truth.demand_kwh, rel=5e-3)
    assert report.generation_kwh == pytest.approx(sum(a.produced_kwh for a in areas), rel=5e-3)
    assert report.charging_kwh == pytest.approx(sum(a.absorbed_kwh for a in areas), rel=5e-3)
    assert report.import_kwh == pytest.approx(sum(a.import_kwh for a in areas), rel=5e-3)
    assert report.export_kwh == pytest.approx(sum(a.export_kwh for a in areas), rel=5e-3)
    # The rest: wires, stores' standby, bridge batteries; and the meters' class of 0.5 %.
    lost_kwh = sum(a.losses_kwh + a.auxiliary_kwh - a.bridge_kwh for a in areas)
    assert report.losses_kwh == pytest.approx(lost_kwh, abs=5e-3 * truth.demand_kwh)


def test_every_device_has_its_energy_fuel_and_starts(bad_run: Run, report: Report) -> None:
    truth = bad_run.truth
    for device in report.devices:
        name = device.device
        near = {"rel": 5e-3, "abs": RESOLUTION}
        assert device.generation_kwh == pytest.approx(truth.produced_kwh[name], **near), name
        assert device.charging_kwh == pytest.approx(truth.absorbed_kwh[name], **near), name
        if device.fuel_unit:
            assert device.fuel == pytest.approx(truth.fuel_used[name], **near), name
            assert device.starts == truth.starts[name], name
            assert device.failed_starts == truth.failed_starts[name], name
    fuel = sum(figure.amount for figure in report.fuel_by_fuel.values())
    assert fuel == pytest.approx(sum(truth.fuel_used.values()), rel=5e-3)
    assert report.starts == sum(truth.starts.values()) >= 3
    assert report.failed_starts == sum(truth.failed_starts.values()) == 2


def test_who_went_dark_is_named(bad_run: Run, report: Report) -> None:
    truth = bad_run.truth
    dark = [entry for entry in report.unserved if entry.kind == "dead_supply"]
    assert [entry.where for entry in dark] == [DARK]
    # Seen in scans of 4 s and with a battery that is modelled.
    assert dark[0].kwh == pytest.approx(truth.unserved_kwh, abs=0.02)
    beyond = [entry for entry in report.unserved if entry.kind == "import_over_limit"]
    over_kwh = sum(entry.kwh for entry in beyond)
    assert over_kwh <= sum(area.over_limit_kwh for area in truth.areas.values())
    assert report.unserved_kwh == pytest.approx(dark[0].kwh + over_kwh, abs=2e-3)


def test_what_happened_is_all_there(report: Report) -> None:
    assert [one.end_user for one in report.meter_silences] == [SILENT]
    assert report.outages == 2
    assert report.outage_h == pytest.approx((15.0 + 8.0) / 60.0, abs=0.01)
    if report.substitutions:
        assert report.substitution_seconds_p99 is not None
        assert report.substitution_seconds_p99 <= 30.0
    failed = [one for one in report.devices if one.device == FAILING]
    assert failed[0].failed_starts == 1
    assert report.permit_hours_by_class["epa_emergency"]["outage"] > 0.25
    assert report.commands == report.acknowledged + report.refused_by_site + report.expired + (
        report.unanswered_at_end
    )


def test_a_plant_that_copes_breaks_no_invariant(report: Report) -> None:
    found = [(one.invariant, one.subject, one.text) for one in report.violations]
    assert found == []
    assert report.invariant_violations == 0


def test_what_a_site_stored_while_cut_off_is_booked_in_its_place(cut_run: Run) -> None:
    """An outage that nobody heard of in time counts as one, in its hours and in its permit."""
    report = report_journal(str(cut_run.journal))
    assert report.late_messages > 10
    assert report.outages == 1
    assert report.outage_h == pytest.approx(10.0 / 60.0, abs=0.01)
    assert set(report.permit_hours_by_class["epa_emergency"]) == {"outage"}
    assert report.demand_kwh == pytest.approx(cut_run.truth.demand_kwh, rel=5e-3)
    assert report.starts == sum(cut_run.truth.starts.values())
    assert [one for one in report.meter_silences if one.end_user.startswith(BACKED)] == []
    assert [(one.invariant, one.text) for one in report.violations] == []


def test_a_dead_area_and_what_was_shed_after_it_are_booked(dark_run: Run) -> None:
    """No message says what a dark or shed feeder would have drawn; the world knows."""
    report = report_journal(str(dark_run.journal))
    kinds = {entry.kind for entry in report.unserved}
    assert {"dead_area"} <= kinds <= {"dead_area", "dead_supply", "shed", "import_over_limit"}
    missing = [entry.kwh for entry in report.unserved if entry.kind != "import_over_limit"]
    assert sum(missing) == pytest.approx(dark_run.truth.unserved_kwh, rel=0.03)
    assert report.demand_kwh == pytest.approx(dark_run.truth.demand_kwh, rel=0.01)
    assert [(one.invariant, one.text) for one in report.violations] == []
