"""The map: every site in its state, chosen by pointer and by keyboard, with and without WebGL."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import CHROMIUM
from live_plant import LivePlant, living
from playwright.sync_api import Browser, Locator, Page, expect

from gridmuster.clock import monotonic_s
from gridmuster.console.layout import Layout
from gridmuster.console.sitestates import SiteState, codes_of
from gridmuster.simulator.scenario import ControllerSilent, LinkCut, UtilityOutage

DEADLINE_S = 30.0
OUT = "west-tower-01"
CUT = "east-tower-01"
MUTE = "north-tower-02"
EVENTS = (
    UtilityOutage(sites=(OUT,), at="18:05", until="19:40"),
    LinkCut(site=CUT, at="18:05", until="19:40"),
    ControllerSilent(device=f"{MUTE}-gen", at="18:05", until="19:40"),
)


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlant]:
    """A plant with a site out, one cut off and one device silent."""
    with living(tmp_path_factory.mktemp("map"), events=EVENTS) as running:
        running.advance(8)
        yield running


def until(page: Page, done: Callable[[], Any], what: str) -> Any:
    """Wait until something is so, by asking again; the page's policy forbids to evaluate there."""
    end_s = monotonic_s() + DEADLINE_S
    while not (found := done()):
        assert monotonic_s() < end_s, what
        page.wait_for_timeout(30)
    return found


def open_map(page: Page, plant: LivePlant, query: str = "") -> None:
    """Go to the map and wait for its marks."""
    page.evaluate(f"location.hash = '#/map{query}'")
    expect(page.get_by_role("heading", name="Map", exact=True)).to_be_visible()
    until(page, lambda: marks(page), "no marks")
    page.wait_for_timeout(50)


def marks(page: Page) -> list[dict[str, Any]]:
    """What the map shows now, as given to whoever draws it."""
    found: list[dict[str, Any]] = page.evaluate(
        "window.gridmusterMap ? window.gridmusterMap.marks() : []"
    )
    return found


def drawn(page: Page) -> list[dict[str, Any]]:
    """The features that the map by WebGL has on the screen, by its own word."""
    found: list[dict[str, Any]] = page.evaluate(
        "window.gridmusterMap.map.queryRenderedFeatures({layers: ['marks']})"
        ".map((one) => one.properties)"
    )
    return found


def expected(plant: LivePlant) -> dict[str, SiteState]:
    """Every site's state by the center's own view."""
    layout = Layout(plant.fleet)
    codes = codes_of(plant.view(), layout).tolist()
    return {site: SiteState(code) for site, code in zip(layout.site_ids, codes, strict=True)}


def legend(page: Page) -> dict[str, int]:
    """Counts by the word on the legend's button."""
    buttons = page.get_by_role("group", name="States").get_by_role("button")
    found = {}
    for text in buttons.all_inner_texts():
        word, _, count = text.replace("\n", " ").strip().rpartition(" ")
        found[word.strip()] = int(count.replace(",", ""))
    return found


def options(page: Page) -> Locator:
    """The rows of the list of sites."""
    return page.get_by_role("listbox", name="Sites").get_by_role("option")


def spot(page: Page, site: int) -> tuple[float, float]:
    """Where a site's mark is on the page, px."""
    mark = next(one for one in marks(page) if one["count"] == 1 and one["site"] == site)
    x, y = page.evaluate(
        """([x, y]) => {
          const shown = window.gridmusterMap;
          const box = document.querySelector('.where').getBoundingClientRect();
          const [left, top] = shown.pixel({x, y});
          return [box.left + left, box.top + top];
        }""",
        [mark["x"], mark["y"]],
    )
    return x, y


def index_of(plant: LivePlant, site: str) -> int:
    """A site's position."""
    return Layout(plant.fleet).index_of_site[site]


def test_the_map_shows_every_site_in_the_state_the_center_gives(
    page: Page, plant: LivePlant
) -> None:
    open_map(page, plant)
    states = expected(plant)
    assert states[OUT] in (SiteState.BACKUP, SiteState.FAULT)
    assert states[CUT] is SiteState.SILENT
    assert states[MUTE] is SiteState.SILENT
    by_index = list(states.values())
    until(page, lambda: legend(page)["silent"] == by_index.count(SiteState.SILENT), "no states")
    shown = marks(page)
    assert sum(mark["count"] for mark in shown) == len(plant.fleet.sites)
    for mark in shown:
        if mark["count"] == 1:
            assert mark["worst"] == by_index[mark["site"]]
    # What was handed over is what is drawn.
    until(
        page,
        lambda: (
            sorted((one["worst"], one["count"]) for one in drawn(page))
            == sorted((one["worst"], one["count"]) for one in marks(page))
        ),
        "the map draws something else",
    )
    counts = legend(page)
    assert sum(counts.values()) == len(plant.fleet.sites)
    assert counts["on local backup"] == by_index.count(SiteState.BACKUP)
    assert counts["running"] == by_index.count(SiteState.RUNNING)


def test_a_change_of_state_reaches_the_map(page: Page, plant: LivePlant) -> None:
    open_map(page, plant)
    plant.advance(2)
    by_index = list(expected(plant).values())
    until(
        page,
        lambda: (
            all(
                mark["worst"] == by_index[mark["site"]]
                for mark in marks(page)
                if mark["count"] == 1
            )
            and legend(page)["running"] == by_index.count(SiteState.RUNNING)
        ),
        "the map keeps old states",
    )


def test_a_press_on_a_site_opens_it_with_its_devices(page: Page, plant: LivePlant) -> None:
    open_map(page, plant)
    alone = next(mark for mark in marks(page) if mark["count"] == 1)
    site = plant.fleet.sites[alone["site"]]
    page.mouse.click(*spot(page, alone["site"]))
    panel = page.get_by_role("region", name=f"Site {site.id}")
    expect(panel.get_by_role("heading", name=site.name)).to_be_visible()
    device = plant.fleet.devices_of_site[site.id][0]
    link = panel.get_by_role("link", name=device.id, exact=True)
    expect(link).to_have_attribute("href", f"#/device/{device.id}")
    table = panel.get_by_role("link", name="in the fleet")
    expect(table).to_have_attribute("href", f"#/fleet?filter=site%3A{site.id}")
    assert f"site={site.id}" in page.url
    link.click()
    until(page, lambda: f"#/device/{device.id}" in page.url, "the link leads nowhere")


def test_a_site_without_word_says_since_when(page: Page, plant: LivePlant) -> None:
    open_map(page, plant, f"?site={CUT}")
    panel = page.get_by_role("region", name=f"Site {CUT}")
    expect(panel.get_by_text("silent").first).to_be_visible()
    expect(panel.get_by_text("as of")).to_be_visible()
    # In the site's zone, UTC on hover.
    said = panel.locator("time").first.get_attribute("title") or ""
    assert "UTC (America/Chicago)" in said


def test_the_list_does_by_keyboard_what_the_map_does(page: Page, plant: LivePlant) -> None:
    open_map(page, plant)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("pump")
    pumps = [site for site in plant.fleet.sites if "pump" in site.id]
    expect(options(page)).to_have_count(len(pumps))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    chosen = pumps[1]
    panel = page.get_by_role("region", name=f"Site {chosen.id}")
    expect(panel).to_be_visible()
    expect(page.locator("[role=option][aria-selected=true]")).to_contain_text(chosen.name)
    until(
        page,
        lambda: any(
            mark["count"] == 1 and mark["site"] == index_of(plant, chosen.id)
            for mark in marks(page)
        ),
        "the map does not show the chosen site alone",
    )
    expect(panel.get_by_role("heading")).to_be_focused()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(page.get_by_role("listbox")).to_be_focused()


def test_the_legend_filters_map_and_list(page: Page, plant: LivePlant) -> None:
    open_map(page, plant)
    silent = [site for site, state in expected(plant).items() if state is SiteState.SILENT]
    button = page.get_by_role("group", name="States").get_by_role("button", name="silent")
    button.press("Enter")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(options(page)).to_have_count(len(silent))
    until(
        page,
        lambda: sum(mark["count"] for mark in marks(page)) == len(silent),
        "the map shows others too",
    )
    assert "state=silent" in page.url
    page.get_by_role("button", name="Clear and show all").click()
    expect(options(page)).to_have_count(len(plant.fleet.sites))


def test_an_area_is_chosen_and_named(page: Page, plant: LivePlant) -> None:
    open_map(page, plant)
    area = plant.fleet.areas[1]
    page.get_by_label("Area").select_option(area.id)
    expect(options(page)).to_have_count(len(plant.fleet.sites_of_area[area.id]))
    expect(page.locator(".area-name", has_text=area.name)).to_be_visible()


def test_nothing_is_asked_of_anybody_else(page: Page, plant: LivePlant) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    open_map(page, plant)
    until(page, lambda: any("countries" in url for url in asked), "no base map")
    assert all(url.startswith((plant.url, "blob:", "data:")) for url in asked), asked


@pytest.mark.parametrize("width", [390, 2560])
def test_nothing_sticks_out_at_any_width(page: Page, plant: LivePlant, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    open_map(page, plant)
    assert page.evaluate("document.querySelector('main').scrollWidth") <= width


@pytest.fixture
def blind(plant: LivePlant, browser: Browser) -> Iterator[Page]:
    """A page in a browser without WebGL."""
    path = os.environ.get("GRIDMUSTER_CHROMIUM") or shutil.which("chromium")
    started = browser.browser_type.launch(
        executable_path=path, args=[*CHROMIUM, "--disable-3d-apis"]
    )
    page = started.new_page(viewport={"width": 1280, "height": 800})
    page.goto(plant.address())
    page.get_by_role("navigation", name="Pages").wait_for()
    yield page
    started.close()


def test_without_webgl_a_plain_map_does_the_same(blind: Page, plant: LivePlant) -> None:
    open_map(blind, plant)
    assert blind.evaluate("window.gridmusterMap.kind") == "plain"
    by_index = list(expected(plant).values())
    until(blind, lambda: legend(blind)["silent"] == by_index.count(SiteState.SILENT), "no states")
    alone = [mark for mark in marks(blind) if mark["count"] == 1]
    assert all(mark["worst"] == by_index[mark["site"]] for mark in alone)
    x, y = spot(blind, alone[0]["site"])
    assert has_colour(blind, x, y, by_index[alone[0]["site"]])
    blind.mouse.click(x, y)
    site = plant.fleet.sites[alone[0]["site"]]
    expect(blind.get_by_role("region", name=f"Site {site.id}")).to_be_visible()
    before = spot(blind, alone[0]["site"])
    blind.mouse.move(*before)
    blind.mouse.down()
    blind.mouse.move(before[0] + 80, before[1] + 40, steps=4)
    blind.mouse.up()
    until(
        blind,
        lambda: abs(spot(blind, alone[0]["site"])[0] - before[0] - 80) < 2,
        "a drag moves nothing",
    )


def has_colour(page: Page, x: float, y: float, state: SiteState) -> bool:
    """Whether the plain map has a state's colour within a mark's reach."""
    found: bool = page.evaluate(
        """([x, y, property]) => {
          const canvas = document.querySelector('.where canvas');
          const box = canvas.getBoundingClientRect();
          const ratio = canvas.width / box.width;
          const size = Math.round(18 * ratio);
          const [left, top] = [(x - box.left) * ratio - size / 2, (y - box.top) * ratio - size / 2];
          const { data } = canvas.getContext('2d').getImageData(left, top, size, size);
          const text = getComputedStyle(document.documentElement).getPropertyValue(property).trim();
          const want = [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
          for (let n = 0; n < data.length; n += 4) {
            if (want.every((value, part) => Math.abs(data[n + part] - value) < 12)) return true;
          }
          return false;
        }""",
        [x, y, f"--state-{state.word}"],
    )
    return found


def test_the_edges_say_where_on_earth_it_is(page: Page, plant: LivePlant) -> None:
    open_map(page, plant)
    page.locator(".edges .top").first.wait_for()
    told = page.evaluate(
        """() => [...document.querySelectorAll('.edges .top')].map((label) => {
          const at = parseFloat(label.style.left);
          return [label.textContent, window.gridmusterMap.map.unproject([at, 0]).lng];
        })"""
    )
    assert len(told) >= 2
    for text, longitude in told:
        number, side = text.split("° ")
        assert float(number) * (-1 if side == "W" else 1) == pytest.approx(longitude, abs=1e-6)
