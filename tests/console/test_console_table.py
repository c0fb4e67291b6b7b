"""The fleet's table: the filter language against a plain reading of it, windows, CSV."""

import csv
import io
import random
from collections import Counter
from collections.abc import Iterator
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

from gridmuster.center.view import DeviceView, PlantView
from gridmuster.console.columns import ColumnKeeper
from gridmuster.console.finding import SORTS, find, order_rows
from gridmuster.console.query import QueryError, parse
from gridmuster.console.table import Table, TableWindow
from gridmuster.fleet.generate import generate

VIEW = plant(80, seed=4)
VIEW = structs.replace(
    VIEW,
    devices=[
        structs.replace(d, override="off by kim") if n % 11 == 0 else d
        for n, d in enumerate(VIEW.devices)
    ],
)
COLUMNS = ColumnKeeper().of(VIEW, None)
ALARMED = {alarm.subject for alarm in VIEW.alarms}


def shown_state(device: DeviceView) -> str:
    started = device.type in ("emergency_generator", "engine", "microturbine", "fuel_cell")
    if started or device.state != "running":
        return device.state
    if abs(device.power_kw) <= 0.01 * device.rated_kw:
        return "idle"
    return "charging" if device.power_kw < 0 else "running"


WORDS: dict[str, Any] = {
    "type": lambda d, w: d.type == w,
    "state": lambda d, w: shown_state(d) == w,
    "quality": lambda d, w: d.quality == w,
    "mode": lambda d, w: d.mode == w,
    "area": lambda d, w: d.area == w,
    "site": lambda d, w: d.site == w,
    "id": lambda d, w: w in d.id,
    "permit": lambda d, w: d.permit_class == w,
    "override": lambda d, w: bool(d.override) == (w == "yes"),
    "alarm": lambda d, w: (bool(d.alarms) or d.id in ALARMED) == (w == "yes"),
    "text": lambda d, w: w in f"{d.id} {d.type.replace('_', ' ')} {d.reason} {d.alarms}".lower(),
}
CHOICES = {
    "type": sorted({d.type for d in VIEW.devices}),
    "state": sorted({shown_state(d) for d in VIEW.devices}),
    "quality": ["good", "stale"],
    "mode": ["auto", "manual"],
    "area": sorted({d.area for d in VIEW.devices}),
    "site": sorted({d.site for d in VIEW.devices}),
    "id": ["s00", "engine", "x"],
    "permit": ["epa_emergency"],
    "override": ["yes", "no"],
    "alarm": ["yes", "no"],
    "text": ["fuel cell", "peak: import", "fail to", "engine", "nothing like it"],
}
NUMBERS: dict[str, Any] = {
    "power": lambda d: d.power_kw,
    "setpoint": lambda d: d.setpoint_kw,
    "rated": lambda d: d.rated_kw,
    "energy": lambda d: d.energy_kwh,
    "fuel": lambda d: d.fuel_level,
    "age": lambda d: d.age_s,
    "run": lambda d: d.run_h,
    "permit": lambda d: d.permit_left_h,
}
SIGNS = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def test_devices_are_found_and_sorted_by_the_feeder_of_their_site() -> None:
    fleet = generate(30, 2)
    template = VIEW.devices[0]
    devices = [
        structs.replace(
            template, id=d.id, type=d.type.value, site=d.site, area=fleet.site_by_id[d.site].area
        )
        for d in fleet.devices
    ]
    view = structs.replace(VIEW, devices=devices)
    columns = ColumnKeeper().of(view, fleet)
    on = [fleet.site_by_id[d.site].feeder for d in fleet.devices]
    for text, wanted in (
        ("feeder:north-1", {"north-1"}),
        ("feeder:north-1,east-1", {"north-1", "east-1"}),
        ("feeder:east*", {f.id for f in fleet.area_by_id["east"].feeders}),
        ('feeder:"North feeder 1"', {"north-1"}),
    ):
        found = np.flatnonzero(find(columns, parse(text))).tolist()
        assert found == [n for n, feeder in enumerate(on) if feeder in wanted], text
    turned = np.flatnonzero(find(columns, parse("-feeder:north-1"))).tolist()
    assert turned == [n for n, feeder in enumerate(on) if feeder != "north-1"]
    rows = order_rows(columns, np.ones(len(on), np.bool_), "feeder")
    assert [on[n] for n in rows] == sorted(str(feeder) for feeder in on)
    with pytest.raises(QueryError, match=r"there is no feeder 'nort-1'; did you mean north-1"):
        find(columns, parse("feeder:nort-1"))
    told = Table().window(view, fleet, 1, "feeder:north-1", "id", 0, 5)
    assert {row.feeder for row in told.rows} == {"north-1"}


@st.composite
def word_term(draw: st.DrawFn) -> tuple[str, Any]:
    """A term of words as written, and what it says of a device."""
    field = draw(st.sampled_from(sorted(WORDS)))
    count = 1 if field == "text" else 3
    words = draw(st.lists(st.sampled_from(CHOICES[field]), min_size=1, max_size=count))
    quoted = [f'"{word}"' if " " in word or draw(st.booleans()) else word for word in words]
    text = quoted[0] if field == "text" else f"{field}:{','.join(quoted)}"
    test = WORDS[field]
    return text, lambda d: any(test(d, word) for word in words)


@st.composite
def number_term(draw: st.DrawFn) -> tuple[str, Any]:
    """A comparison as written, and what it says of a device."""
    field = draw(st.sampled_from(sorted(NUMBERS)))
    sign = draw(st.sampled_from(sorted(SIGNS)))
    known = [NUMBERS[field](d) for d in VIEW.devices if NUMBERS[field](d) is not None]
    value = draw(st.sampled_from(known) | st.integers(-100, 900))
    read, test = NUMBERS[field], SIGNS[sign]
    return f"{field}{sign}{value}", lambda d: read(d) is not None and test(read(d), value)


@given(
    st.lists(st.tuples(st.booleans(), word_term() | number_term()), max_size=4),
    st.sampled_from(["  ", " ", "\t"]),
)
def test_a_filter_finds_what_each_of_its_terms_says(
    terms: list[tuple[bool, tuple[str, Any]]], gap: str
) -> None:
    text = gap.join(("-" if negated else "") + written for negated, (written, _) in terms)
    found = find(COLUMNS, parse(text))
    expected = [all(test(d) != negated for negated, (_, test) in terms) for d in VIEW.devices]
    assert found.tolist() == expected, text


SORT_KEYS: dict[str, Any] = {
    **{name: NUMBERS[name] for name in ("power", "setpoint", "energy", "fuel", "age", "permit")},
    "id": lambda d: d.id,
    "site": lambda d: d.site,
    "area": lambda d: d.area,
    "type": lambda d: d.type,
}


@given(st.sampled_from(sorted(SORT_KEYS)), st.booleans(), st.sampled_from(["", "type:engine"]))
def test_rows_are_sorted_with_the_unknown_last_and_ties_by_id(
    name: str, down: bool, text: str
) -> None:
    mask = find(COLUMNS, parse(text))
    rows = order_rows(COLUMNS, mask, f"-{name}" if down else name)
    key = SORT_KEYS[name]
    wanted = sorted(
        (d for d, there in zip(VIEW.devices, mask, strict=True) if there), key=lambda d: d.id
    )
    known = sorted((d for d in wanted if key(d) is not None), key=key, reverse=down)
    expected = known + [d for d in wanted if key(d) is None]
    assert [VIEW.devices[n].id for n in rows] == [d.id for d in expected]


@given(st.text(max_size=60) | st.text('typestaeful:<>=-,"%0 ', max_size=40))
def test_any_text_is_read_or_refused_with_its_place(text: str) -> None:
    try:
        find(COLUMNS, parse(text))
    except QueryError as error:
        assert 0 <= error.position < len(text)
        assert 0 < error.length <= len(text) - error.position
        assert error.message


FAULTS = [
    ("tpye:engine", 0, 4, "type", "there is no field 'tpye'"),
    ("state:idel", 6, 4, "idle", "there is no state 'idel'"),
    ("power>10 area:nroth", 14, 5, "north", "there is no area 'nroth'"),
    ("type:engin,battery", 5, 5, "engine", "there is no type 'engin'"),
    ("fuel<abc", 5, 3, None, "'abc' is not a number; fuel is in l or m3"),
    ("power>10%", 6, 3, None, "power has no percent; it is in kW"),
    ("age>5kW", 4, 3, None, "'kw' is no unit of age; it takes s, min, h, d"),
    ("power:", 5, 1, None, "a value is missing"),
    ("state>3", 0, 6, "state:3", "state is not a number"),
    ('area:"north', 5, 6, None, "the quote is not closed"),
    ("pump - x", 5, 1, None, "a dash needs a term right after it"),
    ("override:maybe", 9, 5, None, "there is no override 'maybe'; known: yes, no"),
]


@pytest.mark.parametrize(("text", "position", "length", "suggestion", "message"), FAULTS)
def test_a_fault_says_where_and_what_would_do(
    text: str, position: int, length: int, suggestion: str | None, message: str
) -> None:
    with pytest.raises(QueryError) as caught:
        find(COLUMNS, parse(text))
    error = caught.value
    assert (error.position, error.length) == (position, length)
    assert message in error.message
    assert suggestion is None or suggestion in error.suggestions


@pytest.mark.parametrize(
    ("common", "exact"),
    [
        ("type:diesel", "type:emergency_generator"),
        ("type:solar", "type:photovoltaic"),
        ("type:PV,Wind", "type:photovoltaic,wind_turbine"),
        ("type:fuel-cell", "type:fuel_cell"),
        ("type:storage", "type:battery,smes,flywheel"),
        ("type:engines", "type:engine"),
        ("state:on", "state:starting,warming,running,charging"),
        ("quality:old", "quality:stale"),
        ("power>0.5MW", "power>500"),
        ("age>2min", "age>120s"),
        ("load>50", "load>50%"),
        ("site:S00?", "site:s000,s001,s002,s003,s004,s005,s006,s007,s008,s009"),
        ("permit:epa", "permit:epa_emergency"),
    ],
)
def test_common_words_and_units_are_understood(common: str, exact: str) -> None:
    found = find(COLUMNS, parse(common))
    assert found.any()
    assert found.tolist() == find(COLUMNS, parse(exact)).tolist()


@pytest.fixture(scope="module")
def center() -> Iterator[Center]:
    with serving(VIEW) as running:
        yield running


@pytest.fixture(scope="module")
def client(center: Center) -> Iterator[httpx.Client]:
    with center.client() as opened:
        yield opened


def window(client: httpx.Client, **query: Any) -> TableWindow:
    answer = client.get("/api/v1/table", params=query)
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=TableWindow)


def test_windows_make_up_the_whole_and_say_what_it_adds_up_to(client: httpx.Client) -> None:
    rows = []
    for offset in range(0, 400, 37):
        part = window(client, filter="-type:photovoltaic", sort="-power", offset=offset, limit=37)
        rows += part.rows
    wanted = [d for d in VIEW.devices if d.type != "photovoltaic"]
    assert (part.devices, part.total) == (len(VIEW.devices), len(wanted))
    assert [row.id for row in rows] == [
        d.id for d in sorted(sorted(wanted, key=lambda d: d.id), key=lambda d: -d.power_kw)
    ]
    assert part.states == dict(Counter(shown_state(d) for d in wanted))
    assert part.stale == sum(d.quality == "stale" for d in wanted)
    assert part.power_kw == pytest.approx(sum(d.power_kw for d in wanted))
    one, device = rows[0], next(d for d in wanted if d.id == rows[0].id)
    assert one.heard_ms == VIEW.at_ms - round(device.age_s * 1000)
    assert (one.power_kw, one.setpoint_kw, one.reason) == (
        device.power_kw,
        device.setpoint_kw,
        device.reason,
    )


def test_a_wrong_filter_or_column_gets_a_problem_with_its_place(client: httpx.Client) -> None:
    for path in ("table", "table.csv"):
        answer = client.get(f"/api/v1/{path}", params={"filter": "power>1 stat:idle"})
        assert answer.status_code == 422
        problem = answer.json()
        assert problem["detail"].startswith("The filter cannot be read at character 9: ")
        fault = problem["errors"][0]
        assert (fault["path"], fault["position"], fault["length"]) == ("query.filter", 8, 4)
        assert fault["suggestions"][0] == problem["suggestions"][0] == "state"
        answer = client.get(f"/api/v1/{path}", params={"sort": "-pwoer"})
        assert (answer.status_code, answer.json()["suggestions"][0]) == (422, "power")


def test_the_table_follows_the_plant(center: Center, client: httpx.Client) -> None:
    before = window(client, filter="id:s000", limit=1)
    changed = [structs.replace(d, power_kw=77.0) for d in VIEW.devices]
    old = center.app.state.feed.edition
    center.advance(devices=changed)
    center.until(lambda: center.app.state.feed.edition > old)
    after = window(client, filter="id:s000", limit=1)
    assert after.edition > before.edition
    assert after.at_ms > before.at_ms
    assert after.rows[0].power_kw == 77.0
    center.advance(devices=VIEW.devices)


def test_the_csv_holds_every_row_and_no_formula(center: Center, client: httpx.Client) -> None:
    evil = structs.replace(VIEW.devices[0], reason='=HYPERLINK("x")', power_kw=-5.0)
    old = center.app.state.feed.edition
    center.advance(devices=[evil, *VIEW.devices[1:]])
    center.until(lambda: center.app.state.feed.edition > old)
    answer = client.get("/api/v1/table.csv", params={"sort": "id"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"].endswith('Z.csv"')
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["id"] for row in rows] == sorted(d.id for d in VIEW.devices)
    row = next(row for row in rows if row["id"] == evil.id)
    assert row["reason"] == '\'=HYPERLINK("x")'
    assert float(row["power_kw"]) == -5.0
    assert row["setpoint_kw"] in ("", str(evil.setpoint_kw))
    assert not any(
        value.startswith(("=", "+", "@")) for line in rows for value in line.values() if value
    )


def large(count: int, seed: int = 3) -> PlantView:
    """A plant of so many devices, made quickly out of a small one's."""
    rng = random.Random(seed)
    base = VIEW.devices
    return structs.replace(
        VIEW,
        devices=[
            structs.replace(base[n % len(base)], id=f"d{n:06d}", power_kw=rng.uniform(-50, 900))
            for n in range(count)
        ],
    )


@pytest.mark.parametrize(
    "text", ["type:diesel state:idle fuel<900 area:north", "engine", "power>500"]
)
def test_windows_of_a_hundred_thousand_devices_follow_each_other(text: str) -> None:
    view, table = large(100_000), Table()
    table.take(view, None, 1)
    # Another view of the same devices: what changes has to be read anew.
    table.take(structs.replace(view, devices=view.devices[:]), None, 2)
    first = table.window(view, None, 2, text, "-power", 0, 100)
    again = table.window(view, None, 2, text, "-power", 100, 100)
    rows = [*first.rows, *again.rows]
    assert first.total == again.total > 0
    assert len({row.id for row in rows}) == min(first.total, 200)
    powers = [row.power_kw for row in rows]
    assert powers == sorted(powers, reverse=True)


def test_every_column_named_sorts(client: httpx.Client) -> None:
    for name in SORTS:
        assert window(client, sort=name, limit=1).total == len(VIEW.devices)
        assert window(client, sort=f"-{name}", limit=1).total == len(VIEW.devices)
