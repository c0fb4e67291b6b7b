"""Views and their slices over HTTP, and the document that describes them."""

from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs
from plant_serving import Center, serving
from plant_views import empty, plant

from gridmuster.center.view import Mode, PlantView
from gridmuster.console.documents import DevicePage
from gridmuster.console.fields import FIELDS

VIEW = plant(40)


@pytest.fixture(scope="module")
def center() -> Iterator[Center]:
    with serving(VIEW) as running:
        yield running


@pytest.fixture(scope="module")
def client(center: Center) -> Iterator[httpx.Client]:
    with center.client() as opened:
        yield opened


def get(client: httpx.Client, path: str, **params: Any) -> Any:
    answer = client.get(f"/api/v1/{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_whole_plant_arrives_as_it_is(client: httpx.Client) -> None:
    content = client.get("/api/v1/plant").content
    assert msgspec.json.decode(content, type=PlantView) == VIEW


def test_an_unchanged_plant_is_not_sent_again() -> None:
    with serving(VIEW) as center, center.client() as client:
        first = client.get("/api/v1/plant")
        tag = first.headers["ETag"]
        again = client.get("/api/v1/plant", headers={"If-None-Match": f'"x", {tag}'})
        assert (again.status_code, again.content) == (304, b"")
        old = center.app.state.feed.edition
        center.advance()
        center.until(lambda: center.app.state.feed.edition > old)
        changed = client.get("/api/v1/plant", headers={"If-None-Match": tag})
        assert changed.status_code == 200
        assert changed.headers["ETag"] != tag
        assert changed.json()["cycle"] == VIEW.cycle + 1


def test_slices_are_parts_of_the_whole(client: httpx.Client) -> None:
    whole = get(client, "plant")
    areas = get(client, "areas")
    assert (areas["areas"], areas["fleet"]) == (whole["areas"], VIEW.fleet)
    assert get(client, "alarms")["alarms"] == whole["alarms"]
    assert get(client, "forecast")["areas"] == [
        {
            k: area[k]
            for k in area
            if k == "id" or k.startswith(("forecast", "planned", "price_source"))
        }
        for area in whole["areas"]
    ]
    one = get(client, "forecast", area="south")["areas"]
    assert [area["id"] for area in one] == ["south"]
    times = [entry["at_ms"] for entry in get(client, "decisions", limit=3)["decisions"]]
    assert times == sorted((d.at_ms for d in VIEW.decisions), reverse=True)[:3]
    assert len(get(client, "commands")["commands"]) == len(VIEW.commands)


def test_one_device_comes_with_what_concerns_it(client: httpx.Client) -> None:
    subject = VIEW.alarms[0].subject
    found = get(client, f"devices/{subject}")
    assert found["device"] == msgspec.to_builtins(next(d for d in VIEW.devices if d.id == subject))
    assert [a["subject"] for a in found["alarms"]] == [subject]
    missing = client.get(f"/api/v1/devices/{subject[:-1]}")
    assert missing.status_code == 404
    assert subject in missing.json()["suggestions"]
    assert subject in missing.json()["detail"]


FILTERS = {
    "type": st.sampled_from([d.type for d in VIEW.devices]),
    "state": st.sampled_from([d.state for d in VIEW.devices]),
    "site": st.sampled_from([d.site for d in VIEW.devices]),
    "area": st.sampled_from([d.area for d in VIEW.devices]),
    "quality": st.sampled_from(["good", "stale"]),
    "mode": st.sampled_from(["auto", "manual"]),
}


@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.lists(value, min_size=1, max_size=3).map(",".join)
            for name, value in FILTERS.items()
        },
    ),
    st.sampled_from(["", "s00", "PEAK", "fail to", "nothing like it"]),
    st.integers(1, 60),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_of_filtered_devices_make_up_exactly_those_that_match(
    client: httpx.Client, filters: dict[str, str], text: str, limit: int
) -> None:
    expected = sorted(
        d.id
        for d in VIEW.devices
        if all(getattr(d, name) in wanted.split(",") for name, wanted in filters.items())
        and text.lower() in f"{d.id} {d.reason} {' '.join(d.alarms)}".lower()
    )
    found: list[str] = []
    after = ""
    for _ in range(len(VIEW.devices) + 1):
        query: dict[str, Any] = {**filters, "q": text, "limit": limit, "after": after}
        answer = client.get("/api/v1/devices", params=query)
        page = msgspec.json.decode(answer.content, type=DevicePage)
        assert page.total == len(expected)
        assert len(page.devices) <= limit
        found += [device.id for device in page.devices]
        if page.next is None:
            break
        after = page.next
    assert found == expected


@pytest.mark.parametrize(
    "query",
    [
        "devices?limit=0",
        "devices?limit=1001",
        "devices?limit=x",
        "devices?q=" + "x" * 201,
        "audit?after=-1",
        "audit?after=9999999999999999999999",
        "stream?topics=weather",
        "stream?topics=" + "devices," * 60,
        "alarms?limit=1e3",
    ],
)
def test_a_query_out_of_bounds_is_told_where(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/api/v1/{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"].startswith("query.")


@given(
    st.sampled_from(["devices", "alarms", "audit", "forecast", "commands", "devices/x"]),
    st.dictionaries(
        st.sampled_from(["limit", "after", "type", "q", "area", "severity", "x"]),
        st.text(max_size=30),
        max_size=4,
    ),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_query_breaks_the_program(
    client: httpx.Client, path: str, query: dict[str, str]
) -> None:
    answer = client.get(f"/api/v1/{path}", params=query)
    assert answer.status_code in (200, 404, 422)
    answer.json()


def test_health_tells_what_the_center_does() -> None:
    with serving(empty()) as center, center.client(None) as client:
        found = get(client, "health")
        assert (found["status"], found["mode"]) == ("degraded", "recovering")
        center.put(structs.replace(VIEW, mode=Mode.COMMANDING))
        assert get(client, "health")["status"] == "ok"
        center.put(structs.replace(VIEW, mode=Mode.REFUSING))
        assert get(client, "health")["status"] == "degraded"


def test_health_tells_when_the_view_has_stopped() -> None:
    with serving(VIEW) as center, center.client(None) as client:
        center.call(center.board.fail, RuntimeError("the core is gone"))
        center.until(lambda: center.app.state.feed.failure != "")
        found = client.get("/api/v1/health")
        assert "the core is gone" in found.json()["detail"]


def test_an_empty_plant_is_shown_too() -> None:
    with serving(empty()) as center, center.client() as client:
        for path in ("plant", "areas", "devices", "alarms", "commands", "decisions", "forecast"):
            get(client, path)


# The OpenAPI document


def test_every_reference_leads_somewhere(client: httpx.Client) -> None:
    document = get(client, "openapi.json")

    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    found = set(references(document))
    assert "#/components/schemas/PlantView" in found
    for reference in found:
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


#: What is posted and yet changes nothing in the plant.
NO_COMMANDS = (
    "/api/v1/preview",
    "/api/v1/activation/preview",
    "/api/v1/session",
    *(f"/api/v1/intake/{kind}" for kind in ("fleet", "meters", "prices", "device")),
)


def test_every_operation_is_described(client: httpx.Client) -> None:
    document = get(client, "openapi.json")
    assert document["openapi"].startswith("3.1")
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert document["components"]["securitySchemes"]["session"]["in"] == "cookie"
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation["summary"] and operation["description"], where
            assert operation["tags"], where
            assert {"200", "204", "303"} & set(operation["responses"]), where
            assert "500" in operation["responses"], where
            secured = operation["x-role"] != "none"
            assert bool(operation["security"]) is secured, where
            # Signing in needs no token in its header, but one in its body.
            entering = (method, path) == ("post", "/api/v1/session")
            assert ("401" in operation["responses"]) is (secured or entering), where
            for parameter in operation.get("parameters", []):
                if parameter["in"] != "path":
                    assert parameter["description"], f"{where} {parameter['name']}"
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert "application/problem+json" in response["content"], where
            if method == "post" and not path.startswith(NO_COMMANDS):
                names = [p["name"] for p in operation["parameters"]]
                assert "Idempotency-Key" in names, where


def test_every_field_is_described_and_no_description_is_left_over(client: httpx.Client) -> None:
    schemas = get(client, "openapi.json")["components"]["schemas"]
    used = set()
    for name, schema in schemas.items():
        for field, entry in schema.get("properties", {}).items():
            assert entry.get("description"), f"{name}.{field}"
            used |= {f"{name}.{field}", field}
    assert set(FIELDS) <= used, sorted(set(FIELDS) - used)


def test_answers_are_what_the_document_says(client: httpx.Client) -> None:
    """Every field of every answer is in its schema, and every required one is there."""
    document = get(client, "openapi.json")
    schemas = document["components"]["schemas"]
    for path in ("health", "plant", "areas", "forecast", "devices", "alarms", "commands", "audit"):
        answer = document["paths"][f"/api/v1/{path}"]["get"]["responses"]["200"]
        schema = answer["content"]["application/json"]["schema"]
        check(get(client, path), schema, schemas, path)


def check(value: Any, schema: Any, schemas: Any, where: str) -> None:
    """Check a value against the part of JSON Schema that these schemas use."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        kinds = [choice.get("type") for choice in schema["anyOf"]]
        assert value is None or kinds != ["null"], where
        return
    kind = schema.get("type")
    if kind == "object" and "properties" in schema:
        assert set(schema["required"]) <= set(value) <= set(schema["properties"]), where
        for name, item in value.items():
            check(item, schema["properties"][name], schemas, f"{where}.{name}")
    elif kind == "array":
        for item in value:
            check(item, schema["items"], schemas, where)
    elif kind is not None:
        python = {
            "string": str,
            "integer": int,
            "number": (int, float),
            "boolean": bool,
            "object": dict,
        }[kind]
        assert isinstance(value, python), (where, value)
