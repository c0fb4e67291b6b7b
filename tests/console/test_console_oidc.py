"""Signing in with the company's account, against a provider that speaks real HTTP."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest
import yaml
from joserfc.jwk import RSAKey
from oidc_provider import CLIENT, SECRET, Provider, providing
from plant_serving import DEADLINE_S, Center, serving
from plant_views import plant

from gridmuster.console.doors import Entry
from gridmuster.console.oidc import KEYS_EVERY_S, PENDING_S, Oidc
from gridmuster.console.oidc_settings import OidcSettings, load_oidc
from gridmuster.console.sessions import CSRF_HEADER
from gridmuster.errors import FleetError

VIEW = plant(4)
PATH = "/api/v1/session/oidc"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providing() as running:
        yield running


def write(folder: Path, issuer: str, port: int = 8420, **changes: Any) -> Path:
    secret = folder / "oidc.secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    document = {
        "issuer": issuer,
        "client_id": CLIENT,
        "client_secret_file": "oidc.secret",
        "redirect_url": f"http://127.0.0.1:{port}{PATH}/callback",
        "name": "Example account",
        "role_claim": "realm_access.roles",
        "roles": {
            "viewer": ["staff"],
            "operator": ["plant-operators"],
            "admin": ["plant-admins"],
        },
        **changes,
    }
    path = folder / "oidc.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as line:
        port: int = line.getsockname()[1]
        return port


class Clocked:
    """A served center with the company's sign-in and a clock that the test moves."""

    def __init__(self, settings: OidcSettings, port: int) -> None:
        self.now_s = 0.0
        self.oidc = Oidc(settings, now_s=lambda: self.now_s)
        self._serving = serving(VIEW, port=port, entry=Entry(oidc=self.oidc))

    def __enter__(self) -> Center:
        return self._serving.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._serving.__exit__(*error)


@pytest.fixture
def clocked(provider: Provider, tmp_path: Path) -> Clocked:
    port = free_port()
    return Clocked(load_oidc(write(tmp_path, provider.issuer, port)), port)


def walk(center: Center, client: httpx.Client) -> httpx.Response:
    """Go the whole way as a browser does, up to the page; its address tells how it ended."""
    answer = client.get(PATH)
    while urlsplit(answer.headers.get("Location", "")).path in ("/authorize", f"{PATH}/callback"):
        answer = client.get(answer.headers["Location"])
    return answer


def fault(answer: httpx.Response) -> str:
    """Why a sign-in came to nothing, as the page shows it."""
    assert answer.status_code == 303
    head, _, text = answer.headers["Location"].partition("#fault=")
    assert head == "/"
    assert text, "it signed in"
    return unquote(text)


def browser(center: Center) -> httpx.Client:
    return httpx.Client(base_url=center.url, timeout=DEADLINE_S)


def test_a_person_signs_in_with_the_role_of_their_claim(
    provider: Provider, clocked: Clocked
) -> None:
    with clocked as center, browser(center) as client:
        assert client.get("/api/v1/session/ways").json() == {
            "oidc": "Example account",
            "signed_in": False,
        }
        done = walk(center, client)
        assert (done.status_code, done.headers["Location"]) == (303, "/")
        session = client.get("/api/v1/session").json()
        assert (session["name"], session["role"]) == ("oidc:kim", "operator")
        command = {"scope": "device", "target": VIEW.devices[0].id}
        headers = {"Idempotency-Key": "k", CSRF_HEADER: session["csrf"]}
        assert client.post("/api/v1/release", json=command, headers=headers).status_code == 200
        assert center.board.requests[-1].actor == "oidc:kim"
        assert client.post("/api/v1/reset", json=command, headers=headers).status_code == 403
        (asked,) = provider.asked
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        (redeemed,) = provider.redeemed
        assert len(redeemed["code_verifier"]) >= 43
        assert "client_secret" not in redeemed


def test_cookies_of_the_way_are_short_and_out_of_reach(clocked: Clocked) -> None:
    with clocked as center, browser(center) as client:
        begun = client.get(PATH)
        flags = begun.headers["Set-Cookie"].lower()
        assert "httponly" in flags and "samesite=lax" in flags and f"path={PATH}" in flags
        assert "max-age=600" in flags
        done = walk(center, client)
        session, pending = done.headers.get_list("set-cookie")
        assert "samesite=strict" in session.lower() and "httponly" in session.lower()
        assert "max-age=0" in pending.lower()


@pytest.mark.parametrize(
    ("roles", "role"),
    [
        (["staff"], "viewer"),
        ("plant-operators", "operator"),
        (["plant-admins", "staff"], "admin"),
    ],
)
def test_the_highest_role_counts(
    provider: Provider, clocked: Clocked, roles: Any, role: str
) -> None:
    provider.person["realm_access"] = {"roles": roles}
    with clocked as center, browser(center) as client:
        walk(center, client)
        assert client.get("/api/v1/session").json()["role"] == role


@pytest.mark.parametrize("roles", [[], ["guests"], None, 7, [["plant-admins"]], {"a": 1}])
def test_nobody_without_a_role_comes_in(provider: Provider, clocked: Clocked, roles: Any) -> None:
    provider.person["realm_access"] = {"roles": roles}
    provider.userinfo = {"sub": "4711"}
    with clocked as center, browser(center) as client:
        assert "kim has no role here" in fault(walk(center, client))
        assert client.get("/api/v1/session").status_code == 401


def test_claims_that_the_token_lacks_are_asked_for(provider: Provider, clocked: Clocked) -> None:
    provider.userinfo = {"sub": "4711", "realm_access": provider.person.pop("realm_access")}
    with clocked as center, browser(center) as client:
        walk(center, client)
        assert client.get("/api/v1/session").json()["role"] == "operator"
        provider.userinfo["sub"] = "another"
        assert "another person" in fault(walk(center, client))


TAMPERED: dict[str, Callable[[dict[str, Any]], None]] = {
    "nonce": lambda claims: claims.update(nonce="another"),
    "no nonce": lambda claims: claims.pop("nonce"),
    "issuer": lambda claims: claims.update(iss="https://evil.example"),
    "audience": lambda claims: claims.update(aud="another"),
    "audiences without azp": lambda claims: claims.update(aud=[CLIENT, "another"]),
    "authorized party": lambda claims: claims.update(azp="another"),
    "expired": lambda claims: claims.update(exp=claims["exp"] - 1000, iat=claims["iat"] - 1000),
    "no expiry": lambda claims: claims.pop("exp"),
    "from the future": lambda claims: claims.update(nbf=claims["exp"] + 1000),
    "no subject": lambda claims: claims.pop("sub"),
    "no name": lambda claims: claims.update(preferred_username=""),
    "a name with a line break": lambda claims: claims.update(preferred_username="kim\nadmin"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_word_that_is_not_for_this_sign_in_is_refused(
    provider: Provider, clocked: Clocked, what: str
) -> None:
    provider.tamper = TAMPERED[what]
    with clocked as center, browser(center) as client:
        assert fault(walk(center, client))
        assert client.get("/api/v1/session").status_code == 401


@pytest.mark.parametrize("how", ["unsigned", "forged_with_secret", "strangers_key", "junk"])
def test_signatures_of_others_are_refused(provider: Provider, clocked: Clocked, how: str) -> None:
    if how == "strangers_key":
        provider.key = RSAKey.generate_key(2048, {"kid": "first"})
    elif how == "junk":
        provider.sign = lambda claims: "not.a.token"
    else:
        provider.sign = getattr(provider, how)
    with clocked as center, browser(center) as client:
        assert "does not hold" in fault(walk(center, client))
        assert client.get("/api/v1/session").status_code == 401


def test_new_keys_of_the_provider_are_learnt(provider: Provider, clocked: Clocked) -> None:
    with clocked as center:
        with browser(center) as client:
            assert walk(center, client).headers["Location"] == "/"
        provider.key = RSAKey.generate_key(2048, {"kid": "second", "use": "sig"})
        provider.published = [provider.key]
        clocked.now_s += KEYS_EVERY_S
        with browser(center) as client:
            assert walk(center, client).headers["Location"] == "/"
        assert provider.requests.count("/keys") == 2


def test_a_sign_in_belongs_to_the_browser_that_began_it(
    provider: Provider, clocked: Clocked
) -> None:
    with clocked as center, browser(center) as attacker, browser(center) as victim:
        begun = attacker.get(PATH)
        callback = httpx.get(begun.headers["Location"]).headers["Location"]
        assert "another browser" in fault(victim.get(callback))
        assert victim.get("/api/v1/session").status_code == 401
        # It is used up: the attacker cannot end it either.
        assert "not known here" in fault(attacker.get(callback))


def test_a_callback_counts_once_and_not_for_ever(provider: Provider, clocked: Clocked) -> None:
    with clocked as center, browser(center) as client:
        callback = httpx.get(client.get(PATH).headers["Location"]).headers["Location"]
        assert client.get(callback).headers["Location"] == "/"
        assert "not known here" in fault(client.get(callback))
        callback = httpx.get(client.get(PATH).headers["Location"]).headers["Location"]
        clocked.now_s += PENDING_S
        assert "took too long" in fault(client.get(callback))
        assert "not known here" in fault(client.get(f"{PATH}/callback?state=x&code=y"))
        assert "not known here" in fault(client.get(f"{PATH}/callback"))


def test_an_answer_of_another_provider_is_refused(provider: Provider, clocked: Clocked) -> None:
    with clocked as center, browser(center) as client:
        callback = httpx.get(client.get(PATH).headers["Location"]).headers["Location"]
        parts = urlsplit(callback)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        query["iss"] = "https://evil.example"
        answer = client.get(f"{PATH}/callback", params=query)
        assert "another provider" in fault(answer)


def test_the_providers_no_is_told(provider: Provider, clocked: Clocked) -> None:
    provider.refuse = "access_denied"
    with clocked as center, browser(center) as client:
        assert "access_denied" in fault(walk(center, client))


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"issuer": "https://evil.example"}, "another name"),
        ({"token_endpoint": "http://evil.example/token"}, "plain text"),
        ({"jwks_uri": ""}, "is not an address"),
    ],
)
def test_a_provider_that_is_not_the_one_configured_is_refused(
    provider: Provider, clocked: Clocked, metadata: dict[str, str], said: str
) -> None:
    provider.metadata = metadata
    with clocked as center, browser(center) as client:
        assert said in fault(client.get(PATH))
        assert provider.asked == []


def test_a_provider_that_is_away_is_told(tmp_path: Path) -> None:
    port = free_port()
    settings = load_oidc(write(tmp_path, f"http://127.0.0.1:{free_port()}", port))
    with Clocked(settings, port) as center, browser(center) as client:
        assert "does not answer" in fault(client.get(PATH))


@pytest.mark.parametrize("method", ["client_secret_post", "public"])
def test_other_ways_to_prove_the_client(provider: Provider, tmp_path: Path, method: str) -> None:
    port = free_port()
    settings = load_oidc(write(tmp_path, provider.issuer, port))
    provider.metadata = {"token_endpoint_auth_methods_supported": [method]}
    if method == "public":
        settings = replace(settings, secret="")
    with Clocked(settings, port) as center, browser(center) as client:
        assert walk(center, client).headers["Location"] == "/"
        assert provider.redeemed[0].get("client_secret", "") == settings.secret


# The settings


def test_every_fault_of_the_settings_is_told(tmp_path: Path) -> None:
    wrong = {
        "issuer": "http://login.example",
        "client_id": "",
        "redirect_url": "x",
        "roles": {"king": ["a"]},
        "color": "red",
    }
    path = write(tmp_path, "https://login.example")
    path.write_text(yaml.safe_dump(wrong))
    with pytest.raises(FleetError) as error:
        load_oidc(path)
    places = {fault.path for fault in error.value.faults}
    assert places == {"issuer", "client_id", "redirect_url", "roles.king", "color"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"redirect_url": "https://plant.example/"}, "redirect_url must end in"),
        ({"scopes": ["profile"]}, "openid"),
        ({"roles": {}}, "let nobody in"),
        ({"client_secret_file": "none"}, "client_secret_file"),
        ({"ca": "none.pem"}, "is no file"),
    ],
)
def test_settings_that_cannot_work_are_told(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(FleetError, match=said):
        load_oidc(write(tmp_path, "https://login.example", **changes))
