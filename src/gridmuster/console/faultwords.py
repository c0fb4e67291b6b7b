"""What is wrong with a field of a request, in words for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gridmuster.console.bodies import ID_PATTERN

_ID: Final = "is no id: letters, digits, dot, colon, dash and underscore, at most 128, no blanks"
#: By pydantic's type of an error; what its context holds is filled in.
_WORDS: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "enum": "must be one of {expected}",
    "literal_error": "must be one of {expected}",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "datetime_type": "must be a date and time",
    "datetime_parsing": "must be a date and time",
    "datetime_from_date_parsing": "must be a date and time",
    "json_invalid": "is not JSON: {error}",
}


def fault_words(entry: Mapping[str, Any]) -> str:
    """What is wrong, without the field's name before it.

    Args:
        entry: an error as pydantic lists it, with ``type``, ``msg`` and perhaps ``ctx``.
    """
    context: Mapping[str, Any] = entry.get("ctx") or {}
    if entry["type"] == "string_pattern_mismatch" and context.get("pattern") == ID_PATTERN:
        return _ID
    given = {name: _shown(value) for name, value in context.items()}
    try:
        return _WORDS[entry["type"]].format_map(given)
    except KeyError:
        return str(entry["msg"]).removeprefix("Value error, ")


def _shown(value: object) -> str:
    """A limit as people write it: thousands set apart, no empty decimals."""
    if isinstance(value, int | float):
        return f"{int(value):,}" if float(value).is_integer() else f"{value:,}"
    return str(value)
