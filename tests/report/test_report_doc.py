"""The page on reports names every figure and every invariant that is judged."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

from plants import Run
from rich.console import Console
from test_invariants import BREACHES

from gridmuster.report import Report, render, report_journal
from gridmuster.report.figures import Money

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "report.md").read_text("utf-8")
#: Ends of names that stand for several, as `seconds_p50`, `_p99`.
ENDS = ("_p99", "_max")


def test_every_figure_is_defined() -> None:
    words = set(re.findall(r"[`.]([a-z0-9_]+)(?=[`.])", PAGE))
    for name in (*Report.__struct_fields__, *Money.__struct_fields__):
        if name in ("fleet", "currency", "software", "cycles"):
            continue
        short = next((name.removesuffix(end) for end in ENDS if name.endswith(end)), name)
        known = name in words or any(word.startswith(short) for word in words)
        assert known, f"docs/report.md does not define {name}"


def test_the_example_is_what_the_command_prints(bad_run: Run) -> None:
    """Its headings and lines, that is: the figures are those of a day that takes minutes to run."""
    console = Console(width=80, file=StringIO())
    console.print(render(report_journal(str(bad_run.journal))))
    assert isinstance(console.file, StringIO)
    example = PAGE.split("$ gridmuster report plant.journal\n")[1].split("```")[0]
    shown, printed = _labels(example), _labels(console.file.getvalue())
    assert {"Energy", "demand", "Money, USD", "operating expense", "cycle time"} <= shown
    varying = re.compile(r"^(device|site|violation|silent|grid|reserve|shortfall|mode|skew): |^\d")
    missing = {one for one in shown - printed if not varying.match(one)}
    assert missing <= KINDS_OF_THE_DAY, f"the example shows what is not printed: {missing}"


#: What a day has, and the bad hour may not: devices, alarms and endings of its own.
KINDS_OF_THE_DAY = {
    "deaf",
    "failure",
    "all demand served",
    "emergency generator",
}


def _labels(text: str) -> set[str]:
    """Names of the lines, left and right."""
    lines = [line for line in text.splitlines() if line.strip()]
    halves = [half for line in lines[2:] for half in (line[:37], line[37:])]
    return {re.split(r"  +", half.strip())[0] for half in halves if half.strip()}


def test_every_invariant_that_is_judged_is_in_the_table() -> None:
    listed = {int(number) for number in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    assert listed == {number for number, _, _ in BREACHES}
