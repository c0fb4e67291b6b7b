"""The figures of a journal whose arithmetic can be done in the head."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from crafting import START_MS, Craft, run, stop

from gridmuster.clock import iso
from gridmuster.report import Report, encode_report, render
from gridmuster.signals import (
    AreaBalance,
    CycleRecord,
    DeviceOutcome,
    DeviceState,
    Outcome,
    Purpose,
    ShellReport,
    Supply,
    encode,
)
from gridmuster.starts import Substitution

HALF_HOUR = 450
RUNNING, IDLE = DeviceState.RUNNING, DeviceState.IDLE
Story = Callable[[Craft], None]


def told(path: Path, story: Story) -> Report:
    """The report of a journal in which a story happened."""
    craft = Craft(path / "figures.journal")
    story(craft)
    return craft.finish()


def an_hour_of_business(craft: Craft) -> None:
    """Half an hour of import at 100 USD/MWh, then half an hour of an engine and of export at 40.

    The homes take 400 kWh. The engine gives 50 kWh in its half hour for 17.5 m3, the sun 100 kWh.
    """
    craft.cycle(
        craft.price(100.0),
        craft.grid(600.0, 5_000.0, export_kwh=70.0),
        craft.demand("plant", ("homes", 400.0, 900.0)),
        craft.report(
            "plant",
            engine={"produced_kwh": 1.0, "fuel_used": 9.0, "starts": 4},
            sun={"available_kw": 0.0, "produced_kwh": 7.0},
        ),
    )
    for k in range(1, 2 * HALF_HOUR):
        half = k <= HALF_HOUR
        share = min(k / HALF_HOUR, 1.0)
        after = 0.0 if half else (k - HALF_HOUR) / HALF_HOUR
        said = [
            craft.grid(
                600.0 if half else -200.0, 5_000.0 + 300.0 * share, export_kwh=70.0 + 100.0 * after
            ),
            craft.demand("plant", ("homes", 400.0, 900.0 + 400.0 * k / (2 * HALF_HOUR))),
            craft.report(
                "plant",
                engine={
                    "state": IDLE if half else RUNNING,
                    "power_kw": 0.0 if half else 100.0,
                    "produced_kwh": 1.0 + 50.0 * after,
                    "fuel_used": 9.0 + 17.5 * after,
                    "starts": 4 if half else 5,
                    "run_h": 30.0 + 0.5 * after,
                },
                sun={
                    "state": RUNNING,
                    "power_kw": 100.0,
                    "available_kw": 150.0,
                    "produced_kwh": 7.0 + 100.0 * k / (2 * HALF_HOUR),
                },
            ),
        ]
        if k == HALF_HOUR:
            said += [craft.price(40.0), craft.command("plant", run("engine", 100.0))]
        craft.cycle(*said)
    craft.cycle()


def test_energy_and_money(tmp_path: Path) -> None:
    report = told(tmp_path, an_hour_of_business)
    assert report.hours == pytest.approx(1.0 + 4 / 3600.0, abs=1e-4)
    assert report.demand_kwh == pytest.approx(400.0, rel=2e-3)
    assert report.served_kwh == report.demand_kwh
    assert report.import_kwh == pytest.approx(300.0, rel=3e-3)
    assert report.export_kwh == pytest.approx(100.0, rel=3e-3)
    assert report.generation_kwh_by_type["engine"] == pytest.approx(50.0, rel=3e-3)
    assert report.generation_kwh_by_type["photovoltaic"] == pytest.approx(100.0, rel=2e-3)
    assert report.curtailed_kwh == pytest.approx(50.0, rel=3e-3)
    assert report.fuel_m3_by_fuel["natural_gas"] == pytest.approx(17.5, rel=3e-3)
    assert report.starts == 1
    money = report.operating_expense
    assert money.purchase_usd == pytest.approx(300.0 * 0.100, rel=3e-3)
    assert money.sale_usd == pytest.approx(100.0 * 0.040, rel=3e-3)
    assert money.fuel_usd == pytest.approx(17.5 * 0.18, rel=5e-3)
    assert money.start_usd == 5.0
    assert money.om_usd == pytest.approx(50.0 * 0.02, abs=0.01)
    assert report.operating_expense_usd == pytest.approx(money.total_usd, abs=0.01)
    assert report.production_cost_usd_per_kwh == pytest.approx(
        (money.fuel_usd + money.start_usd + money.om_usd) / report.generation_kwh, rel=1e-3
    )
    heat_kwh = 17.5 * 9.6
    assert report.efficiency == pytest.approx(500.0 / (heat_kwh + 100.0 + 300.0), rel=3e-3)
    assert report.fuel_efficiency == pytest.approx(50.0 / heat_kwh, rel=5e-3)
    assert report.permit_hours_by_class["unrestricted"]["demand"] == pytest.approx(0.5, abs=0.002)


def test_the_balance_closes(tmp_path: Path) -> None:
    report = told(tmp_path, an_hour_of_business)
    out_kwh = report.demand_kwh + report.losses_kwh + report.export_kwh + report.charging_kwh
    assert out_kwh == pytest.approx(report.generation_kwh + report.import_kwh, abs=0.01)
    assert report.losses_model_kwh == pytest.approx(0.05 * report.demand_kwh, abs=0.01)
    (area,) = report.areas
    assert area.demand_kwh == report.demand_kwh
    assert area.operating_expense_usd == report.operating_expense_usd


def test_a_load_without_supply_is_unserved_once_its_bridge_is_empty(tmp_path: Path) -> None:
    def story(craft: Craft) -> None:
        away = {"utility_ok": False, "supply": Supply.DEAD}
        craft.cycle(craft.report("tower-1", backup_load_kw=5.0))
        for _ in range(30):
            craft.cycle(craft.report("tower-1", **away), count=5)
        craft.cycle(craft.report("tower-1", supply=Supply.UTILITY))

    report = told(tmp_path, story)
    (entry,) = report.unserved
    assert report.unserved_kwh == pytest.approx(5.0 * 600.0 / 3600.0, abs=1e-3)
    assert (entry.kind, entry.where) == ("dead_supply", "tower-1")
    assert entry.since == iso(START_MS + 8_000)
    assert entry.until == iso(START_MS + 608_000)
    assert report.demand_kwh - report.served_kwh == pytest.approx(report.unserved_kwh)
    assert report.operating_expense.unserved_usd == pytest.approx(
        10.0 * report.unserved_kwh, abs=0.01
    )
    assert (report.outages, report.outage_h) == (1, pytest.approx(600.0 / 3600.0, abs=1e-3))


def test_a_bridge_battery_carries_a_load_without_supply(tmp_path: Path) -> None:
    craft = Craft(tmp_path / "bridge.journal")
    sites = tuple(
        site.model_copy(update={"bridge_energy_kwh": 0.5}) if site.id == "tower-1" else site
        for site in craft.fleet.sites
    )
    craft.fleet = craft.fleet.model_copy(update={"sites": sites})
    craft.head()
    craft.cycle(craft.report("tower-1", backup_load_kw=5.0))
    for _ in range(30):
        craft.cycle(craft.report("tower-1", utility_ok=False, supply=Supply.DEAD), count=5)
    craft.cycle(craft.report("tower-1"))
    report = craft.finish()
    # The newer head, in which the site has a battery, counts.
    assert report.sessions == 2
    assert report.unserved_kwh == pytest.approx(5.0 * 600.0 / 3600.0 - 0.5, abs=2e-3)


@pytest.mark.parametrize(("mean_kw", "over_kwh"), [(1004.0, 0.0), (1100.0, (1100.0 - 1005.0) / 12)])
def test_import_above_the_limit_counts_beyond_the_metering(
    tmp_path: Path, mean_kw: float, over_kwh: float
) -> None:
    def story(craft: Craft) -> None:
        craft.cycle(craft.grid(mean_kw, 100.0))
        for k in range(1, 76):
            # Swings about the mean within the window do not matter.
            swing_kw = mean_kw + (300.0 if k % 2 else -300.0)
            craft.cycle(craft.grid(swing_kw, 100.0 + mean_kw * k * 4 / 3600.0))

    report = told(tmp_path, story)
    assert report.unserved_kwh == pytest.approx(over_kwh, rel=0.02, abs=1e-6)
    assert {entry.kind for entry in report.unserved} <= {"import_over_limit"}


def test_a_dead_area_leaves_its_customers_unserved(tmp_path: Path) -> None:
    def story(craft: Craft) -> None:
        for k in range(4):
            craft.cycle(
                craft.grid(400.0, 100.0 + k),
                craft.demand("plant", ("homes", 360.0, 100.0 + 0.4 * k)),
            )
        craft.cycle(
            craft.grid(0.0, 103.0, energised=False), craft.demand("plant", ("homes", 0.0, 101.2))
        )
        for _ in range(24):
            craft.cycle(
                craft.grid(0.0, 103.0, energised=False),
                craft.demand("plant", ("homes", 0.0, 101.2)),
            )
        craft.cycle(craft.grid(0.0, 103.0))

    report = told(tmp_path, story)
    (entry,) = report.unserved
    assert entry.kind == "dead_area"
    assert entry.kwh == pytest.approx(360.0 * 100.0 / 3600.0)


def test_a_silent_meter_is_listed_and_its_counter_bridges_the_gap(tmp_path: Path) -> None:
    def story(craft: Craft) -> None:
        craft.cycle(craft.demand("plant", ("homes", 36.0, 10.0)))
        craft.cycle(count=299)
        craft.cycle(craft.demand("plant", ("homes", 36.0, 22.0)))

    report = told(tmp_path, story)
    assert report.demand_kwh == pytest.approx(12.0, abs=0.05)
    silent = [one for one in report.meter_silences if one.end_user == "homes"]
    assert [one.hours for one in silent] == [pytest.approx(1200.0 / 3600.0, abs=1e-3)]
    # The six towers' meters never said a word.
    assert report.meter_outages == 7


def test_a_meter_that_stays_silent_is_estimated(tmp_path: Path) -> None:
    def story(craft: Craft) -> None:
        craft.cycle(craft.demand("plant", ("homes", 36.0, 10.0)))
        craft.cycle(count=900)

    report = told(tmp_path, story)
    assert report.demand_kwh == pytest.approx(36.0, rel=2e-3)
    assert report.demand_estimated_kwh == pytest.approx(36.0, rel=2e-3)


def test_commands_by_what_became_of_them(tmp_path: Path) -> None:
    def story(craft: Craft) -> None:
        orders = [craft.command("plant", run("battery", 1.0 + k)) for k in range(5)]
        for order in orders:
            craft.cycle(order)
        no = [DeviceOutcome("battery", Outcome.REFUSED, "no")]
        craft.cycle(
            craft.ack(orders[0]),
            craft.ack(orders[1], Outcome.REDUCED),
            craft.ack(orders[2], Outcome.REFUSED, no),
            craft.ack(orders[3], Outcome.EXPIRED),
        )
        craft.cycle(craft.ack(orders[0], Outcome.DONE), craft.ack(orders[0], Outcome.DONE))
        craft.cycle(craft.ack(orders[1], Outcome.FAILED), count=40)
        craft.cycle(craft.command("plant", run("battery", 9.0)))

    report = told(tmp_path, story)
    assert report.commands == 6
    assert (report.acknowledged, report.refused_by_site, report.expired) == (2, 1, 2)
    assert report.unanswered_at_end == 1
    assert (report.done, report.failed) == (1, 1)
    answered = report.acknowledged + report.refused_by_site
    assert report.commands == answered + report.expired + report.unanswered_at_end
    assert report.acknowledge_seconds_p99 == 20.0


def test_hours_by_what_they_were_run_for(tmp_path: Path) -> None:
    def story(craft: Craft) -> None:
        away = {"utility_ok": False, "supply": Supply.LOCAL}
        gen = "tower_1_gen"
        craft.cycle(craft.report("tower-1", **{gen: {"run_h": 10.0}}))
        craft.cycle(craft.report("tower-1", **away, **{gen: {"state": RUNNING}}))
        craft.cycle(count=899)
        craft.cycle(craft.report("tower-1", **away, **{gen: {"run_h": 11.0}}))
        # The utility is back; the run goes on to its end as the outage's.
        craft.cycle(
            craft.report("tower-1", supply=Supply.LOCAL, **{gen: {"run_h": 11.1}}), count=90
        )
        craft.cycle(craft.report("tower-1", **{gen: {"state": IDLE, "run_h": 11.2}}), count=90)
        craft.cycle(craft.command("tower-1", run("tower-1-gen", 5.0, Purpose.EXERCISE)))
        craft.cycle(craft.report("tower-1", **{gen: {"state": RUNNING}}), count=450)
        craft.cycle(craft.report("tower-1", **{gen: {"run_h": 11.7}}))
        craft.cycle(craft.command("tower-1", stop("tower-1-gen")))
        craft.cycle(craft.report("tower-1", **{gen: {"state": IDLE, "run_h": 11.7}}))
        craft.cycle(craft.report("tower-1", **{gen: {"state": RUNNING}}), count=90)
        craft.cycle(craft.report("tower-1", **{gen: {"state": IDLE, "run_h": 11.8}}))

    report = told(tmp_path, story)
    hours = report.permit_hours_by_class["epa_emergency"]
    assert hours == {
        "exercise": pytest.approx(0.5, abs=0.01),
        "outage": pytest.approx(1.2, abs=0.01),
        "site": pytest.approx(0.1, abs=0.01),
    }
    (gen,) = [one for one in report.devices if one.device == "tower-1-gen"]
    assert gen.permit_used_h == pytest.approx(0.6, abs=0.01)
    assert gen.permit_cap_h == 100.0


def test_substitution_is_timed_to_the_command_and_to_running(tmp_path: Path) -> None:
    def story(craft: Craft) -> None:
        craft.cycle(count=3)
        failed_ms = craft.now_ms
        record = CycleRecord(
            failed_ms + 8_000,
            "c1",
            1,
            1,
            "commanding",
            (AreaBalance("area", 1.0, 0.0, 1.0, 0.0, lolp=0.25),),
            substitutions=(Substitution("diesel", failed_ms, ("engine",), "tripped"),),
            alarms_raised=("failure:diesel", "device:diesel:overspeed"),
            vetoes=("no",),
        )
        craft.cycle()
        craft.decide(record, craft.command("plant", run("engine", 50.0)))
        craft.cycle(craft.report("plant", engine={"state": DeviceState.STARTING}), count=9)
        craft.cycle(craft.report("plant", engine={"state": RUNNING}))

    report = told(tmp_path, story)
    assert report.substitutions == 1
    assert report.substitution_seconds_p99 == 8.0
    assert report.substitution_running_seconds_p50 == 48.0
    assert report.alarms_by_kind == {"device: overspeed": 1, "failure": 1}
    assert (report.lolp, report.lolp_max, report.vetoes) == (0.25, 0.25, 1)


def test_cycle_times_come_from_the_shell(tmp_path: Path) -> None:
    def story(craft: Craft) -> None:
        times = tuple(float(k) for k in range(1, 101))
        craft.cycle((craft.topics.shell, ShellReport(craft.next_ms, times, 3)))

    report = told(tmp_path, story)
    assert (report.cycle_ms_p50, report.cycle_ms_p99, report.missed_cycles) == (50.0, 99.0, 3)


def test_late_double_and_malformed_messages_change_nothing(tmp_path: Path) -> None:
    def noisy(craft: Craft) -> None:
        seen: list[tuple[str, object]] = []
        original = craft.cycle

        def cycle(*said: tuple[str, object], count: int = 1) -> None:
            old = seen[-7:-4]
            extra = [one for one in said if "/up/" in one[0] and "ack" not in one[0]]
            seen.extend(extra)
            junk = [
                (craft.topics.report("plant"), b"{"),
                (craft.topics.report("nowhere"), b"{}"),
                (craft.topics.report("plant"), encode(craft.report("tanked")[1])),
            ]
            original(*said, *extra, *old, *junk, count=count)

        craft.cycle = cycle  # type: ignore[method-assign]
        an_hour_of_business(craft)

    clean = told(_sub(tmp_path, "clean"), an_hour_of_business)
    dirty = told(_sub(tmp_path, "dirty"), noisy)
    assert dirty.malformed_messages == 3 * 901
    assert dirty.late_messages > 900
    for name in ("demand_kwh", "import_kwh", "generation_kwh", "operating_expense_usd", "starts"):
        assert getattr(dirty, name) == getattr(clean, name), name


def test_json_has_a_fixed_order_and_text_shows_it(tmp_path: Path) -> None:
    report = told(tmp_path, an_hour_of_business)
    fields = json.loads(encode_report(report))
    assert list(fields) == list(Report.__struct_fields__)
    asked = (
        "demand_kwh served_kwh unserved_kwh generation_kwh_by_type import_kwh export_kwh "
        "losses_kwh fuel_l_by_fuel starts failed_starts substitutions substitution_seconds_p50 "
        "substitution_seconds_p99 commands acknowledged expired refused_by_site "
        "operating_expense_usd production_cost_usd_per_kwh efficiency lolp cycle_ms_p50 "
        "cycle_ms_p99 permit_hours_by_class invariant_violations"
    )
    assert set(asked.split()) <= set(fields)
    assert "devices" not in json.loads(encode_report(report, devices=False))
    from rich.console import Console

    for by in ("", "area", "device"):
        console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
        console.print(render(report, by))
        text = console.export_text()
        assert f"{report.import_kwh:,.1f} kWh" in text
        assert max(len(line.rstrip()) for line in text.splitlines()) <= 100


def _sub(path: Path, name: str) -> Path:
    folder = path / name
    folder.mkdir()
    return folder
