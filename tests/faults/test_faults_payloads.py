"""Malformed, oversized and hostile payloads: nothing raises, all is counted and told."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lockstep_plant import COARSE, Plant

from gridmuster.center.core import Core
from gridmuster.center.memory import CoreState
from gridmuster.fleet.generate import generate
from gridmuster.gateway.agent import SiteAgent
from gridmuster.signals import (
    MAX_PAYLOAD_BYTES,
    Ack,
    DemandReport,
    DeviceReading,
    DeviceState,
    Frame,
    GridSignal,
    Lease,
    MeterReading,
    Outcome,
    Price,
    SessionStarted,
    SiteCommand,
    SiteReport,
    Supply,
    encode,
)
from gridmuster.topics import Topics

FLEET = generate(12, 1)
TOPICS = Topics(FLEET.id)
SITE, AREA = "north-pump-01", "north"
GEN = "north-pump-01-gen-1"
USER = FLEET.end_users_of_site[SITE][0].id
T0 = 1_721_170_000_000
UP = [
    TOPICS.report(SITE),
    TOPICS.demand(SITE),
    TOPICS.ack(SITE),
    TOPICS.grid(AREA),
    TOPICS.price(AREA),
    TOPICS.lease,
]
READING = DeviceReading(GEN, DeviceState.IDLE, 0.0, 250.0, run_h=10.0, starts=3, failed_starts=0)
EXAMPLES = {
    TOPICS.report(SITE): SiteReport(
        SITE, T0, 1, Supply.UTILITY, True, 60.0, 1.0, -60.0, (READING,), 60.0
    ),
    TOPICS.demand(SITE): DemandReport(SITE, T0, 1, (MeterReading(USER, 50.0, 1.0),)),
    TOPICS.ack(SITE): Ack(SITE, T0, "c1.1.x.1", 1, 1, Outcome.DONE),
    TOPICS.grid(AREA): GridSignal(AREA, T0, 1, True, 60.0, 1.0, 900.0, 1300.0, 800.0),
    TOPICS.price(AREA): Price(AREA, T0, 1, T0, 300, 40.0, (50.0, 60.0)),
    TOPICS.lease: Lease("c2", 0, T0),
}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([10**30, -(10**30), 2**64, 1e308, -1e308, "report", "north"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=12,
)


def begun() -> Core:
    core = Core(FLEET, COARSE)
    started = SessionStarted("c1", T0, "test")
    core.step(T0, [Frame(core.router.session_topic, encode(started), T0)])
    return core


def step(core: Core, *frames: tuple[str, bytes]) -> None:
    """A cycle and all that is done with its outcome: sent, shown, kept."""
    now_ms = core.now_ms + 4000
    outbox = core.step(now_ms, [Frame(topic, payload, now_ms) for topic, payload in frames])
    assert outbox.frames
    for frame in outbox.frames:
        assert b"null" not in frame.payload or json.loads(frame.payload)
    msgspec.json.encode(core.view())
    assert msgspec.msgpack.decode(core.state_bytes(), type=CoreState)


@settings(max_examples=20)
@given(topic=st.sampled_from(UP), payload=st.binary(max_size=200))
def test_bytes_on_any_topic_of_the_center(topic: str, payload: bytes) -> None:
    core = begun()
    step(core, (topic, payload))
    assert core.state.counters.malformed == 1
    assert core.state.alarms.standing["malformed"].subject == topic


@settings(max_examples=40)
@given(data=st.data(), topic=st.sampled_from(UP))
def test_json_of_the_wrong_shape(data: st.DataObject, topic: str) -> None:
    """Fields of a good message replaced by any JSON: refused, or understood and survived."""
    good = json.loads(encode(EXAMPLES[topic]))
    for _ in range(data.draw(st.integers(1, 3))):
        where = good
        key = data.draw(st.sampled_from(sorted(where)))
        while isinstance(part := where[key], list) and part and isinstance(part[0], dict):
            if not part[0]:
                break
            where = part[0]
            key = data.draw(st.sampled_from(sorted(where)))
        where[key] = data.draw(JSON)
    core = begun()
    step(core, *((t, encode(message)) for t, message in EXAMPLES.items()))
    payload = json.dumps(good).encode()
    step(core, (topic, payload))
    step(core, (topic, payload))
    step(core)


EXTREMES = [
    (TOPICS.report(SITE), b'"sequence":1', b'"sequence":9007199254740991'),
    (TOPICS.report(SITE), b'"sequence":1', b'"sequence":' + b"9" * 400),
    (TOPICS.report(SITE), b'"frequency_hz":60.0', b'"frequency_hz":1e308'),
    (TOPICS.report(SITE), b'"run_h":10.0', b'"run_h":1e308'),
    (TOPICS.report(SITE), b'"starts":3', b'"starts":9007199254740991'),
    (TOPICS.report(SITE), b'"poi_kw":-60.0', b'"poi_kw":-100000.0'),
    (TOPICS.report(SITE), b'"backup_load_kw":60.0', b'"backup_load_kw":1e308'),
    (TOPICS.report(SITE), b'"at_ms":%d' % T0, b'"at_ms":253402300799000'),
    (TOPICS.demand(SITE), b'"power_kw":50.0', b'"power_kw":-100000.0'),
    (TOPICS.demand(SITE), b'"energy_kwh":1.0', b'"energy_kwh":1.7e308'),
    (TOPICS.grid(AREA), b'"import_limit_kw":1300.0', b'"import_limit_kw":1e308'),
    (TOPICS.grid(AREA), b'"voltage_pu":1.0', b'"voltage_pu":1e308'),
    (TOPICS.price(AREA), b'"price_usd_per_mwh":40.0', b'"price_usd_per_mwh":1.7e308'),
    (TOPICS.price(AREA), b'"price_usd_per_mwh":40.0', b'"price_usd_per_mwh":-1.7e308'),
    (TOPICS.price(AREA), b'"start_ms":%d' % T0, b'"start_ms":253402300799000'),
    (TOPICS.price(AREA), b"[50.0,60.0]", b"[" + b"1e308," * 30_000 + b"1]"),
    (TOPICS.price(AREA), b'"duration_s":300', b'"duration_s":9007199254740991'),
    (TOPICS.lease, b'"fence":0', b'"fence":9007199254740991'),
]


@pytest.mark.parametrize("case", EXTREMES, ids=lambda case: repr(case[2][:40]))
def test_extreme_values_are_survived(case: tuple[str, bytes, bytes]) -> None:
    topic, old, new = case
    core = begun()
    step(core, *((t, encode(message)) for t, message in EXAMPLES.items()))
    good = encode(EXAMPLES[topic]).replace(b'"sequence":1', b'"sequence":2')
    if old.startswith(b'"sequence"'):
        good = encode(EXAMPLES[topic])
    assert old in good
    for _ in range(3):
        step(core, (topic, good.replace(old, new)))
    for _ in range(10):
        step(core)


@pytest.mark.parametrize("price", [b"1.7e308", b"-1.7e308", b"1000001"])
def test_a_price_beyond_belief_is_refused_before_it_reaches_a_plan(price: bytes) -> None:
    core = begun()
    good = encode(EXAMPLES[TOPICS.price(AREA)])
    step(core, (TOPICS.price(AREA), good.replace(b"40.0", price)))
    step(core, (TOPICS.price(AREA), good.replace(b"50.0", price)))
    assert core.state.counters.malformed == 2
    assert core.state.plant.areas[AREA].price is None


def test_oversized_payloads_everywhere() -> None:
    core = begun()
    big = b" " * (MAX_PAYLOAD_BYTES + 1)
    step(core, *((topic, big) for topic in UP))
    assert core.state.counters.malformed == len(UP)
    assert "over the limit" in core.state.counters.malformed_reason


def test_one_site_cannot_speak_for_another() -> None:
    core = begun()
    step(core, (TOPICS.report("north-tower-01"), encode(EXAMPLES[TOPICS.report(SITE)])))
    assert core.state.plant.sites[SITE].report is None
    assert core.state.counters.malformed == 1
    step(core, (TOPICS.root + "/site/nowhere/up/report", encode(EXAMPLES[TOPICS.report(SITE)])))
    assert core.state.counters.malformed == 2


@settings(max_examples=60)
@given(
    payload=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()),
    lease=st.booleans(),
)
def test_anything_at_a_site(payload: bytes, lease: bool) -> None:
    agent = SiteAgent(FLEET, SITE)
    topic = TOPICS.lease if lease else TOPICS.command(SITE)
    out = agent.receive(T0, Frame(topic, payload, T0))
    assert out.orders == []
    assert agent.counts["bad"] == 1


@settings(max_examples=60)
@given(data=st.data())
def test_a_command_with_wrong_fields_starts_nothing_unsafe(data: st.DataObject) -> None:
    command = SiteCommand("c1.1.x.1", SITE, "c1", 1, 1, T0, T0 + 60_000, ())
    good = json.loads(encode(command))
    good[data.draw(st.sampled_from(sorted(good)))] = data.draw(JSON)
    agent = SiteAgent(FLEET, SITE)
    out = agent.receive(T0, Frame(TOPICS.command(SITE), json.dumps(good).encode(), T0))
    assert out.orders == []


def test_a_plant_goes_on_under_a_flood_of_rubbish(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "18:30")
    plant.run(3)
    stranger = plant.lockstep.broker.client("stranger")
    stranger.open()
    topics = plant.lockstep.topics
    everywhere = [
        topic
        for site in plant.fleet.sites
        for topic in (
            topics.report(site.id),
            topics.demand(site.id),
            topics.ack(site.id),
            topics.command(site.id),
        )
    ]
    everywhere += [t for area in plant.fleet.areas for t in (topics.grid(area.id),)]
    for k in range(30):
        for topic in everywhere:
            rubbish = (b"\x00\xff", b"{}", b'{"kind":"report"}', b"[" * 5000)[k % 4]
            stranger.publish(topic, rubbish)
        plant.lockstep.tick()
    counters = plant.core.state.counters
    assert counters.malformed == 30 * (len(everywhere) - len(plant.fleet.sites))
    assert "malformed" in plant.alarms()
    assert all(entry.agent.counts["bad"] == 30 for entry in plant.lockstep.sites.values())
    plant.run(3)
    assert plant.world.truth.areas["north"].unserved_kwh < 1.0
    plant.assert_sound()
    plant.close()
