"""The plan over HTTP: what is planned, page by page, why, and the comparison of objectives."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from msgspec import structs
from plant_serving import DEADLINE_S, Center, serving
from plant_views import plant

from gridmuster.center.config import CenterConfig
from gridmuster.center.first_look import first_problem
from gridmuster.center.planmemory import PlanRequest
from gridmuster.clock import monotonic_s
from gridmuster.console.plansheet import MAX_ANSWERS, PlanSheet, Wanted
from gridmuster.console.tokens import Role
from gridmuster.fleet.generate import generate
from gridmuster.planning import PlanLimits, PlanSolution, Shortfall, ShortfallKind, solve
from gridmuster.planning.comparing import OBJECTIVES
from gridmuster.planning.explain import explain
from gridmuster.planning.problem import PlanProblem
from gridmuster.runtime.plandesk import PlanDesk
from gridmuster.simulator.scenario import DEFAULT_START_MS

CONFIG = CenterConfig(plan_count=24, plan_step_s=3600)
PROBLEM = first_problem(generate(12, 1), DEFAULT_START_MS, CONFIG)


@pytest.fixture(scope="module")
def solution() -> PlanSolution:
    found = solve(PROBLEM, PlanLimits(0.01, 10.0))
    unit, place = PROBLEM.units[0].id, PROBLEM.areas[0].id
    broken = [Shortfall(ShortfallKind.RESERVE, place, t, 10.0 + t, "too little") for t in (4, 5, 6)]
    broken += [Shortfall(ShortfallKind.RAMP, unit, 9, 3.0, "too fast")]
    return structs.replace(found, shortfalls=broken)


@pytest.fixture(scope="module")
def center(solution: PlanSolution) -> Iterator[Center]:
    with serving(plant(12)) as running:
        desk = PlanDesk(lambda: solution)
        desk.asked(PlanRequest(PROBLEM, PlanLimits()))
        running.board.plans = desk  # type: ignore[attr-defined]
        yield running
        desk.close()


@pytest.fixture(scope="module")
def client(center: Center) -> Iterator[httpx.Client]:
    with center.client(Role.OPERATOR) as opened:
        yield opened


def get(client: httpx.Client, path: str, **params: Any) -> Any:
    answer = client.get(f"/api/v1/{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_plan_arrives_as_the_planner_made_it(
    client: httpx.Client, solution: PlanSolution
) -> None:
    found = get(client, "plan", limit=1000)
    assert found["plan"] == PROBLEM.id
    assert (found["start_ms"], found["step_s"], found["count"]) == (PROBLEM.start_ms, 3600, 24)
    assert found["gap"] == pytest.approx(solution.gap)
    for area in found["areas"]:
        told = [usd / 1000.0 for usd in area["price_usd_per_mwh"]]
        assert told == pytest.approx(solution.price_usd_per_kwh[area["id"]], abs=1e-6)
        net = [
            i - e
            for i, e in zip(
                solution.import_kw[area["id"]], solution.export_kw[area["id"]], strict=True
            )
        ]
        assert area["import_kw"] == pytest.approx(net, abs=0.06)
        balance = zip(area["generation_kw"], area["import_kw"], area["demand_kw"], strict=True)
        assert all(made + bought == pytest.approx(used, abs=0.2) for made, bought, used in balance)
    assert {one["id"] for one in found["devices"]} == set(solution.power_kw)
    for one in found["devices"]:
        assert one["power_kw"] == pytest.approx(solution.power_kw[one["id"]], abs=0.06)
        on = [any(first <= t < end for first, end, _ in one["spans"]) for t in range(24)]
        if one["id"] in solution.commitment:
            assert on == [bool(value) for value in solution.commitment[one["id"]]]
        else:
            assert not any(starts for _, _, starts in one["spans"])
        if one["energy_kwh"] is not None:
            assert one["energy_kwh"] == pytest.approx(solution.energy_kwh[one["id"]], abs=0.06)


def test_starts_are_where_the_plan_starts(client: httpx.Client, solution: PlanSolution) -> None:
    before = {unit.id: unit.initial_on for unit in PROBLEM.units}
    for one in get(client, "plan", limit=1000)["devices"]:
        if one["id"] not in before:
            continue
        on = [int(before[one["id"]]), *solution.commitment[one["id"]]]
        starts = [t for t in range(24) if on[t + 1] > on[t]]
        assert [first for first, _, starting in one["spans"] if starting] == starts


def test_pages_put_together_are_the_whole(client: httpx.Client) -> None:
    whole = get(client, "plan", limit=1000)
    assert whole["next"] is None
    skip: int | None = 0
    parts = []
    while skip is not None:
        page = get(client, "plan", limit=3, skip=skip)
        assert page["total"] == whole["total"]
        parts += page["devices"]
        skip = page["next"]
    assert parts == whole["devices"]
    assert get(client, "plan", skip=10_000)["devices"] == []


def test_filters_leave_what_they_name(client: httpx.Client) -> None:
    area = PROBLEM.areas[0].id
    found = get(client, "plan", area=area, limit=1000)
    assert {one["area"] for one in found["devices"]} <= {area}
    assert [one["id"] for one in found["areas"]] == [area]
    stores = get(client, "plan", type="battery", limit=1000)["devices"]
    assert {one["type"] for one in stores} == {"battery"}
    name = stores[0]["id"]
    assert [one["id"] for one in get(client, "plan", q=name.upper())["devices"]] == [name]
    for one in get(client, "plan", active=True, limit=1000)["devices"]:
        assert any(one["power_kw"])


def test_broken_wishes_that_last_are_told_once(client: httpx.Client) -> None:
    found = get(client, "plan")
    reserve, ramp = found["shortfalls"]
    assert found["shortfalls_total"] == 2
    assert (reserve["kind"], reserve["where"]) == ("reserve", PROBLEM.areas[0].id)
    assert (reserve["interval"], reserve["intervals"], reserve["amount"]) == (4, 3, 16.0)
    assert reserve["at_ms"] == PROBLEM.start_ms + 4 * 3_600_000
    assert (ramp["where"], ramp["area"]) == (PROBLEM.units[0].id, PROBLEM.units[0].area)


def test_why_is_the_planners_own(client: httpx.Client, solution: PlanSolution) -> None:
    for one in (PROBLEM.units[0].id, PROBLEM.stores[0].id, PROBLEM.renewables[0].id):
        at_ms = PROBLEM.start_ms + 5 * 3_600_000 + 1234
        found = get(client, "plan/why", device=one, at_ms=at_ms)
        assert found["start_ms"] == PROBLEM.start_ms + 5 * 3_600_000
        assert found["end_ms"] == found["start_ms"] + 3_600_000
        alone = explain(PROBLEM, solution, one, 5)
        assert found["why"]["verdict"] == alone.verdict  # type: ignore[union-attr]
        assert found["why"]["sentences"]


def test_why_asks_for_what_there_is(client: httpx.Client, center: Center) -> None:
    at_ms = PROBLEM.start_ms
    outside = client.get("/api/v1/plan/why", params={"device": "x", "at_ms": at_ms - 1})
    assert outside.status_code == 422
    assert "is not in the plan" in outside.json()["detail"]
    unknown = client.get("/api/v1/plan/why", params={"device": "x", "at_ms": at_ms})
    assert unknown.status_code == 404
    known = center.board.view().devices[0].id
    left_out = get(client, "plan/why", device=known, at_ms=at_ms)
    assert left_out["why"]["kind"] == "not_planned"
    wrong = client.get("/api/v1/plan", params={"area": "nowhere"})
    assert wrong.status_code == 404


def test_a_comparison_is_begun_once_and_polled(client: httpx.Client, center: Center) -> None:
    assert get(client, "plan/compare")["status"] == "none"
    headers = {"Idempotency-Key": "one"}
    begun = client.post("/api/v1/plan/compare", headers=headers)
    assert begun.status_code == 200, begun.text
    assert begun.json()["status"] == "running"
    # While it is made, the API answers as ever.
    by, tick = monotonic_s() + 6 * DEADLINE_S, threading.Event()
    while (found := get(client, "plan/compare"))["status"] == "running":
        assert monotonic_s() < by
        assert client.get("/api/v1/health").status_code == 200
        tick.wait(0.05)
    assert found["status"] == "done", found
    assert [row["objective"] for row in found["rows"]] == list(OBJECTIVES)
    again = client.post("/api/v1/plan/compare", headers=headers)
    assert again.headers["Idempotency-Replayed"] == "true"


def test_who_may_not_compare_and_what_is_missing(center: Center, client: httpx.Client) -> None:
    with center.client(Role.VIEWER) as viewer:
        refused = viewer.post("/api/v1/plan/compare", headers={"Idempotency-Key": "two"})
        assert refused.status_code == 403
    assert client.post("/api/v1/plan/compare").status_code == 400


def test_a_center_without_a_plan_says_so() -> None:
    with serving(plant(4)) as running, running.client(Role.OPERATOR) as client:
        assert get(client, "plan")["status"] == "none"
        assert get(client, "plan/compare")["status"] == "none"
        asked = client.get("/api/v1/plan/why", params={"device": "x", "at_ms": 1})
        assert asked.status_code == 409
        begun = client.post("/api/v1/plan/compare", headers={"Idempotency-Key": "x"})
        assert begun.status_code == 409


def many(problem: PlanProblem, solution: PlanSolution, copies: int) -> tuple[Any, Any]:
    """The same plan for many more devices."""
    units = [
        structs.replace(unit, id=f"{unit.id}-{n}") for unit in problem.units for n in range(copies)
    ]
    keys = [(unit.id, f"{unit.id}-{n}") for unit in problem.units for n in range(copies)]
    power = solution.power_kw | {new: solution.power_kw[old] for old, new in keys}
    on = {new: solution.commitment[old] for old, new in keys}
    large = structs.replace(problem, units=units)
    return large, structs.replace(solution, power_kw=power, commitment=on, shortfalls=[])


def test_a_large_fleet_is_sent_in_small_pages(solution: PlanSolution) -> None:
    sheet = PlanSheet(*many(PROBLEM, solution, 800), 0, "UTC")
    body = sheet.page(Wanted(None, None, "", False, 0, 200))
    assert len(body) < 200_000
    assert sheet.page(Wanted(None, None, "", False, 0, 200)) is body
    for skip in range(2 * MAX_ANSWERS):
        sheet.page(Wanted(None, None, "", False, skip, 1))
    assert len(sheet._answers) <= MAX_ANSWERS
