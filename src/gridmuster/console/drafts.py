"""Data that was sent and looks right, waiting for a person to confirm it or let it go."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Annotated, Final, Protocol, runtime_checkable

from msgspec import Meta, Struct

from gridmuster.center.changes import DataChange, History
from gridmuster.center.view import Rejected, Submitted
from gridmuster.clock import monotonic_s
from gridmuster.console.differences import Difference
from gridmuster.console.problems import Problem
from gridmuster.console.series import Series
from gridmuster.errors import Fault
from gridmuster.fleet.model import Fleet

#: How long a draft waits, s of real time, and how many wait at most; the oldest goes first.
DRAFT_S: Final = 900.0
MAX_DRAFTS: Final = 12


@runtime_checkable
class DataPlant(Protocol):
    """A running center whose data can be changed."""

    @property
    def fleet(self) -> Fleet:
        """The fleet in force; another object once it was changed."""
        ...

    async def apply_fleet(self, fleet: Fleet, change: DataChange) -> Submitted | Rejected:
        """Command another fleet; returns when that is journaled."""
        ...

    async def teach(self, lessons: list[History], change: DataChange) -> Submitted | Rejected:
        """Give forecasts past days to learn from; returns when that is journaled."""
        ...


class FaultRow(Struct, frozen=True):
    """One thing that is wrong or odd in a file, as the loader says it."""

    file: Annotated[str, Meta(description="the file as it was named")]
    path: Annotated[str, Meta(description="where in it; empty: the whole file")]
    value: Annotated[str, Meta(description="what stands there")]
    limit: Annotated[str, Meta(description="the rule that it breaks")]
    expected: Annotated[str, Meta(description="what to write instead")]
    line: Annotated[int, Meta(description="line of the file from 1; 0: not known")]


class DraftDocument(Struct, frozen=True):
    """What came of data that was sent; nothing of it is in force."""

    id: Annotated[str, Meta(description="of the draft; empty: it has faults and is not kept")]
    kind: Annotated[str, Meta(description="fleet, meters or prices")]
    name: Annotated[str, Meta(description="the file's name, or the device that was edited")]
    actor: Annotated[str, Meta(description="who sent it")]
    expires_s: Annotated[float, Meta(description="how long it can still be confirmed, s")]
    refusal: Annotated[str, Meta(description="why it cannot be confirmed; empty: it can")]
    faults: Annotated[list[FaultRow], Meta(description="what is wrong, at most 200")]
    fault_count: Annotated[int, Meta(description="how much is wrong in all")]
    warnings: Annotated[list[FaultRow], Meta(description="what is odd")]
    lines: Annotated[list[str], Meta(description="what confirming would do, in words")]
    difference: Annotated[Difference | None, Meta(description="what the fleet file changes")]
    series: Annotated[list[Series], Meta(description="what the series are; at most 200")]
    series_count: Annotated[int, Meta(description="series in all")]


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft with what its confirmation needs.

    Args:
        document: what people see of it.
        base: the fleet in force when it was made.
        fleet: the new fleet.
        lessons: past days.
        text: what the audit log will say.
        born_s: when it was made, monotonic real time, s.
    """

    document: DraftDocument
    base: Fleet
    fleet: Fleet | None
    lessons: tuple[History, ...]
    text: str
    born_s: float

    @property
    def left_s(self) -> float:
        """How long it can still be confirmed, s of real time."""
        return DRAFT_S - (monotonic_s() - self.born_s)


class Drafts:
    """The drafts that wait; few, and not for long."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Draft] = OrderedDict()

    def new_id(self) -> str:
        """A name that nobody guesses."""
        return "draft-" + secrets.token_hex(8)

    def put(self, draft: Draft) -> None:
        """Keep a draft; the oldest makes room."""
        self._sweep()
        while len(self._kept) >= MAX_DRAFTS:
            self._kept.popitem(last=False)
        self._kept[draft.document.id] = draft

    def get(self, name: str) -> Draft:
        """A draft that waits.

        Raises:
            Problem: 404 when there is none of this name, or its time is over.
        """
        self._sweep()
        draft = self._kept.get(name)
        if draft is None:
            raise Problem(
                404,
                "unknown-subject",
                f"No draft {name[:40]!r} waits here. A draft waits {DRAFT_S / 60:g} min, and ends "
                "when it is confirmed or dropped; send the file again.",
            )
        return draft

    def drop(self, name: str) -> bool:
        """Let a draft go; whether there was one."""
        return self._kept.pop(name, None) is not None

    def _sweep(self) -> None:
        for name in [name for name, draft in self._kept.items() if draft.left_s <= 0.0]:
            del self._kept[name]


def fault_rows(faults: list[Fault]) -> list[FaultRow]:
    """Faults as they are shown."""
    return [FaultRow(f.file, f.path, f.value, f.limit, f.expected, f.line) for f in faults]
