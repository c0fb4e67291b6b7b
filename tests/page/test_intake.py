"""Data sent to a living center: checked, compared, confirmed once, in force, and replayed alike."""

from __future__ import annotations

import http.client
import math
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from live_plant import LivePlant, living
from lockstep_plant import breaches
from plant_serving import TOKENS

from gridmuster.clock import iso
from gridmuster.console.tokens import Role
from gridmuster.fleet.save import fleet_yaml
from gridmuster.runtime.fleet_change import changes_in
from gridmuster.runtime.replay import replay
from gridmuster.store.journal import Journal

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlant]:
    """A plant of this module alone: its fleet is changed."""
    with living(tmp_path_factory.mktemp("intake")) as running:
        yield running


@pytest.fixture
def admin(plant: LivePlant) -> Iterator[httpx.Client]:
    with plant.client(Role.ADMIN) as client:
        yield client


def in_force(admin: httpx.Client) -> dict[str, Any]:
    answer = admin.get("/api/v1/intake/fleet")
    assert answer.headers["content-disposition"].startswith("attachment")
    data: dict[str, Any] = yaml.safe_load(answer.text)
    return data


def propose(admin: httpx.Client, data: dict[str, Any], name: str = "new.yaml") -> dict[str, Any]:
    answer = admin.post(f"/api/v1/intake/fleet?name={name}", content=yaml.safe_dump(data))
    assert answer.status_code == 200, answer.text
    draft: dict[str, Any] = answer.json()
    return draft


def confirmed(
    plant: LivePlant, draft: str, key: str, role: Role = Role.ADMIN, reason: str = "a test"
) -> httpx.Response:
    """Confirm while plant time goes on."""
    found: list[httpx.Response] = []

    def ask() -> None:
        with plant.client(role) as client:
            found.append(
                client.post(
                    f"/api/v1/intake/{draft}/confirm",
                    json={"reason": reason},
                    headers={"Idempotency-Key": key},
                )
            )

    thread = threading.Thread(target=ask)
    thread.start()
    for _ in range(200):
        plant.advance(0.07)
        if found:
            break
    thread.join(60.0)
    return found[0]


def test_what_is_in_force_differs_in_nothing(plant: LivePlant, admin: httpx.Client) -> None:
    answer = admin.post("/api/v1/intake/fleet", content=fleet_yaml(plant.center.fleet)).json()
    assert answer["difference"]["total"] == 0
    assert "Nothing differs" in answer["refusal"]
    refused = confirmed(plant, answer["id"], "same")
    assert refused.status_code == 409 and "Nothing differs" in refused.json()["detail"]


def test_faults_are_the_loaders_own(admin: httpx.Client) -> None:
    data = in_force(admin)
    data["devices"][0]["rated_kw"] = -5
    data["areas"][0]["conection"] = 1
    draft = propose(admin, data, "bad.yaml")
    assert draft["id"] == "" and draft["fault_count"] == 2
    by_path = {fault["path"]: fault for fault in draft["faults"]}
    fault = by_path["devices[0].rated_kw"]
    assert (fault["file"], fault["value"], fault["limit"]) == ("bad.yaml", "-5", "must be above 0")
    assert "kW" in fault["expected"] and fault["line"] > 0
    assert "did you mean connection" in by_path["areas[0].conection"]["limit"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"a: [1, 2", "not YAML"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"- 1\n- 2\n", "block of fields"),
        (b"a: &x [*x]\n", "the very block it is in"),
        (b"id: x\ndevices: {table: /etc/passwd.csv}\n", "cannot name tables"),
        (b"id: x\nsites:\n- table: ../../sites.csv\n", "cannot name tables"),
        (b'{"id": "x", "id": "y"}', "already"),
    ],
)
def test_files_that_are_no_fleet_are_named(admin: httpx.Client, body: bytes, said: str) -> None:
    answer = admin.post("/api/v1/intake/fleet", content=body).json()
    assert answer["id"] == "" and said in str(answer["faults"])


def test_aliases_that_stand_for_billions_are_refused(admin: httpx.Client) -> None:
    lines = ["a0: &a0 [1,1,1,1,1,1,1,1,1,1]"]
    lines += [f"a{k}: &a{k} [{','.join([f'*a{k - 1}'] * 10)}]" for k in range(1, 12)]
    answer = admin.post("/api/v1/intake/fleet", content="\n".join(lines)).json()
    assert "stand for more than" in str(answer["faults"])


def test_a_fleet_of_another_id_is_refused(plant: LivePlant, admin: httpx.Client) -> None:
    draft = propose(admin, {**in_force(admin), "id": "elsewhere"})
    assert draft["id"] == "" and draft["faults"][0]["path"] == "id"
    assert plant.center.fleet.id in draft["faults"][0]["limit"]


def test_a_device_cannot_become_another_machine(admin: httpx.Client) -> None:
    data = in_force(admin)
    device = next(d for d in data["devices"] if d["type"] == "emergency_generator")
    device["type"] = "engine"
    draft = propose(admin, data)
    assert draft["id"] == "" and "an id of its own" in draft["faults"][0]["expected"]


def test_files_over_the_limit_and_empty_ones_are_refused(
    plant: LivePlant, admin: httpx.Client
) -> None:
    parts = urlsplit(plant.url)
    line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    line.putrequest("POST", "/api/v1/intake/fleet")
    line.putheader("Authorization", f"Bearer {TOKENS[Role.ADMIN]}")
    line.putheader("Content-Length", str(64 * 1024 * 1024 + 1))
    line.endheaders()
    over = line.getresponse()
    assert over.status == 413 and b'"limit_bytes":67108864' in over.read()
    line.close()
    assert admin.post("/api/v1/intake/prices", content=b"").status_code == 422
    # Other addresses keep their small limit.
    device = admin.post("/api/v1/intake/device/x", content=b" " * 20_000)
    assert device.status_code == 413


def test_only_operators_propose_and_only_admins_confirm(
    plant: LivePlant, admin: httpx.Client
) -> None:
    with plant.client(Role.VIEWER) as viewer:
        assert viewer.post("/api/v1/intake/fleet", content=b"id: x").status_code == 403
        assert viewer.get("/api/v1/intake/fleet").status_code == 403
    data = in_force(admin)
    data["areas"][0]["connection"]["import_limit_kw"] += 1
    with plant.client(Role.OPERATOR) as operator:
        draft = propose(operator, data)
    assert confirmed(plant, draft["id"], "not-mine", Role.OPERATOR).status_code == 403
    assert admin.get(f"/api/v1/intake/{draft['id']}").json()["actor"] == "operator"
    assert admin.delete(f"/api/v1/intake/{draft['id']}").status_code == 200
    assert admin.delete(f"/api/v1/intake/{draft['id']}").status_code == 404
    assert confirmed(plant, draft["id"], "gone").status_code == 404


def test_the_older_of_two_drafts_is_refused_once_the_newer_is_in_force(
    plant: LivePlant, admin: httpx.Client
) -> None:
    data = in_force(admin)
    area = data["areas"][0]
    before = area["connection"]["import_limit_kw"]
    area["connection"]["import_limit_kw"] = before - 10
    older = propose(admin, data, "older.yaml")
    area["connection"]["import_limit_kw"] = before - 20
    gone = data["devices"].pop(0)["id"]
    newer = propose(admin, data, "newer.yaml")
    row = next(row for row in newer["difference"]["rows"] if row["path"].endswith("limit_kw"))
    assert (row["old"], row["new"], row["unit"]) == (f"{before:g}", f"{before - 20:g}", "kW")
    total = newer["difference"]["capacity"][-1]
    assert total["count_after"] == total["count_before"] - 1
    answer = confirmed(plant, newer["id"], "newer")
    assert answer.status_code == 200, answer.text
    late = confirmed(plant, older["id"], "older")
    assert late.status_code == 409 and "changed since" in late.json()["detail"]
    view = plant.advance(0.2)
    assert gone not in {device.id for device in view.devices}
    assert view.areas[0].import_limit_kw == before - 20
    # Said again under the same key it is answered again, and not done again.
    again = confirmed(plant, newer["id"], "newer")
    assert again.headers["Idempotency-Replayed"] == "true" and again.json() == answer.json()
    entries = [
        entry
        for entry in admin.get("/api/v1/audit?limit=1000").json()["entries"]
        if entry["action"] == "apply_fleet"
    ]
    assert len(entries) == 1
    assert (entries[0]["actor"], entries[0]["reason"]) == ("admin", "a test")
    assert "1 removed" in entries[0]["text"]


def test_a_device_is_edited_by_its_schema(plant: LivePlant, admin: httpx.Client) -> None:
    device = next(d for d in plant.center.fleet.devices if d.type.value == "emergency_generator")
    found = admin.get(f"/api/v1/intake/device/{device.id}").json()
    schema = admin.get(f"/api/v1/intake/schema?type={found['type']}").json()
    assert schema["properties"]["rated_kw"]["x-unit"] == "kW"
    assert schema["properties"]["rated_kw"]["maximum"] == 10_000
    assert schema["$defs"]["Tank"]["properties"]["capacity"]["x-unit"] == "l or m3"
    assert set(found["characteristics"]) == set(schema["properties"])
    path = f"/api/v1/intake/device/{device.id}"
    bad = admin.post(path, json={"changes": {"rated_kw": -1, "id": "x", "colour": "red"}}).json()
    assert {fault["path"] for fault in bad["faults"]} == {"rated_kw", "id", "colour"}
    nowhere = admin.post(path, json={"changes": {"site": "nowhere"}}).json()
    assert nowhere["fault_count"] and "nowhere" in str(nowhere["faults"])
    draft = admin.post(path, json={"changes": {"permit.hours_used_h": 3.5}}).json()
    rows = draft["difference"]["rows"]
    assert [(row["path"], row["new"], row["unit"]) for row in rows] == [
        ("permit.hours_used_h", "3.5", "h")
    ]
    assert confirmed(plant, draft["id"], "edit").status_code == 200
    now = plant.center.fleet.device_by_id[device.id]
    assert now.permit.hours_used_h == 3.5  # type: ignore[union-attr]
    unknown = admin.get("/api/v1/intake/device/no-such")
    assert unknown.status_code == 404
    assert admin.get("/api/v1/intake/schema?type=teapot").status_code == 422


def meters(plant: LivePlant, days: int = 15) -> str:
    users = plant.center.fleet.end_users[:3]
    now_ms = plant.view().at_ms
    rows = ["time," + ",".join(user.id for user in users)]
    first_ms = now_ms - now_ms % HOUR_MS - days * 24 * HOUR_MS
    for hour in range(days * 24):
        wave = 0.6 + 0.3 * math.sin(hour / 24 * 2 * math.pi)
        values = (f"{user.peak_kw * wave:.2f}" for user in users)
        rows.append(f"{iso(first_ms + hour * HOUR_MS)},{','.join(values)}")
    return "\n".join(rows)


def test_past_meters_and_prices_teach_the_forecasts(plant: LivePlant, admin: httpx.Client) -> None:
    user = plant.center.fleet.end_users[0]
    draft = admin.post("/api/v1/intake/meters?name=m.csv", content=meters(plant)).json()
    assert draft["fault_count"] == 0, draft["faults"]
    one = next(row for row in draft["series"] if row["key"] == user.id)
    assert one["gaps"] == 0 and one["rows"] == 15 * 24 and one["unit"] == "kW"
    assert len(one["values"]) == len(one["times_ms"]) > 100
    memory = plant.center.recorded.core.state.planning.outlook
    before = len(memory.demand.keys[user.id].days)
    assert confirmed(plant, draft["id"], "meters").status_code == 200
    memory = plant.center.recorded.core.state.planning.outlook
    assert len(memory.demand.keys[user.id].days) >= before + 12
    now_ms = plant.view().at_ms
    area = plant.center.fleet.areas[0].id
    rows = ["time,price_usd_per_mwh"]
    rows += [f"{iso(now_ms - (300 - k) * HOUR_MS)},{30 + k % 24}" for k in range(290)]
    draft = admin.post("/api/v1/intake/prices", content="\n".join(rows)).json()
    assert draft["fault_count"] == 0, draft["faults"]
    assert confirmed(plant, draft["id"], "prices").status_code == 200
    hours = plant.center.recorded.core.state.planning.outlook.price.keys[area].hours
    assert sum(len(hour) for hour in hours) > 200
    actions = [e["action"] for e in admin.get("/api/v1/audit?limit=1000").json()["entries"]]
    assert actions.count("teach_demand") == actions.count("teach_prices") == 1


def test_after_a_restart_the_changed_fleet_goes_on_and_the_log_knows_who(
    plant: LivePlant, admin: httpx.Client
) -> None:
    fleet = plant.center.fleet
    assert fleet != plant.fleet
    plant.restart_center()
    plant.advance(1)
    assert plant.center.fleet == fleet
    changes = plant.call(changes_in, plant.journal)
    assert [change.actor for change in changes] == ["admin", "admin"]
    plant.call(plant.center.load_audit, [], lambda _: None, changes)
    # The draft is gone with the process; what it did is known by its key.
    again = confirmed(plant, "draft-of-before", "newer")
    assert again.status_code == 200 and "1 removed" in again.json()["text"]


def test_the_journal_replays_alike_and_no_invariant_was_broken(plant: LivePlant) -> None:
    plant.advance(10)
    with Journal.open(str(plant.journal_path), read_only=True) as journal:
        result = replay(journal)
        assert result.difference is None, result.difference
        assert result.sessions >= 4
        found = breaches(journal)
    assert found == [], found[:5]
