"""The whole plant on one screen, for any width and height."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.text import Text

from gridmuster.center.view import PlantView
from gridmuster.console.terminal.balance import MAX_CHART, balance_lines, common_price
from gridmuster.console.terminal.canvas import Page, Piece, beside, fit, pack, rule, spread, text
from gridmuster.console.terminal.events import alarm_lines, command_lines, decision_lines
from gridmuster.console.terminal.fleet import store_lines, summaries, summary_line, type_lines
from gridmuster.console.terminal.palette import BAD, GOOD, MODES, MUTED, UNKNOWN, WARN
from gridmuster.console.terminal.words import (
    age,
    number,
    odds,
    percent,
    plant_time,
    totals,
    utc_time,
)

#: From this width on there are two columns.
TWO_COLUMNS = 136
#: Lines from which on sections get titles of their own.
TITLES_FROM = 30
MIN_WIDTH = 20
#: A plan older than this is late: it is made every 15 min, s.
LATE_PLAN_S = 1800.0

Draw = Callable[[PlantView, int, int], list[Text]]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page: its title, how it is drawn, and how many lines it wants.

    Args:
        title: for the line above it.
        draw: view, width, height to lines.
        least: lines it needs to be of use.
        most: lines beyond which it says no more.
        share: its part of the lines that are left when all have their least.
        step: lines it takes at a time.
        note: goes to the end of the title line.
    """

    title: str
    draw: Draw
    least: int
    most: int
    share: float
    step: int = 1
    note: str = ""

    def claim(self, lines: int) -> float:
        """How soon it is its turn for more lines when it has so many; the lowest is next."""
        return (lines + self.step - self.least) / self.share


def render_plant(view: PlantView, width: int, height: int, note: str = "") -> Page:
    """The plant as lines of text.

    Args:
        view: the plant.
        width: cells a line; below 20 lines are made for 20 and cut.
        height: lines at most.
        note: what the reader must know about the picture itself, like that it is old; with a
            note the whole page is drawn faint.

    Returns:
        A rich renderable of at most ``height`` lines of exactly ``width`` cells.
    """
    inner = max(width, MIN_WIDTH)
    lines = header_lines(view, inner, note)
    room = height - len(lines)
    if room > 0:
        if inner >= TWO_COLUMNS:
            body = _two_columns(view, inner, room)
        else:
            body = _column(view, _all_sections(view), inner, room)
        if note:
            for line in body:
                line.stylize("dim")
        lines += body
    return Page([fit(line, width) for line in lines[: max(height, 0)]], width)


def header_lines(view: PlantView, width: int, note: str = "") -> list[Text]:
    """Whose picture this is, of when, and whether the center itself is well."""
    left = text(f" GRIDMUSTER  {view.fleet}", "bold")
    times = pack_end(
        [
            Piece(text(plant_time(view), "bold"), 0),
            Piece(text(utc_time(view)), 1),
            Piece(text(_speed(view.speed)), 2),
        ],
        width - left.cell_len - 3,
    )
    title = spread(left, times, width - 1)
    title.append(" ")
    title.stylize("reverse")
    lines = [title, _state(view, width)]
    if note:
        lines.append(fit(text(f" {note} ", f"bold {WARN} reverse"), width))
    return lines


def pack_end(pieces: list[Piece], width: int) -> Text:
    """Packed pieces without the padding behind them."""
    line = pack(pieces, max(width, 1))
    line.rstrip()
    return line


def _speed(speed: float) -> str:
    return "real time" if speed == 1.0 else f"×{speed:g}"


def _state(view: PlantView, width: int) -> Text:
    sign = MODES.get(view.mode.value, UNKNOWN)
    mode = text(f"{sign.sign} {view.mode.value.replace('_', ' ')}", sign.style)
    pieces = [Piece(mode, 0)]
    if view.journal_fault:
        pieces.append(Piece(text(f"✕ journal: {view.journal_fault}", f"bold {BAD}"), 1))
    if not view.link_up:
        pieces.append(Piece(text("✕ broker link down", f"bold {BAD}"), 1))
    price = common_price(view)
    if price is not None:
        pieces.append(Piece(text(f"{number(price)} $/MWh", "bold"), 2))
    total = totals(view.areas)
    if total is not None:
        pieces.append(Piece(text(f"shortfall odds {odds(total.lolp)}"), 2))
    late = view.plan_age_s > LATE_PLAN_S
    plan = f"plan {view.plan_status or 'none'}, {age(view.plan_age_s)} old"
    pieces += [
        Piece(text(f"objective {view.objective}"), 3),
        Piece(text(f"{'! ' if late else ''}{plan}", WARN if late else ""), 4),
        Piece(text(f"gap {percent(view.plan_gap, 2)}", MUTED), 8),
        Piece(text(f"{view.center_id} fence {view.fence}", MUTED), 6),
        Piece(text(f"cycle {number(view.cycle)}", MUTED), 7),
    ]
    if not view.journal_fault:
        pieces.append(Piece(text("✓ journal", GOOD), 5))
    if view.link_up:
        pieces.append(Piece(text("✓ link", GOOD), 5))
    return pack(pieces, width)


def _balance(view: PlantView) -> Section:
    areas = max(1, len(view.areas))
    return Section(
        "balance: demand, and what meets it",
        balance_lines,
        least=2 * areas if areas <= 3 else min(areas, 6),
        most=(5 + MAX_CHART) * areas,
        share=5.0,
        step=areas,
        note="━ forecast  ▒ likely range",
    )


def _types(view: PlantView) -> Section:
    rows = 1 + len(summaries(view.devices))
    return Section("devices", type_lines, least=min(rows, 4), most=rows, share=12.0)


def _alarms(view: PlantView, wrap_lines: bool) -> Section:
    def draw(shown: PlantView, width: int, height: int) -> list[Text]:
        return alarm_lines(shown, width, height, wrap_lines)

    most = max(1, len(view.alarms) * (1 + wrap_lines))
    return Section("alarms", draw, least=1, most=most, share=3.0)


def _decisions(view: PlantView, wrap_lines: bool) -> Section:
    def draw(shown: PlantView, width: int, height: int) -> list[Text]:
        return decision_lines(shown, width, height, wrap_lines)

    most = max(1, len(view.decisions) * (3 if wrap_lines else 1))
    title = "why: the last starts and stops"
    return Section(title, draw, least=1, most=most, share=2.4 if wrap_lines else 1.2)


def _commands(view: PlantView) -> Section:
    groups = {(c.device or c.site, c.order, c.outcome) for c in view.commands}
    most = max(1, len(groups))
    title = "commands: the last to sites, and what came of them"
    return Section(title, command_lines, least=1, most=most, share=1.0)


def _stores(view: PlantView) -> Section:
    count = sum(bool(device.energy_capacity_kwh) for device in view.devices)
    title = "stores: the emptiest first"
    return Section(title, store_lines, least=min(count, 1), most=count and count + 1, share=0.5)


def _all_sections(view: PlantView) -> list[Section]:
    return [
        _balance(view),
        _types(view),
        _alarms(view, wrap_lines=False),
        _decisions(view, wrap_lines=False),
        _commands(view),
        _stores(view),
    ]


def _two_columns(view: PlantView, width: int, height: int) -> list[Text]:
    left_width = max(80, width // 2)
    right_width = width - left_width - 3
    left = _column(view, [_balance(view), _types(view)], left_width, height)
    right = _column(
        view,
        [
            _alarms(view, wrap_lines=True),
            _decisions(view, wrap_lines=True),
            _commands(view),
            _stores(view),
        ],
        right_width,
        height,
    )
    return beside(left, right, left_width, right_width)


def _column(view: PlantView, sections: list[Section], width: int, height: int) -> list[Text]:
    """Sections one below the other, each with a title where there is room for titles."""
    wanted = [section for section in sections if section.most > 0]
    titled = height >= TITLES_FROM or (len(wanted) <= 4 and height >= 18)
    heights = share_out(wanted, height - len(wanted) * titled)
    lines: list[Text] = []
    for section, rows in zip(wanted, heights, strict=True):
        if rows <= 0:
            continue
        if titled:
            lines.append(_title(view, section, width))
            lines += section.draw(view, width, rows)
        else:
            lines += _with_label(section, view, width, rows)
    return lines[:height]


def _title(view: PlantView, section: Section, width: int) -> Text:
    if section.title == "devices":
        line = text("devices ", "bold")
        line.append_text(text("─ ", MUTED))
        line.append_text(summary_line(view, width - line.cell_len))
        return rule_after(line, width)
    return rule(section.title, width, section.note)


def rule_after(line: Text, width: int) -> Text:
    """A line drawn on to the end."""
    found = line.copy()
    found.rstrip()
    free = width - found.cell_len - 1
    if free > 2:
        found.append(" " + "─" * free, MUTED)
    return fit(found, width)


def _with_label(section: Section, view: PlantView, width: int, rows: int) -> list[Text]:
    """A section without a title line: what speaks for itself as it is, the rest by a label."""
    if section.draw in (balance_lines, type_lines):
        return section.draw(view, width, rows)
    label_width = 9
    lines = []
    for row, content in enumerate(section.draw(view, width - label_width, rows)):
        label = section.title.partition(":")[0] if row == 0 else ""
        line = fit(text(label, "bold"), label_width)
        line.append_text(content)
        lines.append(line)
    return lines


def share_out(sections: list[Section], height: int) -> list[int]:
    """How many lines each section gets.

    Each gets its least, in order, as long as there are lines; then the rest by shares, up to what
    each can use.
    """
    heights = []
    left = max(height, 0)
    for section in sections:
        rows = min(section.least, left)
        heights.append(rows)
        left -= rows
    while left > 0:
        hungry = [
            k
            for k, section in enumerate(sections)
            if heights[k] + section.step <= section.most and section.step <= left
        ]
        if not hungry:
            break
        k = min(hungry, key=lambda k: sections[k].claim(heights[k]))
        heights[k] += sections[k].step
        left -= sections[k].step
    return heights
