"""The balance of each area: is demand met, from what, with how much to spare, and what comes."""

from __future__ import annotations

from rich.text import Text

from gridmuster.center.view import AreaView, PlantView
from gridmuster.console.terminal.canvas import (
    Piece,
    bar,
    chart,
    fit,
    pack,
    spark,
    spread,
    stack,
    text,
)
from gridmuster.console.terminal.palette import (
    ACCENT,
    BAD,
    GOOD,
    KINDS,
    MUTED,
    OTHER,
    STALE,
    WARN,
    Kind,
)
from gridmuster.console.terminal.words import (
    clock,
    number,
    odds,
    percent,
    power,
    totals,
)
from gridmuster.units import MS_PER_S

NAME_WIDTH = 9
#: Lines an area takes at each level of detail; from level 4 on a chart may grow.
MAX_CHART = 12
MIN_CHART = 4
#: Share of the import limit from which on it is shown as tight.
TIGHT = 0.95


def balance_lines(view: PlantView, width: int, height: int) -> list[Text]:
    """Every area's balance in the lines there are; the worst areas when not all fit.

    Args:
        view: the plant.
        width: cells.
        height: lines, at least 1.
    """
    areas = view.areas
    if not areas:
        return [fit(text("No area has been heard of yet.", MUTED), width)][:height]
    if len(areas) > height:
        return _worst_first(view, width, height)
    each = height // len(areas)
    price = common_price(view) is None
    lines: list[Text] = []
    for area in areas:
        lines += area_lines(area, view.time_zone, width, each, price)
    return lines


def common_price(view: PlantView) -> float | None:
    """The price of energy where all areas have the same, USD/MWh; it is shown once then."""
    prices = {area.price_usd_per_mwh for area in view.areas}
    return prices.pop() if len(prices) == 1 else None


def _worst_first(view: PlantView, width: int, height: int) -> list[Text]:
    """The plant as a whole, then the areas that are worst off."""
    total = totals(view.areas)
    assert total is not None
    order = sorted(
        view.areas,
        key=lambda a: (-a.shortfall_kw, a.reserve_kw - a.largest_unit_kw, a.id),
    )
    shown = order[: max(0, height - 2)]
    lines = area_lines(total, view.time_zone, width, 1)
    for area in shown:
        lines += area_lines(area, view.time_zone, width, 1)
    if height > 1:
        rest = len(order) - len(shown)
        lines.append(fit(text(f"and {rest} more areas, better off than these", MUTED), width))
    return lines[:height]


def area_lines(
    area: AreaView, zone: str, width: int, height: int, price: bool = True
) -> list[Text]:
    """One area in up to that many lines; fewer when there is no more to say.

    Args:
        area: the area.
        zone: IANA zone for times.
        width: cells.
        height: lines.
        price: whether to show the area's price.
    """
    lines = [_headline(area, width, price)]
    if height >= 2:
        lines.append(_supply(area, width))
    if height >= 3:
        lines.append(_margins(area, width))
    if height >= 4:
        lines += _outlook(area, zone, width, height - 3)
    return lines[:height]


def _met(area: AreaView) -> Text:
    """Whether demand is met, in words and by a sign."""
    if area.shortfall_kw > 0.5:
        return text(f"✕ SHORT {power(area.shortfall_kw)}", f"bold {BAD}")
    return text("✓ met", f"bold {GOOD}")


def _reserve(area: AreaView) -> Text:
    covered = area.reserve_kw >= area.largest_unit_kw
    sign, style = ("✓", GOOD) if covered else ("!", f"bold {WARN}")
    return text(f"{sign} reserve {number(area.reserve_kw)}", style)


def _headline(area: AreaView, width: int, price: bool) -> Text:
    fresh = area.quality == "good"
    line = fit(text(area.name or area.id, "bold"), NAME_WIDTH)
    demand = text(f"  demand{'' if fresh else ' ~'}{number(area.demand_kw):>8} kW  ")
    demand.stylize("" if fresh else STALE)
    line.append_text(demand)
    line.append_text(_met(area))
    line.append("  ")
    if not area.energised:
        line.append("✕ utility out  ", f"bold {BAD}")
    if area.shortfall_kw > 0.5 and area.shortfall_cause:
        line.append_text(text(area.shortfall_cause, BAD))
        return fit(line, width)
    pieces = []
    if not fresh:
        pieces.append(Piece(text(f"{area.quality} data", WARN), 0))
    if area.energised and area.import_limit_kw > 0.0:
        share = area.import_kw / area.import_limit_kw
        style = f"bold {WARN}" if share > TIGHT else ""
        pieces.append(Piece(text(f"import {percent(share):>5} of limit", style), 1))
    pieces.append(Piece(_reserve(area), 2))
    if price:
        pieces.append(Piece(text(f"{number(area.price_usd_per_mwh):>5} $/MWh"), 3))
    pieces += [
        Piece(text(f"shortfall odds {odds(area.lolp)}"), 4),
        Piece(text(f"{number(area.frequency_hz, 2)} Hz", MUTED), 5),
    ]
    if line.cell_len < width:
        line.append_text(pack(pieces, width - line.cell_len))
    return fit(line, width)


def _kinds(area: AreaView) -> list[tuple[Kind, float]]:
    """What feeds the area and how much, kW, in the order of the stack."""
    found = [(KINDS["import"], max(area.import_kw, 0.0))]
    by_type = area.generation_kw_by_type
    found += [(kind, by_type[name]) for name, kind in KINDS.items() if by_type.get(name, 0.0) > 0.0]
    other_kw = sum(value for name, value in by_type.items() if name not in KINDS and value > 0.0)
    return [(kind, value) for kind, value in [*found, (OTHER, other_kw)] if value > 0.0]


def _supply(area: AreaView, width: int) -> Text:
    """What feeds the area as one bar of lettered segments, with the figures where there is room.

    The bar ends where supply does; a mark shows where demand and losses end.
    """
    kinds = _kinds(area)
    supply_kw = sum(value for _, value in kinds)
    needed_kw = area.demand_kw + area.losses_kw
    bar_width = max(10, (width - NAME_WIDTH) * 2 // 5)
    scale_kw = max(supply_kw, needed_kw, 1.0)
    line = text(" " * NAME_WIDTH)
    line.append_text(
        stack([(k.letter, k.ground, value) for k, value in kinds], scale_kw, bar_width)
    )
    line.append("▏", MUTED)
    free = width - line.cell_len
    figures = _figures(area, kinds, named=True)
    if sum(piece.text.cell_len + 2 for piece in figures) - 2 > free:
        figures = _figures(area, kinds, named=False)
    line.append_text(pack(figures, free) if figures else text())
    return fit(line, width)


def _figures(area: AreaView, kinds: list[tuple[Kind, float]], named: bool) -> list[Piece]:
    """What feeds the area and what it gives away, in figures; the largest matter most."""
    figures = []
    for kind, value in kinds:
        name = f"{kind.letter} {kind.name}" if named or kind is KINDS["import"] else kind.letter
        figures.append(Piece(text(f"{name} {number(value)}"), -round(value)))
    taken_kw = -sum(min(value, 0.0) for value in area.generation_kw_by_type.values())
    if taken_kw > 0.5:
        figures.append(Piece(text(f"charging {number(taken_kw)}", MUTED), -round(taken_kw)))
    if area.import_kw < -0.5:
        export = text(f"export {number(-area.import_kw)}", MUTED)
        figures.insert(0, Piece(export, round(area.import_kw)))
    return figures


def _margins(area: AreaView, width: int) -> Text:
    """Import against its limit, reserve against the largest unit, odds of a shortfall."""
    line = text(" " * NAME_WIDTH)
    if not area.energised:
        line.append_text(text("✕ utility out", f"bold {BAD}"))
    elif area.import_limit_kw > 0.0:
        share = area.import_kw / area.import_limit_kw
        style = WARN if share > TIGHT else ACCENT
        line.append_text(bar(share, max(10, (width - NAME_WIDTH) * 2 // 5), style))
        line.append("▏", MUTED)
        line.append_text(
            text(
                f"{percent(share)} of import limit {number(area.import_limit_kw)} kW",
                f"bold {WARN}" if share > TIGHT else "",
            )
        )
    else:
        line.append_text(text("islanded: no import", MUTED))
    covered = area.reserve_kw >= area.largest_unit_kw
    reserve = text(
        f"{'✓' if covered else '!'} reserve {number(area.reserve_kw)} "
        f"{'≥' if covered else '<'} largest {number(area.largest_unit_kw)} kW",
        GOOD if covered else f"bold {WARN}",
    )
    return spread(line, reserve, width)


def _outlook(area: AreaView, zone: str, width: int, height: int) -> list[Text]:
    """The forecast: one line, or a chart with its band, the plan, and the hours below."""
    if not area.forecast_kw:
        label = fit(text("forecast", MUTED), NAME_WIDTH)
        label.append("none yet", MUTED)
        return [fit(label, width)]
    if height < MIN_CHART:
        lines = [_outlook_line(area, zone, width)]
        if height >= 2:
            lines.append(_plan_line(area, zone, width))
        return lines
    rows = min(height - 2, MAX_CHART)
    inner = width - NAME_WIDTH
    drawn = chart(area.forecast_low_kw, area.forecast_kw, area.forecast_high_kw, inner, rows)
    top_kw = max(area.forecast_high_kw, default=0.0)
    low_kw = min(area.forecast_low_kw, default=0.0)
    lines = []
    for row, content in enumerate(drawn):
        axis = {0: number(top_kw), 1: "forecast", rows - 1: number(low_kw)}.get(row, "")
        line = text(f"{axis:>{NAME_WIDTH - 1}} ", MUTED)
        line.append_text(content)
        lines.append(fit(line, width))
    return [*lines, _hours(area, zone, width), _plan_line(area, zone, width)]


def _peak(values: list[float]) -> int:
    return max(range(len(values)), key=lambda k: values[k])


def _when(area: AreaView, k: int, zone: str) -> str:
    return clock(area.forecast_start_ms + k * area.forecast_step_s * MS_PER_S, zone)


def _labelled(label: str, values: list[float], note: Text, width: int, style: str) -> Text:
    """A label, a sparkline as long as the bars above, and what it says in figures."""
    line = fit(text(label, MUTED), NAME_WIDTH)
    spark_width = max(10, (width - NAME_WIDTH) * 2 // 5)
    line.append_text(spark(values, spark_width, style))
    line.append("▏", MUTED)
    line.append_text(note)
    return fit(line, width)


def _outlook_line(area: AreaView, zone: str, width: int) -> Text:
    """The next hours' demand in one line: its shape, and its peak with the band there."""
    peak = _peak(area.forecast_kw)
    band = ""
    if peak < len(area.forecast_low_kw) and peak < len(area.forecast_high_kw):
        band = f" ({number(area.forecast_low_kw[peak])}–{number(area.forecast_high_kw[peak])})"
    hours = len(area.forecast_kw) * area.forecast_step_s / 3600.0
    note = text(
        f"next {hours:.0f} h: peak {number(area.forecast_kw[peak])}{band} kW "
        f"at {_when(area, peak, zone)}"
    )
    return _labelled("forecast", area.forecast_kw, note, width, ACCENT)


def _plan_line(area: AreaView, zone: str, width: int) -> Text:
    """What the area's own devices are planned to give."""
    plan = area.planned_generation_kw
    if not plan:
        return fit(text(f"{'plan':<{NAME_WIDTH}}none yet", MUTED), width)
    peak = _peak(plan)
    note = text("no own generation needed")
    if plan[peak] > 0.5:
        note = text(f"own generation up to {number(plan[peak])} kW at {_when(area, peak, zone)}")
    return _labelled("plan", plan, note, width, GOOD)


def _hours(area: AreaView, zone: str, width: int) -> Text:
    """The chart's time axis: local hours, as many as fit."""
    inner = width - NAME_WIDTH
    count = len(area.forecast_kw)
    marks = [" "] * inner
    free_from = 0
    for k in range(count):
        hour = _when(area, k, zone)
        column = k * inner // count
        if not hour.endswith(":00") or int(hour[:2]) % 3 or column < free_from:
            continue
        if column + len(hour) <= inner:
            marks[column : column + len(hour)] = hour
            free_from = column + len(hour) + 2
    return text(" " * NAME_WIDTH + "".join(marks), MUTED)
