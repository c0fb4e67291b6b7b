"""Rows of a file -> columns on a grid, with everything odd about them reported or refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridmuster.clock import iso
from gridmuster.errors import Fault, FleetError
from gridmuster.forecast.market.history import NEVER, Column, Floats, Ints, Notice, Revisions
from gridmuster.forecast.market.mapping import UNITS, ColumnRule, Source, minute_of
from gridmuster.forecast.market.wallclock import (
    EPOCH_ORDINAL,
    MS_PER_DAY,
    instants_of,
    offsets_ms,
    wall_clock_of,
)

#: Beyond this no market settles, in money per MWh (the highest cap known is 17,500 AUD/MWh in
#: the Australian market's 2024-25 settings).
WILDEST_PRICE = 25_000.0
#: Prices worth a word, money per MWh.
EXTREME_PRICE = 1_000.0
#: Medians of the absolute price that a market can have over years, money per MWh.
USUAL_PRICES = (1.5, 600.0)
#: A month's median against that of the three months before it that nothing in a market explains,
#: unless another price moves with it.
LEAP = 7.0
#: Median of one price of a place against another's.
DISCORD = 4.0
MONTH_MS = 30 * MS_PER_DAY
#: Rows without value at an end of a file that are told of: more than what is published ahead.
LONG_END_MS = 3 * MS_PER_DAY


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one area of a file, in the file's order.

    Args:
        file: its name, for messages.
        time_ms: the time column: instants, or for naive times what the clock showed as if UTC, ms.
        naive: whether the times have no offset.
        values: quantity -> values in the file's unit; not-a-number where a cell is empty.
        published_ms: quantity -> instant of publication, where a column holds it.
    """

    file: str
    time_ms: Ints
    naive: bool
    values: dict[str, Floats]
    published_ms: dict[str, Ints]


@dataclass(frozen=True, slots=True)
class Sorted:
    """Columns of an area, and what was found while making them."""

    columns: dict[str, Column]
    notices: list[Notice]


def is_price(name: str, unit: str) -> bool:
    """Whether a quantity is a whole price: its components can be any size."""
    return "price" in name and unit.endswith("/MWh")


def columns_from(rows: Rows, source: Source, zone_name: str) -> Sorted:
    """Turn the rows of an area into columns.

    Args:
        rows: the rows.
        source: how the file is read.
        zone_name: IANA zone of the market's days.

    Raises:
        FleetError: naming each fault, when the rows cannot be trusted.
    """
    notices: list[Notice] = []
    step_ms = round(source.step_min * 60_000)
    start_ms, keep = _starts(rows, source, step_ms, notices)
    columns = {}
    faults: list[Fault] = []
    for name, rule in source.columns.items():
        if name not in rows.values:
            continue
        laid = _Laid(rows, source, name, rule, step_ms, zone_name)
        try:
            columns[name] = laid.column(start_ms[keep], keep, notices)
        except FleetError as error:
            faults += error.faults
    if faults:
        raise FleetError(faults)
    return Sorted(columns, notices)


def _starts(
    rows: Rows, source: Source, step_ms: int, notices: list[Notice]
) -> tuple[Ints, NDArray[np.bool_]]:
    """Start of each row's interval, UTC ms, and which rows have one."""
    time = source.time
    shown = rows.time_ms - (step_ms if time.marks == "end" else 0)
    keep = np.ones(len(shown), bool)
    if not rows.naive:
        start_ms = shown
    elif time.zone:
        start_ms, keep = _from_local(shown, time.zone, notices)
    else:
        raise FleetError(
            [
                Fault(
                    rows.file,
                    f"column {time.column}",
                    "times without offset",
                    "their instant is not known",
                    "time.zone: the zone of these times, in the mapping",
                )
            ]
        )
    off = (start_ms % step_ms != 0) & keep
    if off.any():
        place = int(np.flatnonzero(off)[0])
        raise FleetError(
            [
                Fault(
                    rows.file,
                    f"row {place + 1}, column {time.column}",
                    iso(int(rows.time_ms[place])),
                    f"{int(off.sum()):,} row(s) do not begin on a multiple of "
                    f"{source.step_min:g} min",
                    "another step_min, or times on the grid",
                )
            ]
        )
    return start_ms, keep


def _from_local(
    shown: Ints, zone_name: str, notices: list[Notice]
) -> tuple[Ints, NDArray[np.bool_]]:
    """Instants of times on a wall; the second of two equal ones in autumn is the later instant."""
    day, minute = shown // MS_PER_DAY + EPOCH_ORDINAL, shown % MS_PER_DAY // 60_000
    start_ms = instants_of(day, minute, zone_name)
    skipped = start_ms + offsets_ms(start_ms, zone_name) != shown
    if skipped.any():
        notices.append(
            Notice(
                "",
                "clock-change",
                int(skipped.sum()),
                int(start_ms[skipped][0]),
                "times that the clocks skip in spring; these rows were left out",
            )
        )
    hour_later = start_ms + 3_600_000
    twice = (hour_later + offsets_ms(hour_later, zone_name) == shown) & ~skipped
    if twice.any():
        order = np.flatnonzero(twice)
        _, first = np.unique(shown[order], return_index=True)
        second = np.setdiff1d(np.arange(len(order)), first)
        start_ms = start_ms.copy()
        start_ms[order[second]] += 3_600_000
        notices.append(
            Notice(
                "",
                "clock-change",
                len(order),
                int(start_ms[order[0]]),
                "times that the clocks show twice in autumn; the first in the file was taken for "
                "summer time"
                + ("" if len(second) else "; the second hour is missing, so it is a gap"),
            )
        )
    return start_ms, ~skipped


@dataclass(frozen=True, slots=True)
class _Laid:
    """One quantity of some rows on its way to a column."""

    rows: Rows
    source: Source
    name: str
    rule: ColumnRule
    step_ms: int
    zone_name: str

    def fault(self, value: str, limit: str, expected: str) -> FleetError:
        return FleetError([Fault(self.rows.file, self.name, value, limit, expected)])

    def column(self, start_ms: Ints, keep: NDArray[np.bool_], notices: list[Notice]) -> Column:
        """The quantity on its grid."""
        unit, factor = UNITS[self.rule.unit]
        values = self.rows.values[self.name][keep] * factor
        good = np.isfinite(values)
        if not good.any():
            raise self.fault("no value at all", "a column holds values", "another column or file")
        published = self.rows.published_ms.get(self.name)
        known_ms = published[keep] if published is not None else self._known(start_ms)
        order = np.lexsort((known_ms[good], start_ms[good]))
        begun, known = start_ms[good][order], known_ms[good][order]
        told = values[good][order]
        first = np.concatenate([[True], begun[1:] != begun[:-1]])
        later = self._later(begun, told, first, notices)
        origin = int(begun[0])
        count = int((begun[-1] - origin) // self.step_ms) + 1
        grid = np.full(count, np.nan)
        grid_known = np.full(count, NEVER, np.int64)
        number = (begun - origin) // self.step_ms
        if self.source.repeats == "last" and published is None:
            grid[number], grid_known[number] = told, known
        else:
            grid[number[first]], grid_known[number[first]] = told[first], known[first]
        revisions = None
        if published is not None and later.any():
            by_time = np.argsort(known[later], kind="stable")
            revisions = Revisions(
                number[later][by_time], told[later][by_time], known[later][by_time]
            )
        self._check_ends(start_ms[~good], origin, int(begun[-1]), notices)
        self._check_gaps(grid, origin, notices)
        if is_price(self.name, unit):
            self._check_prices(grid, origin, notices)
        ahead = bool(np.median(known[first] - begun[first]) <= 0)
        return Column(unit, origin, self.step_ms // 1000, grid, grid_known, ahead, revisions)

    def _known(self, start_ms: Ints) -> Ints:
        rule = self.rule.published
        if rule.after_end_min is not None:
            return np.asarray(
                start_ms + self.step_ms + round(rule.after_end_min * 60_000), np.int64
            )
        day = wall_clock_of(start_ms, self.zone_name).day
        minute = np.full(len(day), minute_of(rule.day_before))
        return instants_of(day - 1, minute, self.zone_name)

    def _later(
        self, begun: Ints, told: Floats, first: NDArray[np.bool_], notices: list[Notice]
    ) -> NDArray[np.bool_]:
        """Rows that come again for an interval; refuses those that contradict without a date."""
        again = np.flatnonzero(~first)
        if not len(again):
            return ~first
        differs = again[told[again] != told[again - 1]]
        if self.name in self.rows.published_ms:
            text, kind = "later versions; each counts from its publication on", "revised"
        elif not len(differs):
            text, kind = "intervals that come again with the same value; taken once", "repeated"
        elif self.source.repeats == "refuse":
            place = int(differs[0])
            raise self.fault(
                f"{told[place - 1]:g} and {told[place]:g} for {iso(int(begun[place]))}",
                f"{len(differs):,} interval(s) come twice with different values",
                "repeats: first or last in the mapping, or published.column",
            )
        else:
            text = f"intervals that come again with another value; took the {self.source.repeats}"
            kind = "repeated"
        notices.append(Notice(self.name, kind, len(again), int(begun[again[0]]), text))
        return ~first

    def _check_ends(
        self, empty_ms: Ints, first_ms: int, last_ms: int, notices: list[Notice]
    ) -> None:
        """Tell of days at the ends of a file in which the quantity has no value."""
        for when, at_ms in (
            ("before its first", np.sort(empty_ms[empty_ms < first_ms])),
            ("after its last", np.sort(empty_ms[empty_ms > last_ms])),
        ):
            if len(at_ms) * self.step_ms > LONG_END_MS:
                text = f"rows without value {when}, from {iso(int(at_ms[0]))}: it ends there"
                if when.startswith("before"):
                    text = f"rows without value {when}: it begins at {iso(first_ms)}"
                notices.append(Notice(self.name, "gap", len(at_ms), int(at_ms[0]), text))

    def _check_gaps(self, grid: Floats, origin: int, notices: list[Notice]) -> None:
        missing = np.isnan(grid)
        if not missing.any():
            return
        edges = np.flatnonzero(np.diff(np.concatenate([[0], missing.astype(np.int8), [0]])))
        begins, ends = edges[::2], edges[1::2]
        longest = int(np.argmax(ends - begins))
        at_ms = origin + int(begins[longest]) * self.step_ms
        hours = (ends[longest] - begins[longest]) * self.step_ms / 3_600_000
        if missing.mean() > 0.5 and "missing" not in self.rule.accept:
            raise self.fault(
                f"{missing.sum():,} of {len(grid):,} intervals without value, the longest run "
                f"{hours:g} h from {iso(at_ms)}",
                "more than half is missing",
                "a fuller file, or accept: [missing] in the mapping",
            )
        notices.append(
            Notice(
                self.name,
                "gap",
                int(missing.sum()),
                origin + int(begins[0]) * self.step_ms,
                f"{len(begins):,} gap(s), the longest {hours:g} h from {iso(at_ms)}; "
                "left empty, never filled",
            )
        )

    def _check_prices(self, grid: Floats, origin: int, notices: list[Notice]) -> None:
        size = np.abs(grid)
        wild = np.flatnonzero(size > WILDEST_PRICE)
        if len(wild):
            at_ms = origin + int(wild[0]) * self.step_ms
            raise self.fault(
                f"{grid[wild[0]]:g} at {iso(at_ms)}",
                f"{len(wild):,} price(s) beyond {WILDEST_PRICE:,.0f} per MWh, more than any "
                "market's cap",
                "the unit of the file in the mapping, or those rows repaired",
            )
        median = float(np.nanmedian(size))
        if not USUAL_PRICES[0] <= median <= USUAL_PRICES[1] and "scale" not in self.rule.accept:
            raise self.fault(
                f"median {median:g} per MWh when read as {self.rule.unit}",
                f"markets lie between {USUAL_PRICES[0]:g} and {USUAL_PRICES[1]:g}",
                "another unit in the mapping, or accept: [scale]",
            )
        extreme = np.flatnonzero(size > EXTREME_PRICE)
        if len(extreme):
            notices.append(
                Notice(
                    self.name,
                    "extreme",
                    len(extreme),
                    origin + int(extreme[0]) * self.step_ms,
                    f"prices beyond {EXTREME_PRICE:,.0f} per MWh, from {np.nanmin(grid):,.0f} to "
                    f"{np.nanmax(grid):,.0f}; kept as they are",
                )
            )


def check_together(columns: dict[str, Column], accepted: frozenset[str], file: str) -> None:
    """Compare the prices of an area with each other and with their own past.

    A factor of ten or a thousand in one price, everywhere or from some month on, shows against the
    other; where there is only one price, a leap from one month to the next shows.

    Args:
        columns: all columns of an area.
        accepted: names of columns whose scale is not to be questioned.
        file: for messages.

    Raises:
        FleetError: naming the columns, the months and the factor.
    """
    prices = {name: column for name, column in columns.items() if is_price(name, column.unit)}
    months = {name: _months(column) for name, column in prices.items()}
    faults = []
    overall = {name: float(np.nanmedian(np.abs(c.values))) for name, c in prices.items()}
    for name in prices:
        if name in accepted:
            continue
        others = [other for other in prices if other != name]
        for other in others:
            ratio = overall[name] / max(overall[other], 1e-9)
            if ratio > DISCORD:
                faults.append(
                    Fault(
                        file,
                        name,
                        f"median {overall[name]:g} against {overall[other]:g} of {other}",
                        f"two prices of one place differ by a factor of {ratio:.3g}",
                        "the unit of one of them, or accept: [scale]",
                    )
                )
        if faults:
            continue
        for month, factor in _leaps(months[name]):
            if any(_moves_along(months[other], month, factor) for other in others):
                continue
            faults.append(
                Fault(
                    file,
                    name,
                    f"a factor of {factor:.3g} from one month to the next",
                    f"from about {iso(month * MONTH_MS)} on, and no other price moves along",
                    "one unit throughout, or accept: [scale]",
                )
            )
            break
    if faults:
        raise FleetError(faults)


def _months(column: Column) -> dict[int, float]:
    """Median of the absolute price by thirty days."""
    month = column.starts_ms() // MONTH_MS
    edges = np.flatnonzero(np.diff(month)) + 1
    lots = np.split(np.abs(column.values), edges)
    numbers = month[np.concatenate([[0], edges])]
    return {
        int(number): float(np.nanmedian(lot))
        for number, lot in zip(numbers, lots, strict=True)
        if np.isfinite(lot).sum() > 48
    }


def _leaps(months: dict[int, float]) -> list[tuple[int, float]]:
    found = []
    for number in sorted(months):
        before = [months[k] for k in range(number - 3, number) if k in months]
        if len(before) < 2:
            continue
        factor = months[number] / max(float(np.median(before)), 1e-9)
        if factor > LEAP or factor < 1.0 / LEAP:
            found.append((number, factor))
    return found


def _moves_along(months: dict[int, float], number: int, factor: float) -> bool:
    """Whether another price makes at least the root of a leap in the same month."""
    before = [months[k] for k in range(number - 3, number) if k in months]
    if number not in months or not before:
        return False
    own = months[number] / max(float(np.median(before)), 1e-9)
    return bool(np.log(own) * np.sign(np.log(factor)) > 0.5 * abs(np.log(factor)))
