"""A command that is sent again under the same key is answered again, not done again."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog
from starlette.responses import Response

from gridmuster.console.problems import Problem

#: Answers kept; the oldest that is complete is forgotten first. With one command a second this
#: is over an hour, and a client that repeats does so within seconds.
MAX_KEPT: Final = 4096
MAX_KEY_LENGTH: Final = 128

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it was first given."""

    status: int
    body: bytes
    media_type: str

    def response(self, repeated: bool) -> Response:
        """The answer once more, marked when it is a repetition."""
        headers = {"Idempotency-Replayed": "true"} if repeated else None
        return Response(self.body, self.status, headers, self.media_type)


class Answers:
    """Answers to commands by who sent them and under which key."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[bytes, asyncio.Future[Kept]]] = OrderedDict()

    async def once(
        self,
        caller: str,
        key: str,
        request: bytes,
        act: Callable[[], Awaitable[Kept]],
    ) -> Response:
        """The answer to a command, which is carried out the first time only.

        The work goes on when the client that asked for it leaves; whoever repeats the command
        meanwhile waits for the same answer. A command that failed in the program is forgotten.

        Args:
            caller: name of the token.
            key: the client's key.
            request: what the command says, to tell a repetition from another command.
            act: carries the command out.

        Raises:
            Problem: 422 when the key was used for another command, 503 with too many under way.
        """
        mark = hashlib.sha256(request).digest()
        place = (caller, key)
        found = self._kept.get(place)
        if found is not None:
            if found[0] != mark:
                raise Problem(
                    422,
                    "key-reused",
                    f"The Idempotency-Key {key!r} was used for another command; choose a new one.",
                )
            return (await asyncio.shield(found[1])).response(repeated=True)
        self._make_room()
        future = asyncio.ensure_future(act())
        self._kept[place] = (mark, future)
        future.add_done_callback(lambda done: self._forget_failed(place, done))
        return (await asyncio.shield(future)).response(repeated=False)

    def _make_room(self) -> None:
        while len(self._kept) >= MAX_KEPT:
            place, (_, future) = next(iter(self._kept.items()))
            if not future.done():
                raise Problem(
                    503, "busy", f"{len(self._kept)} commands wait for the center; try again later."
                )
            del self._kept[place]

    def _forget_failed(self, place: tuple[str, str], done: asyncio.Future[Kept]) -> None:
        if done.cancelled() or done.exception() is not None:
            _log.error("operator command failed", actor=place[0], key=place[1])
            self._kept.pop(place, None)


def request_id(caller: str, key: str) -> str:
    """The request's id: the same for the same caller and key, also after a restart."""
    return "op-" + hashlib.sha256(f"{caller}\0{key}".encode()).hexdigest()[:32]


def checked_key(key: str | None) -> str:
    """The Idempotency-Key of a command.

    Raises:
        Problem: 400 when it is missing or malformed.
    """
    if key is None or not key.strip():
        raise Problem(
            400,
            "key-missing",
            "Send the header 'Idempotency-Key: KEY' with a new random KEY for each command, and "
            "the same KEY when you repeat it.",
        )
    if len(key) > MAX_KEY_LENGTH or not key.isascii() or not key.isprintable():
        raise Problem(
            400,
            "key-missing",
            f"The Idempotency-Key has {len(key)} characters; at most {MAX_KEY_LENGTH} printable "
            "ASCII characters are taken.",
        )
    return key
