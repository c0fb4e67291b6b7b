"""Proof that forecasts look at nothing later than their issue.

Everything that became known after an instant is replaced by wild values, and all is forecast again:
whatever was issued by that instant must come out the same, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gridmuster.clock import iso
from gridmuster.forecast.market.history import Floats, Ints, MarketHistory


@dataclass(frozen=True, slots=True)
class Issued:
    """Numbers that were issued.

    Args:
        issue_ms: when each column was, ms, ``(rows,)``.
        numbers: ``(any, rows)``.
    """

    issue_ms: Ints
    numbers: Floats


@dataclass(frozen=True, slots=True)
class Leak:
    """A forecast that changed when only the future did.

    Args:
        changed_after_ms: what became known after this instant was replaced, ms.
        issue_ms: when the forecast was issued, ms: not later.
        count: how many numbers changed so.
    """

    changed_after_ms: int
    issue_ms: int
    count: int

    def __str__(self) -> str:
        return (
            f"{self.count:,} number(s) issued by {iso(self.changed_after_ms)}, the first at "
            f"{iso(self.issue_ms)}, depend on what was published later"
        )


def leaks(
    history: MarketHistory,
    make: Callable[[MarketHistory], Issued],
    instants_ms: Sequence[int],
    seed: int = 1,
) -> list[Leak]:
    """Look for forecasts that look ahead.

    Args:
        history: of an area.
        make: forecasts from a history, the same way each time.
        instants_ms: after which the future is replaced, ms; best just when something is issued.
        seed: of the values that take its place.

    Returns:
        A leak for each instant at which one shows; none for honest forecasts.
    """
    honest = make(history)
    found = []
    for number, at_ms in enumerate(instants_ms):
        other = make(history.changed_after(at_ms, seed + number))
        before = honest.issue_ms <= at_ms
        same = (honest.numbers == other.numbers) | (
            np.isnan(honest.numbers) & np.isnan(other.numbers)
        )
        moved = ~same[:, before]
        if moved.any():
            first = int(honest.issue_ms[before][moved.any(axis=0)].min())
            found.append(Leak(at_ms, first, int(moved.sum())))
    return found
