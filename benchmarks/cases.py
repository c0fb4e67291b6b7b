"""Public unit-commitment cases: ours beside HiGHS on the textbook model, each in its own process.

HiGHS has as many threads, and the longest time that is promised of a case (`benchmarks.textbook`).
Copies of the case ca take minutes: GRIDMUSTER_LONG=1 asks for them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rows import Benchmark, Row
from benchmarks.textbook import textbook
from gridmuster.planning.cases.reading import read_case

INF = float("inf")

DATA = Path(os.environ.get("GRIDMUSTER_DATA", Path(__file__).parents[2] / "shared" / "data"))
#: Set to 1 for the cases that take minutes.
LONG = os.environ.get("GRIDMUSTER_LONG", "") == "1"
#: Threads of both.
THREADS = 2
#: Cost of a copy of the case ca that its copies must not exceed, k$: the best known of one.
CA_COPY = 48_409.142


@dataclass(frozen=True, slots=True)
class Asked:
    """A case and what is promised of it.

    Args:
        file: below the data folder.
        gap: greatest relative gap.
        seconds: most wall time, s.
        copies: how often every unit is repeated.
        stretch: gap that would be better still.
        alone: whether the textbook model is left out: it is hopeless, or has more time elsewhere.
    """

    file: str
    gap: float
    seconds: float
    copies: int = 1
    stretch: float | None = None
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Solved:
    """What ours found: cost (inf without a feasible plan), bound, wall time (s), and how."""

    cost: float
    bound: float
    seconds: float
    method: str

    @property
    def note(self) -> str:
        """Cost, bound and how, in words."""
        return f"{self.cost:,.1f}, bound {self.bound:,.1f}, {self.method}"


_RTS = ("2020-01-27", "2020-02-09", "2020-07-06")
_CA = "pglib-uc/ca/2014-09-01_reserves_3.json"
QUICK_CASES = tuple(
    Asked(f"pglib-uc/rts_gmlc/{day}.json", 5e-3, 10.0, stretch=1e-3, alone=True) for day in _RTS
)
#: Cases beside the textbook model, by the name of their part of the benchmark.
CASES = {
    **{f"cases-{day}": Asked(f"pglib-uc/rts_gmlc/{day}.json", 1e-3, 100.0) for day in _RTS},
    "cases-ca": Asked(_CA, 1e-3, 60.0),
}
LONG_CASES = (
    Asked(_CA, 5e-4, 120.0, copies=17, alone=True),
    Asked(_CA, 5e-4, 600.0, copies=164, alone=True),
)
KAZARLIS = "reference/uc_kazarlis_10.json"


def quick() -> list[Row]:
    """What is promised in ten seconds."""
    # The first solve compiles; it is not what is asked.
    _ours(Asked(KAZARLIS, 1e-2, 60.0), 1e-2)
    return [row for asked in QUICK_CASES for row in _measured(asked)] + _kazarlis()


def copies() -> list[Row]:
    """Copies of the case ca; none unless they are asked for."""
    return [row for asked in (LONG_CASES if LONG else ()) for row in _measured(asked)]


def _part(asked: Asked) -> Benchmark:
    return lambda: _measured(asked)


#: The parts of the benchmark, so that each is done in a few minutes.
PARTS: dict[str, Benchmark] = {
    "cases": quick,
    **{name: _part(asked) for name, asked in CASES.items()},
    "cases-copies": copies,
}


def _measured(asked: Asked) -> list[Row]:
    name = f"{Path(asked.file).parent.name}/{Path(asked.file).stem}"
    name += f" x {asked.copies}" if asked.copies > 1 else ""
    what = f"{name}, {asked.seconds:g} s"
    # A copy's cost is judged by the best known of one case; our own bound says the rest.
    found = _ours(asked, 2e-4 if asked.copies > 1 else asked.gap)
    note = found.note
    gap = 100.0 * (found.cost - found.bound) / abs(found.cost) if found.cost < INF else INF
    if asked.copies > 1:
        each = found.cost / asked.copies
        over = 100.0 * (each / CA_COPY - 1.0)
        rows = [Row(f"{what}: a copy above the best known case", over, "%", 100.0 * asked.gap)]
        rows.append(Row(f"{what}: gap", gap, "%", note=note))
    else:
        stretch = None if asked.stretch is None else 100.0 * asked.stretch
        rows = [Row(f"{what}: gap", gap, "%", 100.0 * asked.gap, stretch, note=note)]
    rows.append(Row(f"{what}: wall time", found.seconds, "s", 1.03 * asked.seconds))
    if not asked.alone:
        case = read_case(DATA / asked.file)
        theirs = textbook(case, asked.gap, asked.seconds, THREADS)
        note = f"{theirs.cost:,.1f}, bound {theirs.bound:,.1f}"
        rows.append(Row(f"{what}: textbook + HiGHS, gap", 100.0 * theirs.gap, "%", note=note))
        rows.append(Row(f"{what}: textbook + HiGHS, wall time", theirs.seconds, "s"))
    return rows


def _kazarlis() -> list[Row]:
    answers = json.loads((DATA / KAZARLIS).read_text())["answers"]
    rows = []
    for copies in (1, 2, 4):
        asked = Asked(KAZARLIS, 1e-4, 10.0, copies=copies)
        found = _ours(asked, 1e-4)
        best = float(answers[str(10 * copies)]["solved_here_usd"])
        what = f"Kazarlis, {10 * copies} units, 10 s"
        over = 100.0 * (found.cost / best - 1.0)
        what_for = f"{what}: above the answer in the file"
        rows.append(Row(what_for, over, "%", 0.1, 0.01, note=found.note))
        rows.append(Row(f"{what}: wall time", found.seconds, "s", 10.3))
    return rows


def _ours(asked: Asked, gap: float) -> Solved:
    words = ["--time-limit", asked.seconds, "--gap", gap, "--threads", THREADS]
    words += ["--copies", asked.copies, "--json"]
    command = [sys.executable, "-m", "gridmuster.cli.main", "solve", str(DATA / asked.file)]
    done = subprocess.run([*command, *map(str, words)], capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    cost, bound = found["objective"], found["lower_bound"]
    return Solved(
        INF if cost is None or not found["feasible"] else float(cost),
        -INF if bound is None else float(bound),
        float(found["seconds"]),
        str(found["method"]),
    )
