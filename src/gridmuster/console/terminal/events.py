"""What is wrong, what was decided and why, and what was commanded."""

from __future__ import annotations

from rich.text import Text

from gridmuster.center.view import AlarmView, CommandView, DecisionView, PlantView
from gridmuster.console.terminal.canvas import Piece, fit, pack, spread, text
from gridmuster.console.terminal.palette import (
    DECISIONS,
    GOOD,
    MUTED,
    OUTCOMES,
    SEVERITIES,
    UNKNOWN,
)
from gridmuster.console.terminal.words import clock, number, since

_ORDER = {name: rank for rank, name in enumerate(SEVERITIES)}


def alarm_lines(view: PlantView, width: int, height: int, wrap: bool = False) -> list[Text]:
    """Alarms, the gravest first and of those the newest; the last line counts the rest.

    Args:
        view: the plant.
        width: cells.
        height: lines.
        wrap: put the advice on a line of its own where there are lines to spare.
    """
    if not view.alarms:
        return [fit(text("✓ no alarms", GOOD), width)][:height]
    alarms = sorted(
        view.alarms, key=lambda a: (_ORDER.get(a.severity, len(_ORDER)), -a.since_ms, a.id)
    )
    if height == 1 and len(alarms) > 1:
        counts = ", ".join(f"{count} {name}" for name, count in _counts(alarms).items())
        return [fit(text(f"{counts}: {alarms[0].subject} {alarms[0].text}", "bold"), width)]
    each = 2 if wrap and len(alarms) * 2 <= height else 1
    shown = alarms if len(alarms) * each <= height else alarms[: max(0, height - 1)]
    lines = []
    for alarm in shown:
        lines += _alarm(view, alarm, width, each)
    if len(shown) < len(alarms):
        lines.append(fit(text(_rest(alarms[len(shown) :]), MUTED), width))
    return lines[:height]


def _rest(alarms: list[AlarmView]) -> str:
    return "and " + ", ".join(f"{count} more {name}" for name, count in _counts(alarms).items())


def _counts(alarms: list[AlarmView]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for alarm in alarms:
        counts[alarm.severity] = counts.get(alarm.severity, 0) + 1
    return counts


def _alarm(view: PlantView, alarm: AlarmView, width: int, lines: int) -> list[Text]:
    sign = SEVERITIES.get(alarm.severity, UNKNOWN)
    line = text(f"{sign.sign} ", sign.style)
    line.append_text(text(alarm.subject, "bold"))
    line.append_text(text(f" {alarm.text}"))
    when = text(f" {since(view, alarm.since_ms)}", MUTED)
    advice = text(f"→ {alarm.advice}" if alarm.advice else "", "italic")
    if lines > 1:
        second = text("  ")
        second.append_text(advice)
        return [_with_age(line, when, width), fit(second, width)]
    if alarm.advice:
        line.append("  ")
        line.append_text(advice)
    return [_with_age(line, when, width)]


def _with_age(line: Text, when: Text, width: int) -> Text:
    """A line that leaves room for an age at its end, where the line is long enough for both."""
    if width < 3 * when.cell_len:
        return fit(line, width)
    return spread(fit_end(line, width - when.cell_len - 1), when, width)


def fit_end(line: Text, width: int) -> Text:
    """A line of at most that many cells; too long ones end in an ellipsis."""
    found = line.copy()
    found.truncate(max(width, 0), overflow="ellipsis")
    return found


def decision_lines(view: PlantView, width: int, height: int) -> list[Text]:
    """The last decisions, the latest first, each with its reason."""
    if not view.decisions:
        return [fit(text("no start or stop was needed yet", MUTED), width)][:height]
    order = sorted(view.decisions, key=lambda d: -d.at_ms)
    return [_decision(view, decision, width) for decision in order[:height]]


def _decision(view: PlantView, decision: DecisionView, width: int) -> Text:
    sign = DECISIONS.get(decision.kind, UNKNOWN)
    line = text(f"{clock(decision.at_ms, view.time_zone)} ", MUTED)
    line.append(f"{sign.sign} ", sign.style)
    line.append_text(text(decision.device, "bold"))
    line.append_text(text(f" {decision.text or decision.kind}"))
    return fit(line, width)


def command_lines(view: PlantView, width: int, height: int) -> list[Text]:
    """The last commands, the latest first, each with its outcome and how long that took."""
    if not view.commands:
        return [fit(text("no command yet", MUTED), width)][:height]
    order = sorted(view.commands, key=lambda c: -c.at_ms)
    return [_command(view, command, width) for command in order[:height]]


def _command(view: PlantView, command: CommandView, width: int) -> Text:
    sign = OUTCOMES.get(command.outcome, UNKNOWN)
    order = command.order.replace("_", " ")
    if command.order == "run":
        order = f"run {number(command.power_kw)} kW"
    outcome = text(f"{sign.sign} {command.outcome}", sign.style)
    latency = "" if command.latency_s is None else f"{number(command.latency_s, 1)} s"
    name_width = min(28, max(12, width // 3))
    return pack(
        [
            Piece(text(clock(command.at_ms, view.time_zone, seconds=True), MUTED), 3),
            Piece(fit(text(command.device or command.site, "bold"), name_width), 0),
            Piece(fit(text(order), 14), 1),
            Piece(fit(outcome, 11), 0),
            Piece(text(f"{latency:>6}", MUTED), 4),
            Piece(text(command.reason, MUTED), 5),
        ],
        width,
        gap=1,
    )
