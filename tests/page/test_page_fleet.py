"""The fleet's table: right at any scroll of a hundred thousand, and old values look old."""

from __future__ import annotations

import csv
import math
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_plant import bundle
from msgspec import structs
from plant_serving import TOKENS, Center, serving
from plant_views import plant as made_up
from playwright.sync_api import Browser, Page, expect

from gridmuster.center.view import DeviceView, PlantView
from gridmuster.console.tokens import Role

COUNT = 100_000
#: Rows in the page at once, however many there are: what is seen and a little beyond.
MOST_ROWS = 80


def many(count: int) -> PlantView:
    """A plant of so many devices, each with a power of its own."""
    rng = random.Random(5)
    small = made_up(40, seed=5)
    base = small.devices
    devices = [
        structs.replace(
            base[n % len(base)],
            id=f"d{n:06d}",
            power_kw=round(rng.uniform(0, 900), 1),
            state="running",
            quality="good",
            age_s=2.0,
        )
        for n in range(count)
    ]
    silent = structs.replace(devices[3], state="unknown", quality="stale", age_s=187.0)
    return structs.replace(
        small, devices=[*devices[:3], silent, *devices[4:]], alarms=[], decisions=[], commands=[]
    )


VIEW = many(COUNT)


@pytest.fixture(scope="module")
def crowd() -> Iterator[Center]:
    """A center of a hundred thousand devices."""
    with serving(VIEW, bundle=bundle(), min_interval_s=0.5) as running:
        yield running


def opened(browser: Browser, crowd: Center, width: int, address: str) -> Page:
    """A page of the crowd's fleet, signed in."""
    context = browser.new_context(viewport={"width": width, "height": 800})
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.goto(f"{crowd.url}/#token={TOKENS[Role.VIEWER]}")
    page.get_by_role("navigation", name="Pages").wait_for()
    page.evaluate(f"location.hash = {address!r}")
    page.get_by_role("grid", name="Devices").wait_for()
    return page


@pytest.fixture
def table(browser: Browser, crowd: Center) -> Iterator[Page]:
    page = opened(browser, crowd, 1280, "#/fleet")
    expect(page.get_by_role("grid")).to_have_attribute("aria-rowcount", str(COUNT + 1))
    yield page
    page.context.close()


def kilowatts(device: DeviceView) -> re.Pattern[str]:
    """A device's power as it may stand in the table: half a kW goes either way."""
    low, high = math.floor(device.power_kw), math.ceil(device.power_kw)
    return re.compile(f"^({low:,}|{high:,}) kW$")


def row(page: Page, index: int) -> Any:
    """A row by its place in the whole table, from 0."""
    return page.locator(f'[role="row"][aria-rowindex="{index + 2}"]')


def test_the_slash_goes_to_the_filter_unless_somebody_types(
    browser: Browser, crowd: Center
) -> None:
    page = opened(browser, crowd, 1200, "#/fleet")
    box = page.get_by_role("combobox", name="Filter")
    page.locator("body").press("/")
    expect(box).to_be_focused()
    page.keyboard.type("a/b")
    expect(box).to_have_value("a/b")
    page.context.close()


def test_any_row_of_a_hundred_thousand_is_scrolled_to_and_few_are_in_the_page(table: Page) -> None:
    grid = table.get_by_role("grid")
    for index in (0, 50_000, 99_990, 33_333, 7):
        grid.evaluate("(box, top) => { box.scrollTop = top; }", index * 30)
        expect(row(table, index)).to_contain_text(f"d{index:06d}")
        device = VIEW.devices[index]
        expect(row(table, index).get_by_role("gridcell").nth(4)).to_have_text(kilowatts(device))
        assert table.locator('[role="row"]').count() < MOST_ROWS
    assert table.evaluate("document.querySelectorAll('*').length") < 3000


def test_sorting_leads_to_the_largest_and_the_keyboard_to_a_device(table: Page) -> None:
    largest = sorted(VIEW.devices, key=lambda d: -d.power_kw)
    table.get_by_role("columnheader", name="Power").get_by_role("button").click()
    expect(row(table, 0)).to_contain_text(largest[0].id)
    expect(table.get_by_role("columnheader", name="Power")).to_have_attribute(
        "aria-sort", "descending"
    )
    assert "sort=-power" in table.url
    grid = table.get_by_role("grid")
    grid.focus()
    grid.press("ArrowDown")
    grid.press("ArrowDown")
    expect(row(table, 1)).to_have_attribute("aria-selected", "true")
    expect(row(table, 1)).to_contain_text(largest[1].id)
    grid.press("Enter")
    expect(table.get_by_role("heading", name=largest[1].id)).to_be_visible()


def test_end_and_home_reach_the_ends(table: Page) -> None:
    grid = table.get_by_role("grid")
    grid.focus()
    grid.press("End")
    expect(row(table, COUNT - 1)).to_contain_text(f"d{COUNT - 1:06d}")
    grid.press("Home")
    expect(row(table, 0)).to_contain_text("d000000")


def test_a_filter_is_typed_completed_and_kept_in_the_address(table: Page) -> None:
    box = table.get_by_role("combobox", name="Filter")
    box.press_sequentially("typ")
    expect(table.get_by_role("option").first).to_contain_text("type:")
    box.press("ArrowDown")
    box.press("Enter")
    box.press_sequentially("batt")
    box.press("ArrowDown")
    box.press("Tab")
    expect(box).to_have_value("type:battery ")
    wanted = sum(d.type == "battery" for d in VIEW.devices)
    status = table.locator(".sums [role=status]")
    expect(status).to_have_text(f"{wanted:,} of {COUNT:,} devices")
    box.press_sequentially("power>450")
    wanted = sum(d.type == "battery" and d.power_kw > 450 for d in VIEW.devices)
    expect(status).to_have_text(f"{wanted:,} of {COUNT:,} devices")
    assert "filter=type%3Abattery+power%3E450" in table.url
    table.reload()
    expect(table.locator(".sums [role=status]")).to_have_text(f"{wanted:,} of {COUNT:,} devices")
    expect(table.get_by_role("combobox", name="Filter")).to_have_value("type:battery power>450")


def test_a_wrong_filter_is_shown_where_it_is_wrong_and_mended_by_one_press(table: Page) -> None:
    box = table.get_by_role("combobox", name="Filter")
    box.fill("power>10 quality:sale")
    fault = table.get_by_role("alert")
    expect(fault).to_contain_text("there is no quality 'sale'; did you mean stale?")
    expect(fault.locator("mark")).to_have_text("sale")
    expect(row(table, 0)).to_contain_text("d000000")
    fault.get_by_role("button", name="stale").click()
    expect(box).to_have_value("power>10 quality:stale")
    expect(row(table, 0)).to_contain_text("d000003")


def test_half_a_filter_that_found_nothing_is_no_answer_to_the_whole(table: Page) -> None:
    box = table.get_by_role("combobox", name="Filter")
    box.fill("bogus")
    expect(table.locator(".sums [role=status]")).to_have_text(f"0 of {COUNT:,} devices")
    box.fill("bogus:1")
    expect(table.get_by_role("alert")).to_contain_text("there is no field 'bogus'")
    expect(row(table, 0)).to_contain_text("d000000")
    faded = table.get_by_role("grid").evaluate("e => Number(getComputedStyle(e).opacity)")
    assert faded < 1
    box.fill("")
    expect(table.locator(".sums [role=status]")).to_have_text(f"{COUNT:,} of {COUNT:,} devices")


@pytest.mark.parametrize("text", ["\u221210,000 kW", "\u221212.34 MW"])
def test_no_number_is_cut_at_1280(table: Page, text: str) -> None:
    for column in ("Power", "Setpoint"):
        place = table.get_by_role("columnheader").all_inner_texts().index(column)
        cell = row(table, 0).get_by_role("gridcell").nth(place)
        cut = cell.evaluate(
            "(e, text) => { e.textContent = text; return e.scrollWidth - e.clientWidth; }", text
        )
        assert cut <= 0


def test_values_heard_long_ago_look_old(browser: Browser, crowd: Center, table: Page) -> None:
    old, live = row(table, 3), row(table, 4)
    expect(old).to_contain_text("3 min 7 s old")
    expect(old).to_contain_text("unknown")
    style = "e => getComputedStyle(e).color + getComputedStyle(e).fontStyle"
    assert old.evaluate(style) != live.evaluate(style)
    phone = opened(browser, crowd, 390, "#/fleet")
    expect(row(phone, 3)).to_contain_text("values 3 min 7 s old")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    phone.context.close()


def test_columns_are_chosen_and_a_view_is_kept_under_its_name(table: Page) -> None:
    table.get_by_text("Columns", exact=True).first.click()
    table.get_by_label("Rated").check()
    expect(table.get_by_role("columnheader", name="Rated")).to_be_visible()
    table.get_by_text("Columns", exact=True).first.click()
    table.get_by_role("combobox", name="Filter").fill("type:smes")
    table.get_by_role("button", name="Save view").click()
    table.get_by_label("Name of the view").fill("coils")
    table.get_by_role("button", name="Save", exact=True).click()
    table.get_by_label("Views").select_option("All devices")
    expect(row(table, 0)).to_contain_text("d000000")
    table.reload()
    table.get_by_label("Views").select_option("coils")
    expect(table.get_by_role("combobox", name="Filter")).to_have_value("type:smes")
    expect(table.get_by_role("columnheader", name="Rated")).to_be_visible()


def test_the_file_holds_what_the_filter_finds(table: Page, tmp_path: Path) -> None:
    table.get_by_role("combobox", name="Filter").fill("type:smes power>400")
    wanted = sorted(d.id for d in VIEW.devices if d.type == "smes" and d.power_kw > 400)
    expect(table.locator(".sums [role=status]")).to_have_text(
        f"{len(wanted):,} of {COUNT:,} devices"
    )
    with table.expect_download() as waiting:
        table.get_by_role("link", name="CSV").click()
    path = tmp_path / "fleet.csv"
    waiting.value.save_as(path)
    with path.open(newline="") as file:
        assert [line["id"] for line in csv.DictReader(file)] == wanted
