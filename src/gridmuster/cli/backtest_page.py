"""A backtest as one page: tables, and plots in plain SVG that need nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape
from typing import Any

import numpy as np

from gridmuster.cli.forecast_page import COLOURS, STYLE, Axes
from gridmuster.clock import iso
from gridmuster.planning.worth.earnings import DeviceEarnings, Earnings
from gridmuster.planning.worth.words import Happening

#: Devices told one by one.
DEVICES_TOLD = 200


def page(found: Earnings, facts: dict[str, Any]) -> str:
    """The page of a backtest.

    Args:
        found: what was earned.
        facts: its fleet, span and delay.
    """
    title = f"What {facts['fleet']} would have earned"
    whole = facts["share"]
    share = "" if whole is None else f", {100 * whole:.1f} % of perfect foresight"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}"
        "td:last-child.why{text-align:left}</style>"
        f"<h1>{escape(title)}</h1><p>{escape(facts['from'])} to {escape(facts['to'])}: "
        f"<strong>{found.profit_usd:,.0f} USD</strong>{share}.</p>"
        f'<p class="note">A price is known {escape(facts["delay"])} after its interval begins. '
        "Every choice used only what had been published by then; perfect foresight is the exact "
        "best of the same devices and limits with all prices known, and out of reach.</p>"
        f"<h2>Earned day by day</h2>{_cumulated(found)}{_daily(found)}"
        f"{''.join(_rules(found, kind) for kind in ('stores', 'engines'))}"
        f"{_devices(found.devices)}"
        f"{_happenings('Largest wins', found.wins)}{_happenings('Largest losses', found.losses)}"
        "</html>\n"
    )


def _ticks(found: Earnings) -> list[tuple[float, str]]:
    every = max(1, len(found.days) // 8)
    return [
        (float(k), date.fromordinal(int(found.days[k])).isoformat())
        for k in range(every // 2, len(found.days), every)
    ]


def _cumulated(found: Earnings) -> str:
    total = np.cumsum(found.daily_usd)
    low, high = min(float(total.min()), 0.0), max(float(total.max()), 1.0)
    axes = Axes((0.0, float(max(len(total) - 1, 1))), (low, high))
    return (
        axes.frame(_ticks(found), "USD in all", "earned in all")
        + axes.line(
            np.arange(len(total), dtype=float), total, f'stroke="{COLOURS[0]}" stroke-width="2"'
        )
        + "</svg>"
    )


def _daily(found: Earnings) -> str:
    values = found.daily_usd
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 1.0)
    axes = Axes((-0.5, len(values) - 0.5), (low, high))
    width = max((axes.px(1.0) - axes.px(0.0)) * 0.8, 0.5)
    bars = []
    for k, value in enumerate(values.tolist()):
        top, bottom = axes.py(max(value, 0.0)), axes.py(min(value, 0.0))
        colour = COLOURS[0] if value >= 0.0 else COLOURS[1]
        bars.append(
            f'<rect x="{axes.px(k) - width / 2:.1f}" y="{top:.1f}" width="{width:.1f}" '
            f'height="{bottom - top:.1f}" fill="{colour}"/>'
        )
    return axes.frame(_ticks(found), "USD a day", "earned each day") + "".join(bars) + "</svg>"


def _rules(found: Earnings, kind: str) -> str:
    mine = [one for one in found.of(kind) if one.rivals_usd is not None]
    if not mine:
        return ""
    whole = sum(one.foresight_usd for one in mine)
    rows = {
        "gridmuster": sum(one.profit_usd for one in mine),
        "perfect foresight": whole,
        **found.rivals_usd(kind),
    }
    cells = "".join(
        f"<tr><td>{escape(name)}</td><td>{usd:,.0f}</td><td>{_percent(usd, whole)}</td></tr>"
        for name, usd in rows.items()
    )
    return (
        f"<h2>{len(mine):,} {kind} beside simple rules</h2><table><thead><tr><th></th><th>USD</th>"
        f"<th>of foresight</th></tr></thead><tbody>{cells}</tbody></table>"
    )


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole > 0.0 else "–"


def _devices(devices: Sequence[DeviceEarnings]) -> str:
    head = ("", "area", "kW", "USD", "of foresight", "starts", "h", "fuel, l or m3", "cycles")
    rows = []
    for one in devices[:DEVICES_TOLD]:
        cells = (
            escape(one.area),
            f"{one.power_kw:,.0f}",
            f"{one.profit_usd:,.0f}",
            _percent(one.profit_usd, one.foresight_usd),
            f"{one.starts:,}",
            f"{one.hours_h:,.1f}",
            f"{one.fuel:,.0f}",
            f"{one.cycles:,.1f}",
            f"{one.unserved_backup_kwh:,.0f}",
        )
        note = escape(one.note)
        rows.append(
            f"<tr><td>{escape(one.id)}</td>{''.join(f'<td>{c}</td>' for c in cells)}"
            f'<td class="why">{note}</td></tr>'
        )
    heads = "".join(f"<th>{name}</th>" for name in (*head, "backup unserved, kWh", ""))
    more = len(devices) - DEVICES_TOLD
    rest = f'<p class="note">and {more:,} more; --json tells them all</p>' if more > 0 else ""
    return (
        f"<h2>Devices</h2><table><thead><tr>{heads}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>{rest}"
    )


def _happenings(title: str, told: Sequence[Happening]) -> str:
    if not told:
        return ""
    rows = "".join(
        f"<tr><td>{escape(one.device)}</td><td>{iso(one.at_ms)}</td><td>{one.usd:,.0f}</td>"
        f'<td class="why">{escape(one.why)}</td></tr>'
        for one in told
    )
    return (
        f"<h2>{title}, and why</h2><table><thead><tr><th></th><th>begins</th><th>USD</th>"
        f"<th></th></tr></thead><tbody>{rows}</tbody></table>"
    )
