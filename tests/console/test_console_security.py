"""The API as an attacker meets it: without the role, from elsewhere, with any request at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from plant_serving import TOKENS, Center, bearer, serving
from plant_views import plant
from schemathesis import GenerationMode

from gridmuster.console.access import ROLE_KEY
from gridmuster.console.guard import SECURITY_HEADERS
from gridmuster.console.pages import PAGE_POLICY, WEB, Bundle
from gridmuster.console.sessions import CSRF_HEADER
from gridmuster.console.tokens import Role

VIEW = plant(4)
WORDS = {"device": VIEW.devices[0].id, "site": VIEW.devices[0].site, "area": VIEW.areas[0].id}


@pytest.fixture(scope="module")
def center() -> Iterator[Center]:
    with serving(VIEW) as running:
        yield running


@pytest.fixture(scope="module")
def operations(center: Center) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every operation."""
    with center.client() as client:
        paths = client.get("/api/v1/openapi.json").json()["paths"]
    return [
        (method.upper(), path, operation)
        for path, methods in paths.items()
        for method, operation in methods.items()
    ]


def filled(path: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda part: WORDS.get(part[1], "x"), path)


def sign_in(center: Center, role: Role) -> tuple[httpx.Client, str]:
    client = center.client(None)
    answer = client.post("/api/v1/session", json={"token": TOKENS[role]})
    return client, answer.json()["csrf"]


# Roles


@pytest.mark.parametrize("way", ["token", "session"])
@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_nothing_above_a_role_can_be_done_with_it(
    center: Center, operations: list[tuple[str, str, dict[str, Any]]], role: Role, way: str
) -> None:
    """Whatever the body: the role is looked at before anything else is."""
    above = [
        (method, path)
        for method, path, operation in operations
        if operation[ROLE_KEY] != "none" and Role[operation[ROLE_KEY].upper()] > role
    ]
    assert above
    before = len(center.board.requests)
    client, csrf = sign_in(center, role)
    headers = {"Idempotency-Key": "above", CSRF_HEADER: csrf}
    if way == "token":
        client.cookies.clear()
        headers |= bearer(role)
    with closing(client):
        for method, path in above:
            for body in (b"", b"{", b'{"scope":"fleet","target":"demo-60"}'):
                answer = client.request(method, filled(path), content=body, headers=headers)
                assert answer.status_code == 403, (method, path)
                assert answer.json()["type"].endswith("role-too-low"), (method, path)
    assert len(center.board.requests) == before


def test_every_command_is_above_a_viewer(
    operations: list[tuple[str, str, dict[str, Any]]],
) -> None:
    """What a viewer may send is known by name and changes nothing in the plant."""
    harmless = {
        path
        for method, path, operation in operations
        if method != "GET" and operation[ROLE_KEY] in ("none", "viewer")
    }
    assert harmless == VIEWER_MAY_SEND


#: Reads that need a body, and a browser's own session.
VIEWER_MAY_SEND = {
    "/api/v1/preview",
    "/api/v1/activation/preview",
    "/api/v1/session",
    "/api/v1/session/code",
    "/api/v1/session/end",
}


def test_a_session_sends_nothing_without_its_secret(
    center: Center, operations: list[tuple[str, str, dict[str, Any]]]
) -> None:
    client, _ = sign_in(center, Role.ADMIN)
    before = len(center.board.requests)
    with closing(client):
        for method, path, operation in operations:
            if method == "GET" or operation[ROLE_KEY] == "none":
                continue
            headers = {"Idempotency-Key": "forged", CSRF_HEADER: "guessed"}
            answer = client.request(method, filled(path), json={}, headers=headers)
            assert answer.status_code == 403, path
            assert answer.json()["type"].endswith("forged-request"), path
        assert client.get("/api/v1/plant").status_code == 200
    assert len(center.board.requests) == before


def test_a_read_changes_nothing(
    operations: list[tuple[str, str, dict[str, Any]]],
) -> None:
    """GET is the only method that needs no secret: nothing that acts may be one."""
    for method, path, operation in operations:
        if method == "GET" and operation[ROLE_KEY] != "none":
            names = [parameter["name"] for parameter in operation.get("parameters", [])]
            assert "Idempotency-Key" not in names, path


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "plant.evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://127.0.0.1.evil.example"},
    ],
)
def test_pages_of_others_cannot_sign_in_or_command(center: Center, headers: dict[str, str]) -> None:
    client, csrf = sign_in(center, Role.OPERATOR)
    with closing(client):
        body = {"token": TOKENS[Role.OPERATOR]}
        answer = client.post("/api/v1/session", json=body, headers=headers)
        assert answer.status_code in (403, 421)
        assert "set-cookie" not in answer.headers
        command = {"scope": "device", "target": VIEW.devices[0].id}
        more = {**headers, CSRF_HEADER: csrf, "Idempotency-Key": "o"}
        answer = client.post("/api/v1/release", json=command, headers=more)
        assert answer.status_code in (403, 421)
        assert not [name for name in answer.headers if name.startswith("access-control")]


# Pages


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Center]:
    """A center with a small bundle, whatever of the real one is built."""
    folder = tmp_path_factory.mktemp("web")
    (folder / "assets").mkdir()
    (folder / "index.html").write_text("<!doctype html><title>page</title>" + " " * 600)
    (folder / "assets" / "index-abc.js").write_text("export {};\n" * 100)
    (folder / "secret.txt").write_text("not a page's file")
    with serving(VIEW, bundle=Bundle(folder)) as running:
        yield running


def test_pages_carry_a_policy_without_inline_scripts(pages: Center) -> None:
    with pages.client(None) as client:
        for path in ("/", "/assets/index-abc.js"):
            answer = client.get(path)
            assert answer.status_code == 200
            policy = answer.headers["Content-Security-Policy"]
            assert policy == PAGE_POLICY
            for name, value in SECURITY_HEADERS.items():
                if name != "Content-Security-Policy":
                    assert answer.headers[name] == value
    rules = dict(rule.strip().split(" ", 1) for rule in PAGE_POLICY.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert "unsafe" not in PAGE_POLICY


def test_nothing_outside_the_bundle_is_served(pages: Center) -> None:
    with pages.client(None) as client:
        for path in (
            "/secret.txt",
            "/assets/",
            "/assets/..%2Findex.html",
            "/assets/%2e%2e/secret.txt",
            "/assets/..%2f..%2f..%2fetc%2fpasswd",
            "/assets//etc/passwd",
            "/assets/%00",
        ):
            assert client.get(path).status_code == 404, path


def test_pages_are_kept_by_browsers_only_while_they_are_the_same(pages: Center) -> None:
    with pages.client(None) as client:
        first = client.get("/")
        assert first.headers["Cache-Control"] == "no-cache"
        again = client.get("/", headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        asset = client.get("/assets/index-abc.js")
        assert "immutable" in asset.headers["Cache-Control"]
        plain = client.get("/assets/index-abc.js", headers={"Accept-Encoding": "identity"})
        assert plain.content == asset.content and "Content-Encoding" not in plain.headers


def test_the_shipped_bundle_has_nothing_inline_and_asks_nobody_else() -> None:
    text = (WEB / "index.html").read_text("utf-8")
    for tag in re.findall(r"<script\b[^>]*>", text):
        assert 'src="./assets/' in tag, tag
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text)
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", text)
    for path in [*WEB.glob("assets/*.js"), *WEB.glob("assets/*.mjs")]:
        code = path.read_text("utf-8")
        assert "sourceMappingURL=data" not in code
        # Built addresses are relative; what else is named is named, not loaded.
        assert not re.search(r"""import\(["']https?:""", code), path.name
        assert not re.search(r"""fetch\(["']https?:""", code), path.name
    for path in WEB.glob("assets/*.css"):
        assert not re.search(r"url\([\"']?(?:https?:)?//", path.read_text("utf-8")), path.name


def test_files_beside_the_bundle_stay_out(tmp_path: Path) -> None:
    (tmp_path / "tokens.json").write_text("{}")
    (tmp_path / ".env").write_text("x")
    (tmp_path / "index.html").write_text("x")
    with serving(VIEW, bundle=Bundle(tmp_path)) as running, running.client(None) as client:
        for path in ("/tokens.json", "/.env", "/assets/.env"):
            assert client.get(path).status_code == 404, path


# Anything for a request


#: An endless answer, and what ends the tries' own way in.
LEFT_OUT = ("/api/v1/stream", "/api/v1/session/end", "/api/v1/sessions/end")


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_request_breaks_the_program(center: Center, mode: GenerationMode) -> None:
    """Whatever fits or misses the schema is answered as the schema says, never by a failure."""
    with center.client(Role.ADMIN) as client:
        document = client.get("/api/v1/openapi.json").json()
        for path in LEFT_OUT:
            document["paths"].pop(path, None)
        tried = 0
        for found in schemathesis.openapi.from_dict(document).get_all_operations():
            operation = found.ok()
            if mode is GenerationMode.NEGATIVE and not takes_something(operation):
                continue
            attempt(client, operation, mode)
            tried += 1
    assert tried > 20


def takes_something(operation: Any) -> bool:
    """Whether there is anything to get wrong in a request."""
    parts = (operation.path_parameters, operation.query, operation.headers, operation.body)
    return any(len(list(part)) for part in parts)


def attempt(client: httpx.Client, operation: Any, mode: GenerationMode) -> None:
    """Send an operation what fits or misses its schema."""

    @given(operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=4,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    def send(case: Any) -> None:
        sent = case.as_transport_kwargs(base_url=str(client.base_url))
        sent.pop("cookies", None)
        names = {name: str(value) for name, value in (sent.pop("headers", None) or {}).items()}
        headers = {
            name: value.encode("latin-1", "replace")
            for name, value in names.items()
            if name.lower() not in ("authorization", "host", "origin")
        }
        try:
            request = client.build_request(**sent, headers=headers)
        except (TypeError, ValueError, httpx.InvalidURL):
            return  # No client could send this.
        try:
            with client.stream(**stream_of(request)) as answer:
                answer.read()
        except (httpx.LocalProtocolError, httpx.RemoteProtocolError):
            return  # Nor this: it is no HTTP.
        where = (operation.method, operation.path, request.content[:200])
        assert answer.status_code < 500 or answer.status_code in (503, 504), (where, answer.text)
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json", where
            told = answer.json()
            assert set(told) >= {"type", "title", "status", "detail", "instance"}, where
            assert told["status"] == answer.status_code, where

    send()


def stream_of(request: httpx.Request) -> dict[str, Any]:
    """A request once more, as arguments."""
    return {
        "method": request.method,
        "url": request.url,
        "headers": request.headers,
        "content": request.content,
    }
