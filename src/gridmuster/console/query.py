"""The filter language of the fleet's table: `type:diesel state:idle fuel<40% -area:north pump`.

A query is a list of terms that must all hold. A term is a field, a sign and values, or plain text;
a dash before it turns it round. Several values with commas: any of them. Text with blanks, colons
or commas stands in double quotes. Numbers take a unit or a percent sign. A value that is not known
fulfils no comparison.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, NoReturn

#: Longest query that is read, characters.
MAX_LENGTH: Final = 500
#: Most terms in one query.
MAX_TERMS: Final = 24

#: Fields that are compared with words.
WORDS: Final = (
    "type",
    "state",
    "quality",
    "mode",
    "order",
    "area",
    "feeder",
    "site",
    "id",
    "tag",
    "fuel",
    "permit",
    "override",
    "alarm",
    "reason",
)
#: Fields that are compared with numbers, with the unit of a bare number.
NUMBERS: Final[dict[str, str]] = {
    "power": "kW",
    "setpoint": "kW",
    "available": "kW",
    "rated": "kW",
    "load": "%",
    "energy": "kWh",
    "fuel": "l or m3",
    "age": "s",
    "run": "h",
    "permit": "h",
}
FIELDS: Final = tuple(dict.fromkeys((*WORDS, *NUMBERS)))
#: Fields of which a percent sign means the share of what is full.
SHARES: Final = frozenset({"fuel", "energy", "load"})
#: Unit as written, in lower case: by field's unit, what it multiplies by.
UNITS: Final[dict[str, dict[str, float]]] = {
    "kW": {"kw": 1.0, "mw": 1000.0, "w": 0.001},
    "kWh": {"kwh": 1.0, "mwh": 1000.0},
    "l or m3": {"l": 1.0, "m3": 1.0},
    "s": {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0},
    "h": {"h": 1.0, "d": 24.0},
    "%": {},
}
SIGNS: Final = ("<=", ">=", "<", ">", "=", ":")

_HEAD = re.compile(r"([A-Za-z_]+)(<=|>=|<|>|=|:)")
_NUMBER = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*([A-Za-z%][A-Za-z0-9]*)?\Z")


class QueryError(ValueError):
    """A query that cannot be read.

    Args:
        message: what is wrong, in words.
        position: where it starts, characters from the query's start.
        length: how many characters it concerns.
        suggestions: what could stand there.
    """

    def __init__(
        self, message: str, position: int, length: int, suggestions: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.length = length
        self.suggestions = suggestions


@dataclass(frozen=True, slots=True)
class Word:
    """One value of a term as written, lower case, and where it stands in the query."""

    text: str
    position: int
    length: int


@dataclass(frozen=True, slots=True)
class Matches:
    """A field that must be one of some words; the field `text` searches everywhere."""

    field: str
    words: tuple[Word, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Compares:
    """A field that must be above, below or at one of some numbers.

    ``share``: the numbers are shares of what is full (0 to 1) instead of amounts.
    """

    field: str
    sign: str
    values: tuple[float, ...]
    share: bool
    negated: bool


Term = Matches | Compares


def parse(text: str) -> tuple[Term, ...]:
    """The terms of a query.

    Raises:
        QueryError: when it cannot be read; says where and what would do.
    """
    if len(text) > MAX_LENGTH:
        raise QueryError(
            f"the filter has {len(text)} characters; at most {MAX_LENGTH} are read",
            MAX_LENGTH,
            len(text) - MAX_LENGTH,
        )
    terms: list[Term] = []
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at >= len(text):
            return tuple(terms)
        if len(terms) == MAX_TERMS:
            raise QueryError(f"a filter has at most {MAX_TERMS} terms", at, len(text) - at)
        term, at = _term(text, at)
        terms.append(term)


def near(word: str, known: tuple[str, ...] | list[str], count: int = 3) -> tuple[str, ...]:
    """Known words that look like one that is not, the likest first."""
    started = [item for item in known if item.startswith(word)] if len(word) > 1 else []
    close = get_close_matches(word, known, count, 0.6)
    return tuple(dict.fromkeys((*started[:count], *close)))[:count]


def _term(text: str, at: int) -> tuple[Term, int]:
    start = at
    negated = text[at] == "-"
    at += negated
    if at >= len(text) or text[at].isspace():
        raise QueryError("a dash needs a term right after it", start, 1)
    head = _HEAD.match(text, at)
    if head is None:
        word, at = _value(text, at, commas=False)
        if at < len(text) and not text[at].isspace():
            raise QueryError("a blank must follow the closing quote", at, 1)
        return Matches("text", (word,), negated), at
    field, sign = head[1].lower(), head[2]
    if field not in FIELDS:
        close = near(field, FIELDS)
        hint = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(FIELDS)}."
        raise QueryError(
            f"there is no field {head[1]!r}; {hint} Put text with a sign in it in quotes.",
            at,
            len(head[1]),
            close,
        )
    words, end = _values(text, head.end(), field, sign)
    return _made(field, sign, words, negated, at, head.end()), end


def _values(text: str, at: int, field: str, sign: str) -> tuple[tuple[Word, ...], int]:
    words: list[Word] = []
    while True:
        if at >= len(text) or text[at].isspace() or text[at] == ",":
            example = f"{field}{sign}{'10' if field in NUMBERS else 'word'}"
            raise QueryError(f"a value is missing, as in {example}", max(at - 1, 0), 1)
        word, at = _value(text, at, commas=True)
        words.append(word)
        if at >= len(text) or text[at].isspace():
            return tuple(words), at
        if text[at] != ",":
            raise QueryError("a blank or a comma must follow the closing quote", at, 1)
        at += 1


def _value(text: str, at: int, *, commas: bool) -> tuple[Word, int]:
    start = at
    if text[at] == '"':
        end = text.find('"', at + 1)
        if end < 0:
            raise QueryError("the quote is not closed", at, len(text) - at)
        if end == at + 1:
            raise QueryError("there is nothing between the quotes", at, 2)
        return Word(text[at + 1 : end].lower(), start, end + 1 - start), end + 1
    while at < len(text) and not text[at].isspace() and not (commas and text[at] == ","):
        if text[at] == '"':
            raise QueryError("a quote must stand at the value's start", at, 1)
        at += 1
    return Word(text[start:at].lower(), start, at - start), at


def _made(
    field: str, sign: str, words: tuple[Word, ...], negated: bool, at: int, value_at: int
) -> Term:
    numeric = field in NUMBERS
    if numeric and (sign not in "=:" or _NUMBER.match(words[0].text)):
        read = [_number(field, word) for word in words]
        if len({share for _, share in read}) > 1:
            raise QueryError("either all values have a percent sign or none", value_at, 1)
        values = tuple(value for value, _ in read)
        return Compares(field, "=" if sign == ":" else sign, values, read[0][1], negated)
    if field not in WORDS:
        word = words[0]
        unit = NUMBERS[field]
        raise QueryError(
            f"{field} is compared with a number in {unit}, as in {field}>10",
            word.position,
            word.length,
        )
    if sign not in "=:":
        raise QueryError(
            f"{field} is not a number; write {field}:{words[0].text}",
            at,
            value_at - at,
            (f"{field}:{words[0].text}",),
        )
    return Matches(field, words, negated)


def _number(field: str, word: Word) -> tuple[float, bool]:
    found = _NUMBER.match(word.text)
    unit = NUMBERS[field]
    if found is None:
        _no_number(field, word, unit)
    value, written = float(found[1]), found[2] or ""
    if written == "%":
        if field not in SHARES:
            raise QueryError(f"{field} has no percent; it is in {unit}", word.position, word.length)
        return value / 100.0, True
    if field == "load" and not written:
        return value / 100.0, True
    factor = UNITS[unit].get(written, 1.0 if not written else None)
    if factor is None:
        known = ", ".join(UNITS[unit]) or "%"
        raise QueryError(
            f"{written!r} is no unit of {field}; it takes {known}", word.position, word.length
        )
    return value * factor, False


def _no_number(field: str, word: Word, unit: str) -> NoReturn:
    raise QueryError(
        f"{word.text!r} is not a number; {field} is in {unit}", word.position, word.length
    )
