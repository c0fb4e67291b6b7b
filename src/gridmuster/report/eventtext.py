"""The report of a window for people at a terminal."""

from __future__ import annotations

from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gridmuster.clock import iso, local
from gridmuster.report.event import EventReport
from gridmuster.report.figures import DeviceFigures
from gridmuster.report.happenings import Happening

#: Devices that are shown; the JSON has them all.
SHOWN: Final = 20


def render_event(report: EventReport) -> RenderableType:
    """The report as something rich prints; times in the plant's zone."""
    figures = report.figures
    title = Text.assemble(
        (report.fleet, "bold"),
        f"   {iso(report.from_ms)} to {iso(report.until_ms)}, times in {report.time_zone}",
    )
    left_out = report.devices_left_out + max(0, len(figures.devices) - SHOWN)
    parts: list[RenderableType] = [
        title,
        Padding(_figures(report), (1, 0, 0, 0)),
        Padding(_happenings(report.happenings, report.time_zone), (1, 0, 0, 0)),
        Padding(_devices(figures.devices[:SHOWN]), (1, 0, 0, 0)),
    ]
    if left_out:
        parts.append(Text(f"{left_out} more devices are in the JSON", style="dim"))
    return Group(*parts)


def _figures(report: EventReport) -> Table:
    figures = report.figures
    fuel = ", ".join(f"{f.amount:,.1f} {f.unit} {name}" for name, f in figures.fuel_by_fuel.items())
    table = Table.grid(padding=(0, 2))
    for name, value in (
        ("demand", f"{figures.demand_kwh:,.1f} kWh"),
        ("unserved", f"{figures.unserved_kwh:,.1f} kWh"),
        ("generation", f"{figures.generation_kwh:,.1f} kWh"),
        ("import", f"{figures.import_kwh:,.1f} kWh"),
        ("export", f"{figures.export_kwh:,.1f} kWh"),
        ("fuel", fuel.replace("_", " ") or "none"),
        ("starts", f"{figures.starts}, of these failed {figures.failed_starts}"),
        ("replacements", f"{figures.substitutions}"),
        ("commands", f"{figures.commands}, acknowledged {figures.acknowledged}"),
        ("operating expense", f"{figures.operating_expense_usd:,.2f} {report.currency}"),
    ):
        table.add_row(Text(name, style="dim"), value)
    return table


def _happenings(happenings: list[Happening], zone: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("time", "what", "whose", "why", "outcome"):
        table.add_column(name, overflow="fold")
    for one in happenings:
        clock = local(one.at_ms, zone).strftime("%H:%M:%S")
        table.add_row(clock, one.kind, one.subject, one.text, one.outcome or "–")
    return table


def _devices(devices: tuple[DeviceFigures, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("device")
    for name in ("sent out", "taken", "fuel", "starts", "run"):
        table.add_column(name, justify="right")
    for one in devices:
        fuel = f"{one.fuel:,.1f} {one.fuel_unit}" if one.fuel_unit else "–"
        table.add_row(
            one.device,
            f"{one.generation_kwh:,.1f} kWh",
            f"{one.charging_kwh:,.1f} kWh",
            fuel,
            f"{one.starts}",
            f"{one.run_h:.2f} h",
        )
    return table
