"""The devices by type and by what they do, and the stores one by one."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.text import Text

from gridmuster.center.view import DeviceView, PlantView
from gridmuster.console.terminal.canvas import Piece, bar, fit, pack, spread, text
from gridmuster.console.terminal.palette import (
    ACCENT,
    ACTIVITIES,
    INK,
    KINDS,
    MUTED,
    OTHER,
    STALE,
    WARN,
    Kind,
    activity,
)
from gridmuster.console.terminal.words import age, number, percent

POWER_WIDTH = 8
ENERGY_WIDTH = 18
#: What a line of one store takes besides its name: a short bar, figures, what it does.
STORE_WIDTH = 40


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide the table's columns are; narrow tables name activities by their signs alone."""

    name: int
    counts: dict[str, int]
    words: bool
    power: bool

    @classmethod
    def within(cls, width: int) -> Columns:
        """The widest columns that fit."""
        full = {name: max(6, len(name) + 2) for name in ACTIVITIES}
        if width >= 16 + sum(full.values()) + POWER_WIDTH:
            return cls(16, full, True, True)
        if width >= 16 + 5 * len(full) + POWER_WIDTH:
            return cls(16, dict.fromkeys(full, 5), False, True)
        each = max(2, min(5, (width - 8) // len(full)))
        return cls(max(4, width - each * len(full)), dict.fromkeys(full, each), False, False)


@dataclass(slots=True)
class TypeSummary:
    """All devices of one type."""

    kind: Kind
    counts: dict[str, int] = field(default_factory=dict)
    power_kw: float = 0.0
    available_kw: float = 0.0
    energy_kwh: float = 0.0
    capacity_kwh: float = 0.0

    def add(self, device: DeviceView) -> None:
        """Count one device in."""
        name = activity(device.state, device.quality)
        self.counts[name] = self.counts.get(name, 0) + 1
        self.power_kw += device.power_kw
        self.available_kw += device.available_kw
        self.energy_kwh += device.energy_kwh or 0.0
        self.capacity_kwh += device.energy_capacity_kwh or 0.0


def summaries(devices: list[DeviceView]) -> list[TypeSummary]:
    """One summary a type that occurs, in the order of the stack."""
    found: dict[str, TypeSummary] = {}
    for device in devices:
        kind = KINDS.get(device.type, OTHER)
        name = device.type if device.type in KINDS else ""
        summary = found.get(name)
        if summary is None:
            summary = found[name] = TypeSummary(kind)
        summary.add(device)
    return [found[name] for name in [*KINDS, ""] if name in found]


def type_lines(view: PlantView, width: int, height: int) -> list[Text]:
    """A table: a line a type, a column an activity, then power and what it could be.

    Args:
        view: the plant.
        width: cells.
        height: lines, heading included; types that do not fit are summed in the last one.
    """
    rows = summaries(view.devices)
    if len(rows) > height - 1:
        kept = rows[: max(0, height - 2)]
        rows = [*kept, _sum(rows[len(kept) :])]
    columns = Columns.within(width)
    lines = [_heading(len(view.devices), columns, width)]
    return [*lines, *(_row(row, columns, width) for row in rows)][:height]


def _sum(rows: list[TypeSummary]) -> TypeSummary:
    total = TypeSummary(Kind("+", f"{len(rows)} more types", OTHER.ground))
    for row in rows:
        for name, count in row.counts.items():
            total.counts[name] = total.counts.get(name, 0) + count
        total.power_kw += row.power_kw
        total.available_kw += row.available_kw
    return total


def _heading(devices: int, columns: Columns, width: int) -> Text:
    line = fit(text(f"{number(devices)} devices", "bold"), columns.name)
    for name, sign in ACTIVITIES.items():
        label = sign.sign + name if columns.words else sign.sign
        line.append(f"{label:>{columns.counts[name]}}", MUTED)
    if columns.power:
        line.append(f"{'kW now':>{POWER_WIDTH}}", MUTED)
        if width - line.cell_len > POWER_WIDTH:
            line.append(f"{'can give':>{POWER_WIDTH + 1}}", MUTED)
        if width - line.cell_len >= ENERGY_WIDTH:
            line.append("  energy", MUTED)
    return fit(line, width)


def _row(row: TypeSummary, columns: Columns, width: int) -> Text:
    line = text()
    line.append(f" {row.kind.letter} ", f"{INK} on {row.kind.ground}")
    line.append_text(fit(text(f" {row.kind.name}"), columns.name - 3))
    for name, sign in ACTIVITIES.items():
        count = row.counts.get(name, 0)
        style = sign.style if count else MUTED
        shown = number(count) if count else "·"
        loud = count and name in ("fault", "lock", "silent")
        line.append(f"{shown:>{columns.counts[name]}}", f"bold {style}" if loud else style)
    if columns.power:
        line.append(f"{number(row.power_kw):>{POWER_WIDTH}}")
        if width - line.cell_len > POWER_WIDTH:
            line.append(f"{number(row.available_kw):>{POWER_WIDTH + 1}}", MUTED)
    free = width - line.cell_len
    if row.capacity_kwh > 0.0 and free >= ENERGY_WIDTH:
        share = row.energy_kwh / row.capacity_kwh
        line.append("  ")
        line.append_text(bar(share, min(free - 8, 20)))
        line.append(f"{percent(share):>6}")
    return fit(line, width)


def energy_line(view: PlantView, width: int) -> Text:
    """What all stores hold, by type, in one line."""
    pieces: list[Piece] = []
    for row in summaries(view.devices):
        if row.capacity_kwh > 0.0:
            share = row.energy_kwh / row.capacity_kwh
            piece = text(f"{row.kind.letter} ")
            piece.append_text(bar(share, 8))
            piece.append(f" {percent(share):>5} of {_energy(row.capacity_kwh)}")
            pieces.append(Piece(piece, len(pieces)))
    return pack(pieces, width) if pieces else fit(text("no stores", MUTED), width)


def _energy(energy_kwh: float) -> str:
    return f"{number(energy_kwh, 1 if energy_kwh < 100.0 else 0)} kWh"


def store_lines(view: PlantView, width: int, height: int) -> list[Text]:
    """What all stores hold by type, then one by one the emptiest first."""
    if height <= 0:
        return []
    stores = [d for d in view.devices if d.energy_capacity_kwh]
    order = sorted(
        stores, key=lambda d: ((d.energy_kwh or 0.0) / (d.energy_capacity_kwh or 1.0), d.id)
    )
    counted = height > 2 and len(order) >= height
    shown = order[: height - 2] if counted else order[: height - 1]
    longest = max((len(device.id) for device in shown), default=0)
    name_width = max(8, min(longest, width - STORE_WIDTH))
    lines = [energy_line(view, width)]
    lines += [store_line(device, name_width, width) for device in shown]
    if counted:
        rest = len(order) - len(shown)
        lines.append(fit(text(f"and {rest} more, fuller than these", MUTED), width))
    return lines


def store_line(device: DeviceView, name_width: int, width: int) -> Text:
    """One store's energy."""
    capacity = device.energy_capacity_kwh or 0.0
    name = fit(text(device.id), name_width)
    stale = device.quality in ("stale", "bad")
    share = (device.energy_kwh or 0.0) / capacity if capacity > 0.0 else 0.0
    line = text()
    line.append_text(name)
    line.append(" ")
    bar_width = max(4, min(20, width - name_width - STORE_WIDTH + 6))
    line.append_text(bar(share, bar_width, MUTED if stale else ACCENT))
    figures = f" {percent(share):>5} {_energy(device.energy_kwh or 0.0):>11}"
    line.append(figures, STALE if stale else "")
    doing = "rests"
    if device.power_kw > 0.05:
        doing = f"gives {number(device.power_kw)} kW"
    elif device.power_kw < -0.05:
        doing = f"takes {number(-device.power_kw)} kW"
    note = text(f"? {age(device.age_s)} old", WARN) if stale else text(doing, MUTED)
    return spread(line, note, width)


def summary_line(view: PlantView, width: int) -> Text:
    """All devices by activity in one line."""
    counts: dict[str, int] = {}
    for device in view.devices:
        name = activity(device.state, device.quality)
        counts[name] = counts.get(name, 0) + 1
    pieces = [
        Piece(text(f"{sign.sign} {number(counts[name])} {name}", sign.style), rank)
        for rank, (name, sign) in enumerate(ACTIVITIES.items())
        if counts.get(name)
    ]
    if not pieces:
        return fit(text("none", MUTED), width)
    return pack(pieces, width)
