"""The page on reports names every figure and every invariant that is judged."""

from __future__ import annotations

import re
from pathlib import Path

from test_invariants import BREACHES

from gridmuster.report import Report
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


def test_every_invariant_that_is_judged_is_in_the_table() -> None:
    listed = {int(number) for number in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    assert listed == {number for number, _, _ in BREACHES}
