"""Compliance as files for a spreadsheet, and as a table for people and paper."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Final

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table

from gridmuster.report.compliance import Compliance, EngineYear, StartEntry
from gridmuster.report.drills import ExerciseEntry
from gridmuster.report.drillworth import FIXED_HOUR
from gridmuster.starts import LocalNeed

#: Columns of `engines.csv`; each as in `EngineYear`.
ENGINE_COLUMNS: Final = tuple(
    name
    for name in EngineYear.__struct_fields__
    if name not in ("hours_by_purpose", "hours_by_basis", "start_log", "exercise_log")
)
#: Columns of `starts.csv` before the five conditions that were asserted.
START_COLUMNS: Final = (
    "year",
    "device",
    "at",
    "trigger",
    "legal_basis",
    "binding",
    "runner_up",
    "asked_by",
    "limits",
)
#: Columns of `exercises.csv`.
EXERCISE_COLUMNS: Final = (
    "year",
    "device",
    *(name.rstrip("_") for name in ExerciseEntry.__struct_fields__),
)
#: A spreadsheet takes text that begins so for a formula.
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def encode_compliance(found: Compliance) -> str:
    """As JSON, keys in a fixed order."""
    return msgspec.json.format(msgspec.json.encode(found), indent=2).decode()


def compliance_tables(found: Compliance) -> dict[str, str]:
    """As CSV (RFC 4180), text by the file's name; a figure that is not known is an empty cell.

    Text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    engines = found.engines
    return {
        "engines.csv": csv_text(
            ENGINE_COLUMNS, ([getattr(one, name) for name in ENGINE_COLUMNS] for one in engines)
        ),
        "hours.csv": csv_text(
            ("year", "device", "permit_class", "counted_by", "of", "hours_h"),
            (
                (one.year, one.device, one.permit_class, by, name, hours_h)
                for one in engines
                for by, hours in (("purpose", one.hours_by_purpose), ("basis", one.hours_by_basis))
                for name, hours_h in hours.items()
            ),
        ),
        "starts.csv": csv_text(
            (*START_COLUMNS, *LocalNeed.__struct_fields__),
            (_start_row(one, start) for one in engines for start in one.start_log),
        ),
        "exercises.csv": csv_text(
            EXERCISE_COLUMNS,
            (
                (one.year, one.device, *msgspec.structs.astuple(entry))
                for one in engines
                for entry in one.exercise_log
            ),
        ),
    }


def _start_row(one: EngineYear, start: StartEntry) -> list[object]:
    need = start.local_need or LocalNeed()
    return [
        one.year,
        one.device,
        start.at,
        start.trigger,
        start.legal_basis,
        start.binding,
        start.runner_up,
        start.asked_by,
        "; ".join(start.limits),
        *msgspec.structs.astuple(need),
    ]


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV (RFC 4180), safe for a spreadsheet.

    Args:
        header: names of the columns.
        rows: a value for each column; None becomes an empty cell.
    """
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else value


def render_compliance(found: Compliance) -> RenderableType:
    """As a table; engines that did nothing and missed nothing are only counted."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("year", "engine", "permit"):
        table.add_column(name)
    for name in ("run h", "counted", "left", "starts", "kWh", "fuel", "CO2 kg", "exercise"):
        table.add_column(name, justify="right")
    shown = [one for one in found.engines if one.run_h or one.starts or one.exercise_log]
    for one in shown:
        drills = one.exercises_met + one.exercises_missed
        table.add_row(
            str(one.year),
            one.device,
            one.permit_class.replace("_", " "),
            f"{one.run_h:,.2f}",
            f"{one.counted_h:,.2f}",
            "" if one.left_h is None else f"{one.left_h:,.1f}",
            str(one.starts),
            f"{one.produced_kwh:,.1f}",
            f"{one.fuel_amount:,.1f} {one.fuel_unit}",
            f"{one.co2_kg:,.0f}",
            f"{one.exercises_met} of {drills}" if drills else "",
        )
    quiet = len(found.engines) - len(shown)
    lines: list[RenderableType] = [f"{found.fleet}   {found.since} to {found.until}", "", table]
    lines += exercise_lines(found)
    if quiet:
        lines += ["", f"{quiet} more did not run and were not due for exercise"]
    return Group(*lines)


def exercise_lines(found: Compliance) -> list[str]:
    """What came of exercises, in words: met, missed and why, what placing them recovered."""
    engines = found.engines
    met, missed = (
        sum(getattr(one, name) for one in engines) for name in ("exercises_met", "exercises_missed")
    )
    if not met + missed:
        return []
    worth_usd = sum(one.exercise_worth_usd for one in engines)
    fixed_usd = sum(one.exercise_fixed_usd for one in engines)
    kwh = sum(one.exercise_kwh for one in engines)
    lines = ["", f"exercises: {met:,} of {met + missed:,} met, {kwh:,.0f} kWh"]
    if worth_usd or fixed_usd:
        lines[-1] += (
            f" worth {worth_usd:,.2f} USD when they ran; at {FIXED_HOUR}:00 on workdays of the "
            f"same months {fixed_usd:,.2f} USD: {worth_usd - fixed_usd:,.2f} USD recovered"
        )
    lines += [
        f"missed: {one.device}, due {entry.due}: {entry.why or 'no reason found'}"
        for one in engines
        for entry in one.exercise_log
        if not entry.met
    ]
    due = {one.device: one.load_bank_due for one in engines if one.load_bank_due}
    return [*lines, *(f"load-bank run: {name}, due {at}" for name, at in due.items())]
