"""Arithmetic in map files: what it can do, and that it can do nothing else."""

import ast
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmuster.registers.expression import evaluate, linear

NUMBERS = st.floats(-1e6, 1e6).map(lambda v: round(v, 3))


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> str:
    if depth == 0 or draw(st.booleans()):
        return draw(st.one_of(st.sampled_from(["a", "b"]), NUMBERS.map(lambda v: f"({v!r})")))
    left, right = draw(expressions(depth - 1)), draw(expressions(depth - 1))
    return f"({left} {draw(st.sampled_from('+-*'))} {right})"


@given(expressions(), NUMBERS, NUMBERS)
def test_it_computes_what_python_computes(text: str, a: float, b: float) -> None:
    code = compile(ast.parse(text, mode="eval"), "test", "eval")
    expected = eval(code, {"__builtins__": {}}, {"a": a, "b": b})
    if len(text) <= 200 and math.isfinite(expected):
        assert evaluate(text, {"a": a, "b": b}) == pytest.approx(expected)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_linear_expression_gives_gain_and_offset(a: float, b: float, value: float) -> None:
    gain, offset = linear("value * a + b - 3", {"a": a, "b": b})
    assert gain * value + offset == pytest.approx(value * a + b - 3, rel=1e-6, abs=1e-3)


@pytest.mark.parametrize("text", ["value * value", "1 / (value + 1)", "value * value * value"])
def test_what_is_not_linear_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="linear"):
        linear(text, {})


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "a.b",
        "a[0]",
        "lambda: 1",
        "[1]",
        "'x'",
        "a if a else 1",
        "a ** 2",
        "a // 2",
        "True",
        "f(1)",
        "1; 2",
        "",
        "a @ a",
        "~1",
        "1 < 2",
        "None",
    ],
)
def test_nothing_but_arithmetic_is_allowed(text: str) -> None:
    with pytest.raises(ValueError):
        evaluate(text, {"a": 1.0})


@pytest.mark.parametrize("text", ["1 / 0", "1e308 * 1e308", "a * b", "1" * 300])
def test_what_has_no_finite_value_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        evaluate(text, {"a": 1.0})
