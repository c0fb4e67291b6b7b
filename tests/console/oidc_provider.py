"""A small OpenID provider on a real socket: it does its half right, or wrong as a test asks."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from gridmuster.clock import wall_clock

CLIENT = "gridmuster"
SECRET = "between us: plant & provider"


#: Making one takes time; which it is does not matter to any test.
FIRST = RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"})


class Provider:
    """What the provider knows and how it behaves."""

    def __init__(self) -> None:
        self.key = FIRST
        self.published = [self.key]
        self.person: dict[str, Any] = {
            "sub": "4711",
            "preferred_username": "kim",
            "realm_access": {"roles": ["staff", "plant-operators"]},
        }
        self.userinfo: dict[str, Any] = {}
        self.asked: list[dict[str, str]] = []
        self.redeemed: list[dict[str, str]] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.refuse = ""
        self.metadata: dict[str, Any] = {}
        self.tamper: Callable[[dict[str, Any]], None] = lambda claims: None
        self.sign: Callable[[dict[str, Any]], str] = self.signed
        self.requests: list[str] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.get(self)

            def do_POST(self) -> None:
                provider.post(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_address[1]}"

    def signed(self, claims: dict[str, Any]) -> str:
        """An ID token as it should be."""
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def forged_with_secret(self, claims: dict[str, Any]) -> str:
        """One signed with the client's secret instead of the provider's key."""
        return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))

    def unsigned(self, claims: dict[str, Any]) -> str:
        """One that nobody signed."""

        def part(value: Any) -> str:
            return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

        return f"{part({'alg': 'none'})}.{part(claims)}."

    def get(self, handler: BaseHTTPRequestHandler) -> None:
        address = urlsplit(handler.path)
        self.requests.append(address.path)
        if address.path == "/.well-known/openid-configuration":
            answer(handler, 200, self._metadata())
        elif address.path == "/keys":
            answer(handler, 200, {"keys": [key.as_dict(private=False) for key in self.published]})
        elif address.path == "/authorize":
            query = {name: values[0] for name, values in parse_qs(address.query).items()}
            self.asked.append(query)
            redirect(handler, f"{query['redirect_uri']}?{urlencode(self._grant(query))}")
        elif address.path == "/me":
            answer(handler, 200, self.userinfo)
        else:
            answer(handler, 404, {})

    def post(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self.redeemed.append(form)
        asked = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        scheme, _, login = handler.headers.get("Authorization", "").partition(" ")
        expected = f"{quote(CLIENT, safe='')}:{quote(SECRET, safe='')}"
        known = scheme == "Basic" and base64.b64decode(login).decode() == expected
        if form.get("client_id") == CLIENT:
            known = unquote(form.get("client_secret", "")) in ("", SECRET)
        if (
            asked is None
            or not known
            or challenge != asked["code_challenge"]
            or form.get("redirect_uri") != asked["redirect_uri"]
        ):
            answer(handler, 400, {"error": "invalid_grant"})
            return
        token = self.sign(self._claims(asked))
        answer(handler, 200, {"id_token": token, "access_token": "a", "token_type": "Bearer"})

    def _metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/me",
            **self.metadata,
        }

    def _grant(self, query: dict[str, str]) -> dict[str, str]:
        if self.refuse:
            return {"state": query["state"], "error": self.refuse}
        code = secrets.token_urlsafe(12)
        self.codes[code] = query
        return {"state": query["state"], "code": code, "iss": self.issuer}

    def _claims(self, asked: dict[str, str]) -> dict[str, Any]:
        now = wall_clock().now_ms() // 1000
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **self.person,
        }
        self.tamper(claims)
        return claims


def answer(handler: BaseHTTPRequestHandler, status: int, document: Any) -> None:
    body = json.dumps(document).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def redirect(handler: BaseHTTPRequestHandler, url: str) -> None:
    handler.send_response(302)
    handler.send_header("Location", url)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


@contextmanager
def providing() -> Iterator[Provider]:
    """A provider for the length of a with statement."""
    made = Provider()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join(20)
