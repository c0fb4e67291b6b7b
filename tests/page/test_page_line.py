"""A line that goes dead under an open page: it says how old its picture is, and catches up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from live_plant import LivePlant
from playwright.sync_api import Browser, Page, expect
from relay import Relay, relayed

#: What the center may need to give up a page that no longer reads, ms of real time.
PATIENCE_MS = 30_000


@pytest.fixture
def relay(plant: LivePlant) -> Iterator[Relay]:
    with relayed(plant.url) as made:
        yield made


@pytest.fixture
def followed(browser: Browser, plant: LivePlant, relay: Relay) -> Iterator[Page]:
    """A page that follows the plant over a line of its own; its clock can be put forward."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.clock.install()
    page.goto(plant.address().replace(plant.url, relay.url))
    expect(page.get_by_text("Live", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    yield page
    context.close()


@pytest.mark.parametrize("fail", [Relay.stall, Relay.cut], ids=["dead", "cut"])
def test_a_minute_without_the_line_is_told_and_caught_up(
    followed: Page, plant: LivePlant, relay: Relay, fail: Callable[[Relay], None]
) -> None:
    header = followed.locator("header")
    stood = header.locator("time").get_attribute("datetime")
    fail(relay)
    before = plant.view()
    after = plant.advance(5)
    followed.clock.fast_forward(61_000)
    expect(header.get_by_role("status")).to_contain_text("Picture is 1 min")
    assert header.locator("time").get_attribute("datetime") == stood
    # Nothing is said of now while nothing is known of it.
    expect(header.get_by_text("Commanding")).to_have_count(0)
    expect(header.get_by_text("Mode unknown")).to_be_visible()
    verdict = followed.locator(".verdict")
    expect(verdict).to_contain_text("Unknown since")
    expect(verdict).not_to_contain_text("Demand is met")
    expect(followed.get_by_role("alert")).to_contain_text("No word from the center since")
    assert after.at_ms - before.at_ms == pytest.approx(300_000, abs=4_000)
    relay.mend()
    # The page tries again every few seconds; its clock runs on by itself.
    expect(followed.get_by_text("Live", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    now = plant.advance(1)
    shown = header.locator(f'time[datetime="{_iso(now.at_ms)}"]')
    expect(shown).to_be_visible(timeout=PATIENCE_MS)
    expect(verdict).not_to_contain_text("Unknown since")
    expect(header.get_by_text("Commanding")).to_be_visible()


def test_a_page_that_does_not_read_holds_no_cycle_back(
    followed: Page, plant: LivePlant, relay: Relay
) -> None:
    relay.stall()
    first = plant.view()
    last = plant.advance(10)
    assert last.cycle - first.cycle >= 10 * 60 / 4 - 1
    relay.mend()
    expect(followed.locator(f'header time[datetime="{_iso(last.at_ms)}"]')).to_be_visible(
        timeout=PATIENCE_MS
    )


def _iso(at_ms: int) -> str:
    when = datetime.fromtimestamp(at_ms / 1000.0, UTC)
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at_ms % 1000:03d}Z"
