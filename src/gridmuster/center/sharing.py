"""How the power asked of an activation is shared among its sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

#: What is asked beyond the target, so that controllers' tolerance does not leave it short.
MARGIN_FRACTION: Final = 0.01


@dataclass(frozen=True, slots=True)
class Part:
    """A set that is held on.

    Args:
        device: its id.
        area: its area.
        most_kw: what it can give, kW.
        least_kw: least it may be run at, kW; as much as ``most_kw`` where its power is not to be
            chosen (behind a transfer switch).
        measured_kw: what it gives now, kW.
    """

    device: str
    area: str
    most_kw: float
    least_kw: float
    measured_kw: float


def share(
    target_kw: float, parts: Sequence[Part], rooms: Mapping[str, float | None]
) -> dict[str, float | None]:
    """The power of each set so that those that run give the target together.

    All sets whose power may be chosen stand at the same part of their range, between least and
    most. Those not on line yet are asked for the same part, and are not counted before they give.

    Args:
        target_kw: what they are to give together, kW.
        parts: the sets.
        rooms: what all sets of an area may give, kW; None: the area stands alone and its dispatch
            decides.

    Returns:
        Power by device id, kW; None where the dispatch decides.
    """
    running = [part for part in parts if part.measured_kw > 0.0]
    if not running:
        running = list(parts)
    low_kw = sum(part.least_kw for part in running)
    range_kw = sum(part.most_kw - part.least_kw for part in running)
    wanted_kw = target_kw * (1.0 + MARGIN_FRACTION) - low_kw
    level = min(max(wanted_kw / range_kw, 0.0), 1.0) if range_kw > 0.0 else 1.0
    levels = {area: _level(level, area, running, room) for area, room in rooms.items()}
    return {
        part.device: None
        if rooms[part.area] is None
        else round(part.least_kw + levels[part.area] * (part.most_kw - part.least_kw), 2)
        for part in parts
    }


def _level(level: float, area: str, running: Sequence[Part], room_kw: float | None) -> float:
    """The part of their range that an area's sets may stand at."""
    if room_kw is None:
        return level
    here = [part for part in running if part.area == area]
    range_kw = sum(part.most_kw - part.least_kw for part in here)
    spare_kw = room_kw - sum(part.least_kw for part in here)
    return min(level, max(spare_kw / range_kw, 0.0)) if range_kw > 0.0 else level
