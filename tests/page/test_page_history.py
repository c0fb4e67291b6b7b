"""The History page: the slider shows the right instant and figures, marked as past; it prints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from live_plant import bundle
from lockstep_plant import Plant
from plant_serving import TOKENS, Center, serving
from playwright.sync_api import Browser, Page, expect

from gridmuster.center.view import PlantView
from gridmuster.clock import parse_iso
from gridmuster.console.tokens import Role
from gridmuster.runtime.past import JournalPast
from gridmuster.simulator.scenario import FailedStart, Trip

PATIENCE_MS = 60_000
MINUTE_MS = 60_000
#: Half past one in the night in which Chicago's clocks go back, for the first time.
CLOCKS_BACK_MS = parse_iso("2024-11-03T06:30:00Z")


@pytest.fixture(scope="module", autouse=True)
def patient() -> Iterator[None]:
    """Moments are rebuilt by a process that yields to whoever has deadlines; on a busy machine."""
    expect.set_options(timeout=PATIENCE_MS)
    yield
    expect.set_options(timeout=5_000)


@dataclass
class Shown:
    """A served journal and what was shown at the end of each of its minutes."""

    center: Center
    views: dict[int, PlantView]

    @property
    def instants(self) -> list[int]:
        return list(self.views)


def recorded(folder: Path, minutes: int, **options: object) -> tuple[Path, dict[int, PlantView]]:
    plant = Plant(folder, **options)  # type: ignore[arg-type]
    views: dict[int, PlantView] = {}
    for _ in range(minutes):
        plant.run(1)
        views[plant.now_ms] = plant.core.view()
    plant.close()
    return plant.path("main"), views


def served(path: Path, views: dict[int, PlantView]) -> Iterator[Shown]:
    with serving(views[max(views)], bundle=bundle()) as center:
        past = JournalPast(str(path))
        center.board.history = past  # type: ignore[attr-defined]
        yield Shown(center, views)
        past.close()


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """Twenty minutes in which a set trips."""
    events = (FailedStart(area="north", at="18:00"), Trip(area="north", at="18:10"))
    yield from served(*recorded(tmp_path_factory.mktemp("evening"), 20, events=events))


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """The quarter hours around the moment in which clocks go back from two to one."""
    folder = tmp_path_factory.mktemp("night")
    start_ms = CLOCKS_BACK_MS + 25 * MINUTE_MS
    yield from served(*recorded(folder, 10, start_ms=start_ms))


def opened(browser: Browser, shown: Shown, at_ms: int, scheme: str = "light") -> Page:
    context = browser.new_context(
        viewport={"width": 1280, "height": 900},
        color_scheme=scheme,  # type: ignore[arg-type]
        # The page's own zone must count, not the browser's.
        timezone_id="Asia/Tokyo",
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(f"{shown.center.url}/#token={TOKENS[Role.VIEWER]}")
    page.get_by_role("navigation", name="Pages").wait_for()
    page.evaluate(f"location.hash = '#/history?at={at_ms}'")
    settled(page)
    return page


def settled(page: Page) -> None:
    """Wait until the figures belong to the instant wished for."""
    page.locator(".views[aria-busy=false]").wait_for(timeout=PATIENCE_MS)


def demand(page: Page) -> str:
    return page.locator("dl .figure", has_text="Demand").locator("strong").inner_text()


def shown_demand(view: PlantView) -> str:
    return f"{sum(area.demand_kw for area in view.areas):,.0f} kW"


def test_the_slider_goes_by_keyboard_to_the_right_instant_and_figures(
    browser: Browser, evening: Shown
) -> None:
    instants = evening.instants
    page = opened(browser, evening, instants[8])
    slider = page.get_by_role("slider", name="Instant")
    banner = page.get_by_text("This is the past")
    for key, at_ms in (
        ("ArrowRight", instants[9]),
        ("ArrowRight", instants[10]),
        ("ArrowLeft", instants[9]),
        ("End", instants[-1]),
        ("PageDown", None),
        ("Home", None),
        ("PageUp", instants[-1]),
    ):
        slider.press(key)
        if at_ms is None:
            # Before the first full minute nothing was noted to compare with.
            expect(banner).to_contain_text("18:00:04")
            continue
        local = f"18:{(at_ms - instants[0]) // MINUTE_MS + 1:02d}:00"
        expect(banner).to_contain_text(f"16 Jul 2024, {local}")
        settled(page)
        assert demand(page) == shown_demand(evening.views[at_ms])
        assert slider.input_value() == str(at_ms)
        assert f"at={at_ms}" in page.url
        value = slider.get_attribute("aria-valuetext")
        assert value is not None and local in value
    page.context.close()


def test_the_past_shows_what_was_known_then(browser: Browser, evening: Shown) -> None:
    view = evening.views[evening.instants[12]]
    page = opened(browser, evening, view.at_ms)
    decisions = page.get_by_role("region", name="What the center had done, and why")
    for decision in view.decisions[-3:]:
        # Identifiers of permits are told in words.
        expect(decisions).to_contain_text(decision.text.partition("; permit")[0])
    alarms = page.get_by_role("region", name="Alarms that stood")
    for alarm in view.alarms[:3]:
        expect(alarms).to_contain_text(alarm.subject)
    plotted = page.evaluate(
        "(() => { const u = window.gridmusterCharts['past-balance'];"
        " const k = u.series.findIndex((s) => s.label === 'metered demand');"
        " return u.data[k].findLast((v) => v !== null); })()"
    )
    assert plotted == pytest.approx(sum(area.demand_kw for area in view.areas), rel=1e-6)
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_past_is_marked_as_past_and_leads_back(
    browser: Browser, evening: Shown, scheme: str
) -> None:
    page = opened(browser, evening, evening.instants[3], scheme)
    banner = page.locator(".banner", has_text="This is the past")
    expect(banner).to_be_visible()
    colour = banner.evaluate("(e) => getComputedStyle(e).backgroundColor")
    token = page.evaluate(
        "(() => { const e = document.createElement('i'); document.body.append(e);"
        " e.style.backgroundColor = 'var(--past-bg)';"
        " const c = getComputedStyle(e).backgroundColor; e.remove(); return c; })()"
    )
    assert colour == token
    title = banner.locator("time").get_attribute("title")
    assert title is not None and re.fullmatch(r"2024-07-16 23:04:00 UTC", title)
    banner.get_by_role("link", name="Go to live").click()
    expect(page).to_have_url(re.compile("#/now"))
    page.context.close()


def test_marks_lead_to_what_happened(browser: Browser, evening: Shown) -> None:
    page = opened(browser, evening, evening.instants[-1])
    began = page.get_by_role("button", name=re.compile("Go to .*center began")).first
    began.wait_for()  # The oldest mark is read last.
    before = page.get_by_role("button", name="Event before")
    for _ in range(40):
        if before.is_disabled():
            break
        before.click()
        settled(page)
    # The center began a moment before the first picture there is; no way leads before that.
    expect(before).to_be_disabled()
    expect(page).to_have_url(re.compile(f"at={first_instant(page)}$"))
    failure = page.get_by_role("button", name=re.compile("Go to .*failure")).first
    failure.click()
    settled(page)
    near = page.get_by_role("region", name="Events within half an hour")
    expect(near.locator("li.here", has_text="failure")).to_be_visible()
    page.context.close()


def first_instant(page: Page) -> str:
    return page.get_by_role("slider", name="Instant").get_attribute("min") or "none"


def test_it_plays_and_stands_still(browser: Browser, evening: Shown) -> None:
    page = opened(browser, evening, evening.instants[2])
    banner = page.locator(".banner time")
    before = banner.get_attribute("datetime")
    page.get_by_label("speed").select_option("60")
    page.get_by_role("button", name="Play").click()
    expect(banner).not_to_have_attribute("datetime", before or "")
    page.get_by_role("button", name="Pause").click()
    settled(page)
    page.context.close()


def test_local_times_are_right_while_clocks_go_back(browser: Browser, night: Shown) -> None:
    back_ms = CLOCKS_BACK_MS + 30 * MINUTE_MS
    page = opened(browser, night, back_ms - MINUTE_MS)
    banner = page.get_by_text("This is the past")
    expect(banner).to_contain_text("03 Nov 2024, 01:59:00 GMT-5")
    slider = page.get_by_role("slider", name="Instant")
    slider.press("ArrowRight")
    expect(banner).to_contain_text("03 Nov 2024, 01:00:00 GMT-6")
    assert slider.input_value() == str(back_ms)
    expect(page.locator(".banner time")).to_have_attribute("title", "2024-11-03 07:00:00 UTC")
    slider.press("ArrowRight")
    settled(page)
    assert demand(page) == shown_demand(night.views[back_ms + MINUTE_MS])
    page.context.close()


def test_a_window_is_reported_and_prints_without_controls(browser: Browser, evening: Shown) -> None:
    instants = evening.instants
    page = opened(browser, evening, instants[10])
    page.get_by_label("from").fill("2024-07-16T18:02:00")
    page.get_by_label("until").fill("2024-07-16T18:16:00")
    page.get_by_role("button", name="Report", exact=True).click()
    report = page.get_by_role("article", name="Event report")
    expect(report).to_contain_text("16 Jul 2024, 18:02:00 GMT-5 to")
    expect(report).to_contain_text("Devices")
    page.emulate_media(media="print")
    expect(report).to_be_visible()
    for control in ("Play", "Report", "Print", "Event after", "Sign out"):
        expect(page.get_by_role("button", name=control, exact=True)).to_be_hidden()
    expect(page.get_by_role("slider", name="Instant")).to_be_hidden()
    expect(page.get_by_role("navigation", name="Pages")).to_be_hidden()
    assert page.locator("main").evaluate("(e) => getComputedStyle(e).overflow") == "visible"
    pdf = page.pdf(prefer_css_page_size=True)
    # A4 in points.
    assert re.search(rb"/MediaBox\s*\[0 0 59[45][.\d]* 84[12]", pdf)
    page.context.close()


def window(page: Page) -> list[str]:
    """The two fields of the report's window."""
    return [page.get_by_label(name, exact=True).input_value() for name in ("from", "until")]


def test_the_window_is_chosen_by_presets_keys_and_dragging(
    browser: Browser, evening: Shown
) -> None:
    page = opened(browser, evening, evening.instants[10])
    page.get_by_role("button", name="Last hour", exact=True).click()
    assert f"until={evening.instants[-1]}" in page.url
    page.get_by_label("from", exact=True).fill("2024-07-16T18:05:00")
    page.get_by_label("until", exact=True).fill("2024-07-16T18:10:00")
    end = page.get_by_role("slider", name="End of the report's window")
    end.press("ArrowRight")
    end.press("Shift+ArrowRight")
    assert window(page) == ["2024-07-16T18:05", "2024-07-16T18:11:04"]
    start = page.get_by_role("slider", name="Start of the report's window")
    start.press("PageUp")
    assert window(page) == ["2024-07-16T18:10:04", "2024-07-16T18:11:04"]
    box = start.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = int(start.get_attribute("aria-valuenow") or 0)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y, steps=4)
    page.mouse.up()
    moved = before - int(start.get_attribute("aria-valuenow") or 0)
    width = page.locator("svg.profile").bounding_box()
    least, most = (int(start.get_attribute(f"aria-value{one}") or 0) for one in ("min", "max"))
    assert width is not None
    assert moved == pytest.approx(60 / width["width"] * (most - least), rel=0.05)
    page.get_by_role("button", name="This event", exact=True).click()
    first, last = window(page)
    assert first < last and f"{first} {last}" != "2024-07-16T18:10:04 2024-07-16T18:11:04"
    page.context.close()


def test_a_center_without_a_journal_says_so(browser: Browser, evening: Shown) -> None:
    with serving(evening.views[evening.instants[0]], bundle=bundle()) as center:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{center.url}/#token={TOKENS[Role.VIEWER]}")
        page.get_by_role("navigation", name="Pages").wait_for()
        page.evaluate("location.hash = '#/history'")
        expect(page.get_by_role("alert")).to_contain_text("no journal", timeout=PATIENCE_MS)
        context.close()
