"""Lines of exact width: pieces packed by importance, bars, sparklines, a chart with its band."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.text import Text

from gridmuster.console.terminal.palette import ACCENT, ASCII, INK, MUTED
from gridmuster.console.terminal.words import clean

SPARKS = "▁▂▃▄▅▆▇█"
_CHART_STYLES = {"━": f"bold {ACCENT}", "▒": ACCENT, "░": MUTED, " ": ""}


class Piece(NamedTuple):
    """A part of a line; of pieces that do not all fit, those with the highest rank go first."""

    text: Text
    rank: int = 0


class Page:
    """Finished lines, each of one width; printed as they are, on any console."""

    def __init__(self, lines: list[Text], width: int) -> None:
        self.lines = lines
        self.width = width

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give rich the lines, in ASCII where the terminal knows no more."""
        plain = options.ascii_only
        for line in self.lines:
            for segment in line.render(console, end=""):
                if plain:
                    text = segment.text.translate(ASCII).encode("ascii", "replace").decode()
                    yield Segment(text, segment.style, segment.control)
                else:
                    yield segment
            yield Segment.line()


def text(content: str = "", style: str = "") -> Text:
    """Text that cannot disturb the terminal, and whose style ends with it."""
    found = Text(no_wrap=True, end="")
    return found.append(clean(content), style)


def fit(line: Text, width: int) -> Text:
    """The same line made exactly that many cells long; a longer one ends in an ellipsis."""
    line.truncate(max(width, 0), overflow="ellipsis", pad=True)
    return line


def wrap(content: str, first_width: int, width: int, lines: int) -> list[str]:
    """Text on at most that many lines, broken between words; the last one may be too long.

    Args:
        content: the text.
        first_width: cells on the first line.
        width: cells on the others.
        lines: most lines, at least 1.
    """
    found = [""]
    for word in clean(content).split():
        room = first_width if len(found) == 1 else width
        longer = f"{found[-1]} {word}" if found[-1] else word
        if cell_len(longer) > room and found[-1] and len(found) < lines:
            found.append(word)
        else:
            found[-1] = longer
    return found


def pack(pieces: Sequence[Piece], width: int, gap: int = 2) -> Text:
    """A line of as many pieces as fit, in order; those of the highest rank are left out first.

    The most important piece is always there, shortened if it must be. Once one is left out, so
    are all that are less important, so that what is missing can be told from what is there.
    """
    order = sorted(range(len(pieces)), key=lambda index: (pieces[index].rank, index))
    kept: set[int] = set()
    used = 0
    for index in order:
        needed = pieces[index].text.cell_len + (gap if kept else 0)
        if kept and used + needed > width:
            break
        used += needed
        kept.add(index)
    line = text()
    for index in sorted(kept):
        if line.cell_len:
            line.append(" " * gap)
        line.append_text(pieces[index].text)
    return fit(line, width)


def spread(left: Text, right: Text, width: int) -> Text:
    """Two texts at the two ends of a line; the right one goes when there is no room."""
    free = width - left.cell_len - right.cell_len
    if free < 1:
        return fit(left, width)
    line = left.copy()
    line.append(" " * free)
    line.append_text(right)
    return fit(line, width)


def rule(title: str, width: int, note: str = "") -> Text:
    """A section's title on a thin line, with a note at its end."""
    line = text(title, "bold")
    tail = text(f" {note}", MUTED) if note else text()
    dashes = width - line.cell_len - tail.cell_len - 1
    if dashes < 3:
        return fit(line, width)
    line.append(" " + "─" * dashes, MUTED)
    line.append_text(tail)
    return fit(line, width)


def bar(share: float, width: int, style: str = ACCENT, rest: str = "─") -> Text:
    """A bar that is full at a share of 1; beyond that it stays full."""
    if not math.isfinite(share):
        share = 0.0
    full, half = divmod(round(min(max(share, 0.0), 1.0) * width * 2), 2)
    line = text("━" * full + "╸" * half, style)
    line.append(rest * (width - line.cell_len), MUTED)
    return line


def stack(parts: Iterable[tuple[str, str, float]], scale_kw: float, width: int) -> Text:
    """Segments side by side, each drawn with its letter, as long as its power.

    Lengths are rounded so that their sum stays right: each segment ends where the running total
    does.

    Args:
        parts: letter, ground and power (kW, not below 0) of each segment.
        scale_kw: power that the whole width stands for, kW.
        width: cells.
    """
    line = text()
    total_kw = 0.0
    at = 0
    for letter, ground, power_kw in parts:
        total_kw += max(power_kw, 0.0)
        end = min(width, round(total_kw / scale_kw * width)) if scale_kw > 0.0 else 0
        if end > at:
            line.append(letter * (end - at), f"{INK} on {ground}")
            at = end
    line.append(" " * (width - at))
    return line


def resample(values: Sequence[float], width: int) -> list[float]:
    """So many values, each the mean of its share of the given ones."""
    count = len(values)
    if not count or width <= 0:
        return []
    found = []
    for column in range(width):
        start = column * count // width
        part = values[start : max(start + 1, (column + 1) * count // width)]
        found.append(sum(part) / len(part))
    return found


def spark(values: Sequence[float], width: int, style: str = ACCENT) -> Text:
    """A line of little bars from the lowest to the highest value."""
    points = [v if math.isfinite(v) else 0.0 for v in resample(values, width)]
    if not points:
        return text(" " * width)
    low, high = min(points), max(points)
    step = (high - low) / (len(SPARKS) - 1)
    return text("".join(SPARKS[round((p - low) / step) if step > 0 else 0] for p in points), style)


def chart(
    low: Sequence[float], middle: Sequence[float], high: Sequence[float], width: int, height: int
) -> list[Text]:
    """A forecast: a line for the median in its hatched band, from the lowest to the highest value.

    Args:
        low: the band's lower end.
        middle: the median.
        high: the band's upper end.
        width: cells.
        height: lines.
    """
    lows, middles, highs = (resample(values, width) for values in (low, middle, high))
    if not middles or not lows or not highs:
        return [text(" " * width) for _ in range(height)]
    bottom, top = min(lows), max(highs)
    span = (top - bottom) or 1.0

    def row_of(value: float) -> int:
        return min(height - 1, max(0, int((value - bottom) / span * height)))

    rows = [(row_of(a), row_of(b), row_of(c)) for a, b, c in zip(lows, middles, highs, strict=True)]
    lines = []
    for row in range(height - 1, -1, -1):
        cells = "".join(
            "━" if row == at else "▒" if least <= row <= most else "░" if row < least else " "
            for least, at, most in rows
        )
        line = text()
        for cell, run in groupby(cells):
            line.append("".join(run), _CHART_STYLES[cell])
        lines.append(line)
    return lines


def beside(left: list[Text], right: list[Text], left_width: int, right_width: int) -> list[Text]:
    """Two columns with a thin line between them, as long as the longer one."""
    lines = []
    for row in range(max(len(left), len(right))):
        line = fit(left[row] if row < len(left) else text(), left_width)
        line.append(" │ ", MUTED)
        line.append_text(fit(right[row] if row < len(right) else text(), right_width))
        lines.append(line)
    return lines
