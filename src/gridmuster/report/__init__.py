"""Reports: what happened, worked out from the journal alone.

    report = report_journal("plant.journal")
    print(report.served_kwh, report.invariant_violations)

`source` streams and decodes a journal, `accumulate` and the books beside it add up, `invariants`
holds every message against the rules of `domain.md` section 6, `figures` is the result, `text`
shows it to people. Every figure is defined in `docs/report.md`.
"""

from __future__ import annotations

from gridmuster.report.accumulate import Accumulator
from gridmuster.report.figures import Report, Violation, encode_report
from gridmuster.report.source import Progress, stream
from gridmuster.report.text import render
from gridmuster.store.journal import Journal

__all__ = [
    "Accumulator",
    "Report",
    "Violation",
    "encode_report",
    "render",
    "report_journal",
    "stream",
]


def report_journal(path_or_url: str, progress: Progress | None = None) -> Report:
    """Report on a journal.

    Args:
        path_or_url: path of an SQLite journal, or a database URL.
        progress: told records read and records in all.

    Raises:
        JournalError: when there is none, it is empty or damaged, or cannot be read.
    """
    with Journal.open(path_or_url, read_only=True) as journal:
        accumulator = Accumulator()
        for item in stream(journal, progress):
            accumulator.take(item)
    return accumulator.report()
