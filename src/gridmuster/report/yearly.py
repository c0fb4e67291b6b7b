"""A journal of a long run, read once: the report, and what promises and exercises came to."""

from __future__ import annotations

from gridmuster.report.accumulate import Accumulator
from gridmuster.report.figures import Report
from gridmuster.report.promises import YearBook, YearFigures
from gridmuster.report.source import Progress, stream
from gridmuster.store.journal import Journal

__all__ = ["YearFigures", "report_year"]


def report_year(path_or_url: str, progress: Progress | None = None) -> tuple[Report, YearFigures]:
    """Report on a journal, its promises and its exercises.

    Args:
        path_or_url: path of an SQLite journal, or a database URL.
        progress: told records read and records in all.

    Raises:
        JournalError: when there is none, it is empty or damaged, or cannot be read.
    """
    accumulator, year = Accumulator(), YearBook()
    with Journal.open(path_or_url, read_only=True) as journal:
        for item in stream(journal, progress):
            accumulator.take(item)
            year.take(item)
    return accumulator.report(), year.figures()
