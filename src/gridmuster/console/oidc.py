"""Signing in with the company's account: OpenID Connect's code flow with PKCE.

The steps are those of OpenID Connect Core 1.0 section 3.1 with RFC 7636 (PKCE) and, where the
provider does it, RFC 9207 (issuer in the answer). Signatures are joserfc's; the flow itself is
three requests, made with the HTTP client that the program uses anyway.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import ssl
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

import httpx

from gridmuster.clock import monotonic_s, wall_clock
from gridmuster.console.auth import Caller, Role
from gridmuster.console.oidc_settings import OidcSettings
from gridmuster.console.settings import safe_url
from gridmuster.errors import Fault, FleetError, GridmusterError
from gridmuster.units import MS_PER_S

#: Signatures that are taken; never "none", never one made with a shared secret.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384")
#: A person has so long for signing in at the provider, s.
PENDING_S: Final = 600.0
#: Sign-ins under way at once; the oldest is dropped.
MAX_PENDING: Final = 1024
#: How far the provider's clock may be off, s.
LEEWAY_S: Final = 60
#: What the provider says of itself is asked for again after, s.
METADATA_S: Final = 3600.0
#: Its keys are asked for at most so often for a signature of an unknown key, s.
KEYS_EVERY_S: Final = 10.0
TIMEOUT_S: Final = 10.0
#: Longest name taken from a claim.
MAX_NAME: Final = 80


class OidcError(GridmusterError):
    """A sign-in at the provider came to nothing; says why in words for the person."""


@dataclass(frozen=True, slots=True)
class Started:
    """A sign-in under way: where to send the browser, and the secret its cookie keeps meanwhile."""

    url: str
    secret: str


@dataclass(frozen=True, slots=True)
class _Pending:
    secret: bytes
    nonce: str
    verifier: str
    until_s: float


class Oidc:
    """The company's own sign-in.

    Args:
        settings: the checked settings.
        now_ms: the time of day, ms since the epoch.
        now_s: reading of a monotonic clock, s.

    Raises:
        FleetError: when the library for signatures is not installed, or the certificate is none.
    """

    def __init__(
        self,
        settings: OidcSettings,
        now_ms: Callable[[], int] | None = None,
        now_s: Callable[[], float] = monotonic_s,
    ) -> None:
        try:
            import joserfc  # noqa: F401
        except ImportError as error:
            fault = Fault(
                "--oidc", "", "joserfc", "is not installed", "pip install gridmuster[oidc]"
            )
            raise FleetError([fault]) from error
        verify: ssl.SSLContext | bool = True
        if settings.ca is not None:
            try:
                verify = ssl.create_default_context(cafile=str(settings.ca))
            except (OSError, ssl.SSLError) as error:
                fault = Fault("--oidc", "ca", str(settings.ca), str(error), "a PEM certificate")
                raise FleetError([fault]) from error
        self._settings = settings
        self._file = settings.file
        self._verify = verify
        self._now_ms = wall_clock().now_ms if now_ms is None else now_ms
        self._now_s = now_s
        self._pending: OrderedDict[str, _Pending] = OrderedDict()
        self._metadata: dict[str, Any] = {}
        self._metadata_until_s = 0.0
        self._keys: dict[str, Any] = {}
        self._keys_at_s = float("-inf")

    @property
    def name(self) -> str:
        """What the page calls this way to sign in."""
        return self._file.name

    async def start(self) -> Started:
        """Begin a sign-in.

        Raises:
            OidcError: when the provider does not answer, or is another.
        """
        metadata = await self._provider()
        state, nonce, secret, verifier = (secrets.token_urlsafe(32) for _ in range(4))
        now_s = self._now_s()
        self._pending[state] = _Pending(_digest(secret), nonce, verifier, now_s + PENDING_S)
        while len(self._pending) > MAX_PENDING:
            self._pending.popitem(last=False)
        challenge = base64.urlsafe_b64encode(_digest(verifier)).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self._file.client_id,
            "redirect_uri": self._file.redirect_url,
            "scope": " ".join(self._file.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        address = str(metadata["authorization_endpoint"])
        return Started(f"{address}{'&' if '?' in address else '?'}{urlencode(query)}", secret)

    async def finish(self, answer: Mapping[str, str], secret: str) -> Caller:
        """End a sign-in with what the provider sent the browser back with.

        Args:
            answer: the query of the callback.
            secret: what the browser's cookie kept.

        Raises:
            OidcError: when it is not a sign-in of this browser, or the person has no role.
        """
        pending = self._pending.pop(answer.get("state", ""), None)
        if pending is None or self._now_s() >= pending.until_s:
            raise OidcError("This sign-in is not known here or took too long; begin again.")
        if not hmac.compare_digest(pending.secret, _digest(secret)):
            raise OidcError("This sign-in was begun in another browser; begin again here.")
        if "error" in answer:
            why = answer.get("error_description") or answer["error"]
            raise OidcError(f"The provider refused: {why[:200]}")
        metadata = await self._provider()
        issuer = answer.get("iss")
        if issuer is not None and issuer != self._file.issuer:
            raise OidcError("The answer is from another provider; nothing was done.")
        tokens = await self._redeem(metadata, answer.get("code", ""), pending.verifier)
        claims = await self._checked(metadata, str(tokens.get("id_token", "")), pending.nonce)
        claims = await self._more(metadata, claims, str(tokens.get("access_token", "")))
        return self._caller(claims)

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        name = _claim(claims, self._file.name_claim)
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise OidcError(f"The provider tells no name in {self._file.name_claim!r}.")
        values = _claim(claims, self._file.role_claim)
        given = [values] if isinstance(values, str) else values if isinstance(values, list) else []
        roles = [self._settings.roles.get(value) for value in given if isinstance(value, str)]
        role: Role | None = max((found for found in roles if found is not None), default=None)
        if role is None:
            raise OidcError(
                f"{name[:MAX_NAME]} has no role here: {self._file.role_claim!r} names none that "
                "this center knows. Ask its admin."
            )
        # Marked, so that nobody at the provider can bear the name of one of the center's tokens.
        return Caller(f"oidc:{name[:MAX_NAME]}", role)

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(verify=self._verify, timeout=TIMEOUT_S, follow_redirects=False)

    async def _document(self, url: str, **options: Any) -> dict[str, Any]:
        """A JSON object that the provider gives.

        Raises:
            OidcError: when it gives none.
        """
        try:
            async with self._client() as client:
                response = await client.get(url, **options)
            found = response.json() if response.status_code == 200 else None
        except (httpx.HTTPError, ValueError) as error:
            raise OidcError(f"The provider does not answer ({type(error).__name__}).") from error
        if not isinstance(found, dict):
            raise OidcError(f"The provider answers with status {response.status_code}.")
        return found

    async def _provider(self) -> dict[str, Any]:
        """What the provider says of itself (OpenID Connect Discovery 1.0 section 4)."""
        if self._metadata and self._now_s() < self._metadata_until_s:
            return self._metadata
        base = self._file.issuer.rstrip("/")
        found = await self._document(f"{base}/.well-known/openid-configuration")
        if found.get("issuer") != self._file.issuer:
            raise OidcError("The provider calls itself by another name than the center was told.")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            try:
                safe_url(str(found.get(name, "")))
            except ValueError as error:
                raise OidcError(f"The provider's {name} {error}.") from error
        self._metadata, self._metadata_until_s = found, self._now_s() + METADATA_S
        return found

    async def _redeem(self, metadata: dict[str, Any], code: str, verifier: str) -> dict[str, Any]:
        """Get the tokens for a code (OpenID Connect Core 1.0 section 3.1.3)."""
        file, secret = self._file, self._settings.secret
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": file.redirect_url,
            "code_verifier": verifier,
        }
        methods = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        auth: httpx.Auth = httpx.Auth()
        if secret and "client_secret_basic" in methods:
            auth = httpx.BasicAuth(quote(file.client_id, safe=""), quote(secret, safe=""))
        elif secret:
            form |= {"client_id": file.client_id, "client_secret": secret}
        else:
            form["client_id"] = file.client_id
        try:
            async with self._client() as client:
                response = await client.post(str(metadata["token_endpoint"]), data=form, auth=auth)
            found = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise OidcError(f"The provider does not answer ({type(error).__name__}).") from error
        if response.status_code != 200 or not isinstance(found, dict):
            why = found.get("error", "") if isinstance(found, dict) else ""
            raise OidcError(f"The provider did not take the code ({str(why)[:80]}).")
        return found

    async def _checked(self, metadata: dict[str, Any], token: str, nonce: str) -> dict[str, Any]:
        """The claims of an ID token whose signature and meaning hold (section 3.1.3.7)."""
        from joserfc import jwt
        from joserfc.errors import JoseError

        try:
            try:
                decoded = jwt.decode(token, await self._key_set(metadata), list(ALGORITHMS))
            except (JoseError, ValueError):
                # The provider may have changed its keys since.
                keys = await self._key_set(metadata, fresh=True)
                decoded = jwt.decode(token, keys, list(ALGORITHMS))
            registry = jwt.JWTClaimsRegistry(
                now=self._now_ms() // MS_PER_S,
                leeway=LEEWAY_S,
                iss={"essential": True, "value": self._file.issuer},
                aud={"essential": True, "value": self._file.client_id},
                exp={"essential": True},
                iat={"essential": True},
                sub={"essential": True},
            )
            registry.validate(decoded.claims)
        except (JoseError, ValueError) as error:
            raise OidcError(f"The provider's word does not hold: {error}.") from error
        claims: dict[str, Any] = dict(decoded.claims)
        audience = claims["aud"]
        several = isinstance(audience, list) and len(audience) > 1
        if (several or "azp" in claims) and claims.get("azp") != self._file.client_id:
            raise OidcError("The provider's word is for another program.")
        said = claims.get("nonce")
        if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
            raise OidcError("The provider's word is for another sign-in; begin again.")
        return claims

    async def _key_set(self, metadata: dict[str, Any], fresh: bool = False) -> Any:
        from joserfc.jwk import KeySet

        now_s = self._now_s()
        if not self._keys or (fresh and now_s - self._keys_at_s >= KEYS_EVERY_S):
            self._keys = await self._document(str(metadata["jwks_uri"]))
            self._keys_at_s = now_s
        keys = [key for key in self._keys.get("keys", []) if isinstance(key, dict)]
        signing = [
            key for key in keys if key.get("use", "sig") == "sig" and key.get("kty") != "oct"
        ]
        return KeySet.import_key_set({"keys": signing})

    async def _more(
        self, metadata: dict[str, Any], claims: dict[str, Any], access: str
    ) -> dict[str, Any]:
        """Claims that the provider tells only when asked (section 5.3)."""
        wanted = (self._file.name_claim, self._file.role_claim)
        endpoint = metadata.get("userinfo_endpoint")
        if not access or not endpoint or all(_claim(claims, name) is not None for name in wanted):
            return claims
        try:
            url = safe_url(str(endpoint))
        except ValueError as error:
            raise OidcError(f"The provider's userinfo_endpoint {error}.") from error
        told = await self._document(url, headers={"Authorization": f"Bearer {access}"})
        if told.get("sub") != claims["sub"]:
            raise OidcError("The provider tells of another person; nothing was done.")
        return {**told, **claims}


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    """A claim by its name, or by its path with dots through objects; None when it is not there."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found
