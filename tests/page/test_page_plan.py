"""The Plan page: what is drawn is what the API says, and why is told by mouse and by keyboard."""

from __future__ import annotations

from typing import Any

import pytest
from live_plant import LivePlant
from playwright.sync_api import Page, expect

from gridmuster.clock import monotonic_s

ROW_PX, AXIS_PX = 22, 22
#: Longest wait for something to be so, ms.
PATIENCE_MS = 20_000
#: A comparison solves four problems beside a busy machine, ms.
COMPARING_MS = 180_000


def plan_of(plant: LivePlant, **params: Any) -> Any:
    with plant.client() as client:
        answer = client.get("/api/v1/plan", params={"active": True, "limit": 200, **params})
        assert answer.status_code == 200, answer.text
        return answer.json()


def until(page: Page, expression: str, arg: Any = None) -> None:
    """Wait until something is so in the page; its policy forbids Playwright's own way."""
    by = monotonic_s() + PATIENCE_MS / 1000
    while not page.evaluate(expression, arg):
        assert monotonic_s() < by, expression
        page.wait_for_timeout(30)


@pytest.fixture
def opened(page: Page, plant: LivePlant) -> Page:
    """The page with its plan drawn."""
    page.goto(f"{plant.url}/#/plan")
    until(page, "window.gridmusterGantt?.rows.length > 0")
    return page


def focus(page: Page) -> None:
    page.get_by_role("application").focus()


def rows_of(document: Any) -> list[dict[str, Any] | None]:
    """Rows as they are drawn: a line of its own before each new area or type."""
    rows: list[dict[str, Any] | None] = []
    last = None
    for device in document["devices"]:
        group = (device["area"], device["type"])
        if group != last:
            rows.append(None)
        last = group
        rows.append(device)
    return rows


def test_what_is_drawn_is_the_plan(opened: Page, plant: LivePlant) -> None:
    found = plan_of(plant)
    drawn = opened.evaluate("window.gridmusterGantt")
    assert drawn["plan"] == found["plan"]
    by_id = {one["id"]: one for one in found["devices"]}
    assert drawn["rows"]
    for row in drawn["rows"]:
        assert row["spans"] == by_id[row["id"]]["spans"]
        assert row["power_kw"] == by_id[row["id"]]["power_kw"]


def test_a_bar_is_where_the_device_is_on(opened: Page, plant: LivePlant) -> None:
    """Pixels: inside a span the row has the type's colour, outside it has none."""
    found = plan_of(plant)
    rows, drawn = rows_of(found), opened.evaluate("window.gridmusterGantt")
    wide = drawn["right"] - drawn["left"]
    seen = 0
    for number, one in enumerate(rows[:16]):
        if one is None or one["energy_kwh"] is not None or not one["spans"]:
            continue
        y = AXIS_PX + number * ROW_PX + ROW_PX - 5
        for k in range(found["count"]):
            x = drawn["left"] + (k + 0.5) / found["count"] * wide
            alpha = opened.evaluate(
                """([x, y]) => {
                    const canvas = document.querySelector("canvas");
                    const ratio = window.devicePixelRatio;
                    const pen = canvas.getContext("2d");
                    const [at, down] = [Math.round(x * ratio), Math.round(y * ratio)];
                    return pen.getImageData(at, down, 1, 1).data[3];
                }""",
                [x, y],
            )
            on = any(first <= k < end for first, end, _ in one["spans"])
            assert (alpha > 0) == on, (one["id"], k)
        seen += 1
        if seen == 2:
            break
    assert seen


def test_prices_and_energy_stand_under_the_same_time(opened: Page, plant: LivePlant) -> None:
    found = plan_of(plant)
    data = opened.evaluate("window.gridmusterCharts['plan-price'].data.map((row) => [...row])")
    times = [found["start_ms"] / 1000 + k * found["step_s"] for k in range(found["count"] + 1)]
    assert data[0] == times
    for series, area in zip(data[1:], found["areas"], strict=True):
        assert series[:-1] == area["price_usd_per_mwh"]
    left = opened.evaluate(
        """() => {
            const chart = window.gridmusterCharts["plan-price"];
            const canvas = document.querySelector(".gantt canvas").getBoundingClientRect();
            const over = chart.over.getBoundingClientRect();
            const drawn = window.gridmusterGantt;
            return [over.left - canvas.left - drawn.left, over.right - canvas.left - drawn.right];
        }"""
    )
    assert all(abs(px) <= 1.5 for px in left), left
    stores = [one for one in found["devices"] if one["energy_kwh"] is not None]
    if stores:
        energy = opened.evaluate(
            "window.gridmusterCharts['plan-energy'].data.map((row) => [...row])"
        )
        assert len(energy[0]) == found["count"]


def test_arrow_keys_move_and_enter_says_why(opened: Page, plant: LivePlant) -> None:
    rows = rows_of(plan_of(plant))
    devices = [one for one in rows if one is not None]
    status = opened.locator("p.cell")
    focus(opened)
    opened.keyboard.press("ArrowDown")
    expect(status).to_contain_text(devices[0]["id"])
    before = status.inner_text()
    opened.keyboard.press("ArrowRight")
    expect(status).not_to_have_text(before)
    opened.keyboard.press("ArrowDown")
    expect(status).to_contain_text(devices[1]["id"])
    opened.keyboard.press("Enter")
    why = opened.get_by_role("complementary", name="Why")
    expect(why).to_contain_text(devices[1]["id"])
    expect(why.get_by_text("Marginal price").first).to_be_visible()
    # With the panel open it follows the keys.
    opened.keyboard.press("ArrowUp")
    expect(why).to_contain_text(devices[0]["id"])
    why.get_by_role("button", name="Close why").click()
    expect(why).to_have_count(0)


def test_a_click_says_what_the_api_says(opened: Page, plant: LivePlant) -> None:
    found = plan_of(plant)
    rows = rows_of(found)
    number = next(n for n, one in enumerate(rows) if one is not None)
    chosen = rows[number]
    assert chosen is not None
    drawn = opened.evaluate("window.gridmusterGantt")
    interval = found["count"] // 2
    x = drawn["left"] + (interval + 0.5) / found["count"] * (drawn["right"] - drawn["left"])
    y = AXIS_PX + (number + 0.5) * ROW_PX
    opened.get_by_role("application").click(position={"x": x + 1, "y": y + 1})
    at_ms = found["start_ms"] + interval * found["step_s"] * 1000
    with plant.client() as client:
        told = client.get("/api/v1/plan/why", params={"device": chosen["id"], "at_ms": at_ms})
    why = opened.get_by_role("complementary", name="Why")
    for sentence in told.json()["why"]["sentences"]:
        expect(why).to_contain_text(sentence)


def test_idle_devices_can_be_asked_why_they_stay_off(opened: Page, plant: LivePlant) -> None:
    every = plan_of(plant, active=False)
    idle = next(
        one["id"]
        for one in every["devices"]
        if not one["spans"] and one["type"].endswith("generator")
    )
    opened.get_by_label("also idle").check()
    opened.get_by_label("Device", exact=True).fill(idle)
    opened.get_by_label("Device", exact=True).press("Tab")
    until(
        opened,
        "(id) => window.gridmusterGantt.rows.length > 0 && "
        "window.gridmusterGantt.rows.every((row) => row.id.includes(id))",
        idle,
    )
    focus(opened)
    opened.keyboard.press("ArrowDown")
    opened.keyboard.press("Enter")
    why = opened.get_by_role("complementary", name="Why")
    expect(why).to_contain_text("Off ")
    expect(why.get_by_role("row", name="Full cost")).to_be_visible()


def test_the_part_in_view_can_be_made_shorter(opened: Page) -> None:
    opened.get_by_label("Hours shown").select_option("6")
    shown = (
        "(() => { const x = window.gridmusterCharts['plan-price'].scales.x;"
        " return x.max - x.min === 6 * 3600; })()"
    )
    until(opened, shown)


def test_facts_of_the_plan_are_told(opened: Page, plant: LivePlant) -> None:
    found = plan_of(plant)
    facts = opened.locator("dl.facts")
    expect(facts).to_contain_text("Optimal" if found["status"] == "optimal" else "Best")
    expect(facts).to_contain_text(f"{100 * found['gap']:.2f} %")
    if not found["shortfalls"]:
        expect(opened.get_by_text("All demand, reserve and wishes")).to_be_visible()


@pytest.mark.parametrize("width", [390, 2560])
def test_nothing_runs_out_of_the_page(opened: Page, width: int) -> None:
    opened.set_viewport_size({"width": width, "height": 844})
    focus(opened)
    opened.keyboard.press("ArrowDown")
    opened.keyboard.press("Enter")
    expect(opened.get_by_role("complementary", name="Why")).to_contain_text("Marginal price")
    out_px = opened.evaluate(
        "(() => { const m = document.getElementById('main');"
        " return m.scrollWidth - m.clientWidth })()"
    )
    assert out_px <= 0


def test_the_four_objectives_are_compared_on_request(opened: Page, plant: LivePlant) -> None:
    opened.get_by_role("button", name="Compare the four objectives").click()
    for objective in ("operating expense", "production cost", "efficiency", "reliability"):
        row = opened.get_by_role("rowheader", name=objective, exact=False)
        expect(row).to_be_visible(timeout=COMPARING_MS)
    with plant.client() as client:
        compared = client.get("/api/v1/plan/compare").json()
    table = opened.locator("table", has_text="Planned for")
    for row in compared["rows"]:
        expect(table).to_contain_text(f"{row['operating_expense_usd']:,.2f} USD")
