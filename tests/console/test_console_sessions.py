"""Browsers' sessions: how they begin, what they may, and all the ways in which they end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from plant_serving import DEADLINE_S, TOKENS, Center, serving
from plant_views import plant

from gridmuster.console.auth import Caller, Role
from gridmuster.console.doors import Entry
from gridmuster.console.pacing import MAX_CALLERS, Pace
from gridmuster.console.problems import Problem
from gridmuster.console.sessions import (
    CODE_LIFETIME_S,
    CSRF_HEADER,
    IDLE_S,
    LEFT_HEADER,
    LIFETIME_S,
    MAX_CODES,
    MAX_SESSIONS,
    Sessions,
)

VIEW = plant(6)
COMMAND = {"scope": "device", "target": VIEW.devices[0].id}
KIM = Caller("kim", Role.OPERATOR)


@pytest.fixture(scope="module")
def center() -> Iterator[Center]:
    with serving(VIEW) as running:
        yield running


def sign_in(center: Center, role: Role) -> tuple[httpx.Client, str]:
    """A browser that signed in, and its session's secret."""
    client = center.client(None)
    answer = client.post("/api/v1/session", json={"token": TOKENS[role]})
    assert answer.status_code == 200, answer.text
    return client, answer.json()["csrf"]


def cookie_of(answer: httpx.Response) -> str:
    (header,) = answer.headers.get_list("set-cookie")
    return header


def test_a_session_stands_for_the_token_and_tells_how_long_it_lasts(center: Center) -> None:
    client, csrf = sign_in(center, Role.OPERATOR)
    with closing(client):
        found = client.get("/api/v1/session")
        told = found.json()
        assert (told["name"], told["role"], told["csrf"]) == ("operator", "operator", csrf)
        assert IDLE_S - 60 < told["expires_s"] <= IDLE_S
        assert IDLE_S - 60 < int(found.headers[LEFT_HEADER]) <= IDLE_S
        assert client.get("/api/v1/plant").status_code == 200


def test_a_token_needs_no_session_and_beats_a_cookie(center: Center) -> None:
    with center.client(Role.VIEWER) as client:
        answer = client.get("/api/v1/session")
        assert answer.json() == {
            "name": "viewer",
            "role": "viewer",
            "csrf": "",
            "expires_s": None,
        }
        assert LEFT_HEADER not in answer.headers
        assert client.post("/api/v1/session/end").status_code == 204
    client, _ = sign_in(center, Role.ADMIN)
    with closing(client):
        header = {"Authorization": f"Bearer {TOKENS[Role.VIEWER]}"}
        assert client.get("/api/v1/session", headers=header).json()["name"] == "viewer"
        assert client.get("/api/v1/session", headers={"Authorization": "Bearer x"}).is_error


def test_the_cookie_is_for_this_page_alone(center: Center) -> None:
    with center.client(None) as client:
        answer = client.post("/api/v1/session", json={"token": TOKENS[Role.VIEWER]})
    name, *flags = (part.strip().lower() for part in cookie_of(answer).split(";"))
    assert {"httponly", "samesite=strict", "path=/"} <= set(flags)
    assert not [flag for flag in flags if flag.startswith(("domain", "max-age", "expires"))]
    assert name.startswith(f"gridmuster_session_{httpx.URL(center.url).port}=")
    assert answer.json()["csrf"] not in cookie_of(answer)
    assert TOKENS[Role.VIEWER] not in answer.text + cookie_of(answer)


@pytest.mark.parametrize("sent", [None, "", "x", "ÿ"])
def test_a_command_without_the_sessions_secret_is_refused(center: Center, sent: str | None) -> None:
    client, csrf = sign_in(center, Role.OPERATOR)
    headers = {b"Idempotency-Key": b"forged"}
    if sent is not None:
        headers[CSRF_HEADER.encode()] = sent.encode("latin-1")
    with closing(client):
        before = len(center.board.requests)
        answer = client.post("/api/v1/release", json=COMMAND, headers=headers)
        assert answer.status_code == 403
        assert answer.json()["type"].endswith("forged-request")
        assert len(center.board.requests) == before
        good = {"Idempotency-Key": csrf[:8], CSRF_HEADER: csrf}
        assert client.post("/api/v1/release", json=COMMAND, headers=good).status_code == 200
        assert center.board.requests[-1].actor == "operator"


def test_the_secret_of_another_session_does_not_do(center: Center) -> None:
    first, _ = sign_in(center, Role.OPERATOR)
    second, other = sign_in(center, Role.OPERATOR)
    with closing(first), closing(second):
        headers = {"Idempotency-Key": "other", CSRF_HEADER: other}
        assert first.post("/api/v1/release", json=COMMAND, headers=headers).status_code == 403


def test_a_session_known_beforehand_is_never_taken_over(center: Center) -> None:
    with center.client(None) as client:
        name = f"gridmuster_session_{httpx.URL(center.url).port}"
        client.cookies.set(name, "chosen-by-another")
        assert client.get("/api/v1/plant").status_code == 401
        answer = client.post("/api/v1/session", json={"token": TOKENS[Role.VIEWER]})
        assert "chosen-by-another" not in cookie_of(answer)
    client, _ = sign_in(center, Role.VIEWER)
    with closing(client), center.client(None) as old:
        old.cookies = httpx.Cookies(client.cookies)
        assert old.get("/api/v1/plant").status_code == 200
        client.post("/api/v1/session", json={"token": TOKENS[Role.VIEWER]})
        assert old.get("/api/v1/plant").status_code == 401


def test_signing_out_ends_the_session_and_takes_the_cookie_back(center: Center) -> None:
    client, csrf = sign_in(center, Role.VIEWER)
    with closing(client), center.client(None) as kept:
        kept.cookies = httpx.Cookies(client.cookies)
        answer = client.post("/api/v1/session/end", headers={CSRF_HEADER: csrf})
        assert answer.status_code == 204
        assert "max-age=0" in cookie_of(answer).lower()
        late = kept.get("/api/v1/session")
        assert (late.status_code, late.json()["type"]) == (
            401,
            "urn:gridmuster:problem:session-over",
        )


def test_a_code_signs_in_once(center: Center) -> None:
    with center.client(Role.OPERATOR) as client:
        code = client.post("/api/v1/session/code").json()["code"]
    with center.client(None) as first, center.client(None) as second:
        answer = first.post("/api/v1/session", json={"token": code})
        assert (answer.json()["name"], answer.json()["role"]) == ("operator", "operator")
        assert second.post("/api/v1/session", json={"token": code}).status_code == 401


def test_an_admin_sees_who_is_in_and_ends_sessions() -> None:
    with serving(VIEW) as center:
        admin, csrf = sign_in(center, Role.ADMIN)
        viewer, _ = sign_in(center, Role.VIEWER)
        operator, _ = sign_in(center, Role.OPERATOR)
        header = {CSRF_HEADER: csrf}
        with closing(admin), closing(viewer), closing(operator):
            assert operator.get("/api/v1/sessions").status_code == 403
            rows = admin.get("/api/v1/sessions").json()["sessions"]
            assert sorted(row["name"] for row in rows) == ["admin", "operator", "viewer"]
            assert [row["name"] for row in rows if row["yours"]] == ["admin"]
            assert all(row["address"] == "127.0.0.1" for row in rows)
            (mark,) = [row["id"] for row in rows if row["name"] == "viewer"]
            assert mark not in str(viewer.cookies)
            done = admin.post("/api/v1/sessions/end", json={"session": mark}, headers=header)
            assert done.json() == {"ended": 1}
            assert viewer.get("/api/v1/plant").status_code == 401
            assert operator.get("/api/v1/plant").status_code == 200
            assert admin.post("/api/v1/sessions/end", json={}, headers=header).status_code == 422
            done = admin.post("/api/v1/sessions/end", json={"session": None}, headers=header)
            assert done.json() == {"ended": 2}
            assert admin.get("/api/v1/plant").status_code == 401
        with center.client(Role.VIEWER) as client:
            assert client.get("/api/v1/plant").status_code == 200


def follow(client: httpx.Client, begun: threading.Event) -> str:
    """Read a stream to its end."""
    text = ""
    with client.stream("GET", "/api/v1/stream?topics=alarms") as answer:
        for part in answer.iter_text():
            text += part
            begun.set()
    return text


def test_the_stream_of_an_ended_session_ends_and_others_go_on(center: Center) -> None:
    client, csrf = sign_in(center, Role.VIEWER)
    begun = threading.Event()
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.append(follow(client, begun)))
    with closing(client), center.client(Role.VIEWER) as other:
        reader.start()
        assert begun.wait(DEADLINE_S)
        with other.stream("GET", "/api/v1/stream?topics=alarms") as going:
            parts = going.iter_text()
            next(parts)
            client.post("/api/v1/session/end", headers={CSRF_HEADER: csrf})
            reader.join(DEADLINE_S)
            assert not reader.is_alive()
            assert "event: plant" in found[0]
            center.advance()
            assert "event: plant" in next(parts)


def test_the_stream_of_a_session_that_runs_out_ends_too() -> None:
    now = [0.0]
    with serving(VIEW, entry=Entry(Sessions(lambda: now[0]))) as center:
        client, _ = sign_in(center, Role.VIEWER)
        begun = threading.Event()
        reader = threading.Thread(target=follow, args=(client, begun))
        with closing(client):
            reader.start()
            assert begun.wait(DEADLINE_S)
            now[0] = IDLE_S + 1.0
            center.advance()
            reader.join(DEADLINE_S)
            assert not reader.is_alive()
            assert client.get("/api/v1/plant").status_code == 401


# The book of sessions


def code_of(call: Any) -> int:
    with pytest.raises(Problem) as error:
        call()
    return error.value.status_code


def test_sessions_end_unused_and_after_a_shift() -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    unused, used = sessions.begin(KIM), sessions.begin(KIM)
    while now[0] < LIFETIME_S - IDLE_S / 2:
        now[0] += IDLE_S / 2
        assert sessions.find(used.id) is used
    assert not sessions.alive(unused)
    assert code_of(lambda: sessions.find(unused.id)) == 401
    assert sessions.all() == [used]
    now[0] = LIFETIME_S
    assert sessions.left_s(used) == 0.0
    assert code_of(lambda: sessions.find(used.id)) == 401
    assert sessions.all() == []


def test_sessions_and_codes_are_bounded_and_what_hangs_on_them_ends() -> None:
    sessions = Sessions()
    ended: list[int] = []
    first = sessions.begin(KIM)
    first.endings.add(lambda: ended.append(1))
    for _ in range(MAX_SESSIONS):
        sessions.begin(KIM)
    assert len(sessions.all()) == MAX_SESSIONS
    assert ended == [1]
    code = sessions.new_code(KIM)
    for _ in range(MAX_CODES):
        sessions.new_code(KIM)
    assert sessions.redeem(code) is None


def test_a_code_grows_old() -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    code = sessions.new_code(KIM)
    now[0] = CODE_LIFETIME_S
    assert sessions.redeem(code) is None
    fresh = sessions.new_code(KIM)
    assert fresh not in repr(vars(sessions))
    assert sessions.redeem(fresh) == KIM
    assert sessions.redeem(fresh) is None


# The pace of commands


def test_a_caller_gone_wild_is_slowed_but_may_always_stop() -> None:
    with serving(VIEW, entry=Entry(pace=Pace(burst=3, per_s=0.01))) as center:
        with center.client(Role.OPERATOR) as client:

            def send(action: str, n: int) -> httpx.Response:
                key = {"Idempotency-Key": f"{action} {n}"}
                return client.post(f"/api/v1/{action}", json=COMMAND, headers=key)

            codes = [send("release", n).status_code for n in range(5)]
            assert codes == [200, 200, 200, 429, 429]
            limited = send("override", 9)
            assert limited.json()["type"].endswith("too-many-commands")
            assert int(limited.headers["Retry-After"]) >= 1
            assert [send("emergency-stop", n).status_code for n in range(9)] == [200] * 9
            assert client.get("/api/v1/plant").status_code == 200
        with center.client(Role.ADMIN) as other:
            key = {"Idempotency-Key": "a"}
            assert other.post("/api/v1/release", json=COMMAND, headers=key).status_code == 200


def test_the_pace_comes_back_with_time_and_callers_are_bounded() -> None:
    now = [0.0]
    pace = Pace(burst=2, per_s=0.5, now_s=lambda: now[0])
    pace.take("a")
    pace.take("a")
    assert code_of(lambda: pace.take("a")) == 429
    now[0] = 2.0
    pace.take("a")
    assert code_of(lambda: pace.take("a")) == 429
    now[0] = 1000.0
    for _ in range(2):
        pace.take("a")
    assert code_of(lambda: pace.take("a")) == 429
    for number in range(MAX_CALLERS + 5):
        pace.take(f"x{number}")
    assert len(pace._left) == MAX_CALLERS
