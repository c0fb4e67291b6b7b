"""Arithmetic in map files: numbers, parameters of the device and the value of an order.

An expression knows ``+ - * /``, brackets, numbers and names; nothing else, so that a map file
can never run anything. What an order writes must be linear in ``value``, because the simulated
controller has to read the order back from its registers.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

MAX_LENGTH: Final = 200

_BINARY: Final[dict[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def evaluate(text: str | float, names: Mapping[str, float]) -> float:
    """Value of an expression.

    Args:
        text: the expression, or a plain number.
        names: what each name stands for.

    Returns:
        A finite number.

    Raises:
        ValueError: when it is not arithmetic, names something unknown, or is not finite.
    """
    if not isinstance(text, str):
        return float(text)
    if len(text) > MAX_LENGTH:
        raise ValueError(f"an expression of {len(text)} characters; at most {MAX_LENGTH}")
    try:
        result = _value(_parsed(text), names)
    except SyntaxError as error:
        raise ValueError(f"{text!r} is not arithmetic") from error
    except ZeroDivisionError as error:
        raise ValueError(f"{text!r} divides by zero") from error
    if not math.isfinite(result):
        raise ValueError(f"{text!r} is not finite")
    return result


def linear(text: str | float, names: Mapping[str, float]) -> tuple[float, float]:
    """Gain and offset of an expression that is linear in ``value``.

    Args:
        text: the expression, or a plain number (gain 0).
        names: what each other name stands for.

    Returns:
        ``(gain, offset)`` such that the expression is ``gain * value + offset``.

    Raises:
        ValueError: as `evaluate`, and when it is not linear in ``value``.
    """
    if not isinstance(text, str):
        return 0.0, float(text)
    at_zero, at_one, at_three = (evaluate(text, {**names, "value": v}) for v in (0.0, 1.0, 3.0))
    gain = at_one - at_zero
    if not math.isclose(at_three, at_zero + 3.0 * gain, rel_tol=1e-9, abs_tol=1e-9):
        raise ValueError(f"{text!r} is not linear in value")
    return gain, at_zero


@lru_cache(maxsize=1024)
def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _value(node: ast.expr, names: Mapping[str, float]) -> float:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return float(str(node.value))
    if isinstance(node, ast.Name):
        if node.id not in names:
            known = ", ".join(sorted(names)) or "none"
            raise ValueError(f"unknown name {node.id!r}; known are: {known}")
        return names[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, names)
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return _BINARY[type(node.op)](_value(node.left, names), _value(node.right, names))
    raise ValueError(f"{ast.unparse(node)!r} is not allowed; use + - * / ( ), numbers and names")
