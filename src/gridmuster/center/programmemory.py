"""What is remembered of programs and what they asked for; plain data for the checkpoint."""

from __future__ import annotations

from msgspec import Struct, field

from gridmuster.programs.asking import Watch
from gridmuster.programs.request import Request


class Asked(Struct):
    """A request and what became of it.

    ``activation`` is the id of the activation that serves it; empty: none does. ``answer`` is
    what came of the last try, ``cancelled_by`` the person who ended it.
    """

    request: Request
    since_ms: int
    granted_kw: float = 0.0
    covered_by: tuple[str, ...] = ()
    activation: str = ""
    tried_ms: int = -1
    answer: str = ""
    cancelled_by: str = ""
    over_ms: int | None = None


class ProgramMemory(Struct):
    """What is remembered of programs; plain data for the checkpoint."""

    watches: dict[str, Watch] = field(default_factory=dict)
    asked: dict[str, Asked] = field(default_factory=dict)
    past: list[Asked] = field(default_factory=list)
    count: int = 0
