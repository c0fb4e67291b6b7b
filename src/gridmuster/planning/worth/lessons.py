"""Which part of the past teaches: the same bounds for the worth of energy and of starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from gridmuster.errors import PlanningError
from gridmuster.forecast.market.history import Ints
from gridmuster.planning.worth.prices import PriceRecord

#: Days at the beginning of a record that have too little behind them; fewest that teach; memory;
#: length of a stretch of the past that is judged by trees that have not seen it.
LEAD_DAYS, FEWEST_DAYS, MEMORY_DAYS, FOLD_DAYS = 10, 21, 1100, 14


class Recorded(Protocol):
    """What was made ready of a record."""

    @property
    def record(self) -> PriceRecord:
        """The record."""


Own = TypeVar("Own", bound=Recorded)


@dataclass(frozen=True, slots=True)
class Part(Generic[Own]):
    """The past of one area that teaches.

    Args:
        own: its record, made ready.
        first: first interval.
        end: end of what was known.
        fold: of each interval, the number of the lot that is not fitted on it.
    """

    own: Own
    first: int
    end: int
    fold: Ints


def past(made: Sequence[Own], until_ms: int, tail_days: int, folds: int) -> list[Part[Own]]:
    """The parts of some records that teach at an instant.

    Args:
        made: records of areas, made ready.
        until_ms: the instant, ms; nothing later is looked at.
        tail_days: days at the end that have too little ahead of them.
        folds: lots.

    Raises:
        PlanningError: when too little was known by then.
    """
    found = []
    for own in made:
        record = own.record
        # The choice at the instant knows prices up to here; later ones are not looked at.
        place = min(record.at(until_ms), len(record.newest) - 1)
        end = int(record.newest[place]) + 1
        first = max(LEAD_DAYS * record.day, end - MEMORY_DAYS * record.day)
        if end - first >= (FEWEST_DAYS + tail_days) * record.day:
            fold = record.wall.day[first:end] // FOLD_DAYS % folds
            found.append(Part(own, first, end, fold))
    if not found:
        names = ", ".join(own.record.area for own in made)
        raise PlanningError(
            f"{names}: fewer than {LEAD_DAYS + FEWEST_DAYS + tail_days} days of real-time prices "
            "before the first day; begin later, or read more history"
        )
    return found
