"""How a file of market data is to be read: columns, units, times, and what was known when."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from gridmuster.clock import zone
from gridmuster.errors import Fault, FleetError

Marks = Literal["start", "end"]
Repeats = Literal["refuse", "first", "last"]

#: Unit in a file -> (unit inside, factor). Prices are per MWh inside, whatever the currency.
CURRENCIES = ("USD", "EUR", "GBP", "AUD", "CAD", "money")
UNITS: dict[str, tuple[str, float]] = {
    **{f"{money}/MWh": (f"{money}/MWh", 1.0) for money in CURRENCIES},
    **{f"{money}/kWh": (f"{money}/MWh", 1000.0) for money in CURRENCIES},
    **{f"c{money}/kWh": (f"{money}/MWh", 10.0) for money in CURRENCIES},
    "MW": ("MW", 1.0),
    "kW": ("MW", 1e-3),
    "GW": ("MW", 1e3),
    "C": ("C", 1.0),
    "W/m2": ("W/m2", 1.0),
    "1": ("1", 1.0),
}


class Published(Struct, forbid_unknown_fields=True, frozen=True):
    """When a value becomes known; exactly one of the three.

    Args:
        after_end_min: minutes after the end of its interval.
        day_before: time of day, ``HH:MM`` in the market's zone, on the day before its own.
        column: column of the file with the instant of publication of each row.
    """

    after_end_min: float | None = None
    day_before: str = ""
    column: str = ""


class ColumnRule(Struct, forbid_unknown_fields=True, frozen=True):
    """One quantity of a file.

    Args:
        unit: unit in the file; see `UNITS`.
        published: when it becomes known.
        column: name of its column, in files with one area or a column that names the area.
        areas: area -> name of its column, in files with a column for each area.
        accept: checks that are known to fail for good reason and are passed over: ``scale``
            (a unit that looks wrong), ``missing`` (more than half without value).
    """

    unit: str
    published: Published
    column: str = ""
    areas: dict[str, str] = field(default_factory=dict)
    accept: tuple[Literal["scale", "missing"], ...] = ()


class TimeRule(Struct, forbid_unknown_fields=True, frozen=True):
    """The time column of a file.

    Args:
        column: its name.
        marks: whether it holds the start or the end of the interval.
        zone: IANA zone of times without offset; "": there are none such. For files that give every
            day 24 hours, clock changes evened out: UTC, here and in `Mapping.zone`.
    """

    column: str
    marks: Marks = "start"
    zone: str = ""


class Source(Struct, forbid_unknown_fields=True, frozen=True):
    """One file.

    Args:
        time: its time column.
        step_min: length of an interval, min.
        columns: quantities by name.
        area_column: column that names the area of each row.
        area: the area of all rows, where no column tells.
        repeats: what to do with an interval that comes twice with different values.
    """

    time: TimeRule
    step_min: float
    columns: dict[str, ColumnRule]
    area_column: str = ""
    area: str = ""
    repeats: Repeats = "refuse"

    def needs(self) -> set[str]:
        """Columns that a file must have."""
        found = {self.time.column, self.area_column}
        for rule in self.columns.values():
            found |= {rule.column, rule.published.column, *rule.areas.values()}
        return found - {""}


class Mapping(Struct, forbid_unknown_fields=True, frozen=True):
    """How a market's files are read.

    Args:
        name: short name.
        zone: IANA zone of the market's days.
        sources: its files; a file belongs to the first source all of whose columns it has.
        day_ahead_closes: when the day-ahead auction closes, ``HH:MM`` on the day before delivery.
        says: where such files come from, in words.
    """

    name: str
    zone: str
    sources: tuple[Source, ...]
    day_ahead_closes: str = "10:00"
    says: str = ""


def minute_of(text: str) -> int:
    """Minute of the day of a time written ``HH:MM``.

    Raises:
        ValueError: for any other text.
    """
    hour, colon, minute = text.partition(":")
    if not (colon and hour.isdigit() and minute.isdigit() and len(minute) == 2):
        raise ValueError(f"{text!r} is no time of day")
    if int(hour) > 23 or int(minute) > 59:
        raise ValueError(f"{text!r} is no time of day")
    return int(hour) * 60 + int(minute)


def mapping_from(plain: Any, file: str) -> Mapping:
    """A mapping from plain data, checked.

    Args:
        plain: what a YAML or JSON file holds.
        file: the file's name, for messages.

    Raises:
        FleetError: naming each fault.
    """
    try:
        found = msgspec.convert(plain, Mapping)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at ")
        fault = Fault(
            file, place.strip("`"), "something else", text, "a mapping as in docs/market.md"
        )
        raise FleetError([fault]) from error
    faults = [*_faults(found, file)]
    if faults:
        raise FleetError(faults)
    return found


def _faults(mapping: Mapping, file: str) -> list[Fault]:
    """Everything wrong in a mapping that its types do not show."""
    faults = []
    zones = [("zone", mapping.zone)]
    times = [("day_ahead_closes", mapping.day_ahead_closes)]
    for number, source in enumerate(mapping.sources):
        inside = f"sources[{number}]"
        zones.append((f"{inside}.time.zone", source.time.zone or "UTC"))
        if not 0 < source.step_min <= 60 or 60 % source.step_min:
            faults.append(
                Fault(
                    file,
                    f"{inside}.step_min",
                    f"{source.step_min:g}",
                    "an interval divides the hour",
                    "5, 15, 30 or 60",
                )
            )
        for name, rule in source.columns.items():
            where = f"{inside}.columns.{name}"
            faults += _rule_faults(rule, Place(file, where))
            if rule.published.day_before:
                times.append((f"{where}.published.day_before", rule.published.day_before))
    for where, name in zones:
        try:
            zone(name)
        except (KeyError, ValueError, OSError):
            faults.append(Fault(file, where, repr(name), "no IANA zone", "like America/New_York"))
    for where, text in times:
        try:
            minute_of(text)
        except ValueError as error:
            faults.append(Fault(file, where, repr(text), str(error), "HH:MM, like 11:00"))
    if not mapping.sources:
        faults.append(Fault(file, "sources", "none", "a mapping names a file", "one or more"))
    return faults


class Place(Struct, frozen=True):
    """Where in a mapping a rule stands."""

    file: str
    inside: str


def _rule_faults(rule: ColumnRule, place: Place) -> list[Fault]:
    faults = []
    if rule.unit not in UNITS:
        faults.append(
            Fault(
                place.file,
                f"{place.inside}.unit",
                repr(rule.unit),
                "unknown unit",
                "one of " + ", ".join(sorted(UNITS)),
            )
        )
    if bool(rule.column) == bool(rule.areas):
        faults.append(
            Fault(
                place.file,
                place.inside,
                "both or neither of column and areas",
                "a quantity is in one column, or in one for each area",
                "column: NAME, or areas: {AREA: NAME}",
            )
        )
    ways = (
        rule.published.after_end_min is not None,
        bool(rule.published.day_before),
        bool(rule.published.column),
    )
    if sum(ways) != 1:
        faults.append(
            Fault(
                place.file,
                f"{place.inside}.published",
                f"{sum(ways)} rules",
                "exactly one rule says when a value was known",
                "after_end_min, day_before or column",
            )
        )
    return faults
