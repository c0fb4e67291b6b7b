"""Meter and price files: CSV into series, with every fault named, and into days to learn from.

Meters come long (``time, end_user, kw``) or wide (``time`` and a column of kW for each end-user);
prices as ``time, price_usd_per_mwh`` and, where they differ, ``area``. Times carry an offset: the
hour that an autumn night has twice is two hours.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from gridmuster.center.changes import History, TaughtDay
from gridmuster.clock import iso, local, parse_iso
from gridmuster.errors import Fault
from gridmuster.fleet.place import did_you_mean, listed
from gridmuster.units import MS_PER_HOUR, MS_PER_S

Floats = NDArray[np.float64]

#: Faults that are listed; all are counted.
MAX_FAULTS: Final = 200
#: Points of a preview's line, and series that get one.
MAX_POINTS: Final = 240
MAX_PLOTS: Final = 12
#: Days taught at most: more than the forecasts keep of any kind of day.
TAUGHT_DAYS: Final = 42
DEMAND_SLOT_S: Final = 900
HOUR_S: Final = 3600
#: Demand above or below its peak by more than this factor is in another unit, most likely W or MW.
UNIT_FACTOR: Final = 30.0
#: A median price outside of this, USD/MWh, is in another unit: those of USD/kWh are below one.
LEAST_PRICE: Final = 1.0
MOST_PRICE: Final = 3_000.0
#: Stands for every area while a file of prices without areas is read.
EVERY: Final = "every area"


class Subject(Struct, frozen=True):
    """Whom a series is about: its IANA zone and, for an end-user, its highest demand, kW."""

    zone: str
    peak_kw: float = 0.0


class Terms(Struct, frozen=True):
    """What a file is read against: kind, known subjects, plant time (ms)."""

    kind: str
    name: str
    subjects: dict[str, Subject]
    now_ms: int


class Series(Struct, frozen=True):
    """What one series of a file holds."""

    key: Annotated[str, Meta(description="end-user or area")]
    rows: Annotated[int, Meta(description="values that can be used")]
    first_ms: Annotated[int, Meta(description="first instant, ms since 1970-01-01T00:00:00Z")]
    last_ms: Annotated[int, Meta(description="last instant, ms since 1970-01-01T00:00:00Z")]
    step_s: Annotated[int, Meta(description="usual time between two values, s")]
    gaps: Annotated[int, Meta(description="places where values are missing")]
    missing: Annotated[int, Meta(description="values missing in all")]
    minimum: Annotated[float, Meta(description="least value")]
    median: Annotated[float, Meta(description="middle value")]
    maximum: Annotated[float, Meta(description="highest value")]
    unit: Annotated[str, Meta(description="unit of the values")]
    days: Annotated[int, Meta(description="days that forecasts would learn from")]
    times_ms: Annotated[list[int], Meta(description="instants of the preview, ms; may be empty")]
    values: Annotated[list[float | None], Meta(description="values of the preview; null: none")]


class Findings(Struct, frozen=True):
    """What came of reading a file of series."""

    faults: list[Fault]
    fault_count: int
    warnings: list[Fault]
    series: list[Series]
    lessons: list[History]


@dataclass
class _Page:
    """Rows read so far, and what is wrong with them."""

    terms: Terms
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    count: int = 0
    values: dict[str, dict[int, tuple[float, int]]] = field(default_factory=dict)
    later: int = 0

    def fault(self, row: int, column: str, value: str, limit: str, expected: str) -> None:
        """Note what is wrong in a row (0: in the whole file)."""
        self.count += 1
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(self._made(row, column, value, limit, expected))

    def warn(self, column: str, value: str, limit: str, expected: str) -> None:
        """Note what is odd."""
        self.warnings.append(self._made(0, column, value, limit, expected))

    def _made(self, row: int, column: str, value: str, limit: str, expected: str) -> Fault:
        parts = (f"row {row}" if row else "", f"column {column}" if row and column else column)
        path = ", ".join(part for part in parts if part)
        return Fault(self.terms.name, path, value[:80], limit, expected, row)

    def take(self, row: int, key: str, at_ms: int, column: str, text: str) -> None:
        """Take one value in; an empty one is a gap."""
        if not text:
            return
        try:
            # Python reads 1_000 as a number; people do not write it.
            value = math.nan if "_" in text else float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            self.fault(row, column, text, "must be a finite number", "a number, or nothing: a gap")
            return
        if at_ms >= self.terms.now_ms:
            self.later += 1
            return
        known = self.values.setdefault(key, {})
        before = known.get(at_ms)
        if before is not None:
            limit = f"{iso(at_ms)} of {key} is in row {before[1]} already"
            expected = "each instant once; the hour that comes twice has two offsets"
            self.fault(row, "time", iso(at_ms), limit, expected)
            return
        known[at_ms] = (value, row)


def read_series(body: bytes, terms: Terms) -> Findings:
    """Read a meter or price file.

    Args:
        body: CSV in UTF-8, with a header.
        terms: what it is read against.
    """
    page = _Page(terms)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        page.fault(0, "", f"byte {body[error.start]:#04x}", "not UTF-8 text", "a file in UTF-8")
        return Findings(page.faults, page.count, [], [], [])
    try:
        _read(text, page)
    except csv.Error as error:
        page.fault(0, "", str(error), "not CSV", "a CSV file with a header")
    if page.later:
        now = iso(terms.now_ms)
        page.warn("time", f"{page.later} values", f"lie after plant time {now}", "left out")
    if not page.values and not page.count:
        page.fault(0, "", "no values", "nothing to learn from", "rows before plant time now")
    demand = terms.kind == "meters"
    for_all = page.values.pop(EVERY, None)
    if for_all is not None:
        page.values = dict.fromkeys(terms.subjects, for_all)
    for key, found in list(page.values.items())[: 1 if for_all else None]:
        _check_unit(page, key, found, demand)
    if page.count:
        return Findings(page.faults, page.count, page.warnings, [], [])
    series, lessons = [], []
    for number, key in enumerate(sorted(page.values)):
        one, lesson = _series(page, key, demand, number < MAX_PLOTS)
        series.append(one)
        if lesson is not None:
            lessons.append(lesson)
    return Findings([], 0, page.warnings, series, lessons)


def _read(text: str, page: _Page) -> None:
    lines = csv.reader(io.StringIO(text))
    header = [name.strip() for name in next(lines, [])]
    demand = page.terms.kind == "meters"
    twice = [name for k, name in enumerate(header) if name and name in header[:k]]
    if twice:
        page.fault(1, twice[0], twice[0], "the column is there twice", "each column once")
        return
    columns = _columns(header, page, demand)
    if columns is None:
        return
    time, key, named = columns
    for number, row in enumerate(lines, start=2):
        if not row or not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            limit = f"the header has {len(header)} columns"
            page.fault(number, "", f"{len(row)} cells", limit, "as many cells as columns")
            continue
        at_ms = _instant(page, number, header[time], row[time].strip())
        if at_ms is None:
            continue
        if key is None:
            for column, name in named:
                page.take(number, name, at_ms, header[column], row[column].strip())
            continue
        name = row[key].strip()
        if name not in page.terms.subjects:
            _unknown(page, number, header[key], name, demand)
            continue
        page.take(number, name, at_ms, header[named[0][0]], row[named[0][0]].strip())


def _columns(
    header: list[str], page: _Page, demand: bool
) -> tuple[int, int | None, list[tuple[int, str]]] | None:
    """Places of time, subject and values; with a subject's column, one place of values."""
    place = {name: k for k, name in enumerate(header)}
    shown = ", ".join(header)[:80] or "no header"
    if "time" not in place:
        page.fault(1, "time", shown, "there is no column time", "time and values; see the docs")
        return None
    subject, names = (
        ("end_user", ("kw", "power_kw"))
        if demand
        else (
            "area",
            ("price_usd_per_mwh", "price"),
        )
    )
    value = next((place[name] for name in names if name in place), None)
    if subject in place:
        if value is None:
            page.fault(1, names[0], shown, f"there is no column {names[0]}", f"{names[0]}")
            return None
        return place["time"], place[subject], [(value, "")]
    if not demand:
        if value is None:
            page.fault(1, names[0], shown, f"there is no column {names[0]}", "time and a price")
            return None
        return place["time"], None, [(value, EVERY)]
    wide = [(k, name) for k, name in enumerate(header) if name != "time"]
    found = []
    for k, name in wide:
        user = name if name in page.terms.subjects else name.removesuffix("_kw")
        if user in page.terms.subjects:
            found.append((k, user))
        else:
            _unknown(page, 1, name, name, demand)
    if not wide:
        page.fault(1, "end_user", shown, "there are no values", "end_user and kw, or wide columns")
    return (place["time"], None, found) if found else None


def _unknown(page: _Page, row: int, column: str, name: str, demand: bool) -> None:
    known = page.terms.subjects
    what = "end-user" if demand else "area"
    limit = f"the fleet has no {what} {name}{did_you_mean(name, known)}"
    page.fault(row, column, name or "nothing", limit, f"one of {listed(list(known)[:6])}")


def _instant(page: _Page, row: int, column: str, text: str) -> int | None:
    expected = "ISO 8601 with an offset, like 2026-01-05T18:00:00-06:00, or a Z"
    try:
        at_ms = parse_iso(text)
    except (ValueError, OverflowError):
        at_ms = None
    if at_ms is not None and at_ms < 0:
        page.fault(row, column, text, "is before 1970", expected)
        return None
    if at_ms is not None:
        return at_ms
    try:
        parse_iso(text + "Z")
    except (ValueError, OverflowError):
        page.fault(row, column, text or "nothing", "is no time", expected)
    else:
        limit = "has no offset: on the day clocks go back it could be either of two instants"
        page.fault(row, column, text, limit, expected)
    return None


def _check_unit(
    page: _Page, key: str, found: Mapping[int, tuple[float, int]], demand: bool
) -> None:
    values = np.array([value for value, _ in found.values()])
    if demand:
        peak_kw = page.terms.subjects[key].peak_kw
        high = float(np.quantile(np.abs(values), 0.99))
        ratio = high / peak_kw if peak_kw > 0.0 else 1.0
        if ratio > UNIT_FACTOR or (0.0 < ratio < 1.0 / UNIT_FACTOR):
            unit = "W" if ratio > 1.0 else "MW"
            limit = f"{key} has a peak of {peak_kw:g} kW; this looks like {unit}"
            page.fault(0, key, f"{high:g} at its 99 % quantile", limit, "kW")
        elif ratio > 1.5:
            limit = f"is above the peak of {key} in the fleet file, {peak_kw:g} kW"
            page.warn(key, f"{high:g} kW", limit, "a higher peak_kw, or other values")
        return
    middle = float(np.median(np.abs(values)))
    if 0.0 < middle < LEAST_PRICE or middle > MOST_PRICE:
        unit = "USD/kWh" if middle < LEAST_PRICE else "cents or USD/GWh"
        page.fault(0, "price", f"a median of {middle:g}", f"looks like {unit}", "USD/MWh")


def _series(page: _Page, key: str, demand: bool, plotted: bool) -> tuple[Series, History | None]:
    found = page.values[key]
    times = np.array(sorted(found), dtype=np.int64)
    values = np.array([found[int(t)][0] for t in times])
    steps = np.diff(times)
    step_ms = int(np.median(steps)) if len(steps) else HOUR_S * MS_PER_S
    holes = steps[steps > 1.5 * step_ms]
    slot_s = DEMAND_SLOT_S if demand else HOUR_S
    if step_ms > MS_PER_HOUR:
        page.warn(key, f"a value each {step_ms / MS_PER_HOUR:g} h", "too far apart", "one an hour")
        days: list[TaughtDay] = []
    else:
        scaled = values if demand else values / 1000.0
        zone = page.terms.subjects[key].zone
        days = _days(times, scaled, step_ms, slot_s, zone, page.terms.now_ms)
    axis, line = _preview(times, values) if plotted else ([], [])
    one = Series(
        key,
        len(values),
        int(times[0]),
        int(times[-1]),
        step_ms // MS_PER_S,
        len(holes),
        int(sum(round(hole / step_ms) - 1 for hole in holes.tolist())),
        float(values.min()),
        float(np.median(values)),
        float(values.max()),
        "kW" if demand else "USD/MWh",
        len(days),
        axis,
        line,
    )
    kind = "demand" if demand else "price"
    return one, History(0, kind, key, tuple(days)) if days else None


def _days(
    times: NDArray[np.int64], values: Floats, step_ms: int, slot_s: int, zone: str, now_ms: int
) -> list[TaughtDay]:
    """Means by local slot of the last days before today."""
    slots = 86_400 // slot_s
    today = local(now_ms, zone).toordinal()
    sums: dict[int, Floats] = {}
    counts: dict[int, Floats] = {}
    first = local(int(times[-1]), zone).toordinal() - TAUGHT_DAYS
    for at_ms, value in zip(times.tolist(), values.tolist(), strict=True):
        # A coarser value stands in every slot that it covers.
        for part in range(max(1, step_ms // (slot_s * MS_PER_S))):
            moment = local(at_ms + part * slot_s * MS_PER_S, zone)
            ordinal = moment.toordinal()
            if ordinal <= first or ordinal >= today:
                continue
            slot = (moment.hour * 3600 + moment.minute * 60 + moment.second) // slot_s
            if ordinal not in sums:
                sums[ordinal], counts[ordinal] = np.zeros(slots), np.zeros(slots)
            sums[ordinal][slot] += value
            counts[ordinal][slot] += 1.0
    return [
        TaughtDay(ordinal, tuple(_means(sums[ordinal], counts[ordinal])))
        for ordinal in sorted(sums)
    ]


def _means(sums: Floats, counts: Floats) -> Iterator[float | None]:
    for total, count in zip(sums.tolist(), counts.tolist(), strict=True):
        yield round(total / count, 5) if count else None


def _preview(times: NDArray[np.int64], values: Floats) -> tuple[list[int], list[float | None]]:
    """A line of few points: the mean of each of equal stretches of time; None in gaps."""
    count = min(MAX_POINTS, len(times))
    span = max(1, int(times[-1] - times[0]))
    width = span / count
    place = np.minimum(((times - times[0]) / width).astype(int), count - 1)
    sums = np.bincount(place, values, count)
    many = np.bincount(place, minlength=count)
    axis = [int(times[0] + (k + 0.5) * width) for k in range(count)]
    line = [
        round(float(total / number), 3) if number else None
        for total, number in zip(sums, many, strict=True)
    ]
    return axis, line
