"""Acting from the page: the consequence first, two steps, one key, refusals in words, roles."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from live_plant import LivePlant, living
from playwright.sync_api import Browser, Locator, Page, expect

from gridmuster.console.tokens import Role
from gridmuster.signals import DeviceState

PUMP = "north-pump-01"
GEN = f"{PUMP}-gen-1"


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlant]:
    """An afternoon that calls for no engine."""
    with living(tmp_path_factory.mktemp("acting"), start="14:00") as running:
        yield running


Enter = Callable[[Role], Page]


@pytest.fixture
def enter(browser: Browser, plant: LivePlant) -> Iterator[Enter]:
    """Opens the page signed in with a role."""
    opened = []

    def signed_in(role: Role) -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(20_000)
        opened.append(context)
        page = context.new_page()
        page.goto(plant.address(role))
        page.get_by_role("navigation", name="Pages").wait_for()
        return page

    yield signed_in
    for context in opened:
        context.close()


def panel(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title)


def go(page: Page, plant: LivePlant, address: str) -> None:
    page.goto(f"{plant.url}/#/{address}")
    page.get_by_role("heading", name="Emergency stop").wait_for()


def weigh(box: Locator) -> None:
    box.get_by_role("button", name="Show the consequence").click()
    box.get_by_text("Power now").wait_for()


def confirm(box: Locator) -> None:
    box.get_by_role("button", name=re.compile("^Arm: ")).click()
    box.get_by_role("button", name=re.compile(" now$")).click()


def last(plant: LivePlant) -> dict[str, object]:
    with plant.client() as client:
        found = client.get("/api/v1/audit/find", params={"limit": 1}).json()["entries"]
    return dict(found[0]) if found else {}


def test_an_address_fills_the_form_in(plant: LivePlant, page: Page) -> None:
    go(page, plant, f"act?scope=site&target={PUMP}&action=release")
    box = panel(page, "Command devices")
    expect(box.get_by_label("Which site")).to_have_value(PUMP)
    expect(box.get_by_role("radio", name="Release")).to_have_attribute("aria-checked", "true")
    expect(box.get_by_role("button", name="site", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )


def test_an_override_takes_its_numbers_two_steps_and_acts_once(
    plant: LivePlant, page: Page
) -> None:
    go(page, plant, f"act?scope=device&target={GEN}&action=start")
    box = panel(page, "Command devices")
    box.get_by_label("Power of each device, kW").fill("120")
    box.get_by_label("For how long").fill("30min")
    box.get_by_label("Reason").fill("load test")
    weigh(box)
    expect(box.get_by_text("120 kW", exact=True)).to_be_visible()
    before = last(plant)
    arm = box.get_by_role("button", name="Arm: start and hold 1 device")
    arm.click()
    assert last(plant) == before, "armed is not given"
    box.get_by_role("button", name="Start and hold 1 device now").click()
    box.get_by_text("Done: override to 120 kW on 1 device(s).").wait_for()
    # Two more clicks must not repeat it: there is nothing to arm before it is weighed anew.
    expect(box.get_by_role("button", name=re.compile("^Arm: "))).to_have_count(0)
    expect(box.get_by_text("Power now")).to_have_count(0)
    entry = last(plant)
    assert (entry["action"], entry["target"], entry["reason"]) == ("override", GEN, "load test")
    plant.advance(2)
    device = next(d for d in plant.view().devices if d.id == GEN)
    assert device.state == DeviceState.RUNNING.value and device.power_kw > 100.0


def test_a_changed_form_needs_a_new_consequence(plant: LivePlant, page: Page) -> None:
    go(page, plant, f"act?scope=device&target={GEN}&action=release")
    box = panel(page, "Command devices")
    weigh(box)
    box.get_by_label("Which device").fill(f"{PUMP}-gen-2")
    expect(box.get_by_role("button", name=re.compile("^Arm: "))).to_have_count(0)


def test_a_refusal_is_shown_in_the_centers_words(plant: LivePlant, page: Page) -> None:
    go(page, plant, "act?scope=device&target=north-pump-01-gne-1&action=release")
    box = panel(page, "Command devices")
    box.get_by_role("button", name="Show the consequence").click()
    box.get_by_role("alert").get_by_text("Did you mean").wait_for()
    box.get_by_label("Which device").fill(GEN)
    expect(box.get_by_role("alert")).to_have_count(0)
    box.get_by_role("radio", name="Start and hold").click()
    box.get_by_label("Power of each device, kW").fill("99999")
    box.get_by_role("button", name="Show the consequence").click()
    box.get_by_text(f"{GEN} cannot be held at 99999 kW").wait_for()


def test_what_is_armed_and_not_confirmed_lapses(plant: LivePlant, page: Page) -> None:
    page.clock.install()
    go(page, plant, f"act?scope=device&target={GEN}&action=release")
    box = panel(page, "Command devices")
    weigh(box)
    before = last(plant)
    box.get_by_role("button", name=re.compile("^Arm: ")).click()
    box.get_by_text("Armed. Confirm within").wait_for()
    page.clock.run_for(16_000)
    box.get_by_text("The time is over; nothing was done.").wait_for()
    expect(box.get_by_role("button", name=re.compile(" now$"))).to_have_count(0)
    assert last(plant) == before


def test_a_broken_line_is_repeated_under_the_same_key(plant: LivePlant, page: Page) -> None:
    keys: list[str] = []

    def break_once(route: object, request: object) -> None:
        keys.append(request.headers["idempotency-key"])  # type: ignore[attr-defined]
        if len(keys) == 1:
            # The command arrives, its answer does not.
            route.fetch()  # type: ignore[attr-defined]
            route.abort()  # type: ignore[attr-defined]
        else:
            route.continue_()  # type: ignore[attr-defined]

    page.route("**/api/v1/release", break_once)
    go(page, plant, f"act?scope=device&target={GEN}&action=release")
    box = panel(page, "Command devices")
    weigh(box)
    with plant.client() as client:
        before = client.get("/api/v1/audit/find", params={"action": "release"}).json()["total"]
    confirm(box)
    box.get_by_text("The line may be cut").wait_for()
    box.get_by_role("button", name="Repeat the same command").click()
    box.get_by_text("Done: released").wait_for()
    assert len(keys) == 2 and keys[0] == keys[1]
    with plant.client() as client:
        after = client.get("/api/v1/audit/find", params={"action": "release"}).json()["total"]
    assert after == before + 1


def test_an_emergency_stop_and_its_reset_by_an_admin_alone(plant: LivePlant, enter: Enter) -> None:
    page = enter(Role.OPERATOR)
    go(page, plant, f"act?scope=site&target={PUMP}&action=emergency_stop")
    stop = panel(page, "Emergency stop")
    weigh(stop)
    confirm(stop)
    stop.get_by_text("Done: emergency stop latched on").wait_for()
    assert {f"stop:{GEN}"} <= {alarm.id for alarm in plant.advance(1).alarms}
    box = panel(page, "Command devices")
    go(page, plant, f"act?scope=site&target={PUMP}&action=reset")
    weigh(box)
    expect(box.get_by_role("button", name=re.compile("^Arm: reset"))).to_be_disabled()
    expect(box.get_by_text("You are signed in as operator; this needs admin.")).to_be_visible()
    page.goto(f"{plant.url}/#/act?scope=device&target={GEN}&action=hold")
    box.get_by_label("Power of each device, kW").fill("100")
    weigh(box)
    confirm(box)
    box.get_by_role("alert").get_by_text("emergency stop is latched").wait_for()
    admin = enter(Role.ADMIN)
    go(admin, plant, f"act?scope=site&target={PUMP}&action=reset")
    reset = panel(admin, "Command devices")
    weigh(reset)
    confirm(reset)
    reset.get_by_text("Done: reset asked of").wait_for()
    assert not any(alarm.id.startswith("stop:") for alarm in plant.advance(2).alarms)


def test_a_viewer_weighs_everything_and_gives_nothing(plant: LivePlant, enter: Enter) -> None:
    page = enter(Role.VIEWER)
    go(page, plant, "act?scope=area&target=north&action=emergency_stop")
    expect(page.get_by_text("only an operator or admin can give it")).to_be_visible()
    stop = panel(page, "Emergency stop")
    weigh(stop)
    expect(stop.get_by_role("button", name=re.compile("^Arm: "))).to_be_disabled()
    expect(stop.get_by_text("You are signed in as viewer; this needs operator.")).to_be_visible()
    for action in ("start", "stop", "release"):
        page.goto(f"{plant.url}/#/act?scope=device&target={GEN}&action={action}")
        box = panel(page, "Command devices")
        if action == "start":
            box.get_by_label("Power of each device, kW").fill("100")
        weigh(box)
        expect(box.get_by_role("button", name=re.compile("^Arm: "))).to_be_disabled()
    shape = panel(page, "Activate an area")
    shape.get_by_label("Power, kW").fill("200")
    shape.get_by_role("button", name="Show which sets").click()
    expect(shape.get_by_role("button", name=re.compile("^Arm: call"))).to_be_disabled()


def call_north(page: Page, kw: str) -> Locator:
    box = panel(page, "Activate an area")
    box.get_by_role("combobox", name="Area", exact=True).select_option("north")
    box.get_by_label("Power, kW").fill(kw)
    box.get_by_label("Lasts").fill("45min")
    box.get_by_label("Reason").fill("heat wave")
    box.get_by_role("button", name="Show which sets").click()
    box.get_by_text("Firm at 99 %", exact=True).wait_for()
    return box


def test_an_area_is_activated_followed_and_ended(plant: LivePlant, page: Page) -> None:
    go(page, plant, "act")
    box = call_north(page, "200")
    expect(box.get_by_text("next in line")).to_be_visible()
    box.get_by_text("left out, for").click()
    expect(box.get_by_text("permit EPA emergency forbids demand").first).to_be_visible()
    confirm(box)
    box.get_by_text("set(s) called for 200 kW").wait_for()
    plant.advance(4)
    under_way = panel(page, "Activations")
    under_way.get_by_text("Delivers", exact=True).wait_for()
    expect(under_way.get_by_text("200 kW in north")).to_be_visible()
    under_way.get_by_role("button", name="Sets").click()
    expect(under_way.get_by_text("running").first).to_be_visible()
    under_way.get_by_role("button", name="End it").click()
    confirm(under_way)
    plant.advance(1)
    under_way.get_by_text(re.compile("Sets return|Cancelled")).first.wait_for()
    assert last(plant)["action"] == "cancel"


def test_a_drawn_polygon_narrows_the_choice_and_geojson_too(plant: LivePlant, page: Page) -> None:
    go(page, plant, "act")
    box = panel(page, "Activate an area")
    picture = box.get_by_role("img", name=re.compile("sites of"))
    picture.wait_for()
    box.get_by_role("button", name="Draw a polygon").click()
    frame = picture.bounding_box()
    assert frame is not None
    for x, y in ((0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)):
        picture.click(position={"x": frame["width"] * x, "y": frame["height"] * y})
    box.get_by_role("button", name="Close the polygon").click()
    count = len(plant.fleet.sites)
    expect(
        box.get_by_role("img", name=f"{count} sites of all areas inside the polygon")
    ).to_be_visible()
    site = plant.fleet.site_by_id[PUMP]
    around = [
        [site.longitude + dx, site.latitude + dy]
        for dx, dy in ((-1e-4, -1e-4), (1e-4, -1e-4), (1e-4, 1e-4), (-1e-4, 1e-4))
    ]
    box.get_by_text("Narrow it down").click()
    box.get_by_label("GeoJSON Polygon").fill("not json")
    expect(box.get_by_text("This is not JSON.").first).to_be_visible()
    box.get_by_label("GeoJSON Polygon").fill(
        f'{{"type": "Polygon", "coordinates": [{[*around, around[0]]}]}}'
    )
    expect(box.get_by_role("img", name="1 sites of all areas inside the polygon")).to_be_visible()
    box.get_by_label("Power, kW").fill("100")
    box.get_by_role("button", name="Show which sets").click()
    rows = box.get_by_role("table", name="Sets that would be called").get_by_role("row")
    expect(rows.nth(1)).to_contain_text(PUMP)


def test_an_activation_that_cannot_be_says_why(plant: LivePlant, page: Page) -> None:
    go(page, plant, "act")
    box = panel(page, "Activate an area")
    box.get_by_text("Narrow it down").click()
    box.get_by_label("Tag").fill("castle")
    box.get_by_label("Power, kW").fill("100")
    box.get_by_role("button", name="Show which sets").click()
    box.get_by_role("alert").get_by_text("no site of the fleet").wait_for()


def test_the_audit_page_finds_filters_and_shows_denied_attempts(
    plant: LivePlant, page: Page
) -> None:
    with plant.client(Role.OPERATOR) as client:
        client.post(
            "/api/v1/release",
            json={"scope": "area", "target": "east", "reason": "look for me"},
            headers={"Idempotency-Key": "audit-page"},
        )
    with plant.client(Role.VIEWER) as client:
        client.post("/api/v1/release", json={}, headers={"Idempotency-Key": "no"})
    page.goto(f"{plant.url}/#/audit")
    page.get_by_text("look for me").wait_for()
    page.get_by_label("Text").fill("look for")
    page.get_by_text("1 entry").wait_for()
    row = page.get_by_role("row").nth(1)
    for words in ("operator", "release", "east", "look for me", "done"):
        expect(row).to_contain_text(words)
    page.get_by_label("Result").select_option("refused")
    page.get_by_text("Nothing matches.").wait_for()
    page.get_by_label("Result").select_option("")
    assert "q=look+for" in (page.get_by_role("link", name="CSV").get_attribute("href") or "")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert "look for me" in download.value.path().read_text("utf-8")
    page.get_by_label("Text").fill("")
    with plant.client(Role.OPERATOR) as client:
        client.post(
            "/api/v1/release",
            json={"scope": "area", "target": "east", "reason": "came while looking"},
            headers={"Idempotency-Key": "audit-live"},
        )
    plant.advance(0.1)
    page.get_by_text("came while looking").wait_for()
    page.get_by_role("button", name="Denied attempts").click()
    expect(page.get_by_text("POST /api/v1/release").first).to_be_visible()
    expect(page.get_by_text("role too low").first).to_be_visible()


@pytest.mark.parametrize("width", [390, 1280, 2560])
def test_nothing_is_wider_than_the_window(plant: LivePlant, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    go(page, plant, "act")
    call_north(page, "150")
    for address in ("act", "audit"):
        page.goto(f"{plant.url}/#/{address}")
        page.wait_for_function("document.querySelector('main h2')")
        wide = page.evaluate(
            "(() => { const m = document.querySelector('main');"
            " return m.scrollWidth - m.clientWidth; })()"
        )
        assert wide <= 0, address
