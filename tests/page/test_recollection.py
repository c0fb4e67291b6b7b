"""After a restart a device's page knows again what was before it, read beside the center."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
from live_plant import LivePlant, living

from gridmuster.runtime.past import JournalPast


def complete(plant: LivePlant, client: httpx.Client, device: str) -> dict[str, Any]:
    """The device's trace, once all of the journal was read."""
    for _ in range(400):
        trace: dict[str, Any] = client.get(f"/api/v1/devices/{device}/trace?hours=24").json()
        if not trace["reading_back"]:
            return trace
        plant.advance(0.07)
    raise AssertionError("the journal was never read to its begin")


def test_what_was_before_a_restart_comes_back(tmp_path: Path) -> None:
    with living(tmp_path) as plant:
        began_ms = plant.clock.now_ms()
        plant.advance(12)
        with plant.client() as client:
            stories = {
                device.id: client.get(f"/api/v1/devices/{device.id}/dossier").json()
                for device in plant.fleet.devices
            }
            started = next(one for one, story in stories.items() if story["starts"])
            before = client.get(f"/api/v1/devices/{started}/trace?hours=24").json()
        plant.restart_center()
        past = JournalPast(str(plant.journal_path))
        plant.center.history = past
        try:
            plant.advance(1)
            restarted_ms = plant.clock.now_ms()
            with plant.client() as client:
                after = complete(plant, client, started)
                dossier = client.get(f"/api/v1/devices/{started}/dossier").json()
                again = client.get(f"/api/v1/devices/{started}/trace?hours=24").json()
        finally:
            past.close()
    assert after["back_to_ms"] <= began_ms < before["at_ms"] < restarted_ms
    assert sum(at_ms < before["at_ms"] for at_ms in after["times_ms"]) > 50
    assert [s["state"] for s in after["states"]][: len(before["states"])] == [
        s["state"] for s in before["states"] if s["state"] != "unknown"
    ]
    assert dossier["back_to_ms"] == after["back_to_ms"]
    # Told once, however often somebody asks.
    assert again["times_ms"][0] == after["times_ms"][0]
    told = [(start["at_ms"], start["order"]) for start in dossier["starts"]]
    assert {(s["at_ms"], s["order"]) for s in stories[started]["starts"]} <= set(told)
    assert len(told) == len(set(told))


def test_without_a_reader_of_the_journal_the_page_says_since_when_it_knows(tmp_path: Path) -> None:
    with living(tmp_path) as plant, plant.client() as client:
        device = plant.fleet.devices[0].id
        trace = client.get(f"/api/v1/devices/{device}/trace").json()
        assert trace["back_to_ms"] == trace["times_ms"][0] and not trace["reading_back"]
