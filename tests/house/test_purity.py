"""Only clock.py reads the clock, and the deciding packages import nothing that acts or rolls dice.

import-linter proves the same of indirect imports; this test also sees single modules, the
standard library's random, and works on a tree where some folders are not there.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "gridmuster"

CLOCK_READS = frozenset(
    {
        "time.time",
        "time.time_ns",
        "time.monotonic",
        "time.monotonic_ns",
        "time.perf_counter",
        "time.perf_counter_ns",
        "time.sleep",
        "datetime.datetime.now",
        "datetime.datetime.today",
        "datetime.datetime.utcnow",
        "datetime.date.today",
    }
)
IMPURE = frozenset({"asyncio", "socket", "sqlalchemy", "paho", "pymodbus", "random"})
PURE = (
    "units",
    "signals",
    "fleet/model",
    "state",
    "forecast",
    "programs",
    "planning",
    "dispatch",
    "safety",
    "center",
)


def imported_names(tree: ast.AST) -> dict[str, str]:
    """What each name bound by an import stands for: {"dt": "datetime", "now": "time.time"}."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                names[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def dotted(node: ast.AST, names: dict[str, str]) -> str:
    """The full name an expression stands for, or "" when it is no plain name."""
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    if isinstance(node, ast.Attribute):
        base = dotted(node.value, names)
        return f"{base}.{node.attr}" if base else ""
    return ""


def clock_reads(text: str) -> list[tuple[int, str]]:
    """Line and name of each use of the wall clock, called or only referred to."""
    tree = ast.parse(text)
    names = imported_names(tree)
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            name = dotted(node, names)
            if name in CLOCK_READS:
                found.add((node.lineno, name))
            elif isinstance(node, ast.Attribute) and node.attr == "utcnow":
                found.add((node.lineno, ".utcnow"))
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {
                (node.lineno, f"{node.module}.{alias.name}")
                for alias in node.names
                if f"{node.module}.{alias.name}" in CLOCK_READS
                or (node.module == "time" and alias.name == "*")
            }
    return sorted(found)


def impure_imports(text: str) -> list[tuple[int, str]]:
    """Line and name of each import, at any depth, of something that acts or rolls dice."""
    found = []
    for node in ast.walk(ast.parse(text)):
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules = [node.module]
        found += [(node.lineno, m) for m in modules if m.partition(".")[0] in IMPURE]
    return sorted(found)


def pure_files() -> Iterator[Path]:
    """The modules of the deciding packages that exist."""
    for name in PURE:
        module = SOURCE / f"{name}.py"
        if module.is_file():
            yield module
        yield from sorted((SOURCE / name).rglob("*.py"))


def test_only_the_clock_module_reads_the_clock() -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{line}: {name}"
        for path in sorted(SOURCE.rglob("*.py"))
        if path != SOURCE / "clock.py"
        for line, name in clock_reads(path.read_text("utf-8"))
    ]
    assert not found, "take a Clock instead of reading the wall clock:\n" + "\n".join(found)


def test_the_deciding_packages_are_pure() -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{line}: {name}"
        for path in pure_files()
        for line, name in impure_imports(path.read_text("utf-8"))
    ]
    assert not found, "the deciding packages do no I/O and roll no dice:\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import time\ntime.time()", "time.time"),
        ("import time as t\nt.monotonic()", "time.monotonic"),
        ("import time\ndef f(tick=time.perf_counter): ...", "time.perf_counter"),
        ("from time import sleep", "time.sleep"),
        ("from time import *", "time.*"),
        ("from time import monotonic as tick\ntick()", "time.monotonic"),
        ("import datetime\ndatetime.datetime.now()", "datetime.datetime.now"),
        ("from datetime import datetime\ndatetime.now(tz)", "datetime.datetime.now"),
        ("from datetime import datetime as D\nD.utcnow()", "datetime.datetime.utcnow"),
        ("import datetime as dt\ndt.date.today()", "datetime.date.today"),
        ("import arrow\narrow.utcnow()", ".utcnow"),
    ],
)
def test_a_clock_read_is_seen_however_it_is_spelt(text: str, name: str) -> None:
    assert name in [found for _, found in clock_reads(text)]


@pytest.mark.parametrize(
    "text",
    [
        "from gridmuster.clock import Clock\ndef f(clock: Clock): return clock.now()",
        "from datetime import datetime\ndatetime.fromisoformat(s)",
        "def f(self): return self.time.time()",
        "time = 3\nx = time",
    ],
)
def test_what_reads_no_clock_passes(text: str) -> None:
    assert clock_reads(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "import asyncio",
        "def f():\n    import socket",
        "from sqlalchemy.orm import Session",
        "import paho.mqtt.client as mqtt",
        "from random import Random",
    ],
)
def test_an_impure_import_is_seen(text: str) -> None:
    assert impure_imports(text)


def test_pure_imports_pass() -> None:
    assert impure_imports("import numpy.random\nfrom .random import x\nimport randomness") == []
