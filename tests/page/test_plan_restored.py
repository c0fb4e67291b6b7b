"""The plan in force is shown after a restart as it was before, and says that it is from before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
from live_plant import living

from gridmuster.runtime.past import JournalPast


def shown(client: httpx.Client) -> dict[str, Any]:
    answer = client.get("/api/v1/plan?limit=1000")
    assert answer.status_code == 200
    plan: dict[str, Any] = answer.json()
    return plan


def first_shown(client: httpx.Client) -> dict[str, Any]:
    for _ in range(5000):
        plan = shown(client)
        if plan["status"] != "none":
            return plan
    raise AssertionError("the plan of before never came")


def test_the_plan_of_before_is_there_until_the_next(tmp_path: Path) -> None:
    with living(tmp_path) as plant:
        plant.advance(20)
        with plant.client() as client:
            before = shown(client)
            device = before["devices"][0]["id"]
            asked = f"/api/v1/plan/why?device={device}&at_ms={before['start_ms']}"
            why = client.get(asked).json()
        past = JournalPast(str(plant.journal_path))
        plant.history = past
        try:
            plant.restart_center()
            with plant.client() as client:
                # Plant time stands still meanwhile, so no other plan can come.
                after = first_shown(client)
                assert client.get(asked).json() == why
                plant.advance(2)
                following = shown(client)
        finally:
            past.close()
    assert before["devices"] and not before["restored"]
    assert after == {**before, "restored": True}
    assert not following["restored"] and following["plan"] != before["plan"]
