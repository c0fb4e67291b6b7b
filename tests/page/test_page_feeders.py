"""Feeders on the page: on the map, in the fleet's table, of a device, and of an activation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from live_plant import LivePlant, living
from playwright.sync_api import Browser, Page, expect

from gridmuster.console.tokens import Role

FEEDER = "north-1"


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlant]:
    with living(tmp_path_factory.mktemp("feeders")) as running:
        yield running


#: The feeders that the map by WebGL has on the screen, by its own word.
DRAWN = (
    "!gridmusterMap.map.getLayer('feeders') ? [] :"
    " [...new Set(gridmusterMap.map.queryRenderedFeatures({layers: ['feeders']})"
    ".map((one) => one.id))].sort((a, b) => a - b)"
)


def until(page: Page, condition: str) -> None:
    """Wait for a condition, a frame at a time; the page's policy forbids it to be polled inside."""
    for _ in range(1200):
        if page.evaluate(condition):
            return
        page.evaluate("new Promise((done) => requestAnimationFrame(done))")
    raise AssertionError(condition)


def opened(browser: Browser, plant: LivePlant, address: str) -> Page:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.goto(plant.address(Role.OPERATOR))
    page.get_by_role("navigation", name="Pages").wait_for()
    page.evaluate(f"location.hash = {address!r}")
    return page


def on_feeder(plant: LivePlant) -> set[str]:
    return {site.id for site in plant.fleet.sites_of_feeder[FEEDER]}


def test_the_map_draws_feeders_and_shows_one_alone(browser: Browser, plant: LivePlant) -> None:
    page = opened(browser, plant, "#/map")
    until(page, "window.gridmusterMap !== undefined")
    if page.evaluate("window.gridmusterMap.kind") == "webgl":
        count = len(plant.fleet.feeder_by_id)
        until(page, f"({DRAWN}).length === {count}")
        assert page.evaluate(DRAWN) == list(range(count))
    page.get_by_role("combobox", name="Feeder").select_option(FEEDER)
    sites = on_feeder(plant)
    expect(
        page.locator("header").get_by_text(f"{len(sites)} of {len(plant.fleet.sites)}")
    ).to_be_visible()
    until(page, f"gridmusterMap.marks().reduce((n, one) => n + one.count, 0) === {len(sites)}")
    assert f"feeder={FEEDER}" in page.url
    page.context.close()


def test_the_table_has_a_column_and_a_filter(browser: Browser, plant: LivePlant) -> None:
    page = opened(browser, plant, "#/fleet")
    box = page.get_by_role("combobox", name="Filter")
    box.fill(f"feeder:{FEEDER}")
    box.press("Enter")
    devices = [d for d in plant.fleet.devices if d.site in on_feeder(plant)]
    grid = page.get_by_role("grid", name="Devices")
    expect(grid).to_have_attribute("aria-rowcount", str(len(devices) + 1))
    page.context.close()


def test_a_device_names_its_feeder_and_leads_to_its_neighbours(
    browser: Browser, plant: LivePlant
) -> None:
    device = next(d for d in plant.fleet.devices if d.site in on_feeder(plant))
    page = opened(browser, plant, f"#/device/{device.id}")
    link = page.get_by_role("link", name=FEEDER, exact=True)
    expect(link).to_have_attribute("href", f"#/fleet?filter=feeder%3A{FEEDER}")
    page.context.close()


def test_an_activation_is_narrowed_down_to_a_feeder(browser: Browser, plant: LivePlant) -> None:
    page = opened(browser, plant, "#/act")
    form = page.get_by_role("form", name="Activate an area")
    form.locator("select").first.select_option("north")
    form.get_by_label("Power, kW").fill("20")
    form.get_by_text("Narrow it down").click()
    form.get_by_label("Feeder").select_option(FEEDER)
    with page.expect_request("**/api/v1/activation/preview") as asked:
        form.get_by_role("button", name="Show which sets").click()
    body = asked.value.post_data_json
    assert (body["target"], body["feeder"]) == ("north", FEEDER)
    # Another area has other feeders.
    form.locator("select").first.select_option("west")
    expect(form.get_by_label("Feeder")).to_have_value("")
    page.context.close()
