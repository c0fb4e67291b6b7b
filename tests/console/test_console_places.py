"""Where sites are and what each does: the document, the states' precedence, the stream's topic."""

import asyncio
import gzip
import json
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from plant_serving import Board, serving
from plant_views import plant

from gridmuster.center.view import DeviceView, PlantView, SiteView
from gridmuster.console.feed import Feed
from gridmuster.console.layout import Charts, Layout, places
from gridmuster.console.places import site_picture
from gridmuster.console.sitestates import (
    SITES_TOPIC,
    SitesMessage,
    SiteState,
    codes_of,
    device_state,
    merged,
    site_state,
)
from gridmuster.fleet.generate import generate
from gridmuster.fleet.model import Fleet
from gridmuster.signals import DeviceState, Quality, Supply

FLEET = generate(20, 3)
LAYOUT = Layout(FLEET)
TEMPLATE = plant().devices[0]
START_S = 20.0


def view_of(fleet: Fleet, **changes: Any) -> PlantView:
    """A view of a fleet in which everything is idle."""
    area = {site.id: site.area for site in fleet.sites}
    devices = [
        structs.replace(
            TEMPLATE,
            id=device.id,
            type=device.type.value,
            site=device.site,
            area=area[device.site],
            state="idle",
            quality="good",
            power_kw=0.0,
            rated_kw=device.rated_kw,
        )
        for device in fleet.devices
    ]
    return structs.replace(plant(), fleet=fleet.id, devices=devices, alarms=[], **changes)


VIEW = view_of(FLEET)


class FleetBoard(Board):
    """A board that says which fleet it commands."""

    def __init__(self, view: PlantView, fleet: Fleet) -> None:
        super().__init__(view)
        self.fleet = fleet


def test_feeders_are_told_with_their_lines_and_the_sites_on_them() -> None:
    told = places(LAYOUT)
    names = [feeder.id for feeder in told.feeders]
    assert names == [feeder.id for area in FLEET.areas for feeder in area.feeders]
    for number, site in enumerate(FLEET.sites):
        feeder = told.feeders[told.sites.feeder[number]]
        assert feeder.id == site.feeder
        assert told.areas[feeder.area].id == site.area
        assert (round(site.longitude, 5), round(site.latitude, 5)) in feeder.lines[0]
    bare = Fleet.model_validate_json(
        FLEET.model_copy(
            update={
                "areas": tuple(a.model_copy(update={"feeders": ()}) for a in FLEET.areas),
                "sites": tuple(s.model_copy(update={"feeder": None}) for s in FLEET.sites),
            }
        ).model_dump_json()
    )
    without = places(Layout(bare))
    assert without.feeders == [] and set(without.sites.feeder) == {-1}


def engine(state: str, **changes: Any) -> DeviceView:
    return structs.replace(TEMPLATE, type="engine", state=state, quality="good", **changes)


def battery(power_kw: float, **changes: Any) -> DeviceView:
    fields = {"state": "running", "quality": "good", "rated_kw": 100.0, **changes}
    return structs.replace(TEMPLATE, type="battery", power_kw=power_kw, **fields)


def note(
    supply: Supply = Supply.UTILITY, *, backup: bool = False, quality: str = "good"
) -> SiteView:
    return SiteView("x", supply.value, backup, quality, 0)


@pytest.mark.parametrize(
    ("device", "state"),
    [
        (engine("idle"), SiteState.IDLE),
        (engine("starting"), SiteState.STARTING),
        (engine("warming"), SiteState.STARTING),
        (engine("running", power_kw=0.0), SiteState.RUNNING),
        (engine("cooling"), SiteState.COOLING),
        (engine("fault"), SiteState.FAULT),
        (engine("locked"), SiteState.FAULT),
        (engine("unknown"), SiteState.SILENT),
        (battery(40.0), SiteState.RUNNING),
        (battery(-40.0), SiteState.CHARGING),
        (battery(0.5), SiteState.IDLE),
        (battery(-0.5), SiteState.IDLE),
        (battery(40.0, state="fault"), SiteState.FAULT),
        (structs.replace(engine("fault"), quality="stale"), SiteState.SILENT),
        (structs.replace(engine("running"), quality="bad"), SiteState.SILENT),
        (structs.replace(engine("running"), quality="estimated"), SiteState.RUNNING),
    ],
)
def test_a_devices_state(device: DeviceView, state: SiteState) -> None:
    assert device_state(device) is state


@pytest.mark.parametrize(
    ("site", "devices", "state"),
    [
        (None, [], SiteState.IDLE),
        (None, [engine("running"), engine("idle")], SiteState.RUNNING),
        (None, [engine("running"), engine("starting")], SiteState.STARTING),
        (None, [battery(-40.0), engine("cooling")], SiteState.CHARGING),
        (None, [battery(-40.0), engine("running")], SiteState.RUNNING),
        (None, [engine("running"), engine("unknown")], SiteState.SILENT),
        (None, [engine("unknown"), engine("fault")], SiteState.FAULT),
        (note(Supply.LOCAL, backup=True), [engine("running")], SiteState.BACKUP),
        (note(Supply.LOCAL, backup=True), [engine("fault")], SiteState.FAULT),
        (note(Supply.LOCAL, backup=True), [engine("unknown")], SiteState.BACKUP),
        (note(Supply.UTILITY, backup=True), [], SiteState.BACKUP),
        (note(Supply.DEAD, backup=True), [engine("starting")], SiteState.FAULT),
        (note(Supply.LOCAL, backup=True, quality="stale"), [engine("fault")], SiteState.SILENT),
        (note(quality="bad"), [], SiteState.SILENT),
    ],
)
def test_a_sites_state_is_the_gravest_of_what_is_heard(
    site: SiteView | None, devices: list[DeviceView], state: SiteState
) -> None:
    assert site_state(site, devices) is state


states = st.sampled_from([state.value for state in DeviceState])
supplies = st.builds(
    SiteView,
    st.sampled_from(LAYOUT.site_ids),
    st.sampled_from([supply.value for supply in Supply]),
    st.booleans(),
    st.sampled_from([quality.value for quality in Quality]),
    st.just(0),
)


@st.composite
def views(draw: st.DrawFn) -> PlantView:
    """Any moment of the fleet."""
    devices = []
    for device in VIEW.devices:
        if draw(st.booleans()):
            devices.append(
                structs.replace(
                    device,
                    state=draw(states),
                    power_kw=draw(st.floats(-100, 100)),
                    quality=draw(st.sampled_from(["good", "good", "stale"])),
                )
            )
        else:
            devices.append(device)
    notes = {site.id: site for site in draw(st.lists(supplies, max_size=5))}
    return structs.replace(VIEW, devices=devices, sites=list(notes.values()))


@given(views(), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_the_codes_are_the_states_site_by_site_in_any_order_of_devices(
    view: PlantView, rng: Any
) -> None:
    notes = {site.id: site for site in view.sites}
    expected = [
        site_state(notes.get(site), [d for d in view.devices if d.site == site])
        for site in LAYOUT.site_ids
    ]
    assert codes_of(view, LAYOUT).tolist() == expected
    shuffled = list(view.devices)
    rng.shuffle(shuffled)
    assert codes_of(structs.replace(view, devices=shuffled), LAYOUT).tolist() == expected
    picture = site_picture(view, LAYOUT, LAYOUT.site_ids[0])
    assert picture.state == SiteState(expected[0]).word


def messages(body: bytes) -> list[SitesMessage]:
    """The topic's messages in a stream's bytes."""
    found = []
    for event in body.decode().split("\n\n"):
        if event.startswith(f"event: {SITES_TOPIC}\n"):
            data = event.partition("data: ")[2]
            found.append(msgspec.json.decode(data, type=SitesMessage))
    return found


@given(st.lists(views(), min_size=1, max_size=8), st.lists(st.integers(0, 2), min_size=8))
@settings(max_examples=40)
def test_a_reader_of_any_pace_has_every_sites_state(
    moments: Sequence[PlantView], paces: list[int]
) -> None:
    feed = Feed(FleetBoard(VIEW, FLEET))
    readers: list[tuple[Any, int | None]] = [(np.zeros(0, np.uint8), None) for _ in range(3)]
    for view, pace in zip(moments, paces, strict=False):
        feed.publish(view)
        for number, (had, after) in enumerate(readers):
            if number > pace:
                continue
            codes = had
            for message in messages(feed.events([SITES_TOPIC], after)):
                codes = merged(codes, message)
            assert codes.tolist() == codes_of(view, LAYOUT).tolist()
            readers[number] = (codes, feed.edition)


def test_nothing_is_sent_when_no_site_changed_and_little_when_few_did() -> None:
    feed = Feed(FleetBoard(VIEW, FLEET))
    (first,) = messages(feed.events([SITES_TOPIC], None))
    assert first.full
    assert first.codes == "0" * len(FLEET.sites)
    known = feed.edition
    feed.publish(structs.replace(VIEW, cycle=VIEW.cycle + 1))
    assert messages(feed.events([SITES_TOPIC], known)) == []
    last = [*VIEW.devices[:-1], structs.replace(VIEW.devices[-1], state="fault")]
    feed.publish(structs.replace(VIEW, devices=last))
    (changed,) = messages(feed.events([SITES_TOPIC], known))
    site = LAYOUT.index_of_site[VIEW.devices[-1].site]
    assert changed == SitesMessage(LAYOUT.order, False, [site], "7")


def test_another_fleet_is_told_in_full_under_another_order() -> None:
    board = FleetBoard(VIEW, FLEET)
    feed = Feed(board)
    feed.events([SITES_TOPIC], None)
    known = feed.edition
    board.fleet = other = generate(8, 5)
    feed.publish(view_of(other))
    (message,) = messages(feed.events([SITES_TOPIC], known))
    assert message.full
    assert message.order == Layout(other).order != LAYOUT.order
    assert len(message.codes) == 8


def test_a_plant_that_does_not_say_its_fleet_has_no_places() -> None:
    board = Board(VIEW)
    assert Charts(board).layout().site_ids == []
    (message,) = messages(Feed(board).events([SITES_TOPIC], None))
    assert message.codes == ""
    with serving(VIEW) as center, center.client() as client:
        assert client.get("/api/v1/places").json()["sites"]["ids"] == []
        assert client.get("/api/v1/places/s001").status_code == 404


def test_a_table_that_is_followed_later_holds_what_changed_before() -> None:
    feed = Feed(FleetBoard(VIEW, FLEET))
    for _ in range(3):
        feed.publish(VIEW)
    moved = [structs.replace(VIEW.devices[0], state="fault"), *VIEW.devices[1:]]
    known = feed.edition
    feed.events(["alarms"], None)
    feed.publish(structs.replace(VIEW, devices=moved))
    feed.events(["alarms"], known)
    feed.publish(structs.replace(VIEW, devices=moved, cycle=VIEW.cycle + 2))
    body = feed.events(["devices"], known)
    assert json.loads(body.split(b"data: ")[1].split(b"\n")[0])["changed"][0]["state"] == "fault"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """A client of a served board with a fleet."""
    with serving(VIEW, board=FleetBoard(VIEW, FLEET)) as center, center.client() as opened:
        yield opened


def test_the_document_holds_every_area_and_site(client: httpx.Client) -> None:
    found = client.get("/api/v1/places").json()
    assert [area["id"] for area in found["areas"]] == [area.id for area in FLEET.areas]
    ring = found["areas"][0]["border"]["coordinates"][0]
    assert ring[0] == ring[-1]
    assert len(ring) == len(FLEET.areas[0].border.coordinates[0])
    columns = found["sites"]
    for n, site in enumerate(FLEET.sites):
        assert columns["ids"][n] == site.id
        assert columns["names"][n] == (site.name or site.id)
        assert found["areas"][columns["area"][n]]["id"] == site.area
        assert columns["longitude"][n] == pytest.approx(site.longitude, abs=1e-5)
        assert columns["latitude"][n] == pytest.approx(site.latitude, abs=1e-5)
        assert found["time_zones"][columns["zone"][n]] == site.time_zone
        types = {device.type.value for device in FLEET.devices_of_site[site.id]}
        assert set(found["kinds"][columns["kind"][n]]) == types
    assert found["order"] == LAYOUT.order


def test_the_document_is_packed_and_not_sent_twice(client: httpx.Client) -> None:
    first = client.get("/api/v1/places")
    assert first.headers["content-encoding"] == "gzip"
    plain = client.get("/api/v1/places", headers={"Accept-Encoding": "identity"})
    assert plain.content == first.content == msgspec.json.encode(places(LAYOUT))
    tag = first.headers["etag"]
    again = client.get("/api/v1/places", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    with client.stream("GET", "/api/v1/places") as answer:
        raw = b"".join(answer.iter_raw())
    assert gzip.decompress(raw) == plain.content
    assert len(raw) < len(plain.content) / 2


def test_one_site_in_full(client: httpx.Client) -> None:
    site = FLEET.sites[0]
    found = client.get(f"/api/v1/places/{site.id}").json()
    assert found["name"] == site.name
    assert found["supply"] == "utility"
    devices = [device["id"] for device in found["devices"]]
    assert devices == [device.id for device in FLEET.devices_of_site[site.id]]
    missing = client.get("/api/v1/places/nowhere")
    assert missing.status_code == 404


def test_the_topic_is_sent_when_asked_for(client: httpx.Client) -> None:
    async def first() -> str:
        async with asyncio.timeout(START_S), httpx.AsyncClient(timeout=START_S) as reader:
            url = f"{client.base_url}/api/v1/stream?topics={SITES_TOPIC}"
            async with reader.stream("GET", url, headers=client.headers) as answer:
                text = ""
                async for part in answer.aiter_text():
                    text += part
                    if "event: plant" in text:
                        return text
        raise AssertionError("the stream ended")

    (message,) = messages(asyncio.run(first()).replace("retry: 2000\n\n", "").encode())
    assert message.full
    assert len(message.codes) == len(FLEET.sites)
