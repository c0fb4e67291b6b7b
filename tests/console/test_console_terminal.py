"""The plant as text: exact pictures, and any view at any size without a flaw."""

import io
import os
import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import structs
from plant_views import EVENING_MS, STEP_S, empty, plant, short_of_power
from rich.cells import cell_len
from rich.console import Console

from gridmuster.center.view import (
    AlarmView,
    AreaView,
    CommandView,
    DecisionView,
    DeviceView,
    Mode,
    PlantView,
)
from gridmuster.console.terminal import (
    Screen,
    canvas,
    palette,
    plant_line,
    render_device,
    render_plant,
    words,
)
from gridmuster.console.terminal.events import command_lines
from gridmuster.console.terminal.page import Section, share_out
from gridmuster.console.watching import as_svg

SNAPSHOTS = Path(__file__).parent / "snapshots"


def printed(renderable: object, width: int, height: int = 100) -> list[str]:
    """The lines that a console of this size prints."""
    out = io.StringIO()
    Console(file=out, width=width, height=height, force_terminal=False).print(renderable)
    return out.getvalue().splitlines()


def same_as_snapshot(name: str, lines: list[str]) -> None:
    """Compare with the stored picture; GRIDMUSTER_SNAPSHOTS=write stores it anew."""
    text = "\n".join(line.rstrip() for line in lines) + "\n"
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("GRIDMUSTER_SNAPSHOTS") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_evening_looks_as_it_should(width: int, height: int) -> None:
    lines = printed(render_plant(plant(), width, height), width)
    assert 0.9 * height < len(lines) <= height
    same_as_snapshot(f"evening-{width}x{height}", lines)


def test_a_shortfall_on_old_data_looks_as_it_should() -> None:
    view = structs.replace(
        short_of_power(),
        link_up=False,
        journal_fault="disk full",
        mode=Mode.REFUSING,
        plan_age_s=7200.0,
    )
    page = render_plant(view, 120, 40, "picture 31 s old: center not reachable; trying again")
    same_as_snapshot("shortfall-120x40", printed(page, 120))


def test_a_center_that_has_heard_nothing_looks_as_it_should() -> None:
    same_as_snapshot("empty-80x24", printed(render_plant(empty(), 80, 24), 80))


def test_one_device_looks_as_it_should() -> None:
    view = plant()
    names = [next(d.id for d in view.devices if d.type == kind) for kind in ("battery", "engine")]
    names += [next(d.id for d in view.devices if d.quality == "stale"), "nothing"]
    lines: list[str] = []
    for name in names:
        lines += [*printed(render_device(view, name, 100, 30), 100), "=" * 20]
    same_as_snapshot("devices-100", lines)


# What must be on the page, however it looks


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_what_an_operator_needs_first_is_there_at_every_size(width: int, height: int) -> None:
    view = plant()
    text = "\n".join(printed(render_plant(view, width, height), width))
    for area in view.areas:
        assert area.name in text
        assert f"{area.demand_kw:,.0f} kW" in text
        assert f"{100 * area.import_kw / area.import_limit_kw:.0f} %" in text
        assert f"reserve {area.reserve_kw:,.0f}" in text
    for kind in {device.type for device in view.devices}:
        assert palette.KINDS[kind].name in text
    assert "184 $/MWh" in text
    assert "shortfall odds 0.12 %" in text
    assert "18:42:08 CDT" in text and "23:42:08 UTC" in text and "×60" in text
    assert "commanding" in text and "operating-expense" in text
    critical = next(alarm for alarm in view.alarms if alarm.severity == "critical")
    assert f"✕ {critical.subject}" in text
    assert view.decisions[0].device in text


def test_a_shortfall_names_amount_and_cause_even_on_a_small_screen() -> None:
    text = "\n".join(printed(render_plant(short_of_power(), 80, 24), 80))
    assert "✕ SHORT 412 kW" in text
    assert "s003-engine failed" in text


def test_counts_by_type_and_activity_add_up_to_the_fleet() -> None:
    view = plant()
    lines = printed(render_plant(view, 160, 50), 160)
    rows = [line for line in lines if re.match(r" [A-Z] {2}[a-zA-Z ]+\d*", line)]
    assert len(rows) == len({device.type for device in view.devices})
    total = 0
    for row in rows:
        cells = row[16 : 16 + 46].split()
        assert len(cells) == len(palette.ACTIVITIES)
        total += sum(int(cell) for cell in cells if cell != "·")
    assert total == len(view.devices)


def test_old_values_look_old() -> None:
    view = short_of_power()
    page = render_plant(view, 120, 40)
    headline = next(line for line in page.lines if line.plain.startswith("North"))
    start = headline.plain.index("demand ~")
    styles = [str(span.style) for span in headline.spans if span.start <= start < span.end]
    assert palette.STALE in styles
    stale = next(d for d in view.devices if d.quality == "stale")
    text = "\n".join(printed(render_device(view, stale.id, 100, 40), 100))
    assert "last known 3 min ago" in text and "(stale)" in text


def test_a_note_is_on_top_and_the_picture_goes_faint() -> None:
    page = render_plant(plant(), 100, 30, "picture 12 s old")
    assert "picture 12 s old" in page.lines[2].plain
    for line in page.lines[3:]:
        assert any("dim" in str(span.style) for span in line.spans)


def test_many_areas_are_summed_up_with_the_worst_by_name() -> None:
    view = plant(90, areas=6)
    short = structs.replace(view.areas[4], shortfall_kw=77.0, shortfall_cause="why")
    many = [
        structs.replace(a, id=f"{a.id}{k}", name=f"{a.name}{k}")
        for a in view.areas
        for k in range(9)
    ]
    view = structs.replace(view, areas=[*many, short])
    lines = printed(render_plant(view, 80, 24), 80)
    assert lines[2].startswith("all areas")
    assert "SHORT 77 kW" in lines[2]
    assert lines[3].startswith(short.name) and "SHORT 77 kW" in lines[3]
    assert any("more areas" in line for line in lines)


# Any view, any size

TEXTS = st.text(max_size=60) | st.sampled_from(
    ["\x1b[2J\x1b[H", "line\nbreak\r", "日本の発電所", "e\u0301\u202e", "\t\x07", "🔥" * 9]
)
POWERS = st.floats(allow_nan=True, allow_infinity=True) | st.floats(-1e4, 1e4)
FINITE = st.floats(-1e6, 1e6)
SERIES = st.lists(FINITE, max_size=30)
IDS = st.sampled_from(["a", "site-1.engine", "x" * 128, "GEN:7"])


def areas() -> st.SearchStrategy[AreaView]:
    return st.builds(
        AreaView,
        id=IDS,
        name=TEXTS,
        demand_kw=POWERS,
        estimated_kw=POWERS,
        losses_kw=POWERS,
        generation_kw=POWERS,
        generation_kw_by_type=st.dictionaries(
            st.sampled_from([*palette.KINDS, "tidal"]), FINITE, max_size=11
        ),
        import_kw=FINITE,
        import_limit_kw=FINITE,
        export_limit_kw=FINITE,
        reserve_kw=FINITE,
        largest_unit_kw=FINITE,
        largest_unit=IDS,
        shortfall_kw=FINITE,
        shortfall_cause=TEXTS,
        lolp=st.floats(0, 1),
        price_usd_per_mwh=POWERS,
        frequency_hz=POWERS,
        energised=st.booleans(),
        quality=st.sampled_from(["good", "estimated", "stale", "bad"]),
        forecast_start_ms=st.just(EVENING_MS),
        forecast_step_s=st.sampled_from([STEP_S, 300]),
        forecast_kw=SERIES,
        forecast_low_kw=SERIES,
        forecast_high_kw=SERIES,
        planned_generation_kw=SERIES,
        planned_import_kw=SERIES,
    )


def devices() -> st.SearchStrategy[DeviceView]:
    maybe = st.none() | st.floats(0, 1e6)
    return st.builds(
        DeviceView,
        id=IDS,
        type=st.sampled_from([*palette.KINDS, "tidal"]),
        site=IDS,
        area=IDS,
        state=st.sampled_from(["idle", "running", "starting", "fault", "locked", "unknown", "?"]),
        mode=st.sampled_from(["auto", "manual", "off"]),
        quality=st.sampled_from(["good", "estimated", "stale", "bad"]),
        age_s=st.floats(0, 1e9),
        power_kw=FINITE,
        setpoint_kw=st.none() | FINITE,
        order=st.sampled_from(["", "run", "emergency_stop"]),
        available_kw=FINITE,
        rated_kw=st.floats(0, 1e6),
        energy_kwh=maybe,
        energy_capacity_kwh=maybe,
        fuel_level=maybe,
        fuel_floor=maybe,
        run_h=maybe,
        permit_class=st.sampled_from(["", "epa_emergency"]),
        permit_left_h=maybe,
        reason=TEXTS,
        override=TEXTS,
        alarms=st.lists(TEXTS, max_size=3),
        planned_kw=SERIES,
    )


INSTANTS = st.integers(0, 2 * EVENING_MS)
VIEWS = st.builds(
    PlantView,
    at_ms=INSTANTS,
    fleet=IDS,
    center_id=IDS,
    fence=st.integers(0, 10**9),
    mode=st.sampled_from(Mode),
    cycle=st.integers(0, 10**12),
    objective=TEXTS,
    areas=st.lists(areas(), max_size=4),
    devices=st.lists(devices(), max_size=12),
    alarms=st.lists(
        st.builds(
            AlarmView,
            id=IDS,
            severity=st.sampled_from(["critical", "warning", "note", "odd"]),
            subject=TEXTS,
            text=TEXTS,
            advice=TEXTS,
            since_ms=INSTANTS,
        ),
        max_size=6,
    ),
    decisions=st.lists(
        st.builds(DecisionView, at_ms=INSTANTS, device=IDS, kind=TEXTS, text=TEXTS), max_size=5
    ),
    commands=st.lists(
        st.builds(
            CommandView,
            id=IDS,
            at_ms=INSTANTS,
            site=IDS,
            device=TEXTS,
            order=TEXTS,
            power_kw=FINITE,
            outcome=st.sampled_from(["sent", "done", "odd"]),
            reason=TEXTS,
            latency_s=st.none() | FINITE,
        ),
        max_size=5,
    ),
    counters=st.just({}),
    plan_status=TEXTS,
    plan_gap=POWERS,
    plan_age_s=POWERS,
    time_zone=st.sampled_from(["UTC", "America/Chicago", "Asia/Kathmandu"]),
    speed=st.sampled_from([1.0, 60.0, 1e6]),
    link_up=st.booleans(),
    journal_fault=TEXTS,
)


@given(VIEWS, st.integers(1, 240), st.integers(1, 80), TEXTS)
@example(plant(), 1, 1, "")
@example(plant(200, areas=6), 40, 12, "note")
@settings(max_examples=150, deadline=None)
def test_any_view_fits_any_screen(view: PlantView, width: int, height: int, note: str) -> None:
    pages = [render_plant(view, width, height, note)]
    pages += [render_device(view, name, width, height, note) for name in ("a", "none")]
    for page in pages:
        lines = printed(page, width, height)
        assert len(lines) <= height
        for line in lines:
            assert cell_len(line) == width
            assert line.isprintable(), repr(line)
    assert plant_line(view).isprintable()


@given(VIEWS)
@settings(max_examples=30, deadline=None)
def test_a_terminal_of_ascii_gets_ascii(view: PlantView) -> None:
    console = Console(file=io.TextIOWrapper(io.BytesIO(), "ascii"), width=100, height=40)
    console.print(render_plant(view, 100, 40))
    console.file.flush()


# The parts


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20), st.integers(1, 4)), max_size=6),
    st.integers(0, 70),
)
def test_lines_are_shared_out_within_what_there_is(
    parts: list[tuple[int, int, int]], height: int
) -> None:
    sections = [
        Section(str(n), lambda *_: [], least=least, most=least + more, share=1.0 + n, step=step)
        for n, (least, more, step) in enumerate(parts)
    ]
    heights = share_out(sections, height)
    assert sum(heights) <= height
    for section, rows in zip(sections, heights, strict=True):
        assert rows <= section.most
    if sum(section.least for section in sections) <= height:
        assert all(rows >= s.least for s, rows in zip(sections, heights, strict=True))
        hungry = [s for s, rows in zip(sections, heights, strict=True) if rows + s.step <= s.most]
        assert all(s.step > height - sum(heights) for s in hungry)


@given(st.lists(st.tuples(st.text(max_size=20), st.integers(0, 3)), max_size=6), st.integers(1, 60))
def test_packed_lines_are_exact_and_keep_the_most_important(
    parts: list[tuple[str, int]], width: int
) -> None:
    pieces = [canvas.Piece(canvas.text(text), rank) for text, rank in parts]
    line = canvas.pack(pieces, width)
    assert line.cell_len == width
    if pieces:
        first = min(pieces, key=lambda piece: piece.rank)
        if first.text.cell_len <= width:
            assert first.text.plain in line.plain


@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=8), st.integers(1, 80))
def test_a_stack_is_as_long_as_its_sum(powers: list[float], width: int) -> None:
    total = sum(powers)
    line = canvas.stack([(chr(65 + n), "#ffffff", p) for n, p in enumerate(powers)], total, width)
    assert len(line.plain) == width
    if total > 0:
        assert " " not in line.plain
        for n, power in enumerate(powers):
            assert abs(line.plain.count(chr(65 + n)) - power / total * width) <= 1.0


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200), st.integers(1, 100))
def test_a_sparkline_shows_where_the_highest_is(values: list[float], width: int) -> None:
    line = canvas.spark(values, width).plain
    assert len(line) == width
    means = canvas.resample(values, width)
    if max(means) - min(means) > 1e-6:
        assert line[means.index(max(means))] == "█"
        assert line[means.index(min(means))] == "▁"


@given(
    st.lists(
        st.tuples(st.floats(0, 100), st.floats(0, 100), st.floats(0, 100)).map(sorted),
        min_size=1,
        max_size=100,
    ),
    st.integers(1, 60),
    st.integers(1, 12),
)
def test_the_chart_has_its_median_within_its_band(
    points: list[list[float]], width: int, height: int
) -> None:
    low, middle, high = (list(column) for column in zip(*points, strict=True))
    rows = [line.plain for line in canvas.chart(low, middle, high, width, height)]
    assert len(rows) == height
    for column in range(width):
        cells = "".join(row[column] for row in rows)
        assert re.fullmatch(" *▒*━▒*░*", cells), cells


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (99, "99 s"), (100, "2 min"), (5999, "100 min"), (7200, "2 h"), (4e5, "5 d")],
)
def test_ages_are_short(seconds: float, text: str) -> None:
    assert words.age(seconds) == text


def test_numbers_never_show_a_negative_nothing() -> None:
    assert words.number(-0.2) == "0"
    assert words.number(float("nan")) == words.NOTHING
    assert words.odds(0.00001) == "<0.01 %"
    assert words.odds(0.0) == "0 %"
    assert words.power(2.5e6) == "2,500 MW"


def luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2, definition of that name)."""
    parts = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, two: str) -> float:
    """Contrast ratio (WCAG 2.2, definition of that name)."""
    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("ground", ["#ffffff", "#000000"])
def test_text_can_be_read_on_light_and_on_dark(ground: str) -> None:
    for color in (palette.GOOD, palette.WARN, palette.BAD, palette.ACCENT):
        assert contrast(color, ground) >= 3.5, color


def test_segments_can_be_read_and_told_apart_without_colour() -> None:
    kinds = [*palette.KINDS.values(), palette.OTHER]
    for kind in kinds:
        assert contrast(kind.ground, palette.INK) >= 4.5, kind
    assert len({kind.letter for kind in kinds}) == len(kinds)
    for signs in (palette.ACTIVITIES, palette.SEVERITIES, palette.MODES):
        found = [sign.sign for sign in signs.values()]
        assert len(set(found)) == len(found)
        assert all(cell_len(sign) == 1 for sign in found)


# The screen


def test_without_a_terminal_a_line_is_printed_now_and_then() -> None:
    out = io.StringIO()
    view = plant()
    with Screen(Console(file=out, force_terminal=False), line_every_s=900.0) as screen:
        for minute in range(61):
            screen.show(structs.replace(view, at_ms=view.at_ms + minute * 60_000))
        screen.show(structs.replace(view, at_ms=view.at_ms, mode=Mode.STOOD_DOWN), "broken line")
    lines = out.getvalue().splitlines()
    assert len(lines) == 6
    assert lines[0].startswith("18:42 commanding: demand 32,177 kW met")
    assert "stood down" in lines[5] and "(broken line)" in lines[5]
    assert "\x1b" not in out.getvalue()


def test_on_a_terminal_the_screen_is_taken_and_given_back() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, height=30)
    with Screen(console) as screen:
        screen.show(plant())
        for _ in range(1000):
            screen.show(plant(3))
    text = out.getvalue()
    assert text.startswith("\x1b[?1049h") and "\x1b[?1049l" in text
    assert "\x1b[2J" not in text.partition("commanding")[2]
    assert 1 <= text.count("GRIDMUSTER") < 100


def test_the_drawing_needs_nothing_from_the_network() -> None:
    svg = as_svg(plant(), 120, 40)
    assert svg == as_svg(plant(), 120, 40)
    assert svg.startswith("<svg") and svg.rstrip().endswith("</svg>")
    addresses = set(re.findall(r"https?://[^\s\"')]+", svg))
    assert addresses == {"http://www.w3.org/2000/svg"}
    plain = re.sub(r"<[^>]+>", " ", svg).replace("&#160;", " ")
    assert "commanding" in plain and "North" in plain


@given(TEXTS, st.integers(1, 40), st.integers(1, 40), st.integers(1, 5))
def test_wrapped_text_keeps_every_word_in_order(
    text: str, first: int, width: int, lines: int
) -> None:
    found = canvas.wrap(text, first, width, lines)
    assert 1 <= len(found) <= lines
    assert " ".join(found).split() == words.clean(text).split()
    for number, line in enumerate(found[:-1]):
        assert cell_len(line) <= (width if number else first) or " " not in line


def test_repeated_commands_share_a_line_and_failures_do_not_hide() -> None:
    command = plant().commands[0]
    many = [structs.replace(command, id=f"c{k}", at_ms=EVENING_MS - k) for k in range(40)]
    many[20] = structs.replace(many[20], outcome="failed", reason="no response")
    lines = [line.plain for line in command_lines(structs.replace(plant(), commands=many), 100, 9)]
    assert len(lines) == 2
    assert "✓ done" in lines[0] and "×39" in lines[0]
    assert "✕ failed" in lines[1] and "no response" in lines[1]
