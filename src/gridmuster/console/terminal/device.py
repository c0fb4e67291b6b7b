"""One device in full: what it is asked, what it does, why, and how old that news is."""

from __future__ import annotations

from msgspec import structs
from rich.text import Text

from gridmuster.center.view import DeviceView, PlantView
from gridmuster.console.terminal.canvas import Page, bar, fit, rule, spark, text
from gridmuster.console.terminal.events import alarm_lines, command_lines, decision_lines
from gridmuster.console.terminal.page import MIN_WIDTH, header_lines
from gridmuster.console.terminal.palette import (
    ACCENT,
    ACTIVITIES,
    BAD,
    GOOD,
    INK,
    KINDS,
    MUTED,
    OTHER,
    STALE,
    WARN,
    activity,
)
from gridmuster.console.terminal.words import age, clock, number, percent
from gridmuster.units import MS_PER_S

LABEL_WIDTH = 10
BAR_WIDTH = 24
#: A device follows its setpoint within the larger of these: share of the rating, and kW.
TOLERANCE_SHARE = 0.02
TOLERANCE_KW = 1.0


def render_device(
    view: PlantView, device_id: str, width: int = 100, height: int = 40, note: str = ""
) -> Page:
    """One device as lines of text; says so when the plant has no such device.

    Args:
        view: the plant.
        device_id: which device.
        width: cells a line.
        height: lines at most.
        note: what the reader must know about the picture itself.
    """
    inner = max(width, MIN_WIDTH)
    lines = header_lines(view, inner, note)
    device = next((d for d in view.devices if d.id == device_id), None)
    if device is None:
        lines.append(fit(text(f"There is no device {device_id!r} in this plant.", BAD), inner))
    else:
        lines += _identity(device, inner)
        lines += _facts(view, device, inner)
        lines += _history(view, device, inner, height - len(lines))
    return Page([fit(line, width) for line in lines[: max(height, 0)]], width)


def _identity(device: DeviceView, width: int) -> list[Text]:
    kind = KINDS.get(device.type, OTHER)
    line = text(f" {kind.letter} ", f"{INK} on {kind.ground}")
    line.append_text(text(f" {device.id}", "bold"))
    name = kind.name if device.type in KINDS else device.type
    line.append_text(text(f"  {name} at site {device.site}, area {device.area}"))
    line.append_text(text(f", rated {number(device.rated_kw)} kW", MUTED))
    return [fit(text(), width), fit(line, width), fit(text(), width)]


def _fact(label: str, content: Text, width: int) -> Text:
    line = fit(text(label, MUTED), LABEL_WIDTH)
    line.append_text(content)
    return fit(line, width)


def _facts(view: PlantView, device: DeviceView, width: int) -> list[Text]:
    facts = [("now", _now(device)), ("power", _power(device)), ("asked", _asked(device))]
    if device.energy_capacity_kwh:
        facts.append(("energy", _energy(device)))
    if device.fuel_level is not None:
        facts.append(("fuel", _fuel(device)))
    if device.permit_class or device.run_h is not None:
        facts.append(("hours", _hours(device)))
    idle = "nothing asks for it now"
    why = device.reason or ("as the running plan has it" if device.order == "run" else idle)
    facts.append(("why", text(why)))
    if device.override:
        facts.append(("held", text(f"by an operator: {device.override}", f"bold {WARN}")))
    if device.alarms:
        facts.append(("says", text("✕ " + ", ".join(device.alarms), f"bold {BAD}")))
    facts.append(("plan", _plan(view, device)))
    return [_fact(label, content, width) for label, content in facts]


def _now(device: DeviceView) -> Text:
    sign = ACTIVITIES[activity(device.state, device.quality)]
    line = text(f"{sign.sign} {device.state}", f"bold {sign.style}")
    if device.mode == "auto":
        line.append(", in auto")
    else:
        line.append(f", mode switch in {device.mode}: will not obey the center", f"bold {WARN}")
    stale = device.quality in ("stale", "bad")
    heard = f", heard {age(device.age_s)} ago"
    line.append(heard, f"bold {WARN}" if stale else "")
    if device.quality != "good":
        line.append(f" ({device.quality})", WARN)
    return line


def _power(device: DeviceView) -> Text:
    stale = device.quality in ("stale", "bad")
    share = abs(device.power_kw) / device.rated_kw if device.rated_kw > 0.0 else 0.0
    line = bar(share, BAR_WIDTH, MUTED if stale else ACCENT)
    direction = "takes" if device.power_kw < -0.05 else "gives"
    line.append(f" {direction} {number(abs(device.power_kw), 1)} kW", STALE if stale else "bold")
    if stale:
        line.append(f", last known {age(device.age_s)} ago", WARN)
    line.append(f"; could give {number(device.available_kw, 1)} kW now", MUTED)
    return line


def _asked(device: DeviceView) -> Text:
    if device.setpoint_kw is None:
        return text(device.order.replace("_", " ") or "nothing", "")
    off_kw = device.power_kw - device.setpoint_kw
    share = abs(device.setpoint_kw) / device.rated_kw if device.rated_kw > 0.0 else 0.0
    line = bar(share, BAR_WIDTH, MUTED)
    line.append(f" {device.order.replace('_', ' ')} at {number(device.setpoint_kw, 1)} kW")
    if abs(off_kw) <= max(TOLERANCE_SHARE * device.rated_kw, TOLERANCE_KW):
        line.append("  ✓ follows", GOOD)
    else:
        line.append(f"  ! off by {off_kw:+,.1f} kW", f"bold {WARN}")
    return line


def _energy(device: DeviceView) -> Text:
    capacity_kwh = device.energy_capacity_kwh or 0.0
    share = (device.energy_kwh or 0.0) / capacity_kwh if capacity_kwh > 0.0 else 0.0
    line = bar(share, BAR_WIDTH)
    digits = 1 if capacity_kwh < 100 else 0
    line.append(f" {percent(share)}: {number(device.energy_kwh, digits)}", "bold")
    line.append(f" of {number(capacity_kwh, digits)} kWh", MUTED)
    return line


def _fuel(device: DeviceView) -> Text:
    level, floor = device.fuel_level or 0.0, device.fuel_floor or 0.0
    line = text(f"{number(level)} in the tank", "bold")
    if floor > 0.0:
        line.append(f", {number(floor)} of it kept for the site's own backup", MUTED)
        if level <= floor:
            line.append("  ! none to spare", f"bold {WARN}")
    return line


def _hours(device: DeviceView) -> Text:
    line = text("" if device.run_h is None else f"{number(device.run_h, 1)} h run")
    if device.permit_class:
        line.append(f"{'; ' if line.plain else ''}permit {device.permit_class}")
        if device.permit_left_h is None:
            line.append(", no limit on hours", MUTED)
        else:
            low = device.permit_left_h < 5.0
            line.append(
                f", {number(device.permit_left_h, 1)} h left this year",
                f"bold {WARN}" if low else "",
            )
    return line


def _plan(view: PlantView, device: DeviceView) -> Text:
    plan = device.planned_kw
    area = next((a for a in view.areas if a.id == device.area), None)
    if not plan or area is None:
        return text("none yet", MUTED)
    line = spark(plan, BAR_WIDTH * 2, ACCENT)
    active = [k for k, value in enumerate(plan) if abs(value) > 0.05]
    hours = len(plan) * area.forecast_step_s / 3600.0
    if not active:
        line.append(f" off for the next {hours:.0f} h", MUTED)
        return line
    start_ms = area.forecast_start_ms + active[0] * area.forecast_step_s * MS_PER_S
    top_kw = max(plan, key=abs)
    when = "now" if active[0] == 0 else f"from {clock(start_ms, view.time_zone)}"
    verb = "takes" if top_kw < 0.0 else "gives"
    line.append(f" {when}, {verb} up to {number(abs(top_kw))} kW in the next {hours:.0f} h")
    return line


def _history(view: PlantView, device: DeviceView, width: int, height: int) -> list[Text]:
    """Alarms, decisions and commands of this device only."""
    mine = structs.replace(
        view,
        alarms=[a for a in view.alarms if a.subject == device.id],
        decisions=[d for d in view.decisions if d.device == device.id],
        commands=[c for c in view.commands if c.device == device.id],
    )
    lines: list[Text] = []
    parts = (
        ("alarms", alarm_lines, len(mine.alarms)),
        ("decisions", decision_lines, len(mine.decisions)),
        ("commands", command_lines, len(mine.commands)),
    )
    for position, (title, draw, count) in enumerate(parts):
        rest = len(parts) - position - 1
        rows = min(max(count, 1), max(1, (height - len(lines) - 2 * rest - 2) // (rest + 1)))
        lines += [fit(text(), width), rule(title, width), *draw(mine, width, rows)]
    return lines
