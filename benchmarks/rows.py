"""What every benchmark gives: figures with their bounds, and the table made of them."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Args:
        benchmark: what was measured.
        figure: the value.
        unit: its unit.
        bound: what it must not exceed; None for a figure without a bound.
        stretch: what would be better still.
        note: what the reader should know.
    """

    benchmark: str
    figure: float
    unit: str
    bound: float | None = None
    stretch: float | None = None
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the bound holds."""
        return self.bound is None or self.figure <= self.bound


Benchmark = Callable[[], list[Row]]


def machine() -> str:
    """The machine in words: processor, cores, memory, Python."""
    cpu = platform.processor() or platform.machine()
    for line in _lines(Path("/proc/cpuinfo")):
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    memory = next((line for line in _lines(Path("/proc/meminfo")) if "MemTotal" in line), "")
    gib = int(memory.split()[1]) / 1024**2 if memory else 0.0
    cores = sum(line.startswith("processor") for line in _lines(Path("/proc/cpuinfo")))
    return f"{cpu}, {cores} cores, {gib:.0f} GiB, Python {platform.python_version()}"


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| benchmark | figure | bound | stretch | met | note |", "|---|---|---|---|---|---|"]
    for row in rows:
        bound = "" if row.bound is None else f"{row.bound:g} {row.unit}"
        stretch = "" if row.stretch is None else f"{row.stretch:g} {row.unit}"
        met = "" if row.bound is None else ("yes" if row.met else "**no**")
        lines.append(
            f"| {row.benchmark} | {row.figure:.4g} {row.unit} | {bound} | {stretch} | {met} "
            f"| {row.note} |"
        )
    return "\n".join(lines)


def write_page(path: Path, found: dict[str, list[Row]], command: str) -> None:
    """Write figures into `docs/benchmarks.md`; sections of other benchmarks stay as they are.

    Args:
        path: the page.
        found: rows by benchmark.
        command: what was run.
    """
    sections: dict[str, str] = {}
    for part in ("\n" + "\n".join(_lines(path))).split("\n## ")[1:]:
        name, _, body = part.partition("\n")
        sections[name.strip()] = body.strip()
    day = datetime.now(UTC).date().isoformat()
    for name, rows in found.items():
        said = f"`{command} {name} --write docs/benchmarks.md`, {day}; {machine()}."
        sections[name] = f"{said}\n\n{table(rows)}"
    head = (
        "# Benchmarks\n\nWritten by the benchmarks themselves. Each figure is of one run on a "
        "machine that may be shared with other\nwork: read times to one digit.\n"
    )
    body = "\n".join(f"\n## {name}\n\n{text}" for name, text in sections.items())
    path.write_text(f"{head}{body}\n")


def as_dicts(rows: list[Row]) -> list[dict[str, object]]:
    """The rows for machines, with whether each bound is met."""
    return [{**asdict(row), "met": row.met} for row in rows]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
