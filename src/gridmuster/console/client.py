"""The API from the other side: reads, commands, and the stream with its reconnects."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx
import msgspec
from msgspec import Struct

from gridmuster.center.view import PlantView, Submitted
from gridmuster.console.documents import PROBLEM_MEDIA_TYPE, ProblemDocument
from gridmuster.console.loopback import is_loopback
from gridmuster.console.messages import HEARTBEAT_S
from gridmuster.console.picture import Picture
from gridmuster.errors import LinkError
from gridmuster.signals import Action

TIMEOUT_S: Final = 10.0
#: A command may take as long as the center lets it, and a little more.
COMMAND_TIMEOUT_S: Final = 35.0
#: Times a command is repeated under its key when the line breaks.
COMMAND_TRIES: Final = 3
#: Without any word for so long the stream is taken for dead, s.
SILENCE_S: Final = 2.5 * HEARTBEAT_S
#: Shortest time between two editions that are asked for, s.
EVERY_S: Final = 0.2
FIRST_RETRY_S: Final = 0.25
LAST_RETRY_S: Final = 5.0
#: Statuses that another attempt may cure.
PASSING: Final = frozenset({429, 502, 503, 504})

T = TypeVar("T", bound=Struct)
Trouble = Callable[[str], None]


def open_options(url: str, token: str, ca: Path | None) -> dict[str, Any]:
    """What httpx needs to reach a center.

    Args:
        url: the center's address.
        token: who asks.
        ca: certificate (PEM) to trust besides the system's; None: only those.

    Raises:
        LinkError: for an address that is none, or that would carry the token in plain text, or
            an unreadable certificate.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise LinkError(f"{url!r} is not an address: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise LinkError(f"{url!r} is not an address; write it like http://127.0.0.1:8420")
    local = is_loopback(parsed.host)
    if parsed.scheme == "http" and not local:
        raise LinkError(f"{url} would carry the token in plain text; use https://")
    verify: ssl.SSLContext | bool = True
    if ca is not None:
        try:
            verify = ssl.create_default_context(cafile=str(ca))
        except OSError as error:
            raise LinkError(f"the certificate {ca} cannot be read: {error}") from error
    return {
        "base_url": parsed,
        "headers": {"Authorization": f"Bearer {token}"},
        "verify": verify,
        "trust_env": not local,
    }


class ApiClient:
    """Asks and commands a center; a context manager.

    What the center refuses comes back as its problem document; an error is raised only when no
    center answers.

    Args:
        url: the center's address.
        token: who asks.
        ca: certificate to trust besides the system's.
    """

    def __init__(self, url: str, token: str, ca: Path | None = None) -> None:
        self._url = url
        self._http = httpx.Client(**open_options(url, token, ca), timeout=TIMEOUT_S)

    def __enter__(self) -> Self:
        """Nothing to open."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self._http.close()

    def read(self, path: str, kind: type[T], **params: Any) -> T | ProblemDocument:
        """A document.

        Args:
            path: below ``/api/v1/``.
            kind: the document's type.
            params: the query.

        Raises:
            LinkError: when no center answers.
        """
        return _decode(self._send("GET", path, params=params), kind, self._url)

    def weigh(
        self, body: dict[str, Any], kind: type[T], path: str = "preview"
    ) -> T | ProblemDocument:
        """What a command would do.

        Args:
            body: as `PreviewCommand` has it.
            kind: type of the answer.
            path: where it is weighed, below ``/api/v1/``.

        Raises:
            LinkError: when no center answers.
        """
        return _decode(self._send("POST", path, json=body), kind, self._url)

    def ask(self, path: str, kind: type[T]) -> T | ProblemDocument:
        """What the center makes for the caller, like a code to sign in with.

        Args:
            path: below ``/api/v1/``.
            kind: type of the answer.

        Raises:
            LinkError: when no center answers.
        """
        return _decode(self._send("POST", path), kind, self._url)

    def give(
        self, action: Action, body: dict[str, Any], path: str = ""
    ) -> Submitted | ProblemDocument:
        """Give a command once, repeating it under its key when the line breaks.

        Args:
            action: what is asked for.
            body: for whom, and why.
            path: where it is taken, below ``/api/v1/``; empty: at the action's own name.

        Raises:
            LinkError: when no center answers; the command may have been carried out.
        """
        key = secrets.token_hex(16)
        path = path or action.value.replace("_", "-")
        for attempt in range(1, COMMAND_TRIES + 1):
            try:
                response = self._send(
                    "POST",
                    path,
                    json=body,
                    headers={"Idempotency-Key": key},
                    timeout=COMMAND_TIMEOUT_S,
                )
            except LinkError as error:
                if attempt == COMMAND_TRIES:
                    raise LinkError(
                        f"{error} (tried {attempt} times; the audit log says if it was done)"
                    ) from error
                continue
            return _decode(response, Submitted, self._url)
        raise LinkError(f"no attempt was made to reach {self._url}")

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._http.request(method, f"/api/v1/{path}", **options)
        except httpx.HTTPError as error:
            raise LinkError(_not_there(self._url, error)) from error


def _not_there(url: str, error: Exception) -> str:
    if isinstance(error, httpx.ConnectError):
        return (
            f"no center answers at {url} ({error}); start one with 'gridmuster demo', or name "
            "another address with --url"
        )
    return f"the line to {url} broke: {type(error).__name__} {error}".rstrip()


def problem_of(response: httpx.Response, url: str) -> ProblemDocument:
    """The problem an answer tells.

    Raises:
        LinkError: when the answer is not a center's.
    """
    kind = response.headers.get("content-type", "").partition(";")[0]
    if kind == PROBLEM_MEDIA_TYPE:
        with suppress(msgspec.DecodeError):
            return msgspec.json.decode(response.content, type=ProblemDocument)
    raise LinkError(
        f"what answers at {url} is not a Gridmuster center (HTTP {response.status_code}, {kind})"
    )


def _decode(response: httpx.Response, kind: type[T], url: str) -> T | ProblemDocument:
    if response.status_code != 200:
        return problem_of(response, url)
    try:
        return msgspec.json.decode(response.content, type=kind)
    except msgspec.DecodeError as error:
        raise LinkError(
            f"what answers at {url} does not speak this version's language: {error}"
        ) from error


class Follower:
    """Follows a center's stream, through broken lines and restarts.

    Args:
        url: the center's address.
        token: who asks.
        ca: certificate to trust besides the system's.
        topics: which topics; all when left out.
    """

    def __init__(
        self, url: str, token: str, ca: Path | None = None, topics: tuple[str, ...] = ()
    ) -> None:
        self._url = url
        self._options = open_options(url, token, ca)
        self._topics = topics
        self._connected = False
        self._last_id = ""

    async def views(self, trouble: Trouble) -> AsyncIterator[PlantView]:
        """The plant's views as they come, without end.

        Args:
            trouble: told what is wrong with the line, and with an empty text that it is well.

        Raises:
            LinkError: when no center answers the first time, or the center refuses the token.
        """
        picture = Picture()
        async for event, data in self.events(trouble):
            view = picture.take(event, data)
            if view is not None:
                yield view

    async def events(self, trouble: Trouble) -> AsyncIterator[tuple[str, str]]:
        """The stream's events as name and data, without end.

        Args:
            trouble: as for `views`.

        Raises:
            LinkError: as for `views`.
        """
        wait_s = FIRST_RETRY_S
        timeout = httpx.Timeout(TIMEOUT_S, read=SILENCE_S)
        async with httpx.AsyncClient(**self._options, timeout=timeout) as http:
            while True:
                try:
                    async for event in self._read(http, trouble):
                        wait_s = FIRST_RETRY_S
                        yield event
                    trouble("the center closed the stream; asking again")
                except httpx.HTTPError as error:
                    if not self._connected:
                        raise LinkError(_not_there(self._url, error)) from error
                    trouble(f"center not reachable ({type(error).__name__}); trying again")
                await asyncio.sleep(wait_s)
                wait_s = min(2.0 * wait_s, LAST_RETRY_S)

    async def _read(
        self, http: httpx.AsyncClient, trouble: Trouble
    ) -> AsyncIterator[tuple[str, str]]:
        """One connection's events, from the last edition that is complete."""
        params = {"every_s": str(EVERY_S)}
        if self._topics:
            params["topics"] = ",".join(self._topics)
        headers = {"Accept": "text/event-stream"}
        if self._last_id:
            headers["Last-Event-ID"] = self._last_id
        async with http.stream("GET", "/api/v1/stream", params=params, headers=headers) as answer:
            if answer.status_code != 200:
                await answer.aread()
                problem = problem_of(answer, self._url)
                if self._connected and problem.status in PASSING:
                    trouble(problem.detail)
                    return
                raise LinkError(problem.detail)
            self._connected = True
            trouble("")
            event, event_id, data = "", "", ""
            async for line in answer.aiter_lines():
                if not line:
                    if event:
                        self._last_id = event_id or self._last_id
                        yield event, data
                    event, event_id, data = "", "", ""
                    continue
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if name == "event":
                    event = value
                elif name == "id":
                    event_id = value
                elif name == "data":
                    data = value
