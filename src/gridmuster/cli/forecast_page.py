"""Backtests as one page: tables, and plots in plain SVG that need nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from gridmuster.clock import iso, local
from gridmuster.forecast.market.backtest import HIGH, LOW, MIDDLE, Backtest
from gridmuster.units import MS_PER_HOUR

Floats = NDArray[np.float64]

WIDTH, HEIGHT = 860, 260
LEFT, RIGHT, TOP, BOTTOM = 56, 24, 24, 34
#: Okabe and Ito's palette, safe for the colour-blind.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")
STYLE = """
body{font:15px/1.45 system-ui,'Liberation Sans',sans-serif;color:#1c2429;margin:2rem auto;
max-width:60rem;padding:0 1rem}h1{font-size:1.4rem}h2{font-size:1.15rem;margin-top:2.2rem}
h3{font-size:1rem;margin-bottom:.3rem}table{border-collapse:collapse;font-variant-numeric:
tabular-nums}th,td{padding:.25rem .7rem;text-align:right;border-bottom:1px solid #d5dce0}
th:first-child,td:first-child{text-align:left}svg{width:100%;height:auto}
.note{color:#56646c;font-size:.9rem}
"""


@dataclass(frozen=True, slots=True)
class Axes:
    """A plot's scales: values to places in the picture."""

    x: tuple[float, float]
    y: tuple[float, float]
    width: int = WIDTH

    def px(self, value: float) -> float:
        """Place from the left."""
        low, high = self.x
        return LEFT + (value - low) / ((high - low) or 1.0) * (self.width - LEFT - RIGHT)

    def py(self, value: float) -> float:
        """Place from the top."""
        low, high = self.y
        return HEIGHT - BOTTOM - (value - low) / ((high - low) or 1.0) * (HEIGHT - TOP - BOTTOM)

    def line(self, xs: Floats, ys: Floats, style: str) -> str:
        """A line through known points, broken where one is not known."""
        parts, going = [], False
        for x, y in zip(xs.tolist(), ys.tolist(), strict=True):
            if not np.isfinite(y):
                going = False
                continue
            parts.append(f"{'L' if going else 'M'}{self.px(x):.1f} {self.py(y):.1f}")
            going = True
        return f'<path d="{"".join(parts)}" fill="none" {style}/>'

    def band(self, xs: Floats, low: Floats, high: Floats, style: str) -> str:
        """The area between two lines."""
        known = np.isfinite(low) & np.isfinite(high)
        up = [
            f"{self.px(x):.1f},{self.py(y):.1f}"
            for x, y in zip(xs[known], high[known], strict=True)
        ]
        down = [
            f"{self.px(x):.1f},{self.py(y):.1f}" for x, y in zip(xs[known], low[known], strict=True)
        ]
        return f'<polygon points="{" ".join(up + down[::-1])}" {style}/>'

    def frame(self, ticks: Sequence[tuple[float, str]], unit: str, title: str) -> str:
        """Opening of the picture with its grid."""
        parts = [
            f'<svg viewBox="0 0 {self.width} {HEIGHT}" role="img" font-size="12">'
            f"<title>{escape(title)}</title>"
        ]
        for value in _steps(*self.y):
            y = self.py(value)
            parts.append(
                f'<line x1="{LEFT}" x2="{self.width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
                f'stroke="#e3e8eb"/><text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">'
                f"{value:,g}</text>"
            )
        for x, text in ticks:
            parts.append(
                f'<text x="{self.px(x):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">'
                f"{escape(text)}</text>"
            )
        parts.append(f'<text x="4" y="11" fill="#56646c">{escape(unit)}</text>')
        return "".join(parts)


def _steps(low: float, high: float) -> list[float]:
    """Round numbers between two values."""
    rough = max(high - low, 1e-9) / 5.0
    size = 10.0 ** np.floor(np.log10(rough))
    step = size * next(k for k in (1.0, 2.0, 5.0, 10.0) if k * size >= rough)
    first = np.ceil(low / step) * step
    return [round(float(v), 10) + 0.0 for v in np.arange(first, high + 1e-9 * step, step)]


def page(found: Sequence[Backtest], horizon: str) -> str:
    """The page of some backtests.

    Args:
        found: one for each area.
        horizon: how far ahead was forecast.
    """
    target = found[0].forecasts.target
    title = f"{target.replace('_', ' ')}, {horizon} ahead"
    body = "".join(_section(made) for made in found)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Backtest: {escape(title)}</title><style>{STYLE}</style>"
        f"<h1>Backtest: {escape(title)}</h1>"
        '<p class="note">Every forecast used only what had been published when it was issued. '
        "rMAE is the error over that of last week's value; the CRPS of a single number is its "
        "absolute error; Brier scores are of the chance of a spike.</p>"
        f"{body}</html>\n"
    )


def _section(made: Backtest) -> str:
    asks = made.forecasts.asks
    span = f"{iso(int(asks.start_ms[0]))} to {iso(int(asks.start_ms[-1]))}"
    parts = [
        f"<h2>{escape(made.area)}</h2><p>{len(asks):,} intervals, {span}; {escape(made.unit)}; "
        f"a spike is a value above {made.spike:,.1f}.</p>",
        _table(made),
        "<h3>The wildest week and the last: median, bands of 50 and 90 %; black: what came</h3>",
    ]
    parts += [_fan(made, week) for week in _weeks(made)]
    parts += [
        "<h3>Reliability: how often a value lay below each percentile</h3>",
        _reliability(made),
        "<h3>Mean absolute error by local hour</h3>",
        _by_hour(made),
    ]
    return "".join(parts)


def _table(made: Backtest) -> str:
    head = ("", "MAE", "rMAE", "sMAPE", "pinball", "CRPS", "in 90 % band", "Brier")
    rows = []
    for score in made.scores:
        inside = "–" if score.coverage is None else f"{100 * score.coverage:.1f} %"
        cells = (
            escape(score.name),
            f"{score.mae:,.3f}",
            f"{score.rmae:.3f}",
            f"{100 * score.smape:.1f} %",
            f"{score.pinball:,.3f}",
            f"{score.crps:,.3f}",
            inside,
            f"{score.brier:.4f}",
        )
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    heads = "".join(f"<th>{name}</th>" for name in head)
    text = f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    if made.persistent is not None:
        one = made.persistent
        text += (
            f"<p>Above {one.wish.limit:,.1f} for {one.wish.at_least} intervals in a row within the "
            f"next {one.wish.within}: came in {100 * one.happened:.2f} % of {one.count:,} hours. "
            f"Brier score of the forecast chance {one.brier:.4f}, of the usual share at that hour "
            f"{one.usual_brier:.4f}.</p>"
        )
    return text


def _weeks(made: Backtest) -> list[slice]:
    """The week with the largest range of outcomes, and the last one."""
    starts = made.forecasts.asks.start_ms
    week_ms = 7 * 24 * MS_PER_HOUR
    first = int(starts[0])
    best, widest = first, -1.0
    for begin in range(first, max(first + 1, int(starts[-1]) - week_ms), week_ms):
        lot = made.truth[(starts >= begin) & (starts < begin + week_ms)]
        lot = lot[np.isfinite(lot)]
        if len(lot) and float(np.ptp(lot)) > widest:
            best, widest = begin, float(np.ptp(lot))
    last = int(starts[-1]) - week_ms + 1
    begins = [best] if last - best < week_ms else [best, last]
    return [
        slice(int(np.searchsorted(starts, b)), int(np.searchsorted(starts, b + week_ms)))
        for b in begins
    ]


def _fan(made: Backtest, rows: slice) -> str:
    starts = made.forecasts.asks.start_ms[rows]
    hours = (starts - starts[0]) / MS_PER_HOUR
    told, truth = made.forecasts.quantiles[:, rows], made.truth[rows]
    everything = np.concatenate([told[LOW], told[HIGH], truth])
    everything = everything[np.isfinite(everything)]
    if not len(everything):
        return ""
    axes = Axes((0.0, float(hours[-1]) + 1.0), (float(everything.min()), float(everything.max())))
    ticks = [
        (
            24.0 * day + 12.0,
            local(int(starts[0]) + (24 * day + 12) * MS_PER_HOUR, "UTC").strftime("%d %b"),
        )
        for day in range(7)
        if 24.0 * day + 12.0 < axes.x[1]
    ]
    blue, black = COLOURS[0], "#1c2429"
    return (
        axes.frame(ticks, made.unit, f"{made.area}: forecast and outcome")
        + axes.band(hours, told[LOW], told[HIGH], f'fill="{blue}" fill-opacity="0.15"')
        + axes.band(hours, told[24], told[74], f'fill="{blue}" fill-opacity="0.25"')
        + axes.line(hours, told[MIDDLE], f'stroke="{blue}" stroke-width="1.5"')
        + axes.line(hours, truth, f'stroke="{black}" stroke-width="1.2"')
        + "</svg>"
    )


def _reliability(made: Backtest) -> str:
    axes = Axes((0.0, 1.0), (0.0, 1.0), width=420)
    levels = np.array(made.reliability.levels)
    ticks = [(0.0, "0"), (0.25, "25 %"), (0.5, "50 %"), (0.75, "75 %"), (1.0, "100 %")]
    ends = np.array([0.0, 1.0])
    return (
        axes.frame(ticks, "share below", f"{made.area}: reliability").replace(
            "<svg ", '<svg style="max-width:420px" ', 1
        )
        + axes.line(ends, ends, 'stroke="#8b98a0" stroke-dasharray="4 3"')
        + axes.line(
            levels, np.array(made.reliability.shares), f'stroke="{COLOURS[0]}" stroke-width="2"'
        )
        + "</svg>"
    )


def _by_hour(made: Backtest) -> str:
    ways = {"forecast": made.forecasts.points, **made.forecasts.baselines}
    hours = np.arange(24)
    lines = {}
    for name, told in ways.items():
        miss = np.abs(told - made.truth)
        known = np.isfinite(miss)
        lines[name] = np.array(
            [
                miss[known & (made.hours == hour)].mean()
                if (known & (made.hours == hour)).any()
                else np.nan
                for hour in hours
            ]
        )
    top = max(float(np.nanmax(line)) for line in lines.values())
    axes = Axes((0.0, 23.0), (0.0, top))
    text = axes.frame([(h, f"{h}") for h in range(0, 24, 3)], made.unit, "error by hour")
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        width = 2.4 if number == 0 else 1.2
        text += axes.line(hours.astype(float), line, f'stroke="{colour}" stroke-width="{width}"')
        text += (
            f'<text x="{LEFT + 60 + 120 * number}" y="11" fill="{colour}" '
            f'font-weight="600">{escape(name)}</text>'
        )
    return text + "</svg>"
