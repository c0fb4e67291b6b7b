"""Sun, clouds and wind against what is known of them."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_worlds import NOON_MS, START_MS, SURE, fleet, panels, place, run, tell, world

from gridmuster.clock import parse_iso
from gridmuster.fleet.devices import Photovoltaic, WindTurbine
from gridmuster.fleet.model import Transfer
from gridmuster.simulator.scenario import CloudBank
from gridmuster.simulator.weather import (
    Weather,
    air_c,
    array_power_kw,
    clear_sky_w_per_m2,
    sun_elevation_sine,
    turbine_power_kw,
)

EXPORTING = Transfer(export_limit_kw=10_000.0)
TURBINE = WindTurbine(type="wind_turbine", id="wind", site="site", rated_kw=200.0, reliability=SURE)


def elevation_deg(text: str, latitude: float, longitude: float) -> float:
    return math.degrees(math.asin(sun_elevation_sine(parse_iso(text), latitude, longitude)))


@pytest.mark.parametrize(
    ("when", "latitude", "longitude", "expected"),
    [
        # At solar noon the sun stands at 90 - |latitude - declination| (declination +-23.44 at
        # the solstices, 0 at the equinoxes).
        ("2024-06-20T12:02:00+00:00", 51.48, 0.0, 61.96),
        ("2024-12-21T11:58:00+00:00", 51.48, 0.0, 15.08),
        ("2024-03-20T12:07:00+00:00", 0.0, 0.0, 89.8),
        ("2024-06-20T18:33:00+00:00", 30.27, -97.74, 83.17),
        # Sunrise at Greenwich on the equinox, 6:03 with refraction: sun's centre on the horizon.
        ("2024-03-20T06:07:00+00:00", 51.48, 0.0, 0.0),
    ],
)
def test_the_sun_stands_where_it_does(when, latitude, longitude, expected):
    assert elevation_deg(when, latitude, longitude) == pytest.approx(expected, abs=0.6)


def test_clear_noon_light_is_about_a_kilowatt():
    assert clear_sky_w_per_m2(1.0) == pytest.approx(1037, abs=2)
    assert clear_sky_w_per_m2(0.0) == clear_sky_w_per_m2(-0.5) == 0


def test_panels_lose_with_warmth_and_the_inverter_clips():
    array = Photovoltaic(type="photovoltaic", id="a", site="s", rated_kw=100.0)
    cool, warm = array_power_kw(array, 500, 0.0), array_power_kw(array, 500, 40.0)
    assert cool / warm > 1.1
    # 1.2 x 0.97 x 500/1000 at a cell of 25 C.
    assert array_power_kw(array, 500, 25 - 25 * 500 / 800) == pytest.approx(58.2)
    assert array_power_kw(array, 1100, 0.0) == 100


def test_austin_is_warm_in_july_and_cool_in_january():
    for day, low, high in (("2024-07-20", 23, 36.5), ("2024-01-20", 4, 18)):
        hours = [air_c(parse_iso(f"{day}T{h:02}:00:00+00:00"), 30.27, -97.74) for h in range(24)]
        assert low < min(hours) < max(hours) < high


@given(st.floats(0, 40))
def test_a_turbine_follows_its_power_curve(speed):
    power = turbine_power_kw(TURBINE, speed)
    assert 0 <= power <= 200
    if speed < 3 or speed >= 25:
        assert power == 0
    elif speed >= 12:
        assert power == 200
    else:
        assert power == pytest.approx(200 * (speed**3 - 27) / (12**3 - 27))


def day_of(w, key: str, name: str = "available_kw") -> list[float]:
    values = []
    for _ in range(144):
        run(w, 600, 600)
        values.append(w.controllers[key].points()[name])
    return values


def test_no_sun_at_night_and_a_full_array_some_time_of_the_day():
    w = world(fleet(panels(), sites=(place(transfer=EXPORTING),)))
    power = day_of(w, "sun", "power_kw")
    night = power[: 6 * 6] + power[21 * 6 :]
    assert max(night) == 0
    assert 70 < max(power) <= 100
    # 3.5 to 7.5 kWh/m2 on a summer day.
    assert 300 < w.truth.produced_kwh["sun"] < 900


def test_curtailed_sun_gives_its_setpoint_and_no_more():
    w = world(fleet(panels(), sites=(place(transfer=EXPORTING),)), at_ms=NOON_MS)
    tell(w, "sun", set_power_kw=7)
    run(w, 8)
    assert w.controllers["sun"].points()["power_kw"] == 7
    tell(w, "sun", stop=1)
    assert w.controllers["sun"].points()["power_kw"] == 0
    tell(w, "sun", start=1, set_power_kw=100)
    run(w, 8)
    points = w.controllers["sun"].points()
    assert points["power_kw"] == points["available_kw"] > 7


def test_a_cloud_bank_darkens_one_area_and_passes():
    sites = (place(transfer=EXPORTING), place("far", "other", transfer=EXPORTING))
    plant = fleet(panels(), panels("calm", "far"), sites=sites)
    bank = CloudBank(area="area", at="13:00", until="14:00", cover=1.0)
    cloudy, clear = world(plant, bank, at_ms=NOON_MS), world(plant, at_ms=NOON_MS)
    for w in (cloudy, clear):
        run(w, 90 * 60, 60)
    light = cloudy.controllers["sun"].points()["available_kw"]
    # A full cover leaves a quarter of a clear sky.
    assert (
        light == pytest.approx(0.25 * 100 * 1.2 * 0.97, rel=0.25)
        and light < 0.7 * clear.controllers["sun"].points()["available_kw"]
    )
    assert cloudy.truth.produced_kwh["calm"] == clear.truth.produced_kwh["calm"]
    for w in (cloudy, clear):
        run(w, 3600, 60)
    assert cloudy.controllers["sun"].points() == pytest.approx(
        {**clear.controllers["sun"].points(), **counters(cloudy)}
    )


def counters(w):
    return {"produced_kwh": w.truth.produced_kwh["sun"]}


def test_clouds_reach_a_distant_array_later():
    # 30 km apart on a line in each direction: whichever way clouds drift, both see the same sky.
    sites = tuple(
        place(f"s{k}", transfer=EXPORTING, latitude=30.27, longitude=-97.74 + 0.1 * k)
        for k in range(4)
    )
    plant = fleet(*(panels(f"sun{k}", f"s{k}") for k in range(4)), sites=sites, users=())
    w = world(plant, at_ms=NOON_MS - 3_600_000)
    rows = []
    for _ in range(240):
        run(w, 60, 60)
        rows.append([w.controllers[f"sun{k}"].points()["available_kw"] for k in range(4)])
    series = np.diff(np.array(rows), axis=0)

    def best_lag(a, b):
        lags = range(-45, 46)
        scores = []
        for lag in lags:
            x, y = (a[lag:], b[: len(b) - lag]) if lag >= 0 else (a[:lag], b[-lag:])
            scores.append(np.corrcoef(x, y)[0, 1])
        return list(lags)[int(np.argmax(scores))], max(scores)

    lags = [best_lag(series[:, 0], series[:, k]) for k in range(4)]
    assert all(score > 0.9 for _, score in lags[1:])
    steps = [lag for lag, _ in lags]
    assert steps == sorted(steps) or steps == sorted(steps, reverse=True)
    assert abs(steps[3]) >= abs(steps[1])


def test_wind_blows_as_often_as_a_rayleigh_wind_does():
    turbines = [TURBINE.model_copy(update={"id": f"wind{k}", "site": f"s{k}"}) for k in range(60)]
    sites = tuple(place(f"s{k}", f"a{k}", transfer=EXPORTING) for k in range(60))
    weather = Weather(fleet(*turbines, sites=sites, users=()), 1, START_MS, ())
    hours = [START_MS + k * 3_600_000 for k in range(49)]
    chunks = [weather.chunk(first, last) for first, last in itertools.pairwise(hours)]
    power = np.concatenate(chunks)[::900]
    # Rayleigh with mean 7.5 m/s: P(v < 3) = 0.118, P(v >= 12) = 0.134.
    assert np.mean(power == 0) == pytest.approx(0.118, abs=0.05)
    assert np.mean(power == 200) == pytest.approx(0.134, abs=0.06)
