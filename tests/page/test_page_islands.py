"""An area that can part from the utility, on the page Now: coupled, an island, and back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from island_plant import island_fleet
from live_plant import LivePlant, living
from playwright.sync_api import Page, expect

from gridmuster.simulator.scenario import UtilityOutage


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlant]:
    """A town beside engines at its coupling; the utility goes after two minutes."""
    outage = UtilityOutage(area="north", at="10:00", until="10:12")
    with living(
        tmp_path_factory.mktemp("isle"), fleet=island_fleet(), start="09:58", events=(outage,)
    ) as running:
        yield running


def test_an_area_parts_lives_alone_and_comes_back_before_ones_eyes(
    page: Page, plant: LivePlant
) -> None:
    seen: dict[str, str] = {}
    box = page.locator("[data-island=north]")
    for _ in range(400):
        plant.advance(1)
        (area,) = plant.view().areas
        island = area.island
        assert island is not None
        if island.state in seen or (island.state == "islanded" and not island.load_kw):
            if "islanded" in seen and island.state == "connected":
                break
            continue
        expect(box.locator("strong")).to_have_text(f"north: {island.state}")
        expect(box).to_contain_text(
            f"coupling breaker {island.coupling} · utility {island.utility} · bus {island.bus}"
        )
        if island.state == "islanded":
            expect(box.get_by_role("link", name=island.former)).to_be_visible()
            for step in island.steps:
                row = box.get_by_role("row", name=step.id)
                expect(row).to_contain_text(step.contact)
                expect(row).to_contain_text("closed" if step.wanted else "open")
        seen[island.state] = island.text
    assert {"connected", "islanded"} <= set(seen)
    expect(box.locator("strong")).to_have_text("north: connected")
