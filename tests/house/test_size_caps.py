"""Functions stay within 70 lines and modules within 500."""

import ast
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "gridmuster"
MAX_FUNCTION_LINES = 70
MAX_MODULE_LINES = 500


def too_long(text: str, name: str) -> list[str]:
    """Name everything in one module that is over its cap."""
    found = []
    lines = len(text.splitlines())
    if lines > MAX_MODULE_LINES:
        found.append(f"{name}: {lines} lines, at most {MAX_MODULE_LINES}")
    for node in ast.walk(ast.parse(text, filename=name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                found.append(
                    f"{name}:{node.lineno}: {node.name} has {lines} lines, "
                    f"at most {MAX_FUNCTION_LINES}"
                )
    return found


def test_source_is_within_the_caps() -> None:
    found = [
        problem
        for path in sorted(SOURCE.rglob("*.py"))
        for problem in too_long(path.read_text("utf-8"), str(path.relative_to(SOURCE)))
    ]
    assert not found, "\n".join(found)


def test_the_caps_are_exact() -> None:
    function = "def f():\n" + "    x = 1\n" * (MAX_FUNCTION_LINES - 1)
    assert too_long(function, "m.py") == []
    assert too_long(function + "    x = 1\n", "m.py") == ["m.py:1: f has 71 lines, at most 70"]

    module = "x = 1\n" * MAX_MODULE_LINES
    assert too_long(module, "m.py") == []
    assert too_long(module + "x = 1\n", "m.py") == ["m.py: 501 lines, at most 500"]
