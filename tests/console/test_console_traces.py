"""What one device did: samples that fit a budget, states as they were seen, all about it."""

import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from plant_serving import Center, serving
from plant_views import plant

from gridmuster.center.view import AlarmView, PlantView
from gridmuster.console.dossier import Chronicle, characteristics, promise_of
from gridmuster.console.traces import KEPT_H, MAX_POINTS, DeviceTrace, Traces, thinned
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.generate import generate

VIEW = plant(20, seed=2)
ONE = next(d for d in VIEW.devices if d.type == "engine")
HOUR_MS = 3_600_000


def later(view: PlantView, seconds: float, **changes: Any) -> PlantView:
    """The plant some time on, with changes to one device."""
    devices = [structs.replace(d, **changes) if d.id == ONE.id else d for d in view.devices]
    return structs.replace(view, at_ms=view.at_ms + round(seconds * 1000), devices=devices)


def ask(traces: Traces, view: PlantView, hours: float = 24.0, after_ms: int = 0) -> DeviceTrace:
    device = next(d for d in view.devices if d.id == ONE.id)
    return traces.trace(device, view, "", hours, after_ms)


def test_samples_are_what_was_seen_and_go_back_a_day() -> None:
    traces, view, seen = Traces(), VIEW, {}
    for n in range(600):
        view = later(view, 300, power_kw=float(n), setpoint_kw=n + 0.5 if n % 2 else None)
        traces.take(view)
        seen[view.at_ms] = (float(n), n + 0.5 if n % 2 else None)
    trace = ask(traces, view)
    assert trace.times_ms == sorted(at for at in seen if at >= view.at_ms - KEPT_H * HOUR_MS)
    assert [(p, s) for p, s in zip(trace.power_kw, trace.setpoint_kw, strict=True)] == [
        seen[at] for at in trace.times_ms
    ]
    short = ask(traces, view, hours=1.0)
    assert short.times_ms == [at for at in trace.times_ms if at >= view.at_ms - HOUR_MS]
    news = ask(traces, view, after_ms=trace.times_ms[-3])
    assert news.times_ms == trace.times_ms[-2:]


def test_what_is_not_heard_is_a_gap() -> None:
    traces = Traces()
    view = VIEW
    for quality in ("good", "stale", "bad", "good"):
        view = later(view, 60, quality=quality, power_kw=5.0)
        traces.take(view)
    assert ask(traces, view).power_kw == [5.0, None, None, 5.0]


@given(st.lists(st.sampled_from(["idle", "starting", "running", "fault"]), max_size=30))
def test_states_tile_the_time_without_gaps(states: list[str]) -> None:
    traces, view = Traces(), VIEW
    traces.take(view)
    told = [next(d.state for d in view.devices if d.id == ONE.id)]
    for state in states:
        view = later(view, 4, state=state)
        traces.take(view)
        told.append(state)
    spans = ask(traces, view).states
    assert spans[-1].until_ms is None
    assert not spans[0].seen
    assert all(span.seen for span in spans[1:])
    for span, following in pairwise(spans):
        assert span.until_ms == following.since_ms
        assert span.state != following.state
    for n, state in enumerate(told):
        at_ms = VIEW.at_ms + 4000 * n
        assert [s.state for s in spans if s.since_ms <= at_ms < (s.until_ms or 1e15)] == [state]


def test_more_devices_are_sampled_less_often_and_a_watched_one_closely() -> None:
    count = 5000
    view = structs.replace(
        VIEW,
        devices=[ONE, *(structs.replace(ONE, id=f"d{n}") for n in range(count - 1))],
    )
    traces = Traces(budget=count * 50)
    for _ in range(30):
        view = later(view, 60)
        traces.take(view)
    assert traces.step_s == 1800
    before = ask(traces, view)
    assert len(before.times_ms) <= 3
    for n in range(20):
        view = later(view, 4, power_kw=float(n))
        traces.take(view)
    after = ask(traces, view)
    assert after.power_kw[-20:] == [float(n) for n in range(20)]


def test_another_fleet_keeps_what_is_known_of_devices_that_stay() -> None:
    traces, view = Traces(), VIEW
    for n in range(5):
        view = later(view, 60, power_kw=float(n), state="running" if n > 2 else "idle")
        traces.take(view)
    rest = [d for d in view.devices if d.id == ONE.id or random.Random(d.id).random() < 0.5]
    view = structs.replace(view, devices=[structs.replace(ONE, id="new"), *reversed(rest)])
    view = later(view, 60, power_kw=9.0, state="fault")
    traces.take(view)
    trace = ask(traces, view)
    assert trace.power_kw == [0.0, 1.0, 2.0, 3.0, 4.0, 9.0]
    assert [span.state for span in trace.states] == ["idle", "running", "fault"]


@given(
    st.lists(st.none() | st.floats(-1e4, 1e4), min_size=1, max_size=400),
    st.integers(4, 60),
)
def test_thinning_keeps_the_extremes_and_the_ends(values: list[float | None], most: int) -> None:
    points = [
        (n, float("nan") if v is None else v, float("nan"), float("nan"))
        for n, v in enumerate(values)
    ]
    kept = thinned(points, most)
    assert len(kept) <= max(most, 4)
    assert [kept[0], kept[-1]] == [points[0], points[-1]]
    assert [p[0] for p in kept] == sorted({p[0] for p in kept})
    known = [v for v in values if v is not None]
    if known:
        found = [p[1] for p in kept if not np.isnan(p[1])]
        assert (min(found), max(found)) == (min(known), max(known))


@pytest.fixture(scope="module")
def center() -> Iterator[Center]:
    with serving(VIEW) as running:
        yield running


@pytest.fixture(scope="module")
def client(center: Center) -> Iterator[httpx.Client]:
    with center.client() as opened:
        yield opened


def test_the_api_tells_a_trace_and_names_the_closest_ids(
    center: Center, client: httpx.Client
) -> None:
    for _ in range(3):
        old = center.app.state.feed.edition
        center.advance()
        center.until(lambda known=old: center.app.state.feed.edition > known)  # type: ignore[misc]
    answer = client.get(f"/api/v1/devices/{ONE.id}/trace", params={"hours": 2})
    trace = msgspec.json.decode(answer.content, type=DeviceTrace)
    assert trace.power_kw[-1] == ONE.power_kw
    assert 1 < len(trace.times_ms) <= MAX_POINTS
    for what in ("trace", "dossier"):
        missing = client.get(f"/api/v1/devices/{ONE.id[:-1]}/{what}")
        assert (missing.status_code, missing.json()["suggestions"][0]) == (404, ONE.id)
    assert client.get(f"/api/v1/devices/{ONE.id}/trace?hours=25").status_code == 422


def test_a_plant_that_tells_little_is_told_as_far_as_it_goes(client: httpx.Client) -> None:
    found = client.get(f"/api/v1/devices/{ONE.id}/dossier").json()
    assert found["device"] == msgspec.to_builtins(ONE)
    assert (found["site"], found["account"], found["promise"]) == (None, None, None)
    assert [c["device"] for c in found["commands"]] == [
        c.device for c in VIEW.commands if c.device == ONE.id
    ]


def test_a_chronicle_outlasts_the_plant_s_own_lists_and_stays_bounded() -> None:
    chronicle = Chronicle(kept=30)
    template = VIEW.commands[0]
    for n in range(100):
        commands = [
            structs.replace(template, id=f"c{k}", device=f"d{k % 7}", at_ms=k, outcome=outcome)
            for k, outcome in ((n - 1, "done"), (n, "accepted"))
        ]
        chronicle.take(structs.replace(VIEW, commands=commands))
    found = [chronicle.commands(f"d{k}") for k in range(7)]
    assert sum(map(len, found)) <= 30 + len(VIEW.commands)
    latest = chronicle.commands(f"d{98 % 7}")[0]
    assert (latest.id, latest.outcome) == ("c98", "done")


def test_an_alarm_s_end_is_noted() -> None:
    chronicle = Chronicle()
    alarm = AlarmView("a1", "warning", ONE.id, "low fuel", "fill up", VIEW.at_ms)
    chronicle.take(structs.replace(VIEW, alarms=[alarm]))
    assert [a.until_ms for a in chronicle.alarms(ONE.id)] == [None]
    chronicle.take(structs.replace(VIEW, alarms=[], at_ms=VIEW.at_ms + 9000))
    assert [a.until_ms for a in chronicle.alarms(ONE.id)] == [VIEW.at_ms + 9000]
    again = structs.replace(alarm, since_ms=VIEW.at_ms + 20_000)
    chronicle.take(structs.replace(VIEW, alarms=[again], at_ms=VIEW.at_ms + 20_000))
    assert [a.until_ms for a in chronicle.alarms(ONE.id)] == [None, VIEW.at_ms + 9000]


def test_every_kind_of_device_has_facts_with_units() -> None:
    fleet = generate(60, 1)
    kinds = {device.type: device for device in fleet.devices}
    assert len(kinds) >= 8
    for device in kinds.values():
        facts = {(fact.group, fact.name): fact for fact in characteristics(device)}
        assert facts["device", "rated power"].unit == "kW"
        assert float(facts["device", "rated power"].value) == pytest.approx(
            device.rated_kw, rel=1e-5
        )
        assert facts["reliability", "fail to start"].unit == "%"
        assert all(fact.about for fact in facts.values())
        assert len(facts) == len(characteristics(device))


def test_fuel_lasts_down_to_the_floor_at_the_curve_s_rate() -> None:
    engine = next(
        d for d in generate(60, 1).devices if isinstance(d, Generator) and d.tank is not None
    )
    point = engine.fuel_curve[-1]
    seen = structs.replace(
        ONE,
        power_kw=engine.rated_kw * point.load_fraction,
        rated_kw=engine.rated_kw,
        fuel_level=1000.0,
        fuel_floor=400.0,
    )
    promise = promise_of(seen, engine, "l")
    assert promise is not None
    assert promise.hours_to_floor == pytest.approx(600.0 / point.fuel_per_h)
    off = promise_of(structs.replace(seen, power_kw=0.0), engine, "l")
    assert off is not None and off.hours_to_floor is None
