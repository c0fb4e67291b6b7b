"""What the audit page lists as denied: attempts that were meant, and nothing else."""

from collections.abc import Iterator

import pytest
from plant_serving import TOKENS, Center, bearer, serving
from plant_views import plant

from gridmuster.console.tokens import Role

VIEW = plant(4)
COMMAND = {"scope": "device", "target": VIEW.devices[0].id}


@pytest.fixture
def center() -> Iterator[Center]:
    with serving(VIEW) as running:
        yield running


def denied(center: Center) -> list[tuple[str, str, str]]:
    """Who, what and why not of each attempt, the first first."""
    with center.client(Role.VIEWER) as client:
        attempts = client.get("/api/v1/audit/denied").json()["attempts"]
    return [(one["actor"], one["path"], one["why"]) for one in reversed(attempts)]


def test_a_first_visit_is_no_denied_attempt(center: Center) -> None:
    with center.client(None) as client:
        assert client.get("/").status_code == 200
        assert client.get("/api/v1/session/ways").json() == {"oidc": "", "signed_in": False}
        assert client.get("/api/v1/session").status_code == 401
        assert denied(center) == []
        assert client.get("/api/v1/plant").status_code == 401
    assert denied(center) == [("", "/api/v1/plant", "no-token")]


def test_the_ways_tell_whether_a_cookie_stands_for_a_session(center: Center) -> None:
    with center.client(None) as client:
        client.post("/api/v1/session", json={"token": TOKENS[Role.VIEWER]})
        assert client.get("/api/v1/session/ways").json()["signed_in"] is True
        center.app.state.sessions.end_where(lambda session: True)
        assert client.get("/api/v1/session/ways").json()["signed_in"] is False


def test_wrong_tokens_and_links_used_twice_are_listed(center: Center) -> None:
    with center.client(Role.OPERATOR) as client:
        code = client.post("/api/v1/session/code").json()["code"]
    with center.client(None) as client:
        wrong = client.post("/api/v1/session", json={"token": "gm-wrong"})
        assert wrong.status_code == 401
        assert client.post("/api/v1/session", json={"token": code}).status_code == 200
        again = client.post("/api/v1/session", json={"token": code})
        assert again.status_code == 401
        assert "it was used, or is too old" in again.json()["detail"]
        client.get("/api/v1/plant", headers={"Authorization": "Bearer gm-wrong"})
    assert denied(center) == [
        ("", "/api/v1/session", "wrong-token"),
        ("", "/api/v1/session", "spent-code"),
        ("", "/api/v1/plant", "wrong-token"),
    ]


def test_refused_commands_are_listed_once_with_who_gave_them(center: Center) -> None:
    unknown = {"scope": "device", "target": "nowhere"}
    with center.client(Role.OPERATOR) as client:
        for _ in range(2):
            answer = client.post(
                "/api/v1/release", json=unknown, headers={"Idempotency-Key": "one"}
            )
            assert answer.status_code == 404
        done = client.post("/api/v1/release", json=COMMAND, headers={"Idempotency-Key": "two"})
        assert done.status_code == 200
    with center.client(Role.VIEWER) as client:
        refused = client.post("/api/v1/release", json=COMMAND, headers={"Idempotency-Key": "three"})
        assert refused.status_code == 403
        elsewhere = client.post(
            "/api/v1/release", json=COMMAND, headers={"Origin": "http://evil.example"}
        )
        assert elsewhere.status_code == 403
        found = client.get("/api/v1/audit/denied").json()["attempts"]
    assert "nowhere" in found[-1]["detail"]
    assert denied(center) == [
        ("operator", "/api/v1/release", "unknown-subject"),
        ("viewer", "/api/v1/release", "role-too-low"),
        ("", "/api/v1/release", "foreign-origin"),
    ]


def test_an_unknown_address_is_a_page_for_people_and_a_problem_for_programs(center: Center) -> None:
    with center.client(None) as client:
        page = client.get("/nowhere<b>", headers={"Accept": "text/html,*/*"})
        assert page.status_code == 404
        assert page.headers["content-type"].startswith("text/html")
        assert "/nowhere&lt;b&gt;" in page.text and '<a href="/">' in page.text
        assert client.get("/nowhere").json()["type"].endswith("not-found")
        below = client.get(
            "/api/v1/nowhere", headers={**bearer(Role.VIEWER), "Accept": "text/html"}
        )
        assert below.json()["type"].endswith("not-found")
