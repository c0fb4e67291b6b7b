"""Prices and demand: the seeded ones look like the real ones, and real ones can be laid over."""

from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pytest
from small_worlds import START_MS, battery, fleet, home, imbalance_kwh, place, run, tower, world

from gridmuster.clock import iso, parse_iso
from gridmuster.errors import FleetError
from gridmuster.fleet.generate import generate
from gridmuster.simulator.market_data import load_market, load_meters
from gridmuster.simulator.price import HOUR_MS, STEP_MS, Market
from gridmuster.simulator.scenario import PriceSpike
from gridmuster.simulator.world import World

ZONE = "America/Chicago"
START_DAY = date(2024, 7, 16)


@pytest.fixture(scope="module")
def year() -> np.ndarray:
    """A quarter of a year of four markets, one a row."""
    return np.array(
        [
            [market.price_usd_per_mwh(START_MS + k * STEP_MS) for k in range(288 * 90)]
            for market in (Market(START_MS, seed, ZONE) for seed in range(4))
        ]
    )


def runs_above(prices: np.ndarray, limit: float) -> list[np.ndarray]:
    found = []
    for row in prices:
        edges = np.diff(np.r_[0, (row > limit).astype(int), 0])
        starts, ends = np.where(edges == 1)[0], np.where(edges == -1)[0]
        found += [row[a:b] for a, b in zip(starts, ends, strict=True)]
    return found


def test_spikes_are_as_short_as_in_new_york(year):
    spikes = runs_above(year, 200.0)
    lengths = np.array([len(run_) for run_ in spikes])
    # NYISO, four zones, 2016-2018: 1.31 a day; 64 % last 5 min, 82 % at most 10, 96 % at most 30.
    assert len(spikes) / (4 * 90) == pytest.approx(1.31, abs=0.25)
    assert np.median(lengths) == 1
    assert np.mean(lengths <= 2) == pytest.approx(0.82, abs=0.06)
    assert np.mean(lengths <= 6) == pytest.approx(0.96, abs=0.03)
    heights = [run_.max() for run_ in spikes]
    assert np.quantile(heights, 0.5) == pytest.approx(272, rel=0.1)
    assert np.quantile(heights, 0.9) == pytest.approx(720, rel=0.25)


def test_level_negative_share_and_memory_are_those_measured(year):
    assert np.median(year) == pytest.approx(25, rel=0.2)
    assert 0.015 < np.mean(year < 0) < 0.032
    logs = np.log(np.clip(year, 1.0, None))
    for steps, measured in ((1, 0.83), (3, 0.71), (12, 0.57), (36, 0.37)):
        found = np.corrcoef(logs[:, :-steps].ravel(), logs[:, steps:].ravel())[0, 1]
        assert found == pytest.approx(measured, abs=0.08)


def test_afternoons_are_dearer_than_nights(year):
    days = np.median(year.reshape(4, 90, 288), axis=(0, 1))
    assert days[15 * 12 : 19 * 12].mean() > 1.7 * days[2 * 12 : 6 * 12].mean()


def test_only_published_day_ahead_prices_are_ahead():
    w = world(fleet())
    assert len(w.price("area").ahead_usd_per_mwh) == 23
    run(w, 12 * 3600 + 3599, 3600)
    assert len(w.price("area").ahead_usd_per_mwh) == 11
    before = w.price("area").ahead_usd_per_mwh
    run(w, 1)
    after = w.price("area").ahead_usd_per_mwh
    assert len(after) == 10 + 24
    assert after[:10] == before[1:]


def test_a_price_holds_for_its_five_minutes():
    w = world(fleet(), PriceSpike(at="00:10", until="00:15", usd_per_mwh=5000.0))
    seen = {}
    for _ in range(300):
        run(w, 4)
        price = w.price("area")
        assert price.start_ms <= price.at_ms < price.start_ms + price.duration_s * 1000
        assert seen.setdefault(price.start_ms, price.price_usd_per_mwh) == price.price_usd_per_mwh
    assert [value == 5000 for _, value in sorted(seen.items())] == [
        False,
        False,
        True,
        False,
        False,
    ]


def test_days_of_23_and_25_hours_have_their_hours():
    for day, hours in (("2024-03-10", 23), ("2024-11-03", 25)):
        first = parse_iso(f"{day}T06:00:00+00:00") - (hours == 25) * HOUR_MS
        market = Market(first, 1, ZONE)
        assert len(market.ahead_usd_per_mwh(first)) == hours - 1
        assert market.price_usd_per_mwh(first + (hours * 12 - 1) * STEP_MS)


@pytest.mark.parametrize(
    ("file", "more", "ahead"),
    [
        ("nyiso_rt5min_2016_2018", {"node": "nyc"}, 0),
        (
            "nyiso_rt5min_2016_2018",
            {"node": "west", "ahead": "nyiso_hourly_da_rt_load_2015_2018"},
            23,
        ),
        ("nyiso_hourly_da_rt_load_2015_2018", {"node": "LONGIL"}, 23),
        ("ercot_houston_rt15_da_2015_2017", {}, 23),
        ("ercot_hubavg_rt15_da_load_temp_2024", {}, 23),
        ("ercot_hourly_zones_fuelmix_2024", {"node": "houston"}, 23),
    ],
)
def test_recorded_prices_are_laid_over_a_run(data_dir, file, more, ahead):
    folder = data_dir / "market"
    other = more.pop("ahead", None)
    extra = {"ahead_path": folder / f"{other}.parquet"} if other else {}
    series = load_market(folder / f"{file}.parquet", START_MS, ZONE, **more, **extra)
    prices = [series.price_usd_per_mwh(START_MS + k * STEP_MS) for k in range(288)]
    assert len(set(prices)) > 20
    assert 5 < np.median(prices) < 100
    assert len(series.ahead_usd_per_mwh(START_MS)) == ahead
    if ahead:
        later = series.ahead_usd_per_mwh(START_MS + 14 * HOUR_MS)
        assert later[:9] == series.ahead_usd_per_mwh(START_MS)[14:23]


def test_new_yorks_prices_stand_at_their_local_time(data_dir):
    path = data_dir / "market" / "nyiso_rt5min_2016_2018.parquet"
    series = load_market(path, START_MS, ZONE, node="nyc", day=date(2018, 7, 2))
    wanted = duckdb.sql(
        f"SELECT rt_lbmp_nyc_usd_mwh FROM '{path}' WHERE interval_start_local >= "
        "'2018-07-02' AND interval_start_local < '2018-07-03' ORDER BY interval_start_local"
    ).fetchall()
    got = [series.price_usd_per_mwh(START_MS + k * STEP_MS) for k in range(288)]
    assert got == [row[0] for row in wanted]


def test_a_generic_table_of_prices(tmp_path: Path):
    path = tmp_path / "prices.csv"
    lines = ["time,price_usd_per_mwh"]
    for k in range(48):
        at = iso(START_MS + k * 1_800_000).replace("Z", "+00:00")
        lines.append(f"{at},{k}")
    path.write_text("\n".join(lines))
    series = load_market(path, START_MS, ZONE, day=START_DAY)
    assert [series.price_usd_per_mwh(START_MS + k * 900_000) for k in range(4)] == [0, 0, 1, 1]
    w = World(fleet(), START_MS, 1, market=series)
    run(w, 1801, 1801)
    assert w.price("area").price_usd_per_mwh == 1
    local = tmp_path / "local.csv"
    local.write_text("time,price\n2024-07-16 00:00,7\n2024-07-16 01:00,8\n")
    series = load_market(local, START_MS, ZONE, day=START_DAY)
    assert [series.price_usd_per_mwh(START_MS + k * HOUR_MS) for k in range(2)] == [7, 8]


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "time,price\nnever,1\n", "time,price\n"])
def test_a_file_that_cannot_be_used_says_so(tmp_path: Path, text):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(FleetError, match=r"bad\.csv"):
        load_market(path, START_MS, ZONE)
    with pytest.raises(FleetError, match=r"bad\.csv"):
        load_meters(path)
    with pytest.raises(FleetError, match=r"missing\.parquet"):
        load_market(tmp_path / "missing.parquet", START_MS, ZONE)


def test_a_day_on_real_meters(data_dir):
    meters = load_meters(data_dir / "market" / "cambridge_building_meters_hourly_2018_2019.parquet")
    plant = generate(12, 1)
    w = World(plant, START_MS, 1, meters=meters)
    run(w, 6 * 3600, 300)
    night_kwh = w.truth.demand_kwh
    run(w, 6 * 3600, 300)
    morning_kwh = w.truth.demand_kwh - night_kwh
    assert morning_kwh > 1.1 * night_kwh
    assert imbalance_kwh(w) < 1e-6
    for user in plant.end_users:
        assert w.controllers[f"meter.{user.id}"].points()["power_kw"] <= 1.15 * user.peak_kw


def test_a_long_table_of_meters_and_its_gaps(tmp_path: Path):
    path = tmp_path / "meters.csv"
    lines = ["time,end_user,kw"]
    for hour in range(-48, 48):
        for user, kw in (("homes", 50.0), ("tower", 4.0)):
            if not (user == "homes" and hour == 2):
                lines.append(f"{iso(START_MS + hour * HOUR_MS)},{user},{kw}")
    path.write_text("\n".join(lines))
    plant = fleet(battery(), sites=(place(),), users=(home(), tower()))
    w = World(plant, START_MS, 1, meters=load_meters(path))
    run(w, 3600, 60)
    assert w.truth.demand_kwh == pytest.approx(54, rel=0.08)
    meter = w.controllers["meter.homes"]
    assert meter.reachable
    run(w, 3700, 60)
    assert not meter.reachable
    assert w.controllers["meter.tower"].reachable
    run(w, 3600, 60)
    assert meter.reachable
