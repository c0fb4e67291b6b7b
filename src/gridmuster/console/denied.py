"""The last attempts that were denied, for the audit page; in memory, bounded."""

from __future__ import annotations

from collections import deque
from typing import Final

from fastapi import Request
from msgspec import Struct

from gridmuster.console.auth import Caller
from gridmuster.console.problems import Problem

#: Attempts kept; the oldest are forgotten first.
MAX_DENIED: Final = 2000
#: Longest path, name and reason kept, characters: they may come from whoever asks.
MAX_TEXT: Final = 200


class DeniedEntry(Struct, frozen=True):
    """An attempt that was denied: who as far as known, from where, what, and why.

    ``actor`` is empty for one without a valid token. ``why`` is the problem's slug, ``detail`` the
    same in words. ``number`` only grows.
    """

    number: int
    at_ms: int
    actor: str
    role: str
    method: str
    path: str
    why: str
    address: str
    detail: str


class Denied:
    """Keeps the last denied attempts."""

    def __init__(self) -> None:
        self._entries: deque[DeniedEntry] = deque(maxlen=MAX_DENIED)
        self._count = 0

    def note(self, request: Request, problem: Problem, address: str) -> None:
        """Keep an attempt.

        Args:
            request: what was sent.
            problem: why it was denied.
            address: where it came from.
        """
        caller: Caller | None = getattr(request.state, "caller", None)
        self._count += 1
        self._entries.append(
            DeniedEntry(
                self._count,
                request.app.state.plant.view().at_ms,
                str(problem.more.get("actor", caller.name if caller else ""))[:MAX_TEXT],
                str(problem.more.get("role", caller.role.word if caller else "")),
                request.method[:16],
                request.url.path[:MAX_TEXT],
                problem.slug,
                address,
                str(problem.detail)[:MAX_TEXT],
            )
        )

    def entries(self) -> list[DeniedEntry]:
        """What is kept, the latest first."""
        return list(reversed(self._entries))
