"""A price that the plan in force knows nothing of: a new plan is asked for, not too often."""

from __future__ import annotations

from pathlib import Path

from lockstep_plant import Plant, today

from gridmuster.simulator.scenario import PriceSpike


def test_a_price_far_from_the_plan_s_asks_for_a_new_plan(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "13:50", [PriceSpike(at="14:04", until="14:09", usd_per_mwh=900.0)])
    memory = plant.core.state.planning
    plant.until("14:03")
    before, asked_ms = memory.count, memory.pending_since_ms
    plant.until("14:05")
    assert memory.count == before + 1
    assert today("14:04") <= memory.pending_since_ms <= today("14:05")
    assert memory.pending_since_ms - asked_ms >= 300_000
    plant.until("14:11")
    assert memory.count == before + 2, "and again when it is over, five minutes later at the least"
    plant.close()


def test_an_even_price_asks_for_none_between_the_quarters(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "13:50")
    memory = plant.core.state.planning
    plant.until("13:58")
    before = memory.count
    plant.until("14:11")
    assert memory.count == before, "the next is due three minutes before the quarter"
    plant.until("14:13")
    assert memory.count == before + 1
    plant.close()


def test_a_start_by_the_plan_says_what_its_power_is_worth(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "18:00")
    plant.until("19:00")
    told = [one.text for one in plant.core.state.decisions if "the plan runs it for" in one.text]
    assert told
    for text in told:
        worth = float(text.split("is worth ")[1].split()[0])
        cost = float(text.split("its run costs ")[1].split()[0])
        assert (worth < cost) == ("the price alone does not pay" in text), text
    plant.close()
