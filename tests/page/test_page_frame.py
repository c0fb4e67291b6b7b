"""The frame around all pages: who is in, how old the picture is, and the ways about."""

from __future__ import annotations

import re

import pytest
from live_plant import LivePlant
from playwright.sync_api import Browser, Page, expect


def test_the_page_signs_in_shows_the_plant_and_erases_the_token(
    page: Page, plant: LivePlant
) -> None:
    expect(page.get_by_text("Commanding")).to_be_visible()
    expect(page.get_by_text("operator (operator)")).to_be_visible()
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    assert "token" not in page.url
    before = page.locator("header time").inner_text()
    plant.advance(1)
    expect(page.locator("header time")).not_to_have_text(before)


def test_without_a_session_the_page_asks_for_a_token(browser: Browser, plant: LivePlant) -> None:
    context = browser.new_context()
    opened = context.new_page()
    opened.goto(plant.url)
    opened.get_by_label("Token").fill("gm-wrong")
    opened.get_by_role("button", name="Sign in").click()
    expect(opened.get_by_role("alert")).to_contain_text("does not know this token")
    context.close()


def test_the_skip_link_leads_to_the_page(page: Page) -> None:
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_every_page_opens_from_the_menu(page: Page) -> None:
    links = page.get_by_role("navigation", name="Pages").get_by_role("link")
    for number in range(links.count()):
        links.nth(number).click()
        expect(links.nth(number)).to_have_attribute("aria-current", "page")
        expect(page.locator("main h1").first).to_be_attached()


def test_a_restarted_center_is_followed_again(page: Page, plant: LivePlant) -> None:
    plant.restart_center()
    plant.advance(1)
    # Sessions end with the center; the page says so and asks to sign in again.
    expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=40_000)


WIDTHS = [(1280, 800), (390, 844)]


@pytest.mark.parametrize(("width", "height"), WIDTHS)
def test_nothing_scrolls_but_the_page(page: Page, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    for name in ("now", "alarms", "audit", "fleet"):
        page.evaluate("where => (location.hash = where)", f"#/{name}")
        expect(page.locator("main h1").first).to_be_attached()
        moved = page.evaluate(
            """() => {
                const app = document.querySelector('#app');
                const all = [document.scrollingElement, document.body, app];
                return all.map((one) => (one.scrollTo(500, 500), one.scrollTop + one.scrollLeft));
            }"""
        )
        assert moved == [0, 0, 0]


def test_a_page_begins_at_its_top(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    main = page.locator("main")
    main.evaluate("box => box.scrollTo(0, 400)")
    assert main.evaluate("box => box.scrollTop") == 400
    page.get_by_role("link", name="Act").click()
    page.get_by_role("heading", name="Emergency stop").wait_for()
    assert main.evaluate("box => box.scrollTop") == 0
    expect(page.get_by_role("heading", name="Emergency stop")).to_be_in_viewport()


def test_every_page_is_reached_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    menu = page.get_by_role("navigation", name="Pages")
    for name in ("Audit", "Data", "Plan", "Fleet"):
        link = menu.get_by_role("link", name=name)
        if not link.is_visible():
            menu.get_by_role("button").click()
        expect(link).to_be_in_viewport(ratio=1)
        link.click()
        expect(page).to_have_url(re.compile(f"#/{name.lower()}$"))
        expect(page.locator("main h1")).to_have_text(name)


def test_an_address_that_leads_nowhere_says_so(page: Page, plant: LivePlant) -> None:
    # Each says something else than the one before: what stands there still is not taken for it.
    for address, said in (
        ("nowhere", "There is no"),
        ("device", "Choose a device"),
        ("%zz", "There is no"),
    ):
        page.goto(f"{plant.url}/#/{address}")
        expect(page.locator("main")).to_contain_text(said)
    page.goto(f"{plant.url}/#/site/north-pump-01")
    page.get_by_role("link", name="devices of north-pump-01").click()
    expect(page.get_by_role("combobox", name="Filter")).to_have_value("site:north-pump-01")
