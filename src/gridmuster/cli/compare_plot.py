"""The comparison of objectives as a picture: one panel of bars a figure, in plain SVG."""

from __future__ import annotations

from collections.abc import Callable
from xml.sax.saxutils import escape

from gridmuster.planning.comparing import Compared

#: Panels: what is shown, its unit, how to get it, how to write it.
PANELS: tuple[tuple[str, str, Callable[[Compared], float | None], str], ...] = (
    ("Operating expense", "USD", lambda row: row.operating_expense_usd, "{:,.0f}"),
    ("Production cost", "USD/kWh", lambda row: row.cost_usd_per_kwh, "{:.4f}"),
    ("Efficiency", "%", lambda row: _percent(row.efficiency), "{:.1f}"),
    ("Loss of load", "odds", lambda row: row.lolp, "{:.3g}"),
    ("Energy not served", "kWh", lambda row: row.eens_kwh, "{:,.3g}"),
)
WIDTH, LEFT, RIGHT = 820, 170, 110
BAR, STEP, HEAD, TOP = 16, 22, 34, 40
#: Okabe and Ito's palette, safe for the colour-blind.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7")
STYLE = "font-family:system-ui,'Liberation Sans',sans-serif;font-size:13px"


def _percent(share: float | None) -> float | None:
    return None if share is None else 100.0 * share


def draw(rows: list[Compared], title: str) -> str:
    """The figures of some objectives as an SVG document.

    Args:
        rows: the objectives.
        title: what was planned.
    """
    panel = HEAD + STEP * len(rows)
    height = TOP + panel * len(PANELS) + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" style="{STYLE}" role="img">',
        f"<title>Four objectives compared: {escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="16" y="26" font-size="15" font-weight="600">{escape(title)}</text>',
    ]
    for number, (name, unit, value_of, form) in enumerate(PANELS):
        values = [value_of(row) for row in rows]
        top = TOP + number * panel
        parts.append(f'<text x="16" y="{top + 20}" font-weight="600">{name}, {unit}</text>')
        parts += _bars(rows, values, top + HEAD, form)
    parts.append("</svg>\n")
    return "\n".join(parts)


def _bars(rows: list[Compared], values: list[float | None], top: float, form: str) -> list[str]:
    """Bars of one panel from zero; values below zero reach to the left of it."""
    known = [value for value in values if value is not None]
    low, high = min([0.0, *known]), max([0.0, *known])
    scale = (WIDTH - LEFT - RIGHT) / ((high - low) or 1.0)
    zero = LEFT - low * scale
    parts = [
        f'<line x1="{zero:.1f}" x2="{zero:.1f}" y1="{top - 4:.1f}" '
        f'y2="{top + STEP * len(rows):.1f}" stroke="#8b98a0"/>'
    ]
    for number, (row, value) in enumerate(zip(rows, values, strict=True)):
        y = top + number * STEP
        text = "–" if value is None else form.format(value)
        reach = 0.0 if value is None else value * scale
        parts.append(
            f'<text x="{LEFT - 10}" y="{y + 13}" text-anchor="end">{escape(row.objective)}</text>'
            f'<rect x="{zero + min(reach, 0.0):.1f}" y="{y}" width="{abs(reach):.1f}" '
            f'height="{BAR}" fill="{COLOURS[number % len(COLOURS)]}"/>'
            f'<text x="{zero + max(reach, 0.0) + 6:.1f}" y="{y + 13}">{text}</text>'
        )
    return parts
