"""What is wrong, what was decided and why, and what was commanded."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text

from gridmuster.center.view import AlarmView, CommandView, DecisionView, PlantView
from gridmuster.console.terminal.canvas import Piece, fit, pack, spread, text, wrap
from gridmuster.console.terminal.palette import (
    DECISIONS,
    GOOD,
    MUTED,
    OUTCOMES,
    SEVERITIES,
    UNKNOWN,
)
from gridmuster.console.terminal.words import clean, clock, number, since

ORDER_WIDTH = 14
OUTCOME_WIDTH = 11
_ORDER = {name: rank for rank, name in enumerate(SEVERITIES)}


def alarm_lines(view: PlantView, width: int, height: int, wrap_lines: bool = False) -> list[Text]:
    """Alarms, the gravest first and of those the newest; the last line counts the rest.

    Args:
        view: the plant.
        width: cells.
        height: lines.
        wrap_lines: put the advice on a line of its own where there are lines to spare.
    """
    if not view.alarms:
        return [fit(text("✓ no alarms", GOOD), width)][:height]
    alarms = sorted(
        view.alarms, key=lambda a: (_ORDER.get(a.severity, len(_ORDER)), -a.since_ms, a.id)
    )
    if height == 1 and len(alarms) > 1:
        counts = ", ".join(f"{count} {name}" for name, count in _counts(alarms).items())
        return [fit(text(f"{counts}: {alarms[0].subject} {alarms[0].text}", "bold"), width)]
    each = 2 if wrap_lines and len(alarms) * 2 <= height else 1
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


def decision_lines(
    view: PlantView, width: int, height: int, wrap_lines: bool = False
) -> list[Text]:
    """The last decisions, the latest first, each with its reason.

    Args:
        view: the plant.
        width: cells.
        height: lines.
        wrap_lines: let a reason go on over several lines where there are lines to spare.
    """
    if not view.decisions:
        return [fit(text("no start or stop was needed yet", MUTED), width)][:height]
    order = sorted(view.decisions, key=lambda d: -d.at_ms)
    each = max(1, min(3, height // len(order))) if wrap_lines else 1
    lines: list[Text] = []
    for decision in order[:height]:
        lines += _decision(view, decision, width, each)
    return lines[:height]


def _decision(view: PlantView, decision: DecisionView, width: int, lines: int) -> list[Text]:
    sign = DECISIONS.get(decision.kind, UNKNOWN)
    line = text(f"{clock(decision.at_ms, view.time_zone)} ", MUTED)
    line.append(f"{sign.sign} ", sign.style)
    line.append_text(text(f"{decision.device} ", "bold"))
    why = decision.text or decision.kind
    indent = 8
    if lines == 1 or line.cell_len + cell_len(why) <= width or width < 3 * indent:
        line.append_text(text(why))
        return [fit(line, width)]
    first, *more = wrap(why, width - line.cell_len, width - indent, lines)
    line.append_text(text(first))
    return [fit(line, width), *(fit(text(" " * indent + part), width) for part in more)]


def command_lines(view: PlantView, width: int, height: int) -> list[Text]:
    """The last commands, the latest first, each with its outcome and how long that took.

    Commands to one device with one order and one outcome share a line, with their number.
    """
    if not view.commands:
        return [fit(text("no command yet", MUTED), width)][:height]
    groups: dict[tuple[str, str, str], list[CommandView]] = {}
    for command in sorted(view.commands, key=lambda c: -c.at_ms):
        key = (command.device or command.site, command.order, command.outcome)
        groups.setdefault(key, []).append(command)
    shown = list(groups.items())[:height]
    longest = max((cell_len(clean(key[0])) for key, _ in shown), default=0)
    name_width = max(8, min(longest, width - ORDER_WIDTH - OUTCOME_WIDTH - 2))
    return [_command(view, group, name_width, width) for _, group in shown]


def _command(view: PlantView, group: list[CommandView], name_width: int, width: int) -> Text:
    command = group[0]
    sign = OUTCOMES.get(command.outcome, UNKNOWN)
    order = command.order.replace("_", " ")
    if command.order == "run":
        order = f"run {number(command.power_kw)} kW"
    outcome = text(f"{sign.sign} {command.outcome}", sign.style)
    latency = "" if command.latency_s is None else f"{number(command.latency_s, 1)} s"
    count = f"×{len(group)}" if len(group) > 1 else ""
    return pack(
        [
            Piece(text(clock(command.at_ms, view.time_zone, seconds=True), MUTED), 3),
            Piece(fit(text(command.device or command.site, "bold"), name_width), 0),
            Piece(fit(text(order), ORDER_WIDTH), 1),
            Piece(fit(outcome, OUTCOME_WIDTH), 0),
            Piece(text(f"{latency:>6}", MUTED), 2),
            Piece(text(f"{count:<4}", MUTED), 4),
            Piece(text(command.reason, MUTED), 5),
        ],
        width,
        gap=1,
    )
