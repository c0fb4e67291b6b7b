"""Every invariant that a journal shows: a planted breach is found, and what is right passes."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
from crafting import TOWERS, Craft, run, stop

from gridmuster.clock import parse_iso
from gridmuster.signals import (
    Action,
    Alert,
    DeviceState,
    OperatorRequest,
    Order,
    Outcome,
    Purpose,
    Scope,
    Setpoint,
    Supply,
)

IDLE, RUNNING, COOLING = DeviceState.IDLE, DeviceState.RUNNING, DeviceState.COOLING
FAULT, LOCKED = DeviceState.FAULT, DeviceState.LOCKED
Deed = Callable[[Craft], None]
BREACHES: list[tuple[int, str, Deed]] = []
RIGHT: list[tuple[str, Deed]] = []


def breach(invariant: int) -> Callable[[Deed], Deed]:
    """Mark a deed that breaks an invariant."""

    def mark(deed: Deed) -> Deed:
        BREACHES.append((invariant, deed.__name__, deed))
        return deed

    return mark


def right(deed: Deed) -> Deed:
    """Mark a deed that breaks none."""
    RIGHT.append((deed.__name__, deed))
    return deed


def begun(path: Path) -> Craft:
    """A plant whose center has begun as it should."""
    craft = Craft(path / "crafted.journal")
    craft.cycle(craft.session(), *craft.all_reports())
    craft.cycle(craft.claim(), *craft.all_reports())
    return craft


def start(craft: Craft, site: str, device: str, power_kw: float = 80.0) -> None:
    """A set is started, obeys and runs."""
    order = craft.command(site, run(device, power_kw))
    craft.cycle(order)
    craft.cycle(craft.ack(order), craft.report(site, **_one(device, state=DeviceState.STARTING)))
    craft.cycle(craft.report(site, **_one(device, state=RUNNING, power_kw=power_kw, starts=1)))


def _one(device: str, **changes: object) -> dict[str, dict[str, object]]:
    return {device.replace("-", "_"): changes}


# 1


@breach(1)
def asks_for_power_in_an_outage(craft: Craft) -> None:
    craft.cycle(craft.report("plant", utility_ok=False, supply=Supply.LOCAL))
    craft.cycle(count=3)
    craft.cycle(craft.command("plant", run("battery", 50.0)))


@right
def asks_for_power_just_before_it_hears_of_an_outage(craft: Craft) -> None:
    craft.cycle(craft.command("plant", run("battery", 50.0)))
    craft.cycle(craft.report("plant", utility_ok=False, supply=Supply.LOCAL))
    craft.cycle(craft.command("plant", run("battery", 50.0)))


@right
def charges_nothing_in_an_outage_and_asks_again_after_it(craft: Craft) -> None:
    craft.cycle(craft.report("plant", utility_ok=False, supply=Supply.LOCAL))
    craft.cycle(count=4)
    craft.cycle(craft.command("plant", run("battery", 0.0)))
    craft.cycle(craft.report("plant"))
    craft.cycle(craft.command("plant", run("battery", 50.0)))


@breach(1)
def leaves_a_dead_load_with_a_set_idle(craft: Craft) -> None:
    for _ in range(4):
        craft.cycle(craft.report("tower-1", utility_ok=False, supply=Supply.DEAD), count=5)
    craft.cycle(craft.report("tower-1", utility_ok=False, supply=Supply.DEAD))


@right
def a_dead_load_waits_for_a_set_that_starts(craft: Craft) -> None:
    craft.cycle(craft.report("tower-1", utility_ok=False, supply=Supply.DEAD), count=5)
    for _ in range(4):
        starting = _one("tower-1-gen", state=DeviceState.STARTING)
        craft.cycle(
            craft.report("tower-1", utility_ok=False, supply=Supply.DEAD, **starting), count=5
        )


@right
def a_dead_load_has_no_set_left(craft: Craft) -> None:
    for _ in range(5):
        locked = _one("tower-1-gen", state=LOCKED, available_kw=0.0)
        craft.cycle(
            craft.report("tower-1", utility_ok=False, supply=Supply.DEAD, **locked), count=5
        )


# 2


@breach(2)
def feeds_a_dead_line(craft: Craft) -> None:
    for _ in range(2):
        craft.cycle(
            craft.report("plant", utility_ok=False, supply=Supply.LOCAL, poi_kw=40.0), count=2
        )


@right
def is_measured_once_before_the_island_opens(craft: Craft) -> None:
    craft.cycle(craft.report("plant", utility_ok=False, supply=Supply.DEAD, poi_kw=40.0))
    craft.cycle(craft.report("plant", utility_ok=False, supply=Supply.LOCAL))


@breach(2)
def sends_out_more_than_agreed(craft: Craft) -> None:
    for _ in range(3):
        craft.cycle(craft.report("plant", poi_kw=1100.0), count=2)


@right
def sends_out_what_is_agreed(craft: Craft) -> None:
    for _ in range(5):
        craft.cycle(craft.report("plant", poi_kw=1015.0), count=2)


@right
def sends_out_too_much_for_a_moment(craft: Craft) -> None:
    craft.cycle(craft.report("plant", poi_kw=1100.0))
    craft.cycle(craft.report("plant", poi_kw=990.0))
    craft.cycle(craft.report("plant", poi_kw=1100.0))


@breach(2)
def feeds_a_dead_connection(craft: Craft) -> None:
    craft.cycle(craft.grid(-30.0, 0.0, energised=False))
    craft.cycle(craft.grid(-30.0, 0.0, energised=False))


# 3: kept for `tanked` are 100 l of sump and 10 h x 15 l/h = 250 l.


@breach(3)
def starts_on_the_reserve(craft: Craft) -> None:
    craft.cycle(craft.report("tanked", diesel={"fuel_level": 249.0}))
    craft.cycle(craft.command("tanked", run("diesel", 50.0)))


@right
def starts_above_the_reserve(craft: Craft) -> None:
    craft.cycle(craft.report("tanked", diesel={"fuel_level": 251.0}))
    craft.cycle(craft.command("tanked", run("diesel", 50.0)))


@breach(3)
def runs_through_the_reserve(craft: Craft) -> None:
    craft.cycle(craft.report("tanked", diesel={"fuel_level": 300.0}))
    start(craft, "tanked", "diesel")
    craft.cycle(craft.report("tanked", diesel={"fuel_level": 230.0}))


@right
def an_outage_may_use_the_reserve(craft: Craft) -> None:
    away = {"utility_ok": False, "supply": Supply.LOCAL}
    craft.cycle(craft.report("tanked", diesel={"fuel_level": 300.0}, **away))
    craft.cycle(craft.report("tanked", diesel={"state": RUNNING, "power_kw": 20.0}, **away))
    craft.cycle(craft.report("tanked", diesel={"fuel_level": 150.0}, **away))
    craft.cycle(craft.report("tanked", diesel={"fuel_level": 149.0}))


# 4


@breach(4)
def runs_an_emergency_engine_for_demand(craft: Craft) -> None:
    craft.cycle(craft.command("tower-1", run("tower-1-gen", 5.0)))


@breach(4)
def runs_an_emergency_engine_for_an_alert_of_nobody(craft: Craft) -> None:
    craft.cycle(craft.command("tower-1", run("tower-1-gen", 5.0, Purpose.EMERGENCY_ALERT)))


@right
def runs_an_emergency_engine_for_an_alert_and_an_exercise(craft: Craft) -> None:
    craft.cycle(craft.grid(0.0, 0.0, alert=Alert.EEA1))
    craft.cycle(craft.command("tower-1", run("tower-1-gen", 5.0, Purpose.EMERGENCY_ALERT)))
    craft.cycle(craft.command("tower-2", run("tower-2-gen", 5.0, Purpose.EXERCISE)))


@breach(4)
def starts_beyond_the_hours(craft: Craft) -> None:
    # 440 h are used and 450 h are 90 % of the cap: 11 h outside outages go past it.
    craft.cycle(craft.report("tanked", diesel={"run_h": 100.0, "fuel_level": 800.0}))
    craft.cycle(craft.report("tanked", diesel={"run_h": 111.0}))
    craft.cycle(craft.command("tanked", run("diesel", 50.0)))


@right
def outage_hours_do_not_count(craft: Craft) -> None:
    away = {"utility_ok": False, "supply": Supply.LOCAL}
    craft.cycle(craft.report("tanked", diesel={"run_h": 100.0, "fuel_level": 800.0}))
    craft.cycle(craft.report("tanked", diesel={"state": RUNNING}, **away))
    craft.cycle(craft.report("tanked", diesel={"run_h": 111.0}, **away))
    craft.cycle(craft.report("tanked", diesel={"state": COOLING, "run_h": 111.1}))
    craft.cycle(craft.report("tanked", diesel={"state": IDLE}))
    craft.quiet(700.0)
    craft.cycle(craft.command("tanked", run("diesel", 50.0)))


@right
def a_new_year_gives_new_hours(craft: Craft) -> None:
    craft.cycle(craft.report("tanked", diesel={"run_h": 100.0, "fuel_level": 800.0}))
    craft.cycle(craft.report("tanked", diesel={"run_h": 111.0}))
    craft.now_ms = parse_iso("2027-01-01T00:00:00Z")
    craft.cycle(*craft.all_reports())
    craft.cycle(craft.command("tanked", run("diesel", 50.0)))


@breach(4)
def runs_on_beyond_the_hours(craft: Craft) -> None:
    craft.cycle(craft.report("tanked", diesel={"run_h": 100.0, "fuel_level": 800.0}))
    start(craft, "tanked", "diesel")
    craft.cycle(craft.report("tanked", diesel={"run_h": 110.5}))


# 5


@breach(5)
def gives_a_setpoint_too_short_a_life(craft: Craft) -> None:
    craft.cycle(craft.command("plant", run("battery", 10.0), ttl_s=59))


@breach(5)
def gives_a_setpoint_too_long_a_life(craft: Craft) -> None:
    craft.cycle(craft.command("plant", run("battery", 10.0), ttl_s=301))


@breach(5)
def runs_on_after_its_setpoint(craft: Craft) -> None:
    start(craft, "plant", "engine")
    craft.quiet(280.0, "plant")


@right
def runs_on_as_long_as_it_is_renewed(craft: Craft) -> None:
    start(craft, "plant", "engine")
    for _ in range(8):
        order = craft.command("plant", run("engine", 80.0))
        craft.cycle(order)
        craft.cycle(craft.ack(order), craft.report("plant"), count=9)


@right
def stops_after_its_setpoint(craft: Craft) -> None:
    start(craft, "plant", "engine")
    craft.quiet(120.0, "plant")
    craft.cycle(craft.report("plant", engine={"state": COOLING, "power_kw": 0.0}))
    craft.quiet(400.0, "plant")


@breach(5)
def a_store_gives_on_after_its_setpoint(craft: Craft) -> None:
    order = craft.command("plant", run("battery", 60.0))
    craft.cycle(order, craft.report("plant", battery={"energy_kwh": 150.0}))
    craft.cycle(craft.ack(order), craft.report("plant", battery={"power_kw": 60.0}))
    craft.quiet(240.0, "plant")


@right
def another_center_holds_the_setpoint(craft: Craft) -> None:
    start(craft, "plant", "engine")
    for _ in range(14):
        craft.cycle(craft.report("plant", highest_fence=2, fence_holder="c2"), count=5)


# 6


@breach(6)
def calls_a_set_in_fault(craft: Craft) -> None:
    start(craft, "plant", "engine")
    craft.cycle(craft.report("plant", engine={"state": FAULT, "power_kw": 0.0}))
    craft.cycle(craft.command("plant", run("engine", 80.0)))


@breach(6)
def calls_a_set_again_that_failed_to_start(craft: Craft) -> None:
    craft.cycle(craft.report("plant", engine={"failed_starts": 3}))
    craft.cycle(craft.command("plant", run("engine", 80.0)))
    craft.cycle(craft.report("plant", engine={"failed_starts": 4}))
    craft.cycle(craft.command("plant", run("engine", 80.0)))


@right
def calls_a_set_that_was_reset(craft: Craft) -> None:
    craft.cycle(craft.report("plant", engine={"state": LOCKED}))
    craft.cycle(craft.report("plant", engine={"state": IDLE}))
    craft.cycle(craft.command("plant", run("engine", 80.0)))


@right
def calls_a_set_that_a_person_reset(craft: Craft) -> None:
    craft.cycle(craft.report("plant", engine={"failed_starts": 3}))
    craft.cycle(craft.report("plant", engine={"failed_starts": 4}))
    reset = OperatorRequest("r1", "ann", "admin", Action.RESET, Scope.AREA, "area", craft.next_ms)
    craft.cycle(craft.request(reset))
    craft.cycle(craft.command("plant", run("engine", 80.0)))


# 7


@breach(7)
def asks_for_more_than_the_rating(craft: Craft) -> None:
    craft.cycle(craft.command("plant", run("sun", 310.0)))


@breach(7)
def asks_an_engine_to_take_power(craft: Craft) -> None:
    craft.cycle(craft.command("plant", run("engine", -10.0)))


@breach(7)
def asks_a_switched_set_for_more_than_its_load(craft: Craft) -> None:
    craft.cycle(craft.command("tower-1", run("tower-1-gen", 12.0, Purpose.EXERCISE)))


@breach(7)
def empties_a_store(craft: Craft) -> None:
    craft.cycle(craft.report("plant", battery={"energy_kwh": 38.0}))
    craft.cycle(craft.command("plant", run("battery", 50.0)))


@breach(7)
def overfills_a_store(craft: Craft) -> None:
    craft.cycle(craft.report("plant", battery={"energy_kwh": 202.0}))
    craft.cycle(craft.command("plant", run("battery", -50.0)))


@right
def uses_a_store_between_its_bounds(craft: Craft) -> None:
    craft.cycle(craft.report("plant", battery={"energy_kwh": 41.0}))
    craft.cycle(craft.command("plant", run("battery", 100.0)))
    craft.cycle(craft.command("plant", run("battery", -100.0)))


# 8


@breach(8)
def uses_an_id_twice(craft: Craft) -> None:
    craft.cycle(craft.command("plant", run("battery", 1.0), id="x"))
    craft.cycle(craft.command("plant", run("battery", 2.0), id="x"))


@breach(8)
def repeats_a_sequence(craft: Craft) -> None:
    craft.cycle(craft.command("plant", run("battery", 1.0), sequence=900))
    craft.cycle(craft.command("plant", run("battery", 2.0), sequence=900))


@breach(8)
def falls_back_to_an_older_fence(craft: Craft) -> None:
    craft.cycle(craft.command("plant", run("battery", 1.0), fence=5))
    craft.cycle(craft.command("plant", run("battery", 2.0), fence=4))


@right
def begins_sequences_anew_under_a_new_fence(craft: Craft) -> None:
    craft.cycle(craft.command("plant", run("battery", 1.0), fence=5, sequence=900))
    craft.cycle(craft.command("plant", run("battery", 2.0), fence=6, sequence=1))


@breach(8)
def stamps_a_command_wrongly(craft: Craft) -> None:
    at_ms = craft.next_ms + 8_000
    times = {"issued_at_ms": at_ms, "expires_at_ms": at_ms + 120_000}
    craft.cycle(craft.command("plant", run("battery", 1.0), **times))


@breach(8)
def obeys_a_command_twice(craft: Craft) -> None:
    order = craft.command("plant", run("battery", 1.0))
    craft.cycle(order)
    craft.cycle(craft.ack(order))
    craft.cycle(craft.ack(order))


@right
def answers_a_duplicate(craft: Craft) -> None:
    order = craft.command("plant", run("battery", 1.0))
    craft.cycle(order)
    answer = craft.ack(order)
    craft.cycle(answer, answer)
    craft.cycle(craft.ack(order, Outcome.DUPLICATE), craft.ack(order, Outcome.DONE))


@breach(8)
def commands_on_though_a_newer_center_holds_the_fence(craft: Craft) -> None:
    craft.cycle(craft.command("plant", run("battery", 1.0)))
    craft.cycle(craft.lease("c2", 2))
    craft.cycle(craft.command("plant", run("battery", 1.0)))


@breach(8)
def commands_a_device_somewhere_else(craft: Craft) -> None:
    craft.cycle(craft.command("tower-1", run("battery", 1.0)))


# 9


@breach(9)
def starts_at_a_silent_site(craft: Craft) -> None:
    craft.quiet(80.0, "tanked", *TOWERS)
    craft.cycle(craft.command("plant", run("engine", 80.0)))


@breach(9)
def raises_a_store_at_a_silent_site(craft: Craft) -> None:
    craft.quiet(80.0, "tanked", *TOWERS)
    craft.cycle(craft.command("plant", run("battery", 80.0)))


@right
def lowers_at_a_silent_site(craft: Craft) -> None:
    start(craft, "plant", "engine", 80.0)
    craft.quiet(80.0, "tanked", *TOWERS)
    craft.cycle(craft.command("plant", run("engine", 40.0)))


# 10


@breach(10)
def starts_too_soon_after_a_stop(craft: Craft) -> None:
    start(craft, "plant", "engine")
    craft.cycle(craft.report("plant", engine={"state": COOLING}))
    craft.cycle(craft.report("plant", engine={"state": IDLE}))
    craft.quiet(300.0)
    craft.cycle(craft.command("plant", run("engine", 80.0)))


@right
def starts_late_enough_after_a_stop(craft: Craft) -> None:
    start(craft, "plant", "engine")
    craft.cycle(craft.report("plant", engine={"state": COOLING}))
    craft.cycle(craft.report("plant", engine={"state": IDLE}))
    craft.quiet(600.0)
    craft.cycle(craft.command("plant", run("engine", 80.0)))


@breach(10)
def starts_while_it_cools_down(craft: Craft) -> None:
    craft.cycle(craft.report("plant", engine={"state": COOLING}))
    craft.cycle(craft.command("plant", run("engine", 80.0)))


@breach(10)
def starts_too_often(craft: Craft) -> None:
    for starts in range(4):
        craft.cycle(craft.report("tanked", diesel={"starts": starts, "fuel_level": 800.0}))
    craft.cycle(craft.command("tanked", run("diesel", 80.0)))


@breach(10)
def stops_too_soon(craft: Craft) -> None:
    start(craft, "plant", "engine")
    craft.cycle(craft.command("plant", stop("engine")))


@right
def stops_soon_because_a_person_wants_it(craft: Craft) -> None:
    start(craft, "plant", "engine")
    wish = OperatorRequest("r1", "ann", "operator", Action.OVERRIDE, Scope.DEVICE, "engine", 0)
    craft.cycle(craft.request(wish))
    craft.cycle(craft.command("plant", stop("engine")))


@right
def stops_at_once_in_an_emergency(craft: Craft) -> None:
    start(craft, "plant", "engine")
    craft.cycle(craft.command("plant", Setpoint("engine", Order.EMERGENCY_STOP)))


# 12


@breach(12)
def all_sites_come_back_at_once(craft: Craft) -> None:
    _return(craft, 0)


@right
def sites_come_back_one_after_the_other(craft: Craft) -> None:
    _return(craft, 4)


def _return(craft: Craft, apart: int) -> None:
    away = {"utility_ok": False, "supply": Supply.LOCAL}
    craft.cycle(*(craft.report(tower, **away) for tower in TOWERS))
    craft.cycle(*(craft.report(tower, supply=Supply.LOCAL) for tower in TOWERS))
    craft.cycle(count=10)
    for tower in TOWERS:
        craft.cycle(craft.report(tower), count=max(apart, 1)) if apart else None
    if not apart:
        craft.cycle(*(craft.report(tower) for tower in TOWERS))


# 16


@breach(16)
def commands_before_it_has_heard_the_sites(craft: Craft) -> None:
    craft.center, craft.fence = "c2", 2
    craft.cycle(craft.session())
    craft.cycle(craft.claim(), craft.command("plant", run("battery", 1.0)))


@breach(16)
def begins_under_a_fence_that_was_seen(craft: Craft) -> None:
    craft.center, craft.fence = "c2", 7
    craft.cycle(craft.report("plant", highest_fence=7, fence_holder="c0"))
    craft.cycle(craft.session(), *craft.all_reports())
    craft.cycle(craft.claim())


@right
def begins_when_the_time_to_recover_is_over(craft: Craft) -> None:
    craft.center, craft.fence = "c2", 8
    craft.cycle(craft.report("plant", highest_fence=7, fence_holder="c0"))
    craft.cycle(craft.session())
    craft.cycle(count=8)
    craft.cycle(craft.claim(), craft.command("plant", run("battery", 0.0)))


@pytest.mark.parametrize(
    ("invariant", "deed"), [pytest.param(n, d, id=f"{n}-{name}") for n, name, d in BREACHES]
)
def test_a_planted_breach_is_found(tmp_path: Path, invariant: int, deed: Deed) -> None:
    craft = begun(tmp_path)
    deed(craft)
    report = craft.finish()
    found = [(one.invariant, one.text) for one in report.violations]
    assert [number for number, _ in found] == [invariant], found
    assert report.invariant_violations == 1
    assert report.violations_by_invariant == {str(invariant): 1}


@pytest.mark.parametrize("deed", [pytest.param(d, id=name) for name, d in RIGHT])
def test_what_is_right_passes(tmp_path: Path, deed: Deed) -> None:
    craft = begun(tmp_path)
    deed(craft)
    report = craft.finish()
    assert [(one.invariant, one.subject, one.text) for one in report.violations] == []
    assert report.malformed_messages == 0


def test_a_breach_that_lasts_counts_once(tmp_path: Path) -> None:
    craft = begun(tmp_path)
    for _ in range(20):
        craft.cycle(craft.command("tower-1", run("tower-1-gen", 5.0)))
    assert craft.finish().invariant_violations == 1


def test_the_judge_shares_no_code_with_the_judged() -> None:
    import gridmuster.report.invariants as judge

    for path in Path(judge.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                part = node.module.split(".")[1] if "." in node.module else ""
                forbidden = ("safety", "center", "dispatch", "programs", "gateway", "planning")
                assert part not in forbidden, (path.name, node.module)
