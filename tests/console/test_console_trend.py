"""The last day of every area by the minute, and devices counted: as kept, and as answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from plant_serving import Center, serving
from plant_views import plant

from gridmuster.center.view import AreaRates, PlantView
from gridmuster.console.messages import AreaRow
from gridmuster.console.pastdocs import PastRequest, PastTrend
from gridmuster.console.tallies import MAX_STEPS, shown_state, tally
from gridmuster.console.trend import KEPT_H, MAX_AREAS, ROWS, STEP_MS, Trend
from gridmuster.errors import JournalError
from gridmuster.report.series import AreaSeries
from gridmuster.units import MS_PER_HOUR

START_MS = 1_721_160_000_000


def view_at(at_ms: int, demand_kw: float = 100.0, **changes: Any) -> PlantView:
    """A view of two areas at a moment; the second has twice the demand."""
    base = plant(12, areas=2)
    rates = AreaRates(50.0, 10.0, 5.0, 100.0, 200.0, 100.0)
    north, south = base.areas
    areas = [
        structs.replace(north, **{"demand_kw": demand_kw, "rates": rates, **changes}),
        structs.replace(south, demand_kw=2.0 * demand_kw, rates=rates),
    ]
    return structs.replace(base, at_ms=at_ms, areas=areas)


def told(trend: Trend, area: str = "", after_ms: int = 0, hours: int = KEPT_H) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(trend.document(area, after_ms, hours))
    return document


def test_a_minute_is_the_mean_of_its_editions() -> None:
    trend = Trend()
    for second, demand_kw in ((0, 100.0), (20, 130.0), (40, 160.0), (60, 500.0)):
        trend.take(view_at(START_MS + second * 1000, demand_kw))
    found = told(trend, "north")
    assert found["start_ms"] == START_MS
    assert found["demand_kw"] == [130.0]
    assert told(trend)["demand_kw"] == [390.0]
    assert found["price_usd_per_mwh"] == [50.0]


def test_an_edition_that_comes_twice_counts_once() -> None:
    trend = Trend()
    trend.take(view_at(START_MS, 100.0))
    trend.take(view_at(START_MS, 900.0))
    trend.take(view_at(START_MS + STEP_MS))
    assert told(trend, "north")["demand_kw"] == [100.0]


def test_minutes_without_a_word_stay_unknown() -> None:
    trend = Trend()
    for minute in (0, 3, 4):
        trend.take(view_at(START_MS + minute * STEP_MS))
    found = told(trend, "north")
    assert found["demand_kw"] == [100.0, None, None, 100.0]
    by_type = found["generation_kw_by_type"]
    assert by_type and all(column[1:3] == [None, None] for column in by_type.values())


def test_a_price_that_was_not_heard_is_unknown_not_zero() -> None:
    trend = Trend()
    trend.take(view_at(START_MS, rates=None))
    trend.take(view_at(START_MS + STEP_MS, rates=None))
    assert told(trend, "north")["price_usd_per_mwh"] == [None]
    # The other area's price was heard: of all areas it is the mean of those known.
    assert told(trend)["price_usd_per_mwh"] == [50.0]


def test_the_oldest_minutes_give_way() -> None:
    trend = Trend()
    for minute in range(ROWS + 30):
        trend.take(view_at(START_MS + minute * STEP_MS, float(minute)))
    found = told(trend, "north")
    assert len(found["demand_kw"]) == ROWS
    assert found["demand_kw"][0] == 29.0
    assert found["demand_kw"][-1] == float(ROWS + 28)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=30), st.integers(0, 3 * 60))
def test_pieces_asked_for_one_after_the_other_are_the_whole(gaps: list[int], cut: int) -> None:
    trend = Trend()
    at_ms, base = START_MS, plant(3, areas=1)
    for gap_s in gaps:
        at_ms += gap_s * 1000
        area = structs.replace(base.areas[0], demand_kw=float(gap_s), rates=None)
        trend.take(structs.replace(base, at_ms=at_ms, areas=[area]))
    whole = told(trend)
    edge_ms = START_MS + cut * STEP_MS
    rest = told(trend, after_ms=edge_ms)
    stamped = {
        whole["start_ms"] + k * STEP_MS: value
        for k, value in enumerate(whole["demand_kw"])
        if value is not None
    }
    again = {
        rest["start_ms"] + k * STEP_MS: value
        for k, value in enumerate(rest["demand_kw"])
        if value is not None
    }
    assert again == {at: value for at, value in stamped.items() if at >= edge_ms}


def test_an_area_that_leaves_is_forgotten_and_their_number_is_bounded() -> None:
    trend = Trend()
    trend.take(view_at(START_MS))
    both = view_at(START_MS + 1000)
    trend.take(structs.replace(both, areas=both.areas[:1]))
    assert trend.areas == ["north"]
    many = [structs.replace(both.areas[0], id=f"a{n}") for n in range(MAX_AREAS + 20)]
    trend.take(structs.replace(both, at_ms=START_MS + 2000, areas=many))
    trend.take(structs.replace(both, at_ms=START_MS + STEP_MS, areas=many))
    assert len(trend.areas) == MAX_AREAS


class _History:
    """Answers as who reads the journal does: at first not ready."""

    def __init__(self, answers: list[bytes | Exception | None]) -> None:
        self.answers = answers
        self.asked: list[PastRequest] = []

    async def ask(self, request: PastRequest, patience_s: float) -> bytes | None:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def past(values: list[float | None]) -> bytes:
    """A trend of the minutes that ended at `START_MS`."""
    count = len(values)
    series = AreaSeries(
        "north", values, [1.0] * count, [5.0] * count, {"engine": [7.0] * count},
        [2.0] * count, [0.0] * count, [None] * count,
    )  # fmt: skip
    at_ms = [START_MS - (count - k) * STEP_MS + STEP_MS - 1 for k in range(count)]
    return msgspec.json.encode(PastTrend(at_ms[0], at_ms[-1], at_ms, [series]))


def test_what_was_before_is_recalled_once_it_is_ready() -> None:
    trend, history = Trend(), _History([b"", past([11.0, None, 13.0])])
    trend.take(structs.replace(view_at(START_MS), cycle=5000))
    trend.take(view_at(START_MS + STEP_MS))

    async def ask_thrice() -> None:
        for _ in range(3):
            await trend.recall(history)

    asyncio.run(ask_thrice())
    assert len(history.asked) == 2 and history.asked[0] == history.asked[1]
    assert history.asked[0].until_ms < START_MS
    assert history.asked[0].until_ms - history.asked[0].from_ms == KEPT_H * MS_PER_HOUR
    found = told(trend, "north")
    assert found["demand_kw"] == [11.0, None, 13.0, 100.0]
    assert found["generation_kw_by_type"]["engine"][:3] == [7.0, None, 7.0]
    assert found["reserve_kw"][0] is None


def test_a_fresh_center_has_nothing_to_recall_and_a_broken_journal_is_let_be() -> None:
    fresh, history = Trend(), _History([])
    fresh.take(structs.replace(view_at(START_MS), cycle=1))
    asyncio.run(fresh.recall(history))
    assert history.asked == []
    trend, broken = Trend(), _History([JournalError("gone")])
    trend.take(structs.replace(view_at(START_MS), cycle=5000))
    asyncio.run(trend.recall(broken))
    asyncio.run(trend.recall(broken))
    assert len(broken.asked) == 1


@pytest.fixture(scope="module")
def center() -> Iterator[Center]:
    with serving(plant()) as running:
        yield running


@pytest.fixture
def client(center: Center) -> Iterator[httpx.Client]:
    with center.client() as opened:
        yield opened


def test_the_trend_is_answered_and_grows_with_the_editions(
    center: Center, client: httpx.Client
) -> None:
    view = center.advance(at_ms=center.board.view().at_ms // STEP_MS * STEP_MS + STEP_MS)
    for step in range(1, 4):
        # Each is waited for, so that no edition is passed over.
        edition = center.app.state.feed.edition
        center.advance(at_ms=view.at_ms + step * STEP_MS)
        center.until(lambda seen=edition: center.app.state.feed.edition > seen)  # type: ignore[misc]
    found = client.get("/api/v1/trend", params={"area": "north", "hours": 2}).json()
    row: AreaRow | Any = view.areas[0]
    assert found["demand_kw"][-1] == pytest.approx(row.demand_kw, rel=1e-5)
    assert set(found["generation_kw_by_type"]) == {
        kind for kind, kw in row.generation_kw_by_type.items() if kw
    }
    later = client.get(
        "/api/v1/trend", params={"area": "north", "after_ms": found["start_ms"] + STEP_MS}
    ).json()
    assert later["demand_kw"] == found["demand_kw"][1:]


def test_an_area_that_is_not_there_is_named(client: httpx.Client) -> None:
    for path in ("trend", "tallies"):
        answer = client.get(f"/api/v1/{path}", params={"area": "nort"})
        assert answer.status_code == 404
        assert "north" in answer.text
    assert client.get("/api/v1/trend", params={"hours": 25}).status_code == 422


def test_tallies_count_every_device_once(center: Center, client: httpx.Client) -> None:
    view = center.board.view()
    found = client.get("/api/v1/tallies").json()
    assert sum(row["devices"] for row in found["rows"]) == len(view.devices)
    total_kw = sum(row["power_kw"] for row in found["rows"])
    assert total_kw == pytest.approx(sum(d.power_kw for d in view.devices), abs=1.0)
    by_area = [
        client.get("/api/v1/tallies", params={"area": area.id}).json()["rows"]
        for area in view.areas
    ]
    assert sum(row["devices"] for rows in by_area for row in rows) == len(view.devices)
    # This plant does not know what its generators cost.
    assert found["steps"] == []


def test_a_store_that_takes_is_charging_and_one_unheard_is_silent() -> None:
    store = next(d for d in plant().devices if d.type == "battery" and d.power_kw < -1.0)
    assert shown_state(store) == "charging"
    assert shown_state(structs.replace(store, power_kw=0.5 * store.rated_kw)) == "running"
    assert shown_state(structs.replace(store, power_kw=0.0)) == "idle"
    assert shown_state(structs.replace(store, quality="stale")) == "silent"


def test_costs_are_steps_from_the_cheapest_and_never_too_many() -> None:
    view = plant(400)
    engines = [d for d in view.devices if d.type in ("engine", "emergency_generator")]
    merit = {d.id: 0.05 + 0.0007 * n for n, d in enumerate(engines)}
    steps = tally(view, "", merit).steps
    assert len(steps) <= MAX_STEPS
    assert sum(step.devices for step in steps) == len(engines)
    costs = [step.usd_per_mwh for step in steps]
    assert costs == sorted(costs)
    north = tally(view, "north", merit).steps
    assert sum(s.devices for s in north) == sum(d.area == "north" for d in engines)
    on = {"starting", "warming", "running"}
    assert sum(step.on for step in steps) == sum(d.state in on for d in engines)
