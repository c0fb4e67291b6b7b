"""Who may do what, and what is refused before anything is read."""

import http.client
import json
import re
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st
from plant_serving import TOKENS, Center, bearer, known_auth, serving
from plant_views import plant

from gridmuster.console.access import ROLE_KEY, SecuredRoute
from gridmuster.console.api import create_app
from gridmuster.console.auth import MAX_ADDRESSES, MAX_ATTEMPTS, WINDOW_S, Auth, Role
from gridmuster.console.guard import MAX_BODY_BYTES, SECURITY_HEADERS
from gridmuster.console.problems import Problem
from gridmuster.console.tokens import (
    create_tokens,
    find_token,
    read_token,
    read_tokens,
    token_path,
)
from gridmuster.errors import FleetError

VIEW = plant(12)
BODY = {"scope": "device", "target": VIEW.devices[0].id, "action": "emergency_stop"}


@pytest.fixture(scope="module")
def center() -> Iterator[Center]:
    with serving(VIEW) as running:
        yield running


def operations(center: Center) -> list[tuple[str, str, str]]:
    """Method, path and needed role of everything in the OpenAPI document."""
    with center.client() as client:
        paths = client.get("/api/v1/openapi.json").json()["paths"]
    return [
        (method.upper(), path, operation[ROLE_KEY])
        for path, methods in paths.items()
        for method, operation in methods.items()
    ]


#: Bodies of the operations that the core of the API has; what others need, their tests know.
COMMAND = {"scope": "device", "target": VIEW.devices[0].id}
BODIES: dict[str, Any] = {
    "/api/v1/override": COMMAND,
    "/api/v1/release": COMMAND,
    "/api/v1/emergency-stop": COMMAND,
    "/api/v1/reset": COMMAND,
    "/api/v1/preview": BODY,
    "/api/v1/session": {"token": TOKENS[Role.VIEWER]},
    "/api/v1/session/code": {},
    "/api/v1/session/end": {},
    "/api/v1/sessions/end": {"session": None},
}


NAMES = {name: getattr(VIEW.devices[0], name) for name in ("site", "area")}
NAMES["device"] = VIEW.devices[0].id
READS = [
    f"/api/v1/{name}"
    for name in ("plant", "areas", "forecast", "devices", "devices/{device}", "alarms", "stream")
]


def status(client: httpx.Client, method: str, path: str) -> int:
    """The status of a plain request; of a stream, without waiting for its end."""
    options: dict[str, Any] = {"json": BODIES.get(path, COMMAND)} if method == "POST" else {}
    key = {"Idempotency-Key": f"{method} {path}"}
    url = re.sub(r"\{(\w+)\}", lambda part: NAMES.get(part[1], "x"), path)
    with client.stream(method, url, headers=key, **options) as answer:
        return answer.status_code


@pytest.mark.parametrize("role", [None, *Role])
def test_every_operation_keeps_to_its_role(center: Center, role: Role | None) -> None:
    found = operations(center)
    assert len(found) >= 17
    for method, path, needed in found:
        with center.client(role) as client:
            got = status(client, method, path)
        where = (method, path, role, got)
        if path.startswith("/api/v1/session/oidc"):
            assert got == 404, where
        elif needed != "none" and role is None:
            # Without a token, attempts soon meet the limit; that is no way in either.
            assert got in (401, 429), where
        elif needed != "none" and role is not None and role < Role[needed.upper()]:
            assert got == 403, where
        elif path in BODIES or path in READS:
            assert got in (200, 204), where
        else:
            # It was let in; what it makes of this plain request is for its own tests.
            assert got < 500 and got not in (401, 403, 429), where


def test_commands_need_an_operator_and_a_reset_an_admin(center: Center) -> None:
    roles = {path.rpartition("/")[2]: role for _, path, role in operations(center)}
    assert roles["override"] == roles["release"] == roles["emergency-stop"] == "operator"
    assert roles["reset"] == "admin"
    opened = [(method, path) for method, path, role in operations(center) if role == "none"]
    assert opened == [
        ("GET", "/api/v1/health"),
        ("POST", "/api/v1/session"),
        ("GET", "/api/v1/session/ways"),
        ("GET", "/api/v1/session/oidc"),
        ("GET", "/api/v1/session/oidc/callback"),
    ]


def test_no_route_can_be_added_without_a_role() -> None:
    app = create_app(_NoPlant(), known_auth())
    with pytest.raises(TypeError, match="role"):
        app.get("/api/v1/new")(lambda: None)
    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    assert all(isinstance(route, SecuredRoute) for route in routes)


class _NoPlant:
    def view(self) -> Any:
        return VIEW


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Basic abc", "Bearer a b", "bearer gm-x", "Bearer \xff\xfe"]
)
def test_what_is_no_token_is_401(header: str) -> None:
    with serving(VIEW) as center, center.client(None) as client:
        answer = client.get("/api/v1/plant", headers={b"Authorization": header.encode("latin-1")})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_the_scheme_may_be_written_in_any_case(center: Center) -> None:
    header = {"Authorization": f"bEARER {TOKENS[Role.VIEWER]}"}
    with center.client(None) as client:
        assert client.get("/api/v1/plant", headers=header).status_code == 200


def test_a_wrong_token_is_refused_before_the_body_is_looked_at(center: Center) -> None:
    with center.client(Role.VIEWER) as client:
        answer = client.post("/api/v1/reset", content=b"{", headers={"Idempotency-Key": "x"})
    assert answer.status_code == 403


def test_attempts_are_limited_and_a_valid_token_is_not_held_up() -> None:
    with serving(VIEW) as center, center.client(None) as client:
        codes = [client.get("/api/v1/plant").status_code for _ in range(MAX_ATTEMPTS + 3)]
        assert codes == [401] * MAX_ATTEMPTS + [429] * 3
        limited = client.get("/api/v1/plant")
        assert 1 <= int(limited.headers["Retry-After"]) <= WINDOW_S
        assert client.get("/api/v1/plant", headers=bearer(Role.VIEWER)).status_code == 200


def test_attempts_are_forgotten_after_the_window_and_addresses_are_bounded() -> None:
    now = [0.0]
    auth = Auth(read_records(), now_s=lambda: now[0])

    def code(address: str) -> int:
        with pytest.raises(Problem) as error:
            auth.require("Bearer no", Role.VIEWER, address)
        return error.value.status_code

    assert [code("a") for _ in range(MAX_ATTEMPTS + 1)] == [401] * MAX_ATTEMPTS + [429]
    assert code("b") == 401
    now[0] = WINDOW_S
    assert code("a") == 401
    for number in range(MAX_ADDRESSES + 10):
        assert code(f"x{number}") == 401
    assert len(auth._attempts) == MAX_ADDRESSES


def read_records() -> list[Any]:
    auth = known_auth()
    assert auth.require(f"Bearer {TOKENS[Role.ADMIN]}", Role.ADMIN, "").role is Role.ADMIN
    return []


@given(st.text(max_size=80))
def test_no_other_text_is_taken_for_a_token(text: str) -> None:
    if text.strip() in TOKENS.values():
        return
    with pytest.raises(Problem) as error:
        known_auth().require(f"Bearer {text}", Role.VIEWER, "a")
    assert error.value.status_code == 401


def test_foreign_hosts_are_refused(center: Center) -> None:
    with center.client() as client:
        for host in ("evil.example", "127.0.0.1.evil.example", "", "localhost.evil:80", "[::2]"):
            answer = client.get("/api/v1/plant", headers={"Host": host})
            assert answer.status_code == 421, host
        for host in ("localhost", "LOCALHOST:1", "127.0.0.1:99", "[::1]:80", "[::1]"):
            assert client.get("/api/v1/plant", headers={"Host": host}).status_code == 200, host


def test_a_named_host_is_let_in() -> None:
    with serving(VIEW, hosts=["Plant.Example"]) as center, center.client() as client:
        host = {"Host": "plant.example:8420"}
        assert client.get("/api/v1/health", headers=host).status_code == 200


def test_pages_of_other_origins_may_not_command_and_get_no_cors(center: Center) -> None:
    with center.client(Role.OPERATOR) as client:
        foreign = {"Origin": "https://evil.example", "Idempotency-Key": "o"}
        refused = client.post("/api/v1/release", json=BODY, headers=foreign)
        assert refused.status_code == 403
        assert refused.json()["type"].endswith("foreign-origin")
        preflight = client.options("/api/v1/release", headers=foreign)
        assert preflight.status_code in (403, 405)
        for answer in (refused, preflight, client.get("/api/v1/plant", headers=foreign)):
            assert not [name for name in answer.headers if name.startswith("access-control")]
        own = {"Origin": center.url, "Idempotency-Key": "own"}
        body = {k: BODY[k] for k in ("scope", "target")}
        assert client.post("/api/v1/release", json=body, headers=own).status_code == 200


def test_every_answer_carries_the_security_headers(center: Center) -> None:
    with center.client() as client:
        for path in ("health", "plant", "nowhere", "devices/none", "devices?limit=0"):
            headers = client.get(f"/api/v1/{path}").headers
            for name, value in SECURITY_HEADERS.items():
                assert headers[name] == value, path
            assert "no-" in headers["Cache-Control"]
            assert "server" not in headers


def test_oversized_bodies_are_refused_by_length_and_by_count(center: Center) -> None:
    with center.client(Role.OPERATOR) as client:
        key = {"Idempotency-Key": "big"}
        big = b'{"reason":"' + b"x" * MAX_BODY_BYTES + b'"}'
        assert client.post("/api/v1/release", content=big, headers=key).status_code == 413

        def parts() -> Iterator[bytes]:
            for _ in range(9):
                yield b" " * 4096

        counted = client.post("/api/v1/release", content=parts(), headers=key)
        assert counted.status_code == 413
        assert counted.json()["limit_bytes"] == MAX_BODY_BYTES
        assert client.get("/api/v1/health").status_code == 200
    assert center.board.requests == [] or all(r.reason == "" for r in center.board.requests)


def test_a_lying_content_length_is_refused(center: Center) -> None:
    parts = urlsplit(center.url)
    line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    line.putrequest("POST", "/api/v1/release")
    line.putheader("Authorization", f"Bearer {TOKENS[Role.OPERATOR]}")
    line.putheader("Content-Length", "99999999999999999999999999")
    line.endheaders()
    assert line.getresponse().status in (400, 413)
    line.close()


def test_unknown_addresses_and_methods_are_told_as_problems(center: Center) -> None:
    with center.client() as client:
        for method, path, code in (
            ("GET", "/index.html", 404),
            ("GET", "/assets/none.js", 404),
            ("POST", "/", 405),
            ("GET", "/api/v1", 404),
            ("GET", "/api/v1/health/", 404),
            ("GET", "/docs", 404),
            ("GET", "/openapi.json", 404),
            ("DELETE", "/api/v1/plant", 405),
            ("GET", "/api/v1/override", 405),
            ("PUT", "/api/v1/health", 405),
        ):
            answer = client.request(method, path)
            assert answer.status_code == code, path
            problem = answer.json()
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert problem["status"] == code
            assert problem["instance"] == path
            assert problem["title"] and problem["detail"] and problem["type"].startswith("urn:")
            assert ("allow" in answer.headers) is (code == 405)


# The token folder


def test_tokens_are_made_once_private_and_only_hashes_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "gridmuster"
    auth = Auth.open(folder)
    content = (folder / "tokens.json").read_text()
    for role in Role:
        path = token_path(folder, role)
        token = read_token(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert len(token) > 40
        assert token not in content
        caller = auth.require(f"Bearer {token}", role, "")
        assert (caller.name, caller.role) == (role.word, role)
        assert token not in repr(vars(auth))
    assert stat.S_IMODE((folder / "tokens.json").stat().st_mode) == 0o600
    again = Auth.open(folder)
    assert (folder / "tokens.json").read_text() == content
    again.require(f"Bearer {read_token(token_path(folder, Role.ADMIN))}", Role.ADMIN, "")
    assert sorted(p.name for p in folder.iterdir()) == [
        "admin.token",
        "operator.token",
        "tokens.json",
        "viewer.token",
    ]


def test_two_folders_have_different_tokens(tmp_path: Path) -> None:
    create_tokens(tmp_path / "a")
    create_tokens(tmp_path / "b")
    one, two = (read_token(token_path(tmp_path / name, Role.ADMIN)) for name in "ab")
    assert one != two


def test_a_token_file_others_can_read_is_refused(tmp_path: Path) -> None:
    create_tokens(tmp_path)
    (tmp_path / "tokens.json").chmod(0o640)
    with pytest.raises(FleetError, match="0640"):
        Auth.open(tmp_path)


@pytest.mark.parametrize(
    ("content", "faults"),
    [
        ("", 1),
        ("[]", 1),
        ("{}", 1),
        ('{"tokens": []}', 1),
        ('{"tokens": [{"name": "a", "role": "king", "sha256": "00"}]}', 2),
        ('{"tokens": [{"name": "a", "role": "admin"}]}', 1),
        ('{"tokens": [{"name": "a", "role": "admin", "sha256": "x", "extra": 1}]}', 1),
    ],
)
def test_a_malformed_token_file_names_every_fault(
    tmp_path: Path, content: str, faults: int
) -> None:
    path = tmp_path / "tokens.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(FleetError) as error:
        read_tokens(path)
    assert len(error.value.faults) == faults
    assert all(fault.file == str(path) for fault in error.value.faults)


def test_the_least_token_that_will_do_is_found(tmp_path: Path) -> None:
    create_tokens(tmp_path)
    for role in Role:
        assert find_token(None, role, tmp_path) == read_token(token_path(tmp_path, role))
    token_path(tmp_path, Role.VIEWER).unlink()
    assert find_token(None, Role.VIEWER, tmp_path).startswith("gm-operator-")
    token_path(tmp_path, Role.ADMIN).unlink()
    with pytest.raises(FleetError, match="admin"):
        find_token(None, Role.ADMIN, tmp_path)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"two words", b"\xff\xfe", "tökén".encode()])
def test_a_file_without_a_token_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.token"
    path.write_bytes(content)
    with pytest.raises(FleetError):
        read_token(path)


def test_failing_plants_are_told_as_500_without_their_insides(center: Center) -> None:
    with center.client(Role.OPERATOR) as client:
        body = {"scope": "fleet", "target": VIEW.fleet, "reason": "crash"}
        answer = client.post("/api/v1/release", json=body, headers={"Idempotency-Key": "crash"})
    assert answer.status_code == 500
    assert answer.json()["type"].endswith("internal")
    assert "purpose" not in answer.text
    assert json.loads(answer.content)["instance"] == "/api/v1/release"


def test_many_callers_at_once_each_get_their_own_answer(center: Center) -> None:
    found: dict[int, int] = {}

    def ask(number: int) -> None:
        role = (None, *Role)[number % 4]
        with center.client(role) as client:
            found[number] = client.get("/api/v1/areas").status_code

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert all((code in (401, 429)) == (number % 4 == 0) for number, code in found.items())
    assert len(found) == 16
