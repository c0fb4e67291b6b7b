"""Compliance as one HTML page that prints well: no script, no address, each engine kept whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from gridmuster.report.compliance import Compliance, EngineYear

STYLE: Final = """
body { font: 10pt/1.4 system-ui, sans-serif; color: #111; margin: 2em auto; max-width: 60em; }
h1 { font-size: 15pt; } h2 { font-size: 12pt; margin: 0 0 .3em; } h3 { font-size: 10pt; }
section { break-inside: avoid; border-top: 1px solid #999; padding: .8em 0; }
table { border-collapse: collapse; width: 100%; margin: .3em 0; }
th, td { text-align: left; padding: .1em .6em .1em 0; vertical-align: top; }
thead { display: table-header-group; } tr { break-inside: avoid; }
th { font-weight: 600; border-bottom: 1px solid #ccc; } td.n, th.n { text-align: right; }
.missed { font-weight: 600; } .dim { color: #555; }
@page { margin: 15mm; } @media print { body { margin: 0; max-width: none; } }
"""


def compliance_page(found: Compliance) -> str:
    """All engines, a section each, and a summary before them.

    Args:
        found: the compliance report.
    """
    title = f"{escape(found.fleet)}: engines, hours and exercise"
    head = ("year", "engine", "permit", "run h", "counted h", "left h", "starts", "exercise")
    rows = [
        (
            str(one.year),
            one.device,
            one.permit_class,
            f"{one.run_h:,.2f}",
            f"{one.counted_h:,.2f}",
            "" if one.left_h is None else f"{one.left_h:,.1f}",
            str(one.starts),
            _drills(one),
        )
        for one in found.engines
    ]
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        f"<style>{STYLE}</style></head><body>",
        f"<h1>{title}</h1>",
        f'<p class="dim">{escape(found.since)} to {escape(found.until)}</p>',
        _table(head, rows, range(3, 7)),
        *(_section(one) for one in found.engines),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _drills(one: EngineYear) -> str:
    due = one.exercises_met + one.exercises_missed
    if not due:
        return ""
    missed = f", {one.exercises_missed} missed" if one.exercises_missed else ""
    return f"{one.exercises_met} of {due}{missed}"


def _section(one: EngineYear) -> str:
    facts = (
        ("site, owner", f"{one.site}, {one.owner or 'not told'}"),
        ("permit class", one.permit_class),
        ("hours run", f"{one.run_h:,.2f} h"),
        ("counted against the permit", f"{one.used_before_h + one.counted_h:,.2f} h"),
        ("cap, left", _cap(one)),
        ("energy", f"{one.produced_kwh:,.1f} kWh"),
        ("fuel", f"{one.fuel_amount:,.1f} {one.fuel_unit} of {one.fuel.replace('_', ' ')}"),
        ("CO2", f"{one.co2_kg:,.0f} kg"),
        ("NOx", "not known" if one.nox_kg is None else f"{one.nox_kg:,.2f} kg"),
        ("starts, failed", f"{one.starts}, {one.failed_starts}"),
        ("exercise", _drills(one) or "none due"),
        ("load-bank run due", one.load_bank_due or "none"),
    )
    hours = [
        (by, name or "not recorded", f"{hours_h:,.2f}")
        for by, booked in (("purpose", one.hours_by_purpose), ("legal basis", one.hours_by_basis))
        for name, hours_h in booked.items()
    ]
    starts = [
        (s.at, s.trigger, s.legal_basis, s.asked_by, "; ".join(s.limits) or s.binding, s.runner_up)
        for s in one.start_log
    ]
    drills = [
        (
            d.due,
            "met" if d.met else "missed",
            d.from_ or "",
            d.until or "",
            "" if d.worth_usd is None else f"{d.worth_usd:,.2f}",
            "" if d.met else d.why or "no reason found",
        )
        for d in one.exercise_log
    ]
    parts = [
        "<section>",
        f"<h2>{escape(one.device)}, {one.year}</h2>",
        _table((), facts),
        _listed("Hours", ("by", "of", "h"), hours, (2,)),
        _listed(
            "Starts", ("at", "why", "legal basis", "asked by", "limits", "next in line"), starts
        ),
        _listed("Exercise", ("due", "", "from", "until", "worth, USD", "why not"), drills, (4,)),
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _cap(one: EngineYear) -> str:
    if one.cap_h is None or one.left_h is None:
        return "none"
    return f"{one.cap_h:g} h, {one.left_h:,.1f} h"


def _listed(
    title: str,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Iterable[int] = (),
) -> str:
    return f"<h3>{title}</h3>\n{_table(head, rows, numbers)}" if rows else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()) -> str:
    right = frozenset(numbers)
    lines = ["<table>"]
    if head:
        cells = "".join(_cell("th", name, k in right) for k, name in enumerate(head))
        lines.append(f"<thead><tr>{cells}</tr></thead>")
    for row in rows:
        missed = ' class="missed"' if "missed" in row else ""
        cells = "".join(_cell("td", value, k in right) for k, value in enumerate(row))
        lines.append(f"<tr{missed}>{cells}</tr>")
    return "\n".join([*lines, "</table>"])


def _cell(tag: str, text: str, number: bool) -> str:
    kind = ' class="n"' if number else ""
    return f"<{tag}{kind}>{escape(text)}</{tag}>"
