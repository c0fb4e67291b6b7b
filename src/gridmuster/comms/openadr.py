"""Speaks OpenADR 3.0 with a VTN over HTTP: token, programs, events, reports."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import httpx

from gridmuster.clock import monotonic_s
from gridmuster.errors import LinkError
from gridmuster.fleet.programs import OpenAdr

TIMEOUT_S: Final = 15.0
#: Objects asked for at a time; the most that a VTN gives (OpenADR 3.0, parameter limit).
PAGE: Final = 50
#: Pages after which a VTN is not asked further.
MOST_PAGES: Final = 20
#: Part of a token's life after which a new one is fetched.
RENEW_FRACTION: Final = 0.8


@dataclass(slots=True)
class Token:
    """A bearer token and when it is to be renewed, s of monotonic time; None: never."""

    text: str
    renew_s: float | None = None


class Vtn:
    """A VTN as its client sees it; an async context manager.

    Args:
        program: where it is and how to get in.
        environment: holds the secret that the program names.

    Raises:
        LinkError: when the address is none or the secret is not there.
    """

    def __init__(self, program: OpenAdr, environment: Mapping[str, str] | None = None) -> None:
        known = os.environ if environment is None else environment
        secret = known.get(program.secret_env, "") if program.secret_env else ""
        if program.secret_env and not secret:
            raise LinkError(f"program {program.id}: {program.secret_env} is not set")
        if not program.vtn_url.startswith(("http://", "https://")):
            raise LinkError(f"program {program.id}: {program.vtn_url!r} is no http address")
        self._program, self._secret = program, secret
        self._base = program.vtn_url.rstrip("/")
        self._http = httpx.AsyncClient(timeout=TIMEOUT_S)
        self._token = Token(secret) if secret and not program.client_id else None

    async def __aenter__(self) -> Self:
        """Nothing to open."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def events(self) -> list[Any]:
        """All events of the program's programme, as JSON that is read.

        Raises:
            LinkError: when the VTN does not answer or will not.
        """
        name = self._program.vtn_program
        if not name:
            return await self._all("/events", {})
        named = [p for p in await self._all("/programs", {}) if p.get("programName") == name]
        if not named:
            raise LinkError(f"the VTN has no programme {name!r}")
        return await self._all("/events", {"programID": str(named[0].get("id", ""))})

    async def report(self, document: Mapping[str, Any], known_id: str = "") -> str:
        """Send a report, in place of an earlier one when its id is given.

        Args:
            document: the report.
            known_id: id of the report whose place it takes; empty: it is new.

        Returns:
            The report's id at the VTN.

        Raises:
            LinkError: when the VTN does not answer or will not.
        """
        if known_id:
            found = await self._send("PUT", f"/reports/{known_id}", json=document)
        else:
            found = await self._send("POST", "/reports", json=document)
        return str(found.get("id", known_id)) if isinstance(found, dict) else known_id

    async def _all(self, path: str, query: Mapping[str, str]) -> list[Any]:
        found: list[Any] = []
        for page in range(MOST_PAGES):
            asked = {**query, "skip": str(page * PAGE), "limit": str(PAGE)}
            part = await self._send("GET", path, params=asked)
            if not isinstance(part, list):
                raise LinkError(f"{self._base}{path} answers no list")
            found += part
            if len(part) < PAGE:
                return found
        raise LinkError(f"{self._base}{path} has more than {MOST_PAGES * PAGE} entries")

    async def _send(self, method: str, path: str, **more: Any) -> Any:
        for last in (False, True):
            token = await self._bearer()
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            answer = await self._ask(method, f"{self._base}{path}", headers=headers, **more)
            if answer.status_code == 401 and self._program.client_id and not last:
                self._token = None
                continue
            return _read(answer)
        raise AssertionError("the second try is the last")

    async def _bearer(self) -> str:
        token, program = self._token, self._program
        if token is not None and (token.renew_s is None or monotonic_s() < token.renew_s):
            return token.text
        if not program.client_id:
            return ""
        form = {
            "grant_type": "client_credentials",
            "client_id": program.client_id,
            "client_secret": self._secret,
        }
        if program.scope:
            form["scope"] = program.scope
        url = program.token_url or f"{self._base}/auth/token"
        found = _read(await self._ask("POST", url, data=form))
        if not isinstance(found, dict) or not isinstance(found.get("access_token"), str):
            raise LinkError(f"{url} gives no access_token")
        life_s = found.get("expires_in")
        renew_s = None
        if isinstance(life_s, int | float):
            renew_s = monotonic_s() + RENEW_FRACTION * float(life_s)
        self._token = Token(found["access_token"], renew_s)
        return self._token.text

    async def _ask(self, method: str, url: str, **more: Any) -> httpx.Response:
        try:
            return await self._http.request(method, url, **more)
        except httpx.HTTPError as error:
            raise LinkError(f"{url}: {error or type(error).__name__}") from error


def _read(answer: httpx.Response) -> Any:
    if answer.status_code >= 400:
        detail = answer.text[:200].replace("\n", " ")
        raise LinkError(f"{answer.request.url} answers {answer.status_code}: {detail}")
    try:
        return answer.json()
    except ValueError as error:
        raise LinkError(f"{answer.request.url} answers no JSON") from error
