"""Adds up a journal: one pass, memory that does not grow with its length.

    accumulator = Accumulator()
    for item in stream(journal):
        accumulator.take(item)
    report = accumulator.report()

It can also be fed while a run is under way, and asked for the report so far at its end.
"""

from __future__ import annotations

from gridmuster.errors import JournalError
from gridmuster.report.books import Books
from gridmuster.report.build import build
from gridmuster.report.figures import Report
from gridmuster.report.invariants import Checker
from gridmuster.report.source import Cycle, Session


class Accumulator:
    """Feeds books and checks with a journal's heads and cycles."""

    def __init__(self) -> None:
        self.books = Books()
        self.checker = Checker()

    def take(self, item: Session | Cycle) -> None:
        """Take the next head or cycle.

        Raises:
            JournalError: for a cycle before the first head.
        """
        if isinstance(item, Session):
            self.books.session(item)
            self.checker.take(item)
            return
        if not self.books.heads:
            raise JournalError("the journal has cycles before its head")
        self.books.cycle(item)
        self.checker.take(item)

    def report(self) -> Report:
        """Close the books and report on what was taken.

        Raises:
            JournalError: when nothing was.
        """
        if not self.books.heads:
            raise JournalError("the journal is empty: it has no head")
        self.books.close()
        self.checker.end()
        breaches = self.checker.breaches
        return build(self.books, breaches.found, breaches.counts)
