"""Looking back through the API: the past as it was shown, whoever asks and whatever the journal."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from plant_serving import Center, serving

sys.path.append(str(Path(__file__).resolve().parents[1] / "faults"))
from lockstep_plant import Plant

from gridmuster.center.view import PlantView
from gridmuster.clock import stopwatch_s
from gridmuster.console.messages import (
    area_row,
    device_row,
    forecast_row,
    plant_message,
)
from gridmuster.runtime.past import JournalPast
from gridmuster.signals import Action
from gridmuster.simulator.scenario import FailedStart, Trip

EVENTS = (FailedStart(area="north", at="18:00"), Trip(area="north", at="18:10"))
DEADLINE_S = 120.0


@dataclass
class Past:
    """A served plant whose journal holds half an hour, and what was shown each minute."""

    center: Center
    path: Path
    views: dict[int, PlantView]

    def get(self, path: str, **query: Any) -> Any:
        with self.center.client() as client:
            answer = client.get(f"/api/v1/past{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def exact(self, at_ms: int, viewer: str = "v", **query: Any) -> Any:
        """The moment, asked for until it is complete."""
        began_s = stopwatch_s()
        while stopwatch_s() - began_s < DEADLINE_S:
            found = self.get("", at_ms=at_ms, viewer=viewer, **query)
            if found["exact"]:
                return found
            assert not found["failed"] and 0.0 <= found["progress"] <= 1.0 and found["lacks"]
        raise AssertionError("the moment never became exact")


def connect(center: Center, url: str) -> JournalPast:
    past = JournalPast(url)
    center.board.history = past  # type: ignore[attr-defined]
    return past


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    plant = Plant(tmp_path_factory.mktemp("past"), "18:00", EVENTS)
    views: dict[int, PlantView] = {}
    for minute in range(30):
        if minute == 12:
            plant.ask(Action.OVERRIDE, "north-pump-01-gen-3", 150.0, minutes=5)
        plant.run(1)
        views[plant.now_ms] = plant.core.view()
    with serving(views[plant.now_ms]) as center:
        reader = connect(center, str(plant.path("main")))
        yield Past(center, plant.path("main"), views)
        reader.close()
    plant.close()


def json_of(row: Any) -> Any:
    import msgspec

    return msgspec.json.decode(msgspec.json.encode(row))


def test_a_moment_has_the_rows_that_the_page_showed(past: Past) -> None:
    for at_ms in [list(past.views)[k] for k in (3, 17, 18, 29)]:
        view = past.views[at_ms]
        found = past.exact(at_ms, devices="*", limit=500)
        assert (found["at_ms"], found["time_zone"]) == (at_ms, "America/Chicago")
        assert found["plant"] == json_of(plant_message(view, 0))
        assert found["balance"] == json_of([area_row(area) for area in view.areas])
        assert found["forecast"] == json_of([forecast_row(area) for area in view.areas])
        assert found["alarms"] == json_of(view.alarms)
        assert sorted(map(str, found["decisions"])) == sorted(map(str, json_of(view.decisions)))
        rows = [device_row(device, at_ms) for device in view.devices]
        assert found["devices"] == json_of(sorted(rows, key=lambda row: row.id))
        assert found["devices_total"] == len(rows) and found["devices_next"] is None
        assert sum(state["count"] for state in found["states"]) == len(rows)
        assert [area["demand_kw"] for area in found["outline"]] == pytest.approx(
            [area.demand_kw for area in view.areas], abs=0.01
        )


def test_devices_come_a_page_at_a_time(past: Past) -> None:
    at_ms = list(past.views)[20]
    ids: list[str] = []
    after: str | None = ""
    while after is not None:
        found = past.exact(at_ms, devices="north", after=after, limit=7)
        assert len(found["devices"]) <= 7
        ids += [device["id"] for device in found["devices"]]
        after = found["devices_next"]
    wanted = sorted(d.id for d in past.views[at_ms].devices if d.area == "north")
    assert ids == wanted


def test_an_hour_back_is_told_and_one_cycle_on_at_once(past: Past) -> None:
    instants = list(past.views)
    past.exact(instants[-1])
    assert past.get("", at_ms=instants[2], viewer="v")["asked_ms"] == instants[2]
    past.exact(instants[2])
    assert past.get("", at_ms=instants[2] + 4000, viewer="v")["exact"]


def test_many_at_once_each_get_their_own_moment(past: Past) -> None:
    instants = list(past.views)[::3]
    found: dict[int, Any] = {}

    def ask(at_ms: int) -> None:
        found[at_ms] = past.exact(at_ms, viewer=f"viewer-{at_ms}")

    threads = [threading.Thread(target=ask, args=(at_ms,)) for at_ms in instants]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert sorted(found) == sorted(instants)
    for at_ms in instants:
        assert found[at_ms]["balance"] == json_of([area_row(a) for a in past.views[at_ms].areas])


def test_a_newer_question_takes_the_place_of_an_older_one(past: Past) -> None:
    instants = list(past.views)
    codes: list[int] = []

    def ask(at_ms: int) -> None:
        with past.center.client() as client:
            query: dict[str, Any] = {"at_ms": at_ms, "viewer": "slider"}
            codes.append(client.get("/api/v1/past", params=query).status_code)

    threads = [threading.Thread(target=ask, args=(at_ms,)) for at_ms in instants]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert set(codes) <= {200, 503}
    assert past.exact(instants[5], viewer="slider")["at_ms"] == instants[5]


def test_the_span_covers_the_journal_and_its_marks(past: Past) -> None:
    began_s = stopwatch_s()
    while not (span := past.get("/span"))["marks_complete"]:
        assert stopwatch_s() - began_s < DEADLINE_S
    assert span["last_ms"] == max(past.views) and span["first_ms"] <= min(past.views)
    assert span["cycles"] == 30 * 15 and len(span["sessions"]) == 1
    kinds = {mark["kind"] for mark in span["marks"]}
    assert {"session", "start", "failure", "command"} <= kinds
    at = [mark["at_ms"] for mark in span["marks"]]
    assert at == sorted(at)


def test_the_trend_is_what_the_views_showed(past: Past) -> None:
    instants = list(past.views)
    found = past.get("/trend", from_ms=instants[0], until_ms=instants[-1], points=30)
    assert found["at_ms"] == instants
    for k, at_ms in enumerate(instants):
        for series, area in zip(found["areas"], past.views[at_ms].areas, strict=True):
            assert series["demand_kw"][k] == pytest.approx(area.demand_kw, abs=0.01)
            assert series["import_kw"][k] == pytest.approx(area.import_kw, abs=0.01)
            assert series["price_usd_per_mwh"][k] == area.price_usd_per_mwh
            for kind, values in series["generation_kw_by_type"].items():
                shown = area.generation_kw_by_type.get(kind, 0.0)
                assert values[k] == pytest.approx(shown, abs=0.06)


def test_before_the_journal_the_trend_is_unknown_not_zero(past: Past) -> None:
    first = min(past.views)
    found = past.get("/trend", from_ms=first - 3_600_000, until_ms=first, points=10)
    assert found["areas"][0]["demand_kw"][0] is None


def test_an_event_is_reported(past: Past) -> None:
    instants = list(past.views)
    began_s = stopwatch_s()
    query = {"from_ms": instants[0], "until_ms": instants[-1], "viewer": "v"}
    while not (found := past.get("/event", **query))["ready"]:
        assert stopwatch_s() - began_s < DEADLINE_S
    report = found["report"]
    assert report["figures"]["demand_kwh"] > 100.0
    kinds = [one["kind"] for one in report["happenings"]]
    assert "operator" in kinds and "start" in kinds
    assert report["series"]["at_ms"][-1] == instants[-1]


def refused(client: httpx.Client, path: str, status: int, **query: Any) -> Any:
    answer = client.get(f"/api/v1/past{path}", params=query)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.json()


def test_what_cannot_be_asked_is_refused(past: Past) -> None:
    with past.center.client() as client:
        refused(client, "/trend", 422, from_ms=5, until_ms=5)
        refused(client, "", 422, at_ms=-1)
        problem = refused(client, "/event", 503, from_ms=0, until_ms=1000)
        assert "no cycle in this window" in problem["detail"]


def test_without_a_journal_the_past_says_so(past: Past) -> None:
    with serving(past.center.board.view()) as center, center.client() as client:
        assert "no journal" in refused(client, "/span", 404)["detail"]
        for url, words in ((str(past.path) + ".gone", "no such file"), (__file__, "journal")):
            reader = connect(center, url)
            for path in ("/span", "", "/trend"):
                problem = refused(client, path, 503)
                assert words in problem["detail"] and "gridmuster verify" in problem["detail"]
            reader.close()


def test_a_reader_that_died_is_started_anew(past: Past) -> None:
    at_ms = list(past.views)[9]
    with serving(past.center.board.view()) as center:
        reader = connect(center, str(past.path))
        other = Past(center, past.path, past.views)
        other.exact(at_ms)
        assert reader._process is not None
        reader._process.kill()
        reader._process.join(DEADLINE_S)
        began_s = stopwatch_s()
        with center.client() as client:
            while client.get("/api/v1/past", params={"at_ms": at_ms}).status_code != 200:
                assert stopwatch_s() - began_s < DEADLINE_S
        assert other.exact(at_ms)["at_ms"] == at_ms
        reader.close()
