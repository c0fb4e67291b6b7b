"""The price on the page Now: its band, who forecast it, and why classes of sets run or wait."""

from __future__ import annotations

from typing import Any

import pytest
from live_plant import LivePlant
from playwright.sync_api import Page, expect

from gridmuster.forecast.told import PriceForecast, ScarcityChance
from gridmuster.signals import encode

HOUR_MS = 3_600_000
HOURS = 28
CHART = """() => {
  const chart = window.gridmusterCharts?.price;
  if (!chart) return null;
  const name = (k) => (k === 0 ? "time" : chart.series[k].label);
  return Object.fromEntries(chart.data.map((column, k) => [name(k), [...column]]));
}"""


def told(plant: LivePlant, area: str) -> PriceForecast:
    """A price that climbs by 2 USD/MWh an hour from 40, with a band of its own."""
    now_ms = plant.clock.now_ms()
    shifts = (-15.0, -5.0, 0.0, 10.0, 60.0)
    return PriceForecast(
        area=area,
        issued_at_ms=now_ms,
        start_ms=now_ms - now_ms % HOUR_MS,
        step_s=3600,
        quantiles_usd_per_mwh=tuple(
            tuple(40.0 + 2.0 * k + shift for k in range(HOURS)) for shift in shifts
        ),
        model="climbing",
        trained_at_ms=now_ms - HOUR_MS,
        data_until_ms=now_ms,
        market="TEST",
        scarcity=ScarcityChance(200.0, 1800, 3600, 0.031),
    )


def tell(plant: LivePlant) -> None:
    """Publish it for every area."""

    def publish() -> None:
        bus = plant.broker.client("market")
        bus.open()
        for area in plant.fleet.areas:
            topic = plant.lockstep.topics.price_forecast(area.id)
            bus.publish(topic, encode(told(plant, area.id)))

    plant.call(publish)


@pytest.fixture(scope="module")
def dear(plant: LivePlant) -> dict[str, PriceForecast]:
    """The plant after its first plan with a forecast from outside; what was told."""
    assert all(a.price_source is None or not a.price_source.model for a in plant.view().areas)
    tell(plant)
    sent = {area.id: told(plant, area.id) for area in plant.fleet.areas}
    plant.advance(12)
    return sent


def drawn(page: Page, now_s: float) -> dict[str, list[Any]]:
    page.wait_for_function(
        """(now) => {
          const chart = window.gridmusterCharts?.price;
          const high = chart?.series.findIndex((one) => one.label === "price high");
          return high > 0 && chart.data[0].some((at) => Math.abs(at - now) < 0.01)
            && chart.data[high].some((one) => one !== null);
        }""",
        arg=now_s,
    )
    found: dict[str, list[Any]] = page.evaluate(CHART)
    return found


def test_the_band_that_is_drawn_is_the_one_that_was_told(
    page: Page, plant: LivePlant, dear: dict[str, PriceForecast]
) -> None:
    view = plant.view()
    chart = drawn(page, view.at_ms / 1000)
    forecast = next(iter(dear.values()))
    checked = 0
    for k, at_s in enumerate(chart["time"]):
        for name, level in (("price low", 0.05), ("price high", 0.95)):
            plotted = chart[name][k]
            if at_s * 1000 <= view.at_ms:
                assert plotted is None
                continue
            # The last point only holds the value before it.
            if k + 1 < len(chart["time"]):
                assert plotted == pytest.approx(forecast.at(int(at_s * 1000), level), abs=0.01)
                checked += 1
    assert checked >= 2 * 20


def test_the_page_says_who_forecast_the_price_and_when(
    page: Page, plant: LivePlant, dear: dict[str, PriceForecast]
) -> None:
    words = page.locator("[data-role=price-source]")
    expect(words).to_contain_text("Forecast by climbing for TEST, made at 18:03")
    expect(words).to_contain_text("above 200 USD/MWh for 30 min within the next 60 min: 3.1 %")


def test_every_class_of_sets_has_its_threshold_and_a_reason(
    page: Page, plant: LivePlant, dear: dict[str, PriceForecast]
) -> None:
    with plant.client() as client:
        classes = client.get("/api/v1/tallies").json()["classes"]
    merit = plant.call(plant.center.merit_usd_per_kwh)
    kinds = {plant.fleet.device_by_id[one].type.value for one in merit}
    assert {one["type"] for one in classes if one["devices"]} == kinds
    rows = page.locator("[data-role=thresholds] tbody tr")
    expect(rows).to_have_count(len(classes))
    for one in classes:
        of_type = [
            usd * 1000.0
            for device, usd in merit.items()
            if plant.fleet.device_by_id[device].type.value == one["type"]
        ]
        assert one["devices"] == len(of_type)
        assert one["why"]
        if of_type:
            assert one["from_usd_per_mwh"] == pytest.approx(min(of_type), abs=0.01)
            assert one["to_usd_per_mwh"] == pytest.approx(max(of_type), abs=0.01)
            expect(rows.filter(has_text=one["why"]).first).to_be_visible()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_is_no_wider_than_the_window(
    page: Page, plant: LivePlant, dear: dict[str, PriceForecast], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.locator("[data-role=thresholds]").wait_for()
    widths = page.evaluate(
        "() => { const m = document.querySelector('main');"
        " return [m.scrollWidth, m.clientWidth, document.documentElement.scrollWidth, innerWidth] }"
    )
    assert widths[0] <= widths[1] and widths[2] <= widths[3], widths
