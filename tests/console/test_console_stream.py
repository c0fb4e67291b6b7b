"""One stream for all topics: whole at first, then what changed, at each client's own pace."""

import asyncio
import gc
import json
import random
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from plant_serving import TOKENS, Board, Center, serving
from plant_views import plant

from gridmuster.center.view import PlantView
from gridmuster.console import reading
from gridmuster.console.auth import Role
from gridmuster.console.client import Follower
from gridmuster.console.feed import MAX_BEHIND, Feed
from gridmuster.console.messages import MESSAGES, TOPICS, json_schema
from gridmuster.console.picture import Picture
from gridmuster.console.stream import EventStream
from gridmuster.errors import SignalError

VIEW = plant(20)
Event = tuple[str, Any, str]


def events_of(lines: Iterator[str]) -> Iterator[Event]:
    """Name, data and id of each event in a stream's lines, read independently of our client."""
    fields: dict[str, str] = {}
    for line in lines:
        if line == "":
            if "event" in fields:
                yield fields["event"], json.loads(fields["data"]), fields.get("id", "")
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            assert name in ("event", "data", "id", "retry"), line
            assert name not in fields, line
            fields[name] = value


def edition_of(events: Iterator[Event]) -> list[Event]:
    """The events up to and with the next one that ends an edition."""
    found = []
    for event in events:
        found.append(event)
        if event[0] == "plant":
            return found
    raise AssertionError(f"the stream ended after {[name for name, _, _ in found]}")


@pytest.fixture
def center() -> Iterator[Center]:
    with serving(VIEW) as running:
        yield running


def test_the_first_edition_is_whole_and_the_next_holds_what_changed(center: Center) -> None:
    with center.client() as client, client.stream("GET", "/api/v1/stream") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["Cache-Control"] == "no-store"
        events = events_of(answer.iter_lines())
        first = edition_of(events)
        assert [name for name, _, _ in first] == [*TOPICS, "plant"]
        assert all(data["full"] and not data["gone"] for _, data, _ in first[:-1])
        assert [event_id for _, _, event_id in first[:-1]] == [""] * len(TOPICS)
        whole = {name: data for name, data, _ in first}
        assert len(whole["devices"]["changed"]) == len(VIEW.devices)

        engine = structs.replace(VIEW.devices[3], power_kw=1.25)
        devices = [structs.replace(device, age_s=device.age_s + 4.0) for device in VIEW.devices]
        devices[3] = structs.replace(engine, age_s=engine.age_s + 4.0)
        center.advance(devices=devices, alarms=VIEW.alarms[1:])
        second = edition_of(events)
        assert [name for name, _, _ in second] == ["devices", "alarms", "plant"]
        changes = second[0][1]
        assert not changes["full"]
        assert [row["id"] for row in changes["changed"]] == [engine.id]
        assert changes["changed"][0]["power_kw"] == 1.25
        assert second[1][1]["gone"] == [VIEW.alarms[0].id]
        assert second[2][1]["cycle"] == VIEW.cycle + 1


def test_only_the_topics_asked_for_are_sent(center: Center) -> None:
    path = "/api/v1/stream?topics=alarms,balance"
    with center.client() as client, client.stream("GET", path) as answer:
        names = [name for name, _, _ in edition_of(events_of(answer.iter_lines()))]
    assert names == ["balance", "alarms", "plant"]


@pytest.mark.parametrize("how", ["header", "query"])
def test_a_client_that_comes_back_gets_what_it_missed(center: Center, how: str) -> None:
    with center.client() as client:
        with client.stream("GET", "/api/v1/stream") as answer:
            *_, (_, _, event_id) = edition_of(events_of(answer.iter_lines()))
        alarm = structs.replace(VIEW.alarms[0], text="changed meanwhile")
        edition = center.app.state.feed.edition
        center.advance(
            devices=[structs.replace(d, age_s=d.age_s + 4.0) for d in VIEW.devices],
            alarms=[alarm, *VIEW.alarms[1:]],
        )
        center.until(lambda: center.app.state.feed.edition > edition)
        options: dict[str, Any] = {"headers": {"Last-Event-ID": event_id}}
        if how == "query":
            options = {"params": {"since": event_id}}
        with client.stream("GET", "/api/v1/stream", **options) as answer:
            found = edition_of(events_of(answer.iter_lines()))
    assert [name for name, _, _ in found] == ["alarms", "plant"]
    assert found[0][1]["changed"][0]["text"] == "changed meanwhile"


@pytest.mark.parametrize("since", ["", "x", "other-1", "-1", "{name}-999", "{name}-x", "{name}-²"])
def test_an_unknown_past_is_answered_with_everything(center: Center, since: str) -> None:
    since = since.format(name=center.app.state.feed.name)
    with (
        center.client() as client,
        client.stream("GET", "/api/v1/stream", params={"since": since}) as answer,
    ):
        found = edition_of(events_of(answer.iter_lines()))
    assert len(found) == len(TOPICS) + 1
    assert all(data["full"] for _, data, _ in found[:-1])


def test_readers_leave_when_their_clients_do(center: Center) -> None:
    feed = center.app.state.feed
    with center.client() as client:
        for _ in range(3):
            with client.stream("GET", "/api/v1/stream") as answer:
                events = events_of(answer.iter_lines())
                edition_of(events)
                assert feed.readers >= 1
        center.until(lambda: feed.readers == 0)


def test_one_stream_too_many_is_refused(center: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_STREAMS", 1)
    with center.client() as client, client.stream("GET", "/api/v1/stream") as answer:
        events = events_of(answer.iter_lines())
        edition_of(events)
        refused = client.get("/api/v1/stream")
        assert refused.status_code == 503
        assert refused.json()["type"].endswith("busy")


def test_streams_end_when_the_center_stops() -> None:
    with (
        serving(VIEW) as center,
        center.client() as client,
        client.stream("GET", "/api/v1/stream") as answer,
    ):
        events = events_of(answer.iter_lines())
        edition_of(events)
        center.run(center.server.stop())
        assert list(events) == []


def test_a_client_that_does_not_read_is_not_waited_for(center: Center) -> None:
    """While one client sleeps, hundreds of editions pass; it then gets the last, not all."""
    feed: Feed = center.app.state.feed
    parts = urlsplit(center.url)
    sleeper = socket.socket()
    sleeper.settimeout(20)
    sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    sleeper.connect((parts.hostname, parts.port))
    head = f"GET /api/v1/stream HTTP/1.1\r\nHost: {parts.netloc}\r\n"
    sleeper.sendall(f"{head}Authorization: Bearer {TOKENS[Role.VIEWER]}\r\n\r\n".encode())
    center.until(lambda: feed.readers == 1)
    rng = random.Random(7)
    rounds = 300
    whole = len(feed.view_json())
    for number in range(rounds):
        devices = [structs.replace(d, power_kw=rng.random(), age_s=0.0) for d in VIEW.devices]
        center.call(feed.publish, structs.replace(VIEW, devices=devices, cycle=number))
    taken = b""
    while f'"cycle":{rounds - 1},'.encode() not in taken:
        part = sleeper.recv(1 << 20)
        assert part, "the stream ended before the last edition"
        taken += part
    sleeper.close()
    # What it got is far less than all editions: its buffers' worth and the last difference.
    assert len(taken) < rounds * whole / 10
    assert feed.edition >= rounds


def test_silence_is_broken_by_heartbeats() -> None:
    """Served straight, with a short heartbeat: comments come while nothing changes."""

    async def scenario() -> list[bytes]:
        feed = Feed(Board(VIEW))
        sent: list[bytes] = []
        gone = asyncio.Event()

        async def send(message: Any) -> None:
            sent.append(message.get("body", b""))
            if len(sent) == 5:
                gone.set()

        async def receive() -> Any:
            await gone.wait()
            return {"type": "http.disconnect"}

        stream = EventStream(feed, ["alarms"], feed.edition, heartbeat_s=0.001)
        async with asyncio.timeout(20):
            await stream({"type": "http"}, receive, send)
        assert feed.readers == 0
        return sent

    sent = asyncio.run(scenario())
    assert sent[1].startswith(b"retry: ")
    assert set(sent[2:5]) == {b": alive\n\n"}


def test_a_client_may_ask_for_fewer_editions_and_misses_no_change(center: Center) -> None:
    feed: Feed = center.app.state.feed
    path = "/api/v1/stream?every_s=0.2&topics=alarms"
    rounds = 400
    with center.client() as client, client.stream("GET", path) as answer:
        events = events_of(answer.iter_lines())
        edition_of(events)
        for number in range(rounds):
            alarm = structs.replace(VIEW.alarms[0], id=f"a{number % 7}", text=str(number))
            changed = structs.replace(VIEW, alarms=[alarm], cycle=number)
            center.call(feed.publish, changed)
        found: dict[str, str] = {alarm.id: alarm.text for alarm in VIEW.alarms}
        editions = 0
        while True:
            edition = edition_of(events)
            editions += 1
            for name, data, _ in edition:
                if name == "alarms":
                    found = {} if data["full"] else found
                    found = {k: text for k, text in found.items() if k not in data["gone"]}
                    found |= {row["id"]: row["text"] for row in data["changed"]}
            if edition[-1][1]["cycle"] == rounds - 1:
                break
    assert found == {f"a{(rounds - 1) % 7}": str(rounds - 1)}
    assert editions < rounds / 4


@pytest.mark.parametrize("every_s", ["-1", "61", "nan", "inf", "x"])
def test_a_pace_out_of_bounds_is_refused(center: Center, every_s: str) -> None:
    with center.client() as client:
        assert client.get(f"/api/v1/stream?every_s={every_s}").status_code == 422


def test_the_schema_names_every_event(center: Center) -> None:
    with center.client() as client:
        found = client.get("/api/v1/schema").json()
    assert found == json.loads(json.dumps(json_schema()))
    assert set(found) == {*TOPICS, "sites", "plant"}


# The feed and the picture, without a network


def moved(view: PlantView, rng: random.Random) -> PlantView:
    """The view some cycles on: rows changed, came and went, some devices heard again."""
    seconds = rng.choice((4, 8, 900))
    devices = []
    for device in view.devices:
        if rng.random() < 0.05:
            continue
        aged = structs.replace(device, age_s=round(device.age_s + seconds, 3))
        if rng.random() < 0.3:
            aged = structs.replace(device, age_s=0.5, power_kw=round(rng.uniform(-9, 9), 2))
        if rng.random() < 0.05:
            aged = structs.replace(aged, planned_kw=[rng.random() for _ in range(4)])
        devices.append(aged)
    if rng.random() < 0.3:
        name = f"new{rng.randrange(5)}"
        devices = [d for d in devices if d.id != name]
        devices.append(structs.replace(VIEW.devices[0], id=name, age_s=1.0))
    return structs.replace(
        view,
        at_ms=view.at_ms + seconds * 1000,
        cycle=view.cycle + 1,
        devices=devices,
        areas=[structs.replace(a, demand_kw=rng.choice((a.demand_kw, 5.0))) for a in view.areas],
        alarms=rng.sample(VIEW.alarms, rng.randint(0, len(VIEW.alarms))),
        commands=rng.sample(VIEW.commands, rng.randint(0, len(VIEW.commands))),
        decisions=rng.sample(VIEW.decisions, rng.randint(0, len(VIEW.decisions))),
        counters={"n": rng.random()},
    )


def by_key(view: PlantView) -> PlantView:
    """The view with its lists in an order of their own and ages rounded to the ms."""
    return structs.replace(
        view,
        areas=sorted(view.areas, key=lambda a: a.id),
        devices=sorted(
            (structs.replace(d, age_s=round(d.age_s, 3)) for d in view.devices),
            key=lambda d: d.id,
        ),
        alarms=sorted(view.alarms, key=lambda a: a.id),
        commands=sorted(view.commands, key=lambda c: (c.at_ms, c.id, c.device)),
        decisions=sorted(view.decisions, key=lambda d: (d.at_ms, d.device, d.kind)),
    )


def take_all(picture: Picture, body: bytes) -> PlantView:
    """Give a picture all events of a message."""
    view = None
    for event in body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in event.splitlines())
        if fields:
            view = picture.take(fields["event"], fields["data"])
    assert view is not None
    return view


@given(st.integers(0, 10_000), st.lists(st.integers(0, 2), min_size=1, max_size=60))
@settings(max_examples=40)
def test_readers_of_any_pace_have_the_whole_plant_after_each_message(
    seed: int, paces: list[int]
) -> None:
    rng = random.Random(seed)
    feed = Feed(Board(VIEW))
    pictures: list[tuple[Picture, int | None]] = [(Picture(), None) for _ in range(3)]
    view = VIEW
    for reads in paces:
        view = moved(view, rng)
        feed.publish(view)
        for number, (picture, after) in enumerate(pictures):
            if number > reads:
                continue
            found = take_all(picture, feed.events(TOPICS, after))
            assert by_key(found) == by_key(view)
            pictures[number] = (picture, feed.edition)


def test_a_reader_that_is_far_behind_starts_anew_and_old_rows_are_forgotten() -> None:
    feed = Feed(Board(VIEW))
    picture, late = Picture(), Picture()
    take_all(picture, feed.events(TOPICS, None))
    take_all(late, feed.events(TOPICS, None))
    start = feed.edition
    rng = random.Random(3)
    view = VIEW
    for _ in range(MAX_BEHIND + 2):
        after = feed.edition
        view = moved(view, rng)
        feed.publish(view)
        take_all(picture, feed.events(TOPICS, after))
    body = feed.events(TOPICS, start)
    assert body.count(b'"full":true') == len(TOPICS)
    assert by_key(take_all(late, body)) == by_key(view)
    fixed = structs.replace(view, alarms=[], commands=[], decisions=[])
    for _ in range(2 * MAX_BEHIND + 2):
        feed.publish(fixed)
        feed.events(TOPICS, None)
    assert all(not table._gone_in for table in feed._tables.values())


def test_an_edition_is_encoded_once_for_all_its_readers() -> None:
    feed = Feed(Board(VIEW))
    calls = []
    encoder = feed._encoder

    class Counting:
        def encode(self, value: Any) -> bytes:
            calls.append(type(value).__name__)
            return encoder.encode(value)

    feed._encoder = Counting()  # type: ignore[assignment]
    for _ in range(100):
        feed.events(TOPICS, None)
        feed.view_json()
    assert sorted(calls) == sorted(
        [kind.__name__ for kind in MESSAGES.values()] + ["PlantMessage", "PlantView"]
    )


def test_nothing_is_encoded_while_nobody_reads() -> None:
    feed = Feed(Board(VIEW))
    for _ in range(50):
        feed.publish(VIEW)
    assert feed._tables_edition == 0
    assert feed._view_json is None


@pytest.mark.parametrize("data", ["", "{", "[]", '{"full":1}', "null"])
@pytest.mark.parametrize("event", ["plant", "devices"])
def test_a_broken_event_is_an_error_that_names_it(event: str, data: str) -> None:
    with pytest.raises(SignalError, match=event):
        Picture().take(event, data)


def test_events_of_a_later_version_are_passed_over() -> None:
    assert Picture().take("weather", "{}") is None


# The client that follows


def test_the_follower_keeps_the_picture_through_a_restart_of_the_center() -> None:
    async def scenario() -> None:
        troubles: list[str] = []
        with serving(VIEW) as first:
            port = urlsplit(first.url).port or 0
            follower = Follower(first.url, TOKENS[Role.VIEWER])
            views = follower.views(troubles.append)
            async with asyncio.timeout(30):
                assert by_key(await anext(views)) == by_key(VIEW)
                changed = await asyncio.to_thread(first.advance, alarms=[])
                assert by_key(await anext(views)) == by_key(changed)
        later = structs.replace(plant(9, seed=4), fence=4)
        pending = asyncio.ensure_future(anext(views))
        await asyncio.sleep(0)
        with serving(later, port=port):
            async with asyncio.timeout(30):
                assert by_key(await pending) == by_key(later)
            await views.aclose()  # type: ignore[attr-defined]
        assert troubles[0] == ""
        assert any("again" in text for text in troubles)
        assert troubles[-1] == ""

    asyncio.run(scenario())


def test_the_follower_asks_for_what_it_missed_only() -> None:
    async def scenario() -> None:
        with serving(VIEW) as center:
            follower = Follower(center.url, TOKENS[Role.VIEWER])
            events = follower.events(lambda text: None)
            async with asyncio.timeout(30):
                while (await anext(events))[0] != "plant":
                    pass
                await events.aclose()  # type: ignore[attr-defined]
                alarmless = await asyncio.to_thread(center.advance, alarms=[])
                again = follower.events(lambda text: None)
                names = [(await anext(again))[0]]
                while names[-1] != "plant":
                    names.append((await anext(again))[0])
                await again.aclose()  # type: ignore[attr-defined]
            assert "alarms" in names
            assert "plans" not in names
            assert alarmless.alarms == []

    asyncio.run(scenario())
    gc.collect()


def test_views_decode_from_the_bytes_that_were_served(center: Center) -> None:
    with center.client() as client:
        content = client.get("/api/v1/plant").content
    assert content == center.app.state.feed.view_json()
    assert msgspec.json.decode(content, type=PlantView) == VIEW
    assert httpx.URL(center.url).host == "127.0.0.1"
