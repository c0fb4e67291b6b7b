"""Where a value was read: file, path inside it and line, so that a fault can point at it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from gridmuster.errors import Fault

Part = str | int
MAX_SHOWN: Final = 60
MAX_LISTED: Final = 12


class Lines(Protocol):
    """Finds the line on which a part of a document is written."""

    def of(self, parts: Sequence[Part]) -> int:
        """Line of the deepest part that exists, counted from 1; 0 when it is not known."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """A file that parts of a fleet are read from.

    Args:
        file: its path as the user gave it.
        table: whether it is a table of rows rather than a document.
        text: whether all its values are text, as in CSV.
        lines: finds lines in a document.
    """

    file: str
    table: bool = False
    text: bool = False
    lines: Lines | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where one part of a fleet stands: ``devices[3]`` of a document or row 17 of a table.

    Args:
        source: the file.
        root: path to it in a document, like ``("devices", 3)``.
        row: its row in a table, counted from 1 below the header.
        line: line of that row in the file, 0 when it has none.
        curve_columns: names of the columns that its fuel curve's points came from.
    """

    source: Source
    root: tuple[Part, ...] = ()
    row: int = 0
    line: int = 0
    curve_columns: tuple[str, ...] = ()

    def path(self, *parts: Part) -> str:
        """The path of a part below this place, as a fault shows it."""
        if not self.source.table:
            return dotted((*self.root, *parts))
        if not parts:
            return f"row {self.row}"
        if self.curve_columns and parts[0] == "fuel_curve" and len(parts) > 1:
            return f"row {self.row}, column {self.curve_columns[int(parts[1])]}"
        return f"row {self.row}, column {dotted(parts)}"

    def fault(self, *parts: Part, value: str, limit: str, expected: str) -> Fault:
        """A fault at a part below this place.

        Args:
            parts: names and indices down to the value.
            value: the value found, as text.
            limit: the rule it breaks.
            expected: what to write instead.
        """
        lines = self.source.lines
        return Fault(
            file=self.source.file,
            path=self.path(*parts),
            value=value,
            limit=limit,
            expected=expected,
            line=self.line if lines is None else lines.of((*self.root, *parts)),
        )


def dotted(parts: Iterable[Part]) -> str:
    """Parts as one path: ``("devices", 3, "rated_kw")`` is ``devices[3].rated_kw``."""
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def shown(value: Any) -> str:
    """A value as a fault shows it: as it is written in a file, and not too long."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, dict):
        return "a block of fields" if value else "an empty block"
    if isinstance(value, list | tuple):
        count = len(value)
        return "an empty list" if not count else f"a list of {count}"
    text = repr(str(value)) if isinstance(value, str) else str(value)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


def listed(words: Iterable[str]) -> str:
    """Words with commas between them, cut after a dozen."""
    known = list(words)
    tail = f", and {len(known) - MAX_LISTED} more" if len(known) > MAX_LISTED else ""
    return ", ".join(known[:MAX_LISTED]) + tail


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word nearest to a misspelt one; empty when none is near."""
    by_folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), by_folded, 1)
    return by_folded[near[0]] if near else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`` (did you mean battery?)``, to follow a rule that a misspelt word breaks; or nothing."""
    near = nearest(word, known)
    return f" (did you mean {near}?)" if near else ""


def sort_key(fault: Fault) -> tuple[Any, ...]:
    """Key that orders faults by file, line and path, with numbers in paths in rising order."""
    pieces = re.split(r"(\d+)", fault.path)
    natural = [(int(piece), "") if piece.isdigit() else (-1, piece) for piece in pieces]
    return (fault.file, fault.line, natural, fault.limit, fault.value)
