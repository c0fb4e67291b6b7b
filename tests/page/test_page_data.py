"""The Data page as people use it: a file dropped or chosen, looked at, confirmed in two steps."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from live_plant import LivePlant, living
from playwright.sync_api import Browser, Locator, Page, expect

from gridmuster.clock import iso
from gridmuster.console.tokens import Role
from gridmuster.fleet.save import fleet_yaml

HOUR_MS = 3_600_000
#: A file is read by a process of its own, which takes its time to start on a busy machine, ms.
PATIENCE_MS = 90_000
expect.set_options(timeout=PATIENCE_MS)
DROP = """([zone, name, text]) => {
  const moved = new DataTransfer();
  moved.items.add(new File([text], name));
  for (const kind of ["dragenter", "dragover", "drop"]) {
    zone.dispatchEvent(new DragEvent(kind, { dataTransfer: moved, bubbles: true }));
  }
}"""


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlant]:
    """A plant of this module alone: its fleet is changed."""
    with living(tmp_path_factory.mktemp("data")) as running:
        yield running


def opened(browser: Browser, plant: LivePlant, role: Role, **options: Any) -> Page:
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(plant.address(role))
    page.get_by_role("navigation", name="Pages").wait_for()
    page.goto(f"{plant.url}/#/data")
    page.get_by_role("heading", name="Send a file").wait_for()
    return page


@pytest.fixture
def admin(browser: Browser, plant: LivePlant) -> Iterator[Page]:
    page = opened(browser, plant, Role.ADMIN)
    yield page
    page.context.close()


def data_of(plant: LivePlant) -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(fleet_yaml(plant.center.fleet))
    return data


def choose(page: Page, label: str, path: Path) -> None:
    page.get_by_label(label).set_input_files(path)


def until(plant: LivePlant, shown: Locator) -> None:
    """Let plant time pass until something is shown."""
    for _ in range(200):
        plant.advance(0.07)
        if shown.is_visible():
            return
    expect(shown).to_be_visible()


def test_a_faulty_file_is_shown_as_the_loader_says_it(
    admin: Page, plant: LivePlant, tmp_path: Path
) -> None:
    data = data_of(plant)
    data["devices"][0]["rated_kw"] = -5
    file = tmp_path / "bad.yaml"
    file.write_text(yaml.safe_dump(data))
    choose(admin, "Choose fleet file", file)
    row = admin.get_by_role("row").filter(has_text="devices[0].rated_kw")
    expect(row).to_contain_text("-5")
    expect(row).to_contain_text("must be above 0")
    expect(row).to_contain_text("a number above 0 and at most 10000")
    expect(admin.get_by_role("button", name="Continue to confirm")).to_have_count(0)
    admin.get_by_role("button", name="Close").click()
    expect(admin.get_by_role("heading", name="Faults: bad.yaml")).to_have_count(0)


def test_a_wrong_kind_of_file_is_not_even_sent(admin: Page, tmp_path: Path) -> None:
    file = tmp_path / "fleet.txt"
    file.write_text("id: x")
    choose(admin, "Choose fleet file", file)
    expect(admin.get_by_role("alert")).to_contain_text("does not end in .yaml")


def test_a_dropped_fleet_is_compared_and_put_in_force_in_two_steps(
    admin: Page, plant: LivePlant
) -> None:
    data = data_of(plant)
    connection = data["areas"][0]["connection"]
    before = connection["import_limit_kw"]
    connection["import_limit_kw"] = before - 50
    gone = data["devices"].pop(0)["id"]
    zone = admin.get_by_role("group", name="Fleet file")
    admin.evaluate(DROP, [zone.element_handle(), "new.yaml", yaml.safe_dump(data)])
    expect(admin.get_by_role("heading", name="What would change: new.yaml")).to_be_visible()
    rows = admin.get_by_role("list", name="What differs")
    expect(rows).to_contain_text(f"{before:g} kW")
    expect(rows).to_contain_text(f"{before - 50:g} kW")
    expect(rows).to_contain_text(gone)
    admin.get_by_role("button", name="devices 1 removed").click()
    expect(rows.get_by_role("listitem")).to_have_count(1)
    assert plant.center.fleet.areas[0].connection.import_limit_kw == before  # type: ignore[union-attr]
    admin.get_by_role("button", name="Continue to confirm").click()
    box = admin.get_by_role("region", name="Put this fleet in force?")
    expect(box.get_by_role("heading")).to_be_focused()
    expect(box).to_contain_text("devices: 1 removed")
    expect(box).to_contain_text("deliverable")
    expect(box).to_contain_text("Gateways keep their own copy")
    box.get_by_label("Why").fill("the utility says so")
    box.get_by_role("button", name="Confirm: put in force").click()
    until(plant, admin.get_by_text("In force: new.yaml"))
    assert gone not in plant.center.fleet.device_by_id
    history = admin.get_by_role("region", name="Put in force", exact=True)
    expect(history).to_contain_text("the utility says so")
    expect(history).to_contain_text("1 removed")


def confirm_as_other(plant: LivePlant, draft: str) -> None:
    with plant.client(Role.ADMIN) as client:
        key = {"Idempotency-Key": f"other {draft}"}
        answer = client.post(f"/api/v1/intake/{draft}/confirm", json={}, headers=key)
        assert answer.status_code == 200, answer.text


def test_a_draft_that_was_overtaken_is_refused_on_the_page(
    admin: Page, plant: LivePlant, tmp_path: Path
) -> None:
    data = data_of(plant)
    data["areas"][0]["connection"]["import_limit_kw"] -= 1
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(data))
    choose(admin, "Choose fleet file", file)
    admin.get_by_role("button", name="Continue to confirm").click()
    with plant.client(Role.ADMIN) as client:
        device = plant.center.fleet.devices[0].id
        other = client.post(f"/api/v1/intake/device/{device}", json={"changes": {"tags": ["a"]}})
        # Somebody else confirms in between.
        asked = threading.Thread(target=confirm_as_other, args=(plant, other.json()["id"]))
        asked.start()
        for _ in range(200):
            plant.advance(0.07)
            if not asked.is_alive():
                break
        asked.join(60.0)
    admin.get_by_role("button", name="Confirm: put in force").click()
    alert = admin.get_by_role("alert").filter(has_text="changed since this draft")
    until(plant, alert)


def test_an_operator_sees_the_difference_but_cannot_confirm(
    browser: Browser, plant: LivePlant, tmp_path: Path
) -> None:
    page = opened(browser, plant, Role.OPERATOR)
    data = data_of(plant)
    data["areas"][0]["connection"]["import_limit_kw"] -= 5
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(data))
    choose(page, "Choose fleet file", file)
    expect(page.get_by_text("Only an admin can put this in force")).to_be_visible()
    expect(page.get_by_role("button", name="Continue to confirm")).to_have_count(0)
    page.get_by_role("button", name="Drop it").click()
    expect(page.get_by_role("heading", name="What would change: mine.yaml")).to_have_count(0)
    page.context.close()


def test_a_viewer_is_told_who_may(browser: Browser, plant: LivePlant) -> None:
    page = opened(browser, plant, Role.VIEWER)
    expect(page.get_by_text("Only operators can propose data")).to_be_visible()
    expect(page.locator("input[type=file]")).to_have_count(0)
    page.context.close()


def test_a_device_is_edited_with_units_limits_and_the_servers_checks(
    admin: Page, plant: LivePlant
) -> None:
    device = next(d for d in plant.center.fleet.devices if d.type.value == "emergency_generator")
    admin.get_by_role("combobox", name="Device").fill(device.id)
    admin.get_by_role("button", name="Open").click()
    rated = admin.get_by_label("Rated", exact=True)
    expect(rated).to_have_value(f"{device.rated_kw:g}")
    field = admin.locator(".field").filter(has=rated)
    expect(field).to_contain_text("kW")
    expect(field).to_contain_text("at most 10,000")
    check = admin.get_by_role("button", name="Check and show the difference")
    expect(check).to_be_disabled()
    rated.fill("-3")
    check.click()
    expect(field.get_by_role("alert")).to_contain_text("must be above 0")
    expect(rated).to_be_focused()
    rated.fill(f"{device.rated_kw:g}")
    admin.get_by_label("Mean time to failure").fill("1,234")
    check.click()
    expect(admin.get_by_role("heading", name=f"What would change: {device.id}")).to_be_visible()
    rows = admin.get_by_role("list", name="What differs")
    expect(rows).to_contain_text("reliability.mttf_h")
    expect(rows).to_contain_text("1234 h")


def test_meters_are_previewed_with_the_values_of_the_file(
    admin: Page, plant: LivePlant, tmp_path: Path
) -> None:
    user = plant.center.fleet.end_users[0]
    now_ms = plant.view().at_ms
    first_ms = now_ms - now_ms % HOUR_MS - 12 * 24 * HOUR_MS
    values = [round(user.peak_kw * (0.6 + 0.3 * math.sin(k / 3.82)), 3) for k in range(200)]
    rows = ["time,end_user,kw"]
    rows += [f"{iso(first_ms + k * HOUR_MS)},{user.id},{kw}" for k, kw in enumerate(values)]
    file = tmp_path / "meters.csv"
    file.write_text("\n".join(rows))
    choose(admin, "Choose meters", file)
    expect(admin.get_by_role("heading", name="What would change: meters.csv")).to_be_visible()
    row = admin.get_by_role("row").filter(has_text=user.id)
    expect(row).to_contain_text("200")
    expect(row).to_contain_text("none")
    plotted = admin.evaluate("window.gridmusterCharts.intake.data")
    assert plotted[1] == pytest.approx(values, abs=0.001)
    assert plotted[0][0] * 1000 == pytest.approx(first_ms, abs=HOUR_MS)
    naive = tmp_path / "naive.csv"
    naive.write_text(f"time,end_user,kw\n2024-07-01T00:00:00,{user.id},1\n")
    choose(admin, "Choose meters", naive)
    expect(admin.get_by_role("row").filter(has_text="row 2, column time")).to_contain_text("offset")


def test_all_of_it_can_be_reached_by_keyboard(admin: Page) -> None:
    seen = set()
    for _ in range(60):
        admin.keyboard.press("Tab")
        seen.add(
            admin.evaluate(
                "(() => { const a = document.activeElement;"
                " return a.labels?.[0]?.innerText || a.innerText || a.placeholder; })()"
            )
        )
    assert {"Choose fleet file", "Choose meters", "Choose prices"} <= seen
    assert "Download the fleet in force" in seen


@pytest.mark.parametrize("width", [390, 1280, 2560])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_at_any_width(
    browser: Browser, plant: LivePlant, width: int, scheme: str
) -> None:
    page = opened(
        browser,
        plant,
        Role.ADMIN,
        viewport={"width": width, "height": 844},
        color_scheme=scheme,
    )
    expect(page.get_by_role("heading", name="Edit a device")).to_be_visible()
    over = page.evaluate(
        "document.querySelector('main').scrollWidth - document.querySelector('main').clientWidth"
    )
    assert over <= 0
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    page.context.close()
