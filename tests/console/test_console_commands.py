"""Commands are carried out once, checked before, answered in words, and in the audit log."""

import asyncio
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plant_serving import DEADLINE_S, Center, serving
from plant_views import EVENING_MS, plant

from gridmuster.console import operating
from gridmuster.console.bodies import OF_DEVICES
from gridmuster.console.consequence import consequence
from gridmuster.console.idempotency import MAX_KEPT, Answers, Kept
from gridmuster.console.problems import Problem
from gridmuster.console.tokens import ROLES, Role
from gridmuster.signals import Action, Scope

VIEW = plant(20)
STORE = next(d for d in VIEW.devices if d.energy_capacity_kwh)
ENGINE = next(d for d in VIEW.devices if d.type == "emergency_generator")


@pytest.fixture(scope="module")
def served() -> Iterator[Center]:
    with serving(VIEW) as running:
        yield running


@pytest.fixture
def center(served: Center) -> Center:
    served.forget()
    return served


def post(client: httpx.Client, action: str, key: str | None = "k", **body: Any) -> httpx.Response:
    body = {"scope": "device", "target": ENGINE.id, **body}
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(f"/api/v1/{action}", json=body, headers=headers)


def test_a_command_reaches_the_plant_as_it_was_given(center: Center) -> None:
    with center.client(Role.OPERATOR) as client:
        answer = post(client, "override", power_kw=123.5, for_s=600, reason="load test")
    assert answer.status_code == 200
    assert answer.json() == {
        "result": "submitted",
        "id": center.board.requests[0].id,
        "at_ms": EVENING_MS,
        "text": f"override of {ENGINE.id}",
    }
    request = center.board.requests[0]
    assert (request.actor, request.role) == ("operator", "operator")
    assert (request.action, request.scope, request.target) == (
        Action.OVERRIDE,
        Scope.DEVICE,
        ENGINE.id,
    )
    assert (request.power_kw, request.until_ms) == (123.5, EVENING_MS + 600_000)
    assert request.reason == "load test"


def test_every_action_has_its_address(center: Center) -> None:
    with center.client(Role.ADMIN) as client:
        for action in OF_DEVICES:
            path = action.value.replace("_", "-")
            for scope, target in (
                ("device", ENGINE.id),
                ("site", ENGINE.site),
                ("area", ENGINE.area),
                ("fleet", VIEW.fleet),
            ):
                answer = post(client, path, f"{path}-{scope}", scope=scope, target=target)
                assert answer.status_code == 200, answer.text
    asked = {(r.action, r.scope.value) for r in center.board.requests}
    assert len(asked) == len(OF_DEVICES) * 4
    assert set(ROLES) == set(Action)


def test_until_is_taken_with_an_offset(center: Center) -> None:
    with center.client(Role.OPERATOR) as client:
        answer = post(client, "override", until="2026-07-14T20:00:00-05:00")
    assert answer.status_code == 200
    assert center.board.requests[0].until_ms == EVENING_MS + 3_600_000 + (17 * 60 + 52) * 1000
    assert center.board.requests[0].power_kw is None


def test_a_repeated_command_gets_the_same_answer_and_acts_once(center: Center) -> None:
    with center.client(Role.OPERATOR) as client:
        first, second = post(client, "release"), post(client, "release")
    assert first.content == second.content
    assert first.status_code == second.status_code == 200
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(center.board.requests) == 1


def test_a_refusal_is_repeated_too(center: Center) -> None:
    with center.client(Role.OPERATOR) as client:
        first, second = (post(client, "release", reason="no") for _ in range(2))
    assert first.status_code == 409
    assert first.json()["detail"] == "the fence is lost"
    assert first.json()["id"] == center.board.requests[0].id
    assert second.content == first.content
    assert len(center.board.requests) == 1


def test_a_key_is_good_for_one_command_of_one_caller(center: Center) -> None:
    with center.client(Role.OPERATOR) as client:
        assert post(client, "release").status_code == 200
        for changed in ({"reason": "other"}, {"scope": "site", "target": ENGINE.site}):
            answer = post(client, "release", **changed)
            assert answer.status_code == 422
            assert answer.json()["type"].endswith("key-reused")
        assert post(client, "emergency-stop").status_code == 422
    with center.client(Role.ADMIN) as other:
        assert post(other, "release").status_code == 200
    assert len({request.id for request in center.board.requests}) == 2


def test_the_same_words_in_another_order_are_the_same_command(center: Center) -> None:
    with center.client(Role.OPERATOR) as client:
        headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
        one = f'{{"scope":"device","target":"{ENGINE.id}"}}'
        two = f'{{ "target": "{ENGINE.id}", "scope": "device" , "reason": ""}}'
        for content in (one, two):
            answer = client.post("/api/v1/release", content=content, headers=headers)
            assert answer.status_code == 200
    assert len(center.board.requests) == 1


@pytest.mark.parametrize("key", [None, "", "x" * 129, "tab\there"])
def test_a_command_needs_a_sensible_key(center: Center, key: str | None) -> None:
    with center.client(Role.OPERATOR) as client:
        answer = post(client, "release", key)
    assert answer.status_code == 400
    assert answer.json()["type"].endswith("key-missing")
    assert center.board.requests == []


def test_commands_under_one_key_at_once_act_once(center: Center) -> None:
    gate = center.call(asyncio.Event)
    center.board.gate = gate

    def give(_: int) -> httpx.Response:
        with center.client(Role.OPERATOR) as client:
            return post(client, "emergency-stop")

    with ThreadPoolExecutor(6) as pool:
        answers = [pool.submit(give, n) for n in range(6)]
        center.call(gate.set)
        bodies = {answer.result(DEADLINE_S).content for answer in answers}
    assert len(bodies) == 1
    assert len(center.board.requests) == 1


def test_a_client_that_leaves_does_not_take_its_command_along(center: Center) -> None:
    gate = center.call(asyncio.Event)
    center.board.gate = gate
    impatient = httpx.Timeout(DEADLINE_S, read=0.2)
    with center.client(Role.OPERATOR) as client:
        client.timeout = impatient
        with pytest.raises(httpx.ReadTimeout):
            post(client, "emergency-stop", "left")
    center.call(gate.set)
    with center.client(Role.OPERATOR) as client:
        answer = post(client, "emergency-stop", "left")
    assert answer.status_code == 200
    assert len(center.board.requests) == 1


def test_a_center_that_is_slow_is_told_of_and_the_key_still_holds(
    center: Center, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operating, "SUBMIT_TIMEOUT_S", 0.05)
    gate = center.call(asyncio.Event)
    center.board.gate = gate
    with center.client(Role.OPERATOR) as client:
        late = post(client, "release")
        assert late.status_code == 504
        assert "same Idempotency-Key" in late.json()["detail"]
        center.call(gate.set)
        monkeypatch.setattr(operating, "SUBMIT_TIMEOUT_S", DEADLINE_S)
        assert post(client, "release").status_code == 200
    assert len(center.board.requests) == 1


def test_a_command_that_failed_in_the_program_may_be_repeated(center: Center) -> None:
    with center.client(Role.OPERATOR) as client:
        assert post(client, "release", reason="crash").status_code == 500
        assert post(client, "release", reason="").status_code == 200


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"scope": "planet"}, "body.scope"),
        ({"target": "../etc"}, "body.target"),
        ({"target": ""}, "body.target"),
        ({"target": 5}, "body.target"),
        ({"power_kw": "lots"}, "body.power_kw"),
        ({"power_kw": 1e9}, "body.power_kw"),
        ({"for_s": 0}, "body.for_s"),
        ({"for_s": 10**9}, "body.for_s"),
        ({"for_s": 60, "until": "2026-07-15T00:00:00Z"}, "body"),
        ({"until": "2026-07-15T00:00:00"}, "body.until"),
        ({"until": "2026-07-14T00:00:00Z"}, "body.until"),
        ({"until": "soon"}, "body.until"),
        ({"reason": "x" * 501}, "body.reason"),
        ({"surprise": 1}, "body.surprise"),
        ({"power_kw": 501.0}, "body.power_kw"),
        ({"power_kw": -1.0}, "body.power_kw"),
    ],
)
def test_a_malformed_command_is_told_what_and_where(
    center: Center, body: dict[str, Any], path: str
) -> None:
    with center.client(Role.OPERATOR) as client:
        answer = post(client, "override", **body)
    assert answer.status_code == 422
    assert path in [error["path"] for error in answer.json()["errors"]], answer.text
    assert center.board.requests == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe\x00",
        b"[" * 8000,
        b'{"scope":"device","target":"x","power_kw":NaN}',
        b'{"scope":"device","target":"x","power_kw":1e999}',
    ],
)
def test_what_is_no_command_is_a_problem(center: Center, content: bytes) -> None:
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    with center.client(Role.OPERATOR) as client:
        answer = client.post("/api/v1/override", content=content, headers=headers)
    assert answer.status_code in (400, 422)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert center.board.requests == []


def test_another_content_type_is_refused(center: Center) -> None:
    with center.client(Role.OPERATOR) as client:
        headers = {"Idempotency-Key": "k", "Content-Type": "text/plain"}
        body = f'{{"scope":"device","target":"{ENGINE.id}"}}'
        answer = client.post("/api/v1/release", content=body, headers=headers)
    assert answer.status_code == 422
    assert center.board.requests == []


@pytest.mark.parametrize("scope", ["device", "site", "area", "fleet"])
def test_an_unknown_target_is_named_with_what_comes_close(center: Center, scope: str) -> None:
    right = {
        "device": ENGINE.id,
        "site": ENGINE.site,
        "area": ENGINE.area,
        "fleet": VIEW.fleet,
    }[scope]
    with center.client(Role.OPERATOR) as client:
        answer = post(client, "emergency-stop", scope=scope, target=right + "x")
    assert answer.status_code == 404
    assert right in answer.json()["suggestions"]
    assert center.board.requests == []


def test_a_store_may_be_held_charging(center: Center) -> None:
    with center.client(Role.OPERATOR) as client:
        low = post(client, "override", target=STORE.id, power_kw=-STORE.rated_kw)
        beyond = post(client, "override", "2", target=STORE.id, power_kw=-STORE.rated_kw - 1)
    assert (low.status_code, beyond.status_code) == (200, 422)


def test_a_group_is_not_held_at_what_one_of_it_cannot_give(center: Center) -> None:
    weakest = min(d.rated_kw for d in VIEW.devices)
    fleet = {"scope": "fleet", "target": VIEW.fleet}
    with center.client(Role.OPERATOR) as client:
        beyond = post(client, "override", **fleet, power_kw=weakest + 1)
        within = post(client, "override", "2", **fleet, power_kw=weakest)
    assert (beyond.status_code, within.status_code) == (422, 200)
    assert beyond.json()["unable"] == [d.id for d in VIEW.devices if d.rated_kw == weakest]


def test_the_audit_log_lists_every_command_in_pages(center: Center) -> None:
    with center.client(Role.OPERATOR) as client:
        for number in range(5):
            post(client, "release", str(number), reason="no" if number == 3 else "")
        whole = client.get("/api/v1/audit").json()["entries"]
        page = client.get("/api/v1/audit", params={"after": 2, "limit": 2}).json()["entries"]
    assert [entry["number"] for entry in whole] == [1, 2, 3, 4, 5]
    assert [entry["applied"] for entry in whole] == [True, True, True, False, True]
    assert page == whole[2:4]
    assert whole[0]["actor"] == "operator"


# The consequence, reckoned anew here


@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize("action", OF_DEVICES)
def test_a_preview_says_what_would_change_and_does_nothing(
    center: Center, action: Action, scope: Scope
) -> None:
    target = {
        Scope.DEVICE: ENGINE.id,
        Scope.SITE: ENGINE.site,
        Scope.AREA: ENGINE.area,
        Scope.FLEET: VIEW.fleet,
    }[scope]
    reached = [
        d
        for d in VIEW.devices
        if target in (d.id, VIEW.fleet)
        or (scope is Scope.SITE and d.site == target)
        or (scope is Scope.AREA and d.area == target)
        or scope is Scope.FLEET
    ]
    with center.client(Role.VIEWER) as client:
        body = {"action": action.value, "scope": scope.value, "target": target, "power_kw": 40.0}
        found = client.post("/api/v1/preview", json=body).json()
    assert center.board.requests == []
    assert found["devices"] == len(reached)
    assert math.isclose(found["power_now_kw"], sum(d.power_kw for d in reached), abs_tol=1e-6)
    after = {
        Action.EMERGENCY_STOP: 0.0,
        Action.OVERRIDE: 40.0 * len(reached),
    }.get(action, sum(d.power_kw for d in reached))
    assert math.isclose(found["power_after_kw"], after, abs_tol=1e-6)
    for area in found["areas"]:
        whole = next(a for a in VIEW.areas if a.id == area["area"])
        fewer = sum(d.power_kw for d in reached if d.area == whole.id)
        if action is Action.EMERGENCY_STOP:
            assert math.isclose(area["import_after_kw"], whole.import_kw + fewer, abs_tol=1e-6)
    assert found["lines"] and all(line.endswith(".") for line in found["lines"])


@given(st.data())
@settings(max_examples=60)
def test_stopping_one_after_another_changes_as_much_as_stopping_all(data: st.DataObject) -> None:
    view = plant(data.draw(st.integers(1, 30)), data.draw(st.integers(0, 99)))
    whole = consequence(view, Action.EMERGENCY_STOP, Scope.FLEET, view.fleet, None)
    parts = [
        consequence(view, Action.EMERGENCY_STOP, Scope.DEVICE, device.id, None)
        for device in view.devices
    ]
    assert math.isclose(whole.change_kw, sum(part.change_kw for part in parts), abs_tol=1e-6)
    assert whole.active == sum(part.active for part in parts)


# The memory of answers


def test_answers_are_bounded_and_commands_under_way_are_not_forgotten() -> None:
    async def scenario() -> None:
        answers = Answers()
        gate = asyncio.Event()

        async def quick() -> Kept:
            return Kept(200, b"{}", "application/json")

        async def slow() -> Kept:
            await gate.wait()
            return Kept(200, b"slow", "application/json")

        for number in range(MAX_KEPT + 5):
            await answers.once("a", str(number), b"x", quick)
        assert len(answers._kept) == MAX_KEPT
        waiting = [
            asyncio.create_task(answers.once("b", str(number), b"x", slow))
            for number in range(MAX_KEPT)
        ]
        while len(answers._kept) < MAX_KEPT or ("a", str(MAX_KEPT + 4)) in answers._kept:
            await asyncio.sleep(0)
        with pytest.raises(Problem) as error:
            await answers.once("c", "one more", b"x", quick)
        assert error.value.status_code == 503
        gate.set()
        assert {(await task).body for task in waiting} == {b"slow"}

    asyncio.run(scenario())
