"""Straight lines on two logarithmic axes, drawn as an SVG of its own: figures of how cost grows."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass

#: Size of a panel's plot, and what is left around it for words, in pixels.
WIDE, HIGH = 330, 260
LEFT, RIGHT, TOP, BELOW = 58, 168, 34, 42
#: Least distance between two labels, px.
APART = 14
COLOURS = ("#1f5fa8", "#b3541e", "#3c7a3c", "#6b6b6b", "#8a4f8a")


@dataclass(frozen=True, slots=True)
class Line:
    """One series: points, what it is, and whether it was measured or is a limit."""

    label: str
    points: tuple[tuple[float, float], ...]
    limit: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot: its heading, the name of the lower axis, and lines in seconds."""

    heading: str
    axis: str
    lines: tuple[Line, ...]


def exponent(points: tuple[tuple[float, float], ...]) -> float:
    """The power of x with which y grows: least squares of the logarithms."""
    x = [math.log(one) for one, _ in points]
    y = [math.log(one) for _, one in points]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    square = sum((one - mean_x) ** 2 for one in x)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / square


def chart(panels: list[Panel], words: str) -> str:
    """An SVG of panels side by side, with ``words`` as its description."""
    each = LEFT + WIDE + RIGHT
    width, height = each * len(panels), TOP + HIGH + BELOW
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="11" role="img">',
        f"<title>{html.escape(words)}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, panel in enumerate(panels):
        parts += _panel(panel, number * each + LEFT)
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel, left: float) -> list[str]:
    x = _scale([a for line in panel.lines for a, _ in line.points])
    y = _scale([b for line in panel.lines for _, b in line.points])

    def at(point: tuple[float, float]) -> tuple[float, float]:
        share_x = (math.log10(point[0]) - x[0]) / (x[1] - x[0])
        share_y = (math.log10(point[1]) - y[0]) / (y[1] - y[0])
        return left + share_x * WIDE, TOP + HIGH - share_y * HIGH

    parts = [
        f'<text x="{left:.0f}" y="18" font-size="13" fill="#222">'
        f"{html.escape(panel.heading)}</text>",
        f'<text x="{left + WIDE / 2:.0f}" y="{TOP + HIGH + 34}" text-anchor="middle" fill="#444">'
        f"{html.escape(panel.axis)}</text>",
    ]
    for power in range(math.ceil(y[0]), math.floor(y[1]) + 1):
        _, level = at((10.0 ** x[0], 10.0**power))
        parts.append(
            f'<path d="M{left:.0f} {level:.1f}h{WIDE}" stroke="#ddd"/><text x="{left - 6:.0f}" '
            f'y="{level + 4:.1f}" text-anchor="end" fill="#444">{_seconds(power)}</text>'
        )
    for value in sorted({a for line in panel.lines if not line.limit for a, _ in line.points}):
        place, _ = at((value, 10.0 ** y[0]))
        parts.append(
            f'<path d="M{place:.1f} {TOP + HIGH}v4" stroke="#888"/><text x="{place:.1f}" '
            f'y="{TOP + HIGH + 17}" text-anchor="middle" fill="#444">{value:,.0f}</text>'
        )
    ends = []
    for number, line in enumerate(panel.lines):
        colour = COLOURS[number % len(COLOURS)]
        places = [at(point) for point in line.points]
        path = "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
        dashes = ' stroke-dasharray="5 4"' if line.limit else ""
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>')
        if not line.limit:
            parts += [
                f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in places
            ]
        ends.append((places[-1][1], line.label, colour))
    level = -math.inf
    for place, label, colour in sorted(ends):
        level = max(place + 4, level + APART)
        parts.append(
            f'<text x="{left + WIDE + 8:.0f}" y="{level:.1f}" fill="{colour}">'
            f"{html.escape(label)}</text>"
        )
    return parts


def _scale(values: list[float]) -> tuple[float, float]:
    low, high = math.log10(min(values)), math.log10(max(values))
    return low - 0.05 * (high - low) - 0.02, high + 0.05 * (high - low) + 0.02


def _seconds(power: int) -> str:
    for least, unit in ((0, "s"), (-3, "ms"), (-6, "µs"), (-9, "ns")):
        if power >= least:
            return f"{10 ** (power - least)} {unit}"
    return f"1e{power} s"
