"""Answers queries over columns: which devices match, in which order."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import translate
from re import IGNORECASE, compile
from typing import Final, NoReturn

import numpy as np

from gridmuster.console.columns import CHARGING, STATES, Codes, Columns, Floats, Mask
from gridmuster.console.query import Compares, Matches, QueryError, Term, Word, near
from gridmuster.fleet.devices import DeviceType, PermitClass
from gridmuster.signals import Order, Quality, SwitchMode
from gridmuster.units import Fuel

#: Common words for kinds of device.
KINDS: Final[dict[str, tuple[str, ...]]] = {
    "genset": ("emergency_generator", "engine"),
    "generator": ("emergency_generator", "engine", "microturbine", "fuel_cell"),
    "emergency": ("emergency_generator",),
    "backup": ("emergency_generator",),
    "standby": ("emergency_generator",),
    "chp": ("engine",),
    "solar": ("photovoltaic",),
    "pv": ("photovoltaic",),
    "sun": ("photovoltaic",),
    "wind": ("wind_turbine",),
    "turbine": ("microturbine", "wind_turbine"),
    "fuelcell": ("fuel_cell",),
    "store": ("battery", "flywheel", "smes"),
    "storage": ("battery", "flywheel", "smes"),
    "bess": ("battery",),
    "renewable": ("photovoltaic", "wind_turbine"),
    "renewables": ("photovoltaic", "wind_turbine"),
}
#: Words for what a device burns, and the kinds meant when no fuel is known of any device.
BURNERS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "diesel": ("diesel", ("emergency_generator",)),
    "gas": ("natural_gas", ("engine", "microturbine", "fuel_cell")),
    "natural_gas": ("natural_gas", ("engine", "microturbine", "fuel_cell")),
    "propane": ("propane", ()),
    "lpg": ("propane", ()),
    "hydrogen": ("hydrogen", ()),
    "h2": ("hydrogen", ()),
}
#: Common words for states.
SITUATIONS: Final[dict[str, tuple[str, ...]]] = {
    "on": ("starting", "warming", "running", CHARGING),
    "off": ("idle",),
    "failed": ("fault", "locked"),
    "error": ("fault", "locked"),
    "charge": (CHARGING,),
    "silent": ("unknown",),
}
PERMITS: Final[dict[str, tuple[str, ...]]] = {
    "epa": ("epa_emergency", "epa_non_emergency"),
    "california": ("california_emergency",),
    "carb": ("california_emergency",),
    "eu": ("eu_mcp",),
    "mcp": ("eu_mcp",),
}
YES: Final = frozenset({"yes", "true", "any", "1"})
NO: Final = frozenset({"no", "false", "none", "0"})
SEVERITIES: Final = ("critical", "warning", "note")
_CLOSED: Final[dict[str, tuple[str, ...]]] = {
    "type": tuple(kind.value for kind in DeviceType),
    "state": STATES,
    "quality": tuple(quality.value for quality in Quality),
    "mode": tuple(mode.value for mode in SwitchMode),
    "order": tuple(order.value for order in Order),
    "permit": tuple(permit.value for permit in PermitClass),
    "fuel": tuple(fuel.value for fuel in Fuel),
}
#: What a closed field's word may also be, beyond its own values.
_ALSO: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "state": SITUATIONS,
    "permit": PERMITS,
    "quality": {"old": ("stale",)},
    "order": {"none": ("",)},
    "fuel": {word: (burns,) for word, (burns, _) in BURNERS.items()},
    "type": KINDS,
}
#: Most names of places that are compared with one that is not known.
_MOST_COMPARED: Final = 2000
#: How far a value may be from one asked for with `=` and still be it, as it is shown.
_SAME: Final = 0.05

#: Keys that rows can be sorted by.
SORTS: Final = (
    "id",
    "type",
    "site",
    "area",
    "feeder",
    "state",
    "mode",
    "quality",
    "order",
    "age",
    "power",
    "setpoint",
    "available",
    "rated",
    "load",
    "energy",
    "energy%",
    "fuel",
    "fuel%",
    "level",
    "run",
    "permit",
    "alarm",
    "override",
)


def find(columns: Columns, terms: Iterable[Term]) -> Mask:
    """Rows that fulfil all terms.

    Raises:
        QueryError: when a term names something that the plant does not have.
    """
    found = np.ones(columns.count, np.bool_)
    for term in terms:
        mask = _compared(columns, term) if isinstance(term, Compares) else _matched(columns, term)
        found &= ~mask if term.negated else mask
    return found


def order_rows(columns: Columns, found: Mask, sort: str) -> Codes:
    """Row numbers of what was found, sorted; what is not known comes last, ties go by id.

    Args:
        columns: the devices.
        found: rows to sort.
        sort: one of `SORTS`; a dash before it turns it round.
    """
    rows = columns.fixed.by_id[found[columns.fixed.by_id]]
    key = sort.removeprefix("-")
    down = sort.startswith("-")
    if key == "id":
        return rows[::-1] if down else rows
    values = _sort_key(columns, key)[rows]
    if down:
        values = -values
    return rows[np.argsort(values, kind="stable")]


def _sort_key(columns: Columns, key: str) -> Floats:
    if key in ("alarm", "override"):
        return columns.flag(key).astype(float)
    if key in ("type", "site", "area", "feeder"):
        return columns.word(key).ranks().astype(float)
    if key in ("state", "quality", "mode", "order"):
        return columns.word(key).codes.astype(float)
    if key == "level":
        fuel = columns.number("fuel%")
        level: Floats = np.where(np.isnan(fuel), columns.number("energy%"), fuel)
        return level
    return columns.number(key)


def _compared(columns: Columns, term: Compares) -> Mask:
    name = f"{term.field}%" if term.share and term.field in ("fuel", "energy") else term.field
    values = columns.number(name)
    found = np.zeros(columns.count, np.bool_)
    same = _SAME / 100.0 if term.share else _SAME
    for value in term.values:
        if term.sign == "<":
            found |= values < value
        elif term.sign == "<=":
            found |= values <= value
        elif term.sign == ">":
            found |= values > value
        elif term.sign == ">=":
            found |= values >= value
        else:
            found |= np.abs(values - value) <= same
    return found


def _matched(columns: Columns, term: Matches) -> Mask:
    found = np.zeros(columns.count, np.bool_)
    for word in term.words:
        found |= _one(columns, term.field, word)
    return found


def _one(columns: Columns, field: str, word: Word) -> Mask:
    text = word.text
    if field == "text":
        return columns.fixed.named(text) | columns.says(text)
    if field == "reason":
        return np.fromiter(
            (text in device.reason.lower() for device in columns.view.devices),
            np.bool_,
            columns.count,
        )
    if field == "id":
        return _id(columns, text)
    if field in ("site", "area", "feeder"):
        return _place(columns, field, word)
    if field == "tag":
        return _tag(columns, word)
    if field == "override":
        if text not in YES | NO:
            _unknown(field, word, ("yes", "no"))
        return columns.flag(field) if text in YES else ~columns.flag(field)
    if field == "alarm":
        return _alarm(columns, text)
    return _closed(columns, field, word)


def _closed(columns: Columns, field: str, word: Word) -> Mask:
    plain = word.text.replace("-", "_").replace(" ", "_")
    known, also = _CLOSED[field], _ALSO.get(field, {})
    column = columns.word("burns" if field == "fuel" else field)
    if field == "type" and plain in BURNERS:
        burns, kinds = BURNERS[plain]
        if columns.fixed.fleet is not None:
            return columns.word("burns").among((burns,))
        return column.among(kinds)
    if plain in known:
        return column.among((plain,))
    singular = plain.removesuffix("s")
    for form in (plain, singular):
        if form in also:
            return column.among(also[form])
    if singular in known:
        return column.among((singular,))
    words = dict.fromkeys((*known, *also, *(BURNERS if field == "type" else ())))
    _unknown(field, word, tuple(words), known)


def _unknown(
    field: str, word: Word, words: tuple[str, ...], shown: tuple[str, ...] = ()
) -> NoReturn:
    close = near(word.text.replace("-", "_"), words)
    hint = f"did you mean {' or '.join(close)}?" if close else ""
    if not close:
        hint = f"known: {', '.join((shown or words)[:12])}"
    raise QueryError(
        f"there is no {field} {word.text!r}; {hint}", word.position, word.length, close
    )


def _id(columns: Columns, text: str) -> Mask:
    if "*" in text or "?" in text:
        fits = compile(translate(text), IGNORECASE).match
        hits = (fits(known) is not None for known in columns.fixed.ids)
    else:
        hits = (text in known.lower() for known in columns.fixed.ids)
    return np.fromiter(hits, np.bool_, columns.count)


def _place(columns: Columns, field: str, word: Word) -> Mask:
    fixed = columns.fixed
    column = columns.word(field)
    names = {
        "site": fixed.site_names,
        "area": fixed.area_names,
        "feeder": fixed.feeder_names,
    }[field]
    text = word.text
    if "*" in text or "?" in text:
        fits = compile(translate(text), IGNORECASE).match
        wanted = [
            known
            for known, name in zip(column.words, names, strict=True)
            if fits(known) or fits(name)
        ]
        return column.among(wanted)
    wanted = [
        known
        for known, name in zip(column.words, names, strict=True)
        if text in (known.lower(), name.lower())
    ]
    if wanted or not columns.count:
        return column.among(wanted)
    likely = [known for known in column.words if known[:1].lower() == text[:1]] or column.words
    _unknown(field, word, tuple(likely[:_MOST_COMPARED]))


def _tag(columns: Columns, word: Word) -> Mask:
    tags = columns.fixed.tags
    if word.text not in tags:
        _unknown("tag", word, tuple(tags)[:_MOST_COMPARED])
    found = np.zeros(columns.count, np.bool_)
    found[tags[word.text]] = True
    return found


def _alarm(columns: Columns, text: str) -> Mask:
    if text in YES:
        return columns.flag("alarm")
    if text in NO:
        return ~columns.flag("alarm")
    view = columns.view
    if text in SEVERITIES:
        return columns.rows_of({a.subject for a in view.alarms if a.severity == text})
    standing = {alarm.subject for alarm in view.alarms if text in alarm.text.lower()}
    own = np.fromiter(
        (bool(d.alarms) and any(text in alarm.lower() for alarm in d.alarms) for d in view.devices),
        np.bool_,
        columns.count,
    )
    return own | columns.rows_of(standing)
