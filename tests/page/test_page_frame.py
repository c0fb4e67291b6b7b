"""The frame around all pages: who is in, how old the picture is, and the ways about."""

from __future__ import annotations

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
