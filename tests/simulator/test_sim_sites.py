"""Sites: their switch, their own load, what an outage does, and the export limit."""

import pytest
from small_worlds import (
    NOON_MS,
    PARALLELING,
    battery,
    diesel,
    fleet,
    home,
    imbalance_kwh,
    panels,
    place,
    power_kw,
    run,
    state,
    supply,
    tell,
    tower,
    world,
)

from gridmuster.fleet.model import Transfer, TransferKind
from gridmuster.simulator.scenario import UtilityOutage

OUTAGE = UtilityOutage(sites=("site",), at="00:01", until="00:11")
USERS = (tower(peak_kw=5.0), home())


def panel(w):
    return w.controllers["panel.site"].points()


def test_an_outage_rides_on_the_bridge_until_the_set_has_the_load():
    w = world(fleet(diesel(), sites=(place(bridge_energy_kwh=10.0),), users=USERS), OUTAGE)
    run(w, 60)
    assert (supply(w), panel(w)["utility_ok"]) == ("dead", 0)
    tell(w, "set", start=1)
    tell(w, "panel.site", transfer_to_local=1)
    run(w, 10.2, 0.2)
    assert (supply(w), power_kw(w, "set")) == (
        "local",
        pytest.approx(panel(w)["backup_load_kw"], rel=1e-3),
    )
    bridged_kwh = 10.0 - panel(w)["bridge_kwh"]
    assert bridged_kwh == pytest.approx(panel(w)["backup_load_kw"] * 10 / 3600, rel=1e-2)
    assert panel(w)["poi_kw"] == 0
    run(w, 600)
    assert panel(w)["utility_ok"] == 1
    assert supply(w) == "local"
    tell(w, "panel.site", transfer_to_utility=1)
    run(w, 1)
    assert supply(w) == "utility"
    assert (power_kw(w, "set"), w.controllers["set"].points()["breaker"]) == (0, 0)
    assert w.truth.unserved_kwh == 0
    run(w, 3600)
    assert panel(w)["bridge_kwh"] == pytest.approx(10.0)
    assert imbalance_kwh(w) < 1e-9


def test_without_bridge_or_help_the_own_load_goes_dark_and_others_do_not():
    w = world(fleet(diesel(), users=USERS), OUTAGE)
    run(w, 60 + 300)
    served_kw = w.controllers["meter.homes"].points()["power_kw"]
    assert served_kw > 10
    assert w.controllers["meter.tower"].points()["power_kw"] == 0
    run(w, 300 + 60)
    truth = w.truth
    assert truth.unserved_kwh_by_site["site"] == pytest.approx(truth.unserved_kwh)
    assert truth.unserved_kwh_by_end_user == pytest.approx({"tower": truth.unserved_kwh})
    load_kw = panel(w)["backup_load_kw"]
    assert truth.unserved_kwh == pytest.approx(load_kw / 6, rel=0.03)
    assert imbalance_kwh(w) < 1e-9


def test_a_bridge_battery_runs_dry():
    w = world(fleet(sites=(place(bridge_energy_kwh=0.1),), users=USERS), OUTAGE)
    run(w, 600)
    assert panel(w)["bridge_kwh"] == 0
    truth = w.truth
    assert truth.areas["area"].bridge_kwh == pytest.approx(0.1)
    assert truth.unserved_kwh > 0
    assert imbalance_kwh(w) < 1e-9


def test_a_grid_forming_store_carries_the_load_and_another_does_not():
    for forming, name in ((True, "local"), (False, "dead")):
        w = world(fleet(battery(grid_forming=forming), users=USERS), OUTAGE)
        tell(w, "store", start=1)
        run(w, 60)
        tell(w, "panel.site", transfer_to_local=1)
        run(w, 300)
        assert supply(w) == name
        assert (w.truth.unserved_kwh == 0) is forming
        if forming:
            assert power_kw(w, "store") == pytest.approx(panel(w)["backup_load_kw"], rel=1e-3)
        assert imbalance_kwh(w) < 1e-9


def test_losing_the_utility_takes_a_paralleling_set_off_the_line_at_once():
    w = world(fleet(diesel(), sites=(place(transfer=PARALLELING),), users=USERS), OUTAGE)
    tell(w, "set", start=1, set_power_kw=50)
    run(w, 59)
    assert (supply(w), power_kw(w, "set")) == ("parallel", 50)
    assert panel(w)["poi_kw"] > 40
    run(w, 1)
    assert (supply(w), power_kw(w, "set"), panel(w)["poi_kw"]) == ("dead", 0, 0)
    assert w.controllers["set"].points()["breaker"] == 0
    tell(w, "panel.site", transfer_to_local=1)
    run(w, 4)
    assert (supply(w), power_kw(w, "set")) == (
        "local",
        pytest.approx(panel(w)["backup_load_kw"], rel=1e-3),
    )
    run(w, 600)
    tell(w, "panel.site", transfer_to_utility=1)
    # Back on the utility, but not in parallel before it has been healthy for five minutes.
    run(w, 290)
    assert (supply(w), w.controllers["set"].points()["breaker"]) == ("utility", 0)
    run(w, 60)
    assert (supply(w), power_kw(w, "set")) == ("parallel", 50)


def test_sun_lets_go_of_a_dead_bus():
    outage = UtilityOutage(sites=("site",), at="12:01", until="12:02")
    site = place(transfer=Transfer(export_limit_kw=500.0))
    w = world(fleet(panels(), sites=(site,), users=USERS), outage, at_ms=NOON_MS)
    run(w, 59)
    assert power_kw(w, "sun") > 5
    run(w, 1)
    assert (power_kw(w, "sun"), state(w, "sun")) == (0, "starting")
    run(w, 359)
    assert power_kw(w, "sun") == 0
    run(w, 5)
    assert power_kw(w, "sun") > 5


def test_an_open_transition_leaves_a_gap_and_a_closed_one_none():
    for kind, gap_s in ((TransferKind.TRANSFER_SWITCH, 0.1), (TransferKind.CLOSED_TRANSITION, 0)):
        w = world(fleet(diesel(), sites=(place(transfer=Transfer(kind=kind)),), users=USERS))
        tell(w, "set", start=1)
        run(w, 60)
        tell(w, "panel.site", transfer_to_local=1)
        assert supply(w) == ("dead" if gap_s else "local")
        run(w, 60)
        assert supply(w) == "local"
        load_kw = panel(w)["backup_load_kw"]
        assert w.truth.unserved_kwh == pytest.approx(load_kw * gap_s / 3600, rel=0.01, abs=1e-12)
        tell(w, "panel.site", transfer_to_utility=1)
        run(w, 4)
        assert supply(w) == "utility"
        assert imbalance_kwh(w) < 1e-9


def test_a_source_that_fails_gives_the_load_back_to_a_healthy_utility():
    w = world(fleet(diesel(), users=USERS))
    tell(w, "set", start=1)
    tell(w, "panel.site", transfer_to_local=1)
    run(w, 60)
    assert supply(w) == "local"
    tell(w, "set", emergency_stop=1)
    run(w, 1)
    assert supply(w) == "utility"


def test_a_transfer_waits_for_a_source():
    w = world(fleet(diesel(), users=USERS))
    tell(w, "panel.site", transfer_to_local=1)
    run(w, 60)
    assert supply(w) == "utility"
    tell(w, "set", start=1)
    run(w, 11)
    assert supply(w) == "local"


def test_two_sets_share_the_own_load_by_rating():
    devices = diesel("one", rated_kw=20.0), diesel("two", rated_kw=60.0)
    w = world(fleet(*devices, users=(tower(peak_kw=40.0),)))
    tell(w, "one", start=1)
    tell(w, "two", start=1)
    tell(w, "panel.site", transfer_to_local=1)
    run(w, 60)
    load_kw = panel(w)["backup_load_kw"]
    assert power_kw(w, "one") == pytest.approx(load_kw / 4, rel=1e-3)
    assert power_kw(w, "two") == pytest.approx(load_kw * 3 / 4, rel=1e-3)


def test_a_set_too_small_for_the_own_load_leaves_the_rest_dark():
    w = world(fleet(diesel(rated_kw=20.0), users=(tower(peak_kw=60.0),)), OUTAGE)
    tell(w, "set", start=1)
    tell(w, "panel.site", transfer_to_local=1)
    run(w, 600)
    assert power_kw(w, "set") == 20
    assert w.truth.unserved_kwh > 3
    assert imbalance_kwh(w) < 1e-9


def test_sun_holds_the_export_limit_by_itself():
    site = place(transfer=Transfer(export_limit_kw=10.0))
    w = world(fleet(panels(), sites=(site,), users=USERS), at_ms=NOON_MS)
    run(w, 60)
    assert panel(w)["poi_kw"] == pytest.approx(10.0, abs=0.05)
    assert w.controllers["sun"].points()["available_kw"] > 20
    assert imbalance_kwh(w) < 1e-9


def test_an_engine_above_the_export_limit_is_tripped():
    transfer = Transfer(kind=TransferKind.PARALLELING, export_limit_kw=20.0)
    w = world(fleet(diesel(), sites=(place(transfer=transfer),), users=USERS))
    tell(w, "set", start=1, set_power_kw=50)
    run(w, 60)
    points = w.controllers["set"].points()
    assert (state(w, "set"), power_kw(w, "set")) == ("fault", 0)
    assert int(points["alarm_bits"]) & 1 << 9
    assert int(panel(w)["alarm_bits"]) & 1 << 9


def test_a_stop_while_it_carries_the_load_hands_it_back():
    w = world(fleet(diesel(), users=USERS))
    tell(w, "set", start=1)
    tell(w, "panel.site", transfer_to_local=1)
    run(w, 60)
    tell(w, "set", stop=1)
    assert state(w, "set") == "cooling"
    run(w, 1)
    assert supply(w) == "utility"


def test_an_outage_of_a_whole_area_leaves_everybody_dark():
    outage = UtilityOutage(area="area", at="00:01", until="00:11")
    w = world(fleet(diesel(), users=USERS), outage)
    run(w, 59)
    assert w.grid_signal("area").energised
    run(w, 61)
    signal = w.grid_signal("area")
    assert (signal.energised, signal.import_kw) == (False, 0)
    assert w.controllers["meter.homes"].points()["power_kw"] == 0
    run(w, 600)
    assert set(w.truth.unserved_kwh_by_end_user) == {"homes", "tower"}
    assert w.grid_signal("area").energised
    assert imbalance_kwh(w) < 1e-9
