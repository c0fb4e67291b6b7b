"""Everything that can be wrong with a fleet beyond a single field, and what is merely odd.

Faults forbid a start; warnings do not. Both are `errors.Fault`: file, path, value, limit and what
is expected.
"""

from __future__ import annotations

from dataclasses import dataclass

from gridmuster.errors import Fault
from gridmuster.fleet.book import Book, book_of
from gridmuster.fleet.model import Fleet
from gridmuster.fleet.place import sort_key
from gridmuster.fleet.rules import (
    geography,
    machines,
    operation,
    permits,
    promises,
    references,
    ties,
)


@dataclass(frozen=True, slots=True)
class Findings:
    """What the checks found, each sorted by place.

    Args:
        faults: what is wrong.
        warnings: what is allowed but likely not meant.
    """

    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()


def check_fleet(fleet: Fleet, name: str = "fleet") -> Findings:
    """Check a fleet that is in memory.

    Args:
        fleet: the fleet.
        name: what to call it in the findings, in place of a file.
    """
    return check_book(book_of(fleet, name))


def check_book(book: Book) -> Findings:
    """Check the parts of a fleet that are valid by themselves.

    Args:
        book: the parts and where they stand.
    """
    faults = [
        *references.faults(book),
        *geography.faults(book),
        *machines.faults(book),
        *permits.faults(book),
        *operation.faults(book),
        *promises.faults(book),
        *ties.faults(book),
    ]
    warnings = [
        *machines.warnings(book),
        *permits.warnings(book),
        *promises.warnings(book),
        *ties.warnings(book),
    ]
    return Findings(tuple(sorted(faults, key=sort_key)), tuple(sorted(warnings, key=sort_key)))
