"""The pages Now and Alarms: what is drawn is what the center knows, at any width and theme."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from live_plant import LivePlant
from playwright.sync_api import Browser, Page, expect

from gridmuster.center.view import PlantView
from gridmuster.console.tokens import Role
from gridmuster.runtime.past import JournalPast

#: What numbers on the page and in the answer may differ by: both are rounded, kW.
NEAR_KW = 1.0
CHART = """() => {
  const chart = window.gridmusterCharts?.balance;
  if (!chart) return null;
  return { names: chart.series.map((one) => one.label), data: chart.data.map((one) => [...one]) };
}"""
UTC_FIRST = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")
EXTRA = ("time", "ground", "low", "high", "metered demand", "need")


def drawn(page: Page) -> dict[str, list[float | None]]:
    """What the balance chart plots, by the series' names."""
    found = page.evaluate(CHART)
    names = ["time", *found["names"][1:]]
    return dict(zip(names, found["data"], strict=True))


def layers(chart: dict[str, list[float | None]]) -> dict[str, list[float]]:
    """What each source gives at each instant: edges of the stack taken apart; 0 for unknown."""
    amounts: dict[str, list[float]] = {}
    for below in (False, True):
        ground = [0.0] * len(chart["time"])
        for name, edge in chart.items():
            if name in EXTRA or name.endswith("(taking)") is not below:
                continue
            source = name.removesuffix(" (taking)")
            known = [value or 0.0 for value in edge]
            change = [top - base for top, base in zip(known, ground, strict=True)]
            before = amounts.get(source, [0.0] * len(known))
            amounts[source] = [a + b for a, b in zip(before, change, strict=True)]
            ground = known
    return amounts


def settled(page: Page, view: PlantView, minutes: int = 0) -> dict[str, list[float | None]]:
    """The chart once it shows a view's moment and so many past minutes."""
    page.wait_for_function(
        """([now, minutes]) => {
          const chart = window.gridmusterCharts?.balance;
          const data = chart?.data;
          if (!data) return false;
          const measured = data[chart.series.findIndex((one) => one.label === "metered demand")];
          const told = measured.filter((one) => one !== null).length;
          return data[0].some((at) => Math.abs(at - now) < 0.01) && told > minutes;
        }""",
        arg=[view.at_ms / 1000, minutes],
    )
    return drawn(page)


def no_wider_than_the_window(page: Page) -> None:
    widths = page.evaluate(
        "() => { const m = document.querySelector('main');"
        " return [m.scrollWidth, m.clientWidth, document.documentElement.scrollWidth, innerWidth] }"
    )
    assert widths[0] <= widths[1] and widths[2] <= widths[3], widths


def test_the_picture_shows_the_present_balance(page: Page, plant: LivePlant) -> None:
    view = plant.advance(2)
    chart = settled(page, view)
    here = max(k for k, value in enumerate(chart["metered demand"]) if value is not None)
    amounts = layers(chart)
    demand_kw = sum(area.demand_kw for area in view.areas)
    losses_kw = sum(area.losses_kw for area in view.areas)
    assert chart["metered demand"][here] == pytest.approx(demand_kw, abs=NEAR_KW)
    assert chart["need"][here] == pytest.approx(demand_kw + losses_kw, abs=NEAR_KW)
    assert amounts["utility"][here] == pytest.approx(
        sum(area.import_kw for area in view.areas), abs=NEAR_KW
    )
    by_type: dict[str, float] = {}
    for area in view.areas:
        for kind, power_kw in area.generation_kw_by_type.items():
            by_type[kind] = by_type.get(kind, 0.0) + power_kw
    for kind, power_kw in by_type.items():
        assert amounts.get(kind, [0.0] * (here + 1))[here] == pytest.approx(power_kw, abs=NEAR_KW)


def test_the_past_is_what_the_center_kept(page: Page, plant: LivePlant) -> None:
    view = plant.advance(4)
    chart = settled(page, view, minutes=3)
    with plant.client() as client:
        kept = client.get("/api/v1/trend", params={"hours": 6}).json()
    amounts, told = layers(chart), 0
    for k, at_s in enumerate(chart["time"]):
        assert at_s is not None
        row = round((at_s * 1000 - kept["start_ms"]) / 60_000)
        complete = at_s < view.at_ms / 1000 - 60 and 0 <= row < len(kept["demand_kw"])
        if not complete or chart["metered demand"][k] is None:
            continue
        told += 1
        assert chart["metered demand"][k] == pytest.approx(kept["demand_kw"][row], abs=NEAR_KW)
        assert amounts["utility"][k] == pytest.approx(kept["import_kw"][row], abs=NEAR_KW)
        for kind, column in kept["generation_kw_by_type"].items():
            if kind in amounts:
                assert amounts[kind][k] == pytest.approx(column[row], abs=NEAR_KW)
    assert told >= 3


def test_the_future_is_the_plan_with_its_band(page: Page, plant: LivePlant) -> None:
    view = plant.view()
    chart = settled(page, view)
    first = next(k for k, value in enumerate(chart["low"]) if value is not None)
    step_s = view.areas[0].forecast_step_s
    start_s = view.areas[0].forecast_start_ms / 1000
    passed = int((view.at_ms / 1000 - start_s) // step_s)
    assert chart["time"][first] == pytest.approx(view.at_ms / 1000, abs=1.0)
    assert chart["time"][first + 1] == start_s + (passed + 1) * step_s
    amounts = layers(chart)
    for k in range(6):
        for name, field in (
            ("need", "forecast_kw"),
            ("low", "forecast_low_kw"),
            ("high", "forecast_high_kw"),
        ):
            expected = sum(getattr(area, field)[k] for area in view.areas)
            assert chart[name][first + k] == pytest.approx(expected, abs=NEAR_KW), (name, k)
        planned_kw = sum(area.planned_import_kw[k] for area in view.areas)
        assert amounts["utility"][first + k] == pytest.approx(planned_kw, abs=NEAR_KW)
        own_kw = sum(area.planned_generation_kw[k] for area in view.areas)
        drawn_kw = sum(values[first + k] for name, values in amounts.items() if name != "utility")
        assert drawn_kw == pytest.approx(own_kw, abs=NEAR_KW)


def test_one_area_is_shown_alone_and_its_address_can_be_shared(
    page: Page, plant: LivePlant
) -> None:
    view = plant.view()
    area = view.areas[-1]
    page.get_by_label("Area").select_option(area.id)
    assert page.url.endswith(f"#/now?area={area.id}")
    page.wait_for_function(
        """(kw) => {
          const chart = window.gridmusterCharts?.balance;
          const at = chart?.series.findIndex((one) => one.label === "metered demand");
          const told = chart?.data[at]?.filter((one) => one !== null);
          return told?.length && Math.abs(told.at(-1) - kw) < 1;
        }""",
        arg=area.demand_kw,
    )
    demand = page.locator("dl .figure").filter(has_text="Demand").locator("strong")
    assert page_number(demand.inner_text()) == pytest.approx(area.demand_kw, abs=NEAR_KW)


def page_number(text: str) -> float:
    """A power as the page writes it, kW."""
    amount, unit = text.split()
    return number(amount) * (1000.0 if unit == "MW" else 1.0)


def number(text: str) -> float:
    """A number as the page writes it: with commas, and a minus that is no hyphen."""
    return float(text.replace(",", "").replace("\u2212", "-"))


def test_figures_are_those_of_the_view(page: Page, plant: LivePlant) -> None:
    view = plant.advance(1)
    settled(page, view)
    strong = page.locator("dl .figure strong")
    expect(strong).to_have_count(6)
    demand, net_import, reserve, odds, frequency, price = strong.all_inner_texts()
    assert page_number(demand) == pytest.approx(sum(a.demand_kw for a in view.areas), abs=NEAR_KW)
    shown = abs(sum(a.import_kw for a in view.areas))
    assert page_number(net_import) == pytest.approx(shown, abs=NEAR_KW)
    tightest = min(view.areas, key=lambda a: a.reserve_kw - a.largest_unit_kw)
    assert page_number(reserve) == pytest.approx(tightest.reserve_kw, abs=NEAR_KW)
    assert odds.endswith("%")
    hz = [a.frequency_hz for a in view.areas if a.frequency_hz > 0.0]
    assert float(frequency.split()[0]) == pytest.approx(
        max(hz, key=lambda value: abs(value - 60.0)), abs=0.001
    )
    prices = [a.rates.price_usd_per_mwh for a in view.areas if a.rates]
    known = [one for one in prices if one is not None]
    assert number(price) == pytest.approx(sum(known) / len(known), abs=0.01)
    expense = sum((a.rates.expense_usd_per_h or 0.0) for a in view.areas if a.rates)
    figures = page.locator("section", has_text="The four objectives").locator("dd")
    shown_usd = number(figures.first.inner_text().split()[0])
    assert shown_usd == pytest.approx(expense, abs=0.02)


def test_every_device_is_counted_and_leads_to_the_fleet(page: Page, plant: LivePlant) -> None:
    view = plant.view()
    panel = page.locator("section").filter(has=page.get_by_role("heading", name="Devices"))
    expect(panel.locator("td a").first).to_be_visible()
    counts = [int(text) for text in panel.locator("td a").all_inner_texts()]
    assert sum(counts) == len(view.devices)
    assert "#/fleet?filter=type" in (panel.locator("td a").first.get_attribute("href") or "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280, 2560])
def test_it_fits_every_width_in_both_themes(
    browser: Browser, plant: LivePlant, width: int, scheme: Any
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened = context.new_page()
    opened.goto(plant.address())
    # On a phone an hour is nine points wide: enough of a past to be seen there.
    view = plant.advance(20)
    settled(opened, view)
    no_wider_than_the_window(opened)
    assert opened.locator("html").get_attribute("data-theme") == scheme
    # The stack is really painted: just under the need, now, there is a source's colour.
    # A chart that was just made narrower is drawn anew with the next frame.
    opened.wait_for_function(
        """() => {
          const chart = window.gridmusterCharts.balance;
          const need = chart.data.at(-1), measured = chart.data.at(-2);
          const k = measured.findLastIndex((one) => one !== null);
          const x = chart.valToPos(chart.data[0][k], "x", true) - 2;
          const colour = (value) => [...chart.ctx.getImageData(
            Math.round(x), Math.round(chart.valToPos(value, "y", true)), 1, 1).data].join();
          return colour(need[k] * 0.5) !== colour(need[k] * 1.03);
        }"""
    )
    opened.evaluate("location.hash = '#/alarms'")
    opened.get_by_role("search").wait_for()
    no_wider_than_the_window(opened)
    context.close()


def test_the_same_is_there_as_a_table(page: Page) -> None:
    page.get_by_text("The same as a table").click()
    table = page.get_by_role("table", name="Power by hour")
    expect(table.get_by_role("columnheader", name="utility")).to_be_visible()
    assert table.locator("tbody tr").count() >= 24


def stop(plant: LivePlant, device: str) -> None:
    """Stop a device as an operator would, and let the center take it in."""
    with plant.client(Role.OPERATOR) as client, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(
            client.post,
            "/api/v1/emergency-stop",
            json={"scope": "device", "target": device, "reason": "smoke"},
            headers={"Idempotency-Key": f"stop-{device}-for-this-test"},
        )
        while not answer.done():
            plant.advance(0.1)
        assert answer.result().status_code == 200
    plant.advance(0.2)


def test_an_alarm_is_told_found_and_acknowledged(
    browser: Browser, page: Page, plant: LivePlant
) -> None:
    device = next(d.id for d in plant.view().devices if d.type == "emergency_generator")
    stop(plant, device)
    alarm = page.get_by_role("article").filter(has_text="emergency stop latched")
    expect(alarm).to_contain_text(device)
    expect(alarm).to_contain_text("reset as admin when it is safe")
    expect(alarm.get_by_role("link", name=device)).to_have_attribute("href", f"#/device/{device}")
    decision = page.get_by_role("listitem").filter(has_text="asked emergency stop")
    expect(decision.first).to_contain_text(device)
    # On a laptop it is seen without scrolling, and the menu counts the alarm on every page.
    expect(decision.first).to_be_in_viewport(ratio=1)
    link = page.get_by_role("navigation", name="Pages").get_by_role("link", name="Alarms")
    expect(link).to_contain_text("critical")

    page.evaluate("location.hash = '#/alarms'")
    row = page.get_by_role("row").filter(has_text="emergency stop latched")
    expect(row).to_contain_text("critical")
    expect(row.locator("time")).to_have_attribute(
        "title", re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")
    )
    page.get_by_role("button", name="note").click()
    expect(row).to_have_count(0)
    page.get_by_role("button", name="note").click()
    page.get_by_label("Words in the alarm").fill(f"{device} latched")
    expect(page.get_by_role("row")).to_have_count(2)

    context = browser.new_context()
    viewer = context.new_page()
    viewer.goto(plant.address(Role.VIEWER))
    viewer.get_by_role("navigation", name="Pages").wait_for()
    viewer.evaluate("location.hash = '#/alarms'")
    seen = viewer.get_by_role("row").filter(has_text="emergency stop latched")
    expect(seen).to_contain_text("nobody yet")
    expect(seen.get_by_role("button")).to_have_count(0)

    row.get_by_role("button", name="Acknowledge").click()
    for _ in range(40):
        plant.advance(0.1)
        if "nobody" not in seen.inner_text():
            break
    expect(row).to_contain_text("operator")
    expect(row.get_by_role("button")).to_have_count(0)
    expect(seen).to_contain_text("operator")
    context.close()


def test_after_a_restart_the_past_comes_back_from_the_journal(plant: LivePlant) -> None:
    plant.advance(1)
    with plant.client() as client:
        before = client.get("/api/v1/trend").json()
    plant.restart_center()
    past = JournalPast(str(plant.journal_path))
    plant.center.history = past
    try:
        plant.advance(2)
        with plant.client() as client:
            for _ in range(60):
                after = client.get("/api/v1/trend").json()
                if after["start_ms"] <= before["start_ms"]:
                    break
                plant.advance(0.1)
    finally:
        past.close()
    assert after["start_ms"] <= before["start_ms"]
    # Means of a minute and its last cycle differ by what demand moves within a minute.
    column = after["demand_kw"][round((before["start_ms"] - after["start_ms"]) / 60_000) :]
    both = [
        (was, now)
        for was, now in zip(before["demand_kw"], column, strict=False)
        if was is not None and now is not None
    ]
    assert len(both) >= 5
    assert all(now == pytest.approx(was, rel=0.05) for was, now in both)
