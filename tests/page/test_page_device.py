"""One device's page: it shows what the API tells, plots it, and follows the plant."""

from __future__ import annotations

from typing import Any

import pytest
from live_plant import LivePlant
from playwright.sync_api import Page, expect

from gridmuster.clock import iso, monotonic_s, parse_iso
from gridmuster.fleet.devices import Generator

PATIENCE_S = 20.0
PLOTTED = "(window.gridmusterCharts?.['device-power']?.data ?? []).map(column => [...column])"


def plotted(page: Page, points: int, after_s: float = 0.0) -> list[list[Any]]:
    """The chart's columns, as soon as it has so many measured points after an instant (s)."""
    end_s = monotonic_s() + PATIENCE_S
    while True:
        columns: list[list[Any]] = page.evaluate(PLOTTED)
        if columns:
            measured = zip(columns[0], columns[1], strict=True)
            if len([1 for at, kw in measured if kw is not None and at > after_s]) >= points:
                return columns
        assert monotonic_s() < end_s, "the chart does not show what was measured"
        page.wait_for_timeout(50)


def ran(live: LivePlant) -> str:
    """A device that the center started."""
    for device in live.view().devices:
        if device.state == "running" and device.reason:
            return device.id
    pytest.fail("nothing was started")


def test_a_device_s_page_shows_what_the_api_tells(page: Page, plant: LivePlant) -> None:
    plant.advance(12)
    device = ran(plant)
    page.evaluate(f"location.hash = '#/device/{device}'")
    page.get_by_role("heading", name=device).wait_for()
    with plant.client() as client:
        told = client.get(f"/api/v1/devices/{device}/dossier").json()
    seen = told["device"]
    head = page.locator("header.head")
    decimals = 1 if seen["rated_kw"] < 10 else 0
    expect(head.locator("dt:text-is('Power') + dd")).to_have_text(
        f"{seen['power_kw']:,.{decimals}f} kW"
    )
    expect(head.locator(".why")).to_contain_text(
        seen["reason"].removeprefix(f"{device} ")[1:].rstrip(".")
    )
    start = told["starts"][0]
    expect(page.get_by_text(start["legal_basis"]).first).to_be_visible()
    expect(page.get_by_text(start["runner_up"]).first).to_be_visible()
    command = told["commands"][0]
    expect(page.get_by_role("cell", name=command["outcome"]).first).to_be_visible()
    if told["account"]["permit"] and told["account"]["permit"]["cap_h"]:
        left = told["account"]["permit"]["left_h"]
        expect(page.get_by_text(f"{left:,.1f} h left").first).to_be_visible()
    times, measured, asked, planned = plotted(page, 5)
    trace = client_trace(plant, device)
    shown = {at: (kw, wish) for at, kw, wish in zip(times, measured, asked, strict=True)}
    told_of = [
        (at_ms / 1000, (power, setpoint))
        for at_ms, power, setpoint in zip(
            trace["times_ms"], trace["power_kw"], trace["setpoint_kw"], strict=True
        )
    ]
    assert [(at, shown[at]) for at, _ in told_of] == told_of
    # What is planned is drawn after what was measured, and only there.
    assert {kw for at, kw in zip(times, planned, strict=True) if at <= told_of[-1][0]} == {None}
    assert any(kw is not None for kw in planned)
    page.get_by_role("link", name="Act on it").click()
    assert page.url.endswith(f"#/act?scope=device&target={device}")


def client_trace(plant: LivePlant, device: str) -> Any:
    """A device's samples of six hours, from the API."""
    with plant.client() as client:
        return client.get(f"/api/v1/devices/{device}/trace?hours=6").json()


def test_a_device_s_page_follows_the_plant(page: Page, plant: LivePlant) -> None:
    device = ran(plant)
    page.evaluate(f"location.hash = '#/device/{device}'")
    times, measured, _, _ = plotted(page, 1)
    last_s = max(at for at, kw in zip(times, measured, strict=True) if kw is not None)
    plant.advance(2)
    plotted(page, 1, last_s)


def test_an_unknown_device_gets_the_closest_ones(page: Page, plant: LivePlant) -> None:
    device = plant.fleet.devices[0].id
    page.evaluate(f"location.hash = '#/device/{device[:-1]}'")
    page.get_by_role("main").get_by_role("link", name=device).click()
    expect(page.get_by_role("heading", name=device)).to_be_visible()


def test_an_engine_says_by_when_it_is_to_be_exercised(page: Page, plant: LivePlant) -> None:
    device = next(
        one
        for one in plant.fleet.devices
        if isinstance(one, Generator) and one.exercise is not None
    )
    page.evaluate(f"location.hash = '#/device/{device.id}'")
    panel = page.get_by_role("region", name="Next exercise")
    with plant.client() as client:
        dossier = client.get(f"/api/v1/devices/{device.id}/dossier").json()
    due = iso(dossier["account"]["exercise"]["due_ms"])
    told = panel.locator("strong time")
    expect(told).to_be_visible()
    assert parse_iso(told.get_attribute("datetime") or "") == parse_iso(due)
    expect(panel).to_contain_text("Due by")
    expect(panel).to_contain_text("No program of its area exercises it")
    expect(panel).to_contain_text("Every month, 30 min at 30 % of its rating or more")
