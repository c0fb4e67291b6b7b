"""The report for people: calm, two columns, every number with its unit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gridmuster.report.figures import AreaFigures, DeviceFigures, Report

#: Entries of a list that are shown; the JSON has them all.
SHOWN: Final = 8
#: Hours below this are not worth a line, h.
LEAST_H: Final = 0.005
#: Widths of names and values in both columns; together they fit 80 characters.
LEFT: Final = (21, 14)
RIGHT: Final = (26, 15)
#: What stands where there is no value.
NONE: Final = "–"
Row = tuple[str, str]


def render(report: Report, by: str = "") -> RenderableType:
    """The report as something rich prints.

    Args:
        report: the report.
        by: ``area`` or ``device`` adds that breakdown; empty for none.
    """
    currency = report.currency
    parts: list[RenderableType] = [
        Text.assemble((report.fleet, "bold"), f"   {report.since} to {report.until}"),
        Text(
            f"{report.hours:g} h, {report.cycles:,} cycles, "
            f"{_many(report.sessions, 'session')}, software {', '.join(report.software)}",
            style="dim",
        ),
        _pair("Energy", _energy(report), f"Money, {currency}", _money(report)),
        _pair("Machines", _machines(report), "Commands", _commands(report)),
        _pair("Fuel and permits", _fuel(report), "Center", _center(report)),
        _judgement(report),
        Text("two values stand for the median and the 99th percentile", style="dim"),
    ]
    if by == "area":
        parts.append(_areas(report.areas, currency))
    elif by == "device":
        parts.append(_devices(report.devices, currency))
    return Group(*parts)


def _pair(left: str, left_rows: list[Row], right: str, right_rows: list[Row]) -> RenderableType:
    table = Table.grid(padding=(0, 2), expand=False)
    table.add_row(_column(left, left_rows, LEFT), _column(right, right_rows, RIGHT))
    return Padding(table, (1, 0, 0, 0))


def _column(title: str, rows: list[Row], widths: tuple[int, int]) -> Table:
    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        show_header=False,
        title=title,
        title_style="bold",
        title_justify="left",
    )
    table.add_column(min_width=widths[0])
    table.add_column(justify="right", min_width=widths[1])
    for name, value in rows:
        table.add_row(Text(name, style="dim" if name.startswith("  ") else ""), value)
    return table


def _energy(report: Report) -> list[Row]:
    rows = [
        ("demand", _kwh(report.demand_kwh)),
        ("served", _kwh(report.served_kwh)),
        ("unserved", _kwh(report.unserved_kwh)),
        ("generation", _kwh(report.generation_kwh)),
    ]
    rows += [
        (f"  {kind.replace('_', ' ')}", _kwh(value))
        for kind, value in report.generation_kwh_by_type.items()
    ]
    rows += [
        ("charging", _kwh(report.charging_kwh)),
        ("import", _kwh(report.import_kwh)),
        ("export", _kwh(report.export_kwh)),
        ("losses", _kwh(report.losses_kwh)),
        ("  losses by the model", _kwh(report.losses_model_kwh)),
        ("sun, wind held back", _kwh(report.curtailed_kwh)),
    ]
    return rows


def _money(report: Report) -> list[Row]:
    parts = report.operating_expense
    return [
        ("operating expense", _usd(report.operating_expense_usd)),
        ("  fuel", _usd(parts.fuel_usd)),
        ("  starts", _usd(parts.start_usd)),
        ("  operation, maintenance", _usd(parts.om_usd)),
        ("  wear of stores", _usd(parts.wear_usd)),
        ("  purchases", _usd(parts.purchase_usd)),
        ("  sales", _usd(-parts.sale_usd if parts.sale_usd else 0.0)),
        ("  unserved, at its value", _usd(parts.unserved_usd)),
        ("production cost", _per_kwh(report.production_cost_usd_per_kwh)),
        ("efficiency", _percent(report.efficiency)),
        ("  of fuel to power", _percent(report.fuel_efficiency)),
        ("loss of load, mean", _odds(report.lolp)),
        ("  highest", _odds(report.lolp_max)),
    ]


def _machines(report: Report) -> list[Row]:
    rows = [
        ("starts", f"{report.starts:,}"),
        ("failed starts", f"{report.failed_starts:,}"),
        ("substitutions", f"{report.substitutions:,}"),
        (
            "  to the command",
            _both(report.substitution_seconds_p50, report.substitution_seconds_p99, "s"),
        ),
        (
            "  to running",
            _both(
                report.substitution_running_seconds_p50,
                report.substitution_running_seconds_p99,
                "s",
            ),
        ),
    ]
    rows += [
        (f"{kind} cycles", f"{store.full_cycles:,.2f}")
        for kind, store in report.stores_by_type.items()
    ]
    rows += [
        ("utility outages", f"{report.outages:,} ({report.outage_h:,.1f} h)"),
        ("meter outages", f"{report.meter_outages:,} ({report.meter_outage_h:,.1f} h)"),
    ]
    return rows


def _commands(report: Report) -> list[Row]:
    return [
        ("commands", f"{report.commands:,}"),
        ("acknowledged", f"{report.acknowledged:,}"),
        ("refused by the site", f"{report.refused_by_site:,}"),
        ("expired", f"{report.expired:,}"),
        ("unanswered at the end", f"{report.unanswered_at_end:,}"),
        ("measured as done", f"{report.done:,}"),
        ("failed", f"{report.failed:,}"),
        (
            "time to the answer",
            _both(report.acknowledge_seconds_p50, report.acknowledge_seconds_p99, "s"),
        ),
        ("vetoes of interlocks", f"{report.vetoes:,}"),
    ]


def _fuel(report: Report) -> list[Row]:
    rows = [
        (name.replace("_", " "), f"{figure.amount:,.1f} {figure.unit}")
        for name, figure in report.fuel_by_fuel.items()
    ]
    for permit_class, hours in report.permit_hours_by_class.items():
        rows.append((permit_class.replace("_", " "), f"{sum(hours.values()):,.2f} h"))
        rows += [
            (f"  {basis}", f"{run_h:,.2f} h") for basis, run_h in hours.items() if run_h >= LEAST_H
        ]
    return rows


def _center(report: Report) -> list[Row]:
    plans = report.plans
    rows = [
        ("cycle time", _both(report.cycle_ms_p50, report.cycle_ms_p99, "ms")),
        ("cycles missed", f"{report.missed_cycles:,}"),
        ("plans", f"{plans.count:,}"),
        *((f"  {name.replace('_', ' ')}", f"{n:,}") for name, n in plans.by_status.items()),
        ("  solved in", _both(plans.seconds_p50, plans.seconds_p99, "s")),
        ("  gap, highest", NONE if plans.gap_max is None else f"{100.0 * plans.gap_max:.3f} %"),
        ("messages late", f"{report.late_messages:,}"),
        ("  malformed", f"{report.malformed_messages:,}"),
        ("alarms raised", f"{sum(report.alarms_by_kind.values()):,}"),
    ]
    rows += [
        (f"  {kind.replace('_', ' ')}", f"{count:,}")
        for kind, count in report.alarms_by_kind.items()
    ]
    return rows


def _judgement(report: Report) -> RenderableType:
    lines = [Text("")]
    if report.invariant_violations:
        lines.append(
            Text(f"{_many(report.invariant_violations, 'invariant violation')}", style="bold red")
        )
        lines += [
            Text(f"  {one.at}  {one.invariant:>2}  {one.subject}: {one.text}", style="red")
            for one in report.violations[:SHOWN]
        ]
        lines += _more(len(report.violations))
    else:
        lines.append(Text("no invariant violated", style="green"))
    if report.unserved:
        lines.append(Text(f"{report.unserved_kwh:,.2f} kWh not served", style="bold yellow"))
        lines += [
            Text(f"  {one.since}  {one.kwh:,.2f} kWh  {one.where}: {one.cause}", style="yellow")
            for one in report.unserved[:SHOWN]
        ]
        lines += _more(len(report.unserved))
    else:
        lines.append(Text("all demand served", style="green"))
    return Group(*lines)


def _more(count: int) -> list[Text]:
    return [Text(f"  and {count - SHOWN} more, see --json", style="dim")] if count > SHOWN else []


def _areas(areas: Iterable[AreaFigures], currency: str) -> RenderableType:
    table = _breakdown(
        "By area",
        "area",
        "demand",
        "unserved",
        "generation",
        "charging",
        "import",
        "export",
        "losses",
        currency,
        "lolp",
    )
    for area in areas:
        table.add_row(
            area.area,
            *(
                f"{value:,.1f}"
                for value in (
                    area.demand_kwh,
                    area.unserved_kwh,
                    area.generation_kwh,
                    area.charging_kwh,
                    area.import_kwh,
                    area.export_kwh,
                    area.losses_kwh,
                    area.operating_expense_usd,
                )
            ),
            f"{area.lolp:.2g}",
        )
    return Group(Text(""), table, Text("energies in kWh", style="dim"))


def _devices(devices: Iterable[DeviceFigures], currency: str) -> RenderableType:
    table = _breakdown(
        "By device",
        "device",
        "type",
        "out kWh",
        "in kWh",
        "fuel",
        "starts",
        "failed",
        "run h",
        "permit h",
        currency,
    )
    for device in devices:
        used = device.permit_used_h
        cap = device.permit_cap_h
        permit = "" if used is None else f"{used:,.1f}" + ("" if cap is None else f" of {cap:,.0f}")
        table.add_row(
            device.device,
            device.type.replace("_", " "),
            f"{device.generation_kwh:,.1f}",
            f"{device.charging_kwh:,.1f}" if device.charging_kwh else "",
            f"{device.fuel:,.1f} {device.fuel_unit}" if device.fuel_unit else "",
            f"{device.starts}" if device.fuel_unit else "",
            f"{device.failed_starts}" if device.fuel_unit else "",
            f"{device.run_h:,.2f}" if device.fuel_unit else "",
            permit,
            f"{device.expense_usd:,.2f}",
        )
    return Group(Text(""), table)


def _breakdown(title: str, *columns: str) -> Table:
    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, 1),
        title=title,
        title_style="bold",
        title_justify="left",
        header_style="dim",
    )
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", no_wrap=True)
    return table


def _kwh(value: float) -> str:
    return f"{value:,.1f} kWh"


def _usd(value: float) -> str:
    return f"{value:,.2f}"


def _per_kwh(value: float | None) -> str:
    return NONE if value is None else f"{value:.4f} a kWh"


def _percent(value: float | None) -> str:
    return NONE if value is None else f"{100.0 * value:.1f} %"


def _odds(value: float) -> str:
    return "0" if value == 0.0 else f"{value:.2g}"


def _both(middle: float | None, high: float | None, unit: str) -> str:
    """Median and 99 % of all, or a dash."""
    if middle is None or high is None:
        return NONE
    return f"{middle:,.4g} / {high:,.4g} {unit}"


def _many(count: int, word: str) -> str:
    return f"{count:,} {word}" + ("" if count == 1 else "s")
