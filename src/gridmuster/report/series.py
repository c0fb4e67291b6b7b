"""Series of an event's chart: each area's balance from the cycles' records, evenly thinned."""

from __future__ import annotations

from msgspec import Struct

from gridmuster.report.source import Cycle
from gridmuster.signals import AreaBalance


class AreaSeries(Struct, frozen=True):
    """One area's series, a value for each instant; null where the journal has none."""

    area: str
    demand_kw: list[float | None]
    losses_kw: list[float | None]
    generation_kw: list[float | None]
    generation_kw_by_type: dict[str, list[float | None]]
    import_kw: list[float | None]
    shortfall_kw: list[float | None]
    price_usd_per_mwh: list[float | None]


class EventSeries(Struct, frozen=True):
    """Series of all areas at the same instants, each of the last cycle in its step."""

    at_ms: list[int]
    areas: list[AreaSeries]


class SeriesBook:
    """Keeps at most so many cycles of a window, one of each step of equal length.

    Args:
        from_ms: the window's start, ms.
        until_ms: its end, ms.
        points: most instants.
    """

    def __init__(self, from_ms: int, until_ms: int, points: int) -> None:
        self._from_ms = from_ms
        self._step_ms = max(1, -(-(until_ms - from_ms) // points))
        self._kept: dict[int, tuple[int, tuple[AreaBalance, ...]]] = {}

    def take(self, cycle: Cycle) -> None:
        """Take a cycle; the last one of a step counts."""
        if cycle.decision is not None:
            step = (cycle.now_ms - self._from_ms) // self._step_ms
            self._kept[step] = (cycle.now_ms, cycle.decision.areas)

    def series(self) -> EventSeries:
        """The series so far."""
        kept = [self._kept[step] for step in sorted(self._kept)]
        return columns([at_ms for at_ms, _ in kept], [areas for _, areas in kept])


def columns(at_ms: list[int], balances: list[tuple[AreaBalance, ...]]) -> EventSeries:
    """Balances by instant as series by area.

    Args:
        at_ms: instants, ms.
        balances: what each instant's cycle recorded; empty where there is none.
    """
    names: dict[str, None] = {}
    types: dict[str, set[str]] = {}
    for row in balances:
        for area in row:
            names.setdefault(area.area)
            types.setdefault(area.area, set()).update(area.generation_kw_by_type)
    found = []
    for name in names:
        rows = [next((a for a in row if a.area == name), None) for row in balances]
        found.append(_area(name, rows, sorted(types[name])))
    return EventSeries(at_ms, found)


def _area(name: str, rows: list[AreaBalance | None], types: list[str]) -> AreaSeries:
    # Journals of before the types were noted have none; a type that stands still has no entry.
    noted = bool(types)
    return AreaSeries(
        area=name,
        demand_kw=[None if a is None else a.demand_kw for a in rows],
        losses_kw=[None if a is None else a.losses_kw for a in rows],
        generation_kw=[None if a is None else a.generation_kw for a in rows],
        generation_kw_by_type={
            kind: [None if a is None else a.generation_kw_by_type.get(kind, 0.0) for a in rows]
            for kind in types
            if noted
        },
        import_kw=[None if a is None else a.import_kw for a in rows],
        shortfall_kw=[None if a is None else a.shortfall_kw for a in rows],
        price_usd_per_mwh=[None if a is None else a.price_usd_per_mwh for a in rows],
    )
