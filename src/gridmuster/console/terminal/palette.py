"""Signs and colours. A sign is enough to tell things apart; colour only helps.

Colours of text are of middle lightness, so that they can be read on white and on black (contrast
of at least 3.5 to 1 on both, WCAG 2.2 section 1.4.3). Colours of segments carry black letters; they
are those of Okabe and Ito, "Color Universal Design" (2008), made for all kinds of colour vision.
"""

from __future__ import annotations

from typing import Final, NamedTuple

GOOD: Final = "#1a8a3c"
WARN: Final = "#b26a00"
BAD: Final = "#d1343f"
ACCENT: Final = "#2f7fd6"
#: Values that are old or guessed.
STALE: Final = "dim italic"
MUTED: Final = "dim"
INK: Final = "#000000"


class Kind(NamedTuple):
    """How a source of power is shown: letter, name, and ground of its segment."""

    letter: str
    name: str
    ground: str


#: In the order in which they are stacked, the steadiest first.
KINDS: Final[dict[str, Kind]] = {
    "import": Kind("I", "import", "#b4b8bd"),
    "photovoltaic": Kind("S", "sun", "#f0e442"),
    "wind_turbine": Kind("W", "wind", "#56b4e9"),
    "fuel_cell": Kind("F", "fuel cell", "#2aa889"),
    "microturbine": Kind("M", "microturbine", "#c9a27e"),
    "engine": Kind("E", "engine", "#e69f00"),
    "emergency_generator": Kind("G", "standby set", "#e8743b"),
    "battery": Kind("B", "battery", "#cc79a7"),
    "flywheel": Kind("Y", "flywheel", "#a6a1e0"),
    "smes": Kind("X", "SMES", "#8fbf5a"),
}
OTHER: Final = Kind("O", "other", "#c8c8c8")


class Sign(NamedTuple):
    """A sign with its style."""

    sign: str
    style: str


#: What a device does, the states that count as it, and how it is shown.
ACTIVITIES: Final[dict[str, Sign]] = {
    "run": Sign("►", GOOD),
    "start": Sign("◔", ACCENT),
    "cool": Sign("◒", ACCENT),
    "idle": Sign("○", MUTED),
    "fault": Sign("✕", BAD),
    "lock": Sign("⊘", WARN),
    "silent": Sign("?", WARN),
}
_OF_STATE: Final = {
    "running": "run",
    "starting": "start",
    "warming": "start",
    "cooling": "cool",
    "idle": "idle",
    "fault": "fault",
    "locked": "lock",
}
SEVERITIES: Final[dict[str, Sign]] = {
    "critical": Sign("✕", f"bold {BAD}"),
    "warning": Sign("!", f"bold {WARN}"),
    "note": Sign("·", ""),
}
MODES: Final[dict[str, Sign]] = {
    "commanding": Sign("●", f"bold {GOOD}"),
    "recovering": Sign("◌", f"bold {WARN}"),
    "stood_down": Sign("■", f"bold {WARN}"),
    "refusing": Sign("✕", f"bold {BAD}"),
}
OUTCOMES: Final[dict[str, Sign]] = {
    "sent": Sign("…", MUTED),
    "accepted": Sign("◔", ACCENT),
    "done": Sign("✓", GOOD),
    "reduced": Sign("▽", WARN),
    "duplicate": Sign("=", MUTED),
    "refused": Sign("✕", BAD),
    "expired": Sign("∅", WARN),
    "failed": Sign("✕", BAD),
}
DECISIONS: Final[dict[str, Sign]] = {
    "start": Sign("►", GOOD),
    "stop": Sign("■", MUTED),
}
UNKNOWN: Final = Sign("◆", "")

#: What to print instead on a terminal that knows ASCII only.
ASCII: Final = str.maketrans(
    {
        "►": ">",
        "◔": "^",
        "◒": "v",
        "○": "o",
        "●": "*",
        "◌": "o",
        "■": "#",
        "◆": "*",
        "✕": "x",
        "✓": "+",
        "⊘": "L",
        "▽": "v",
        "∅": "0",
        "·": "-",
        "…": ".",
        "─": "-",
        "━": "=",
        "╸": "=",
        "│": "|",
        "▏": "|",
        "▕": "|",
        "→": ">",
        "×": "x",
        "≥": ">",
        "–": "-",
        "░": ".",
        "▒": ":",
        "▁": "_",
        "▂": "_",
        "▃": "-",
        "▄": "-",
        "▅": "=",
        "▆": "=",
        "▇": "#",
        "█": "#",
    }
)


def activity(state: str, quality: str) -> str:
    """Which activity a device is shown in: a key of `ACTIVITIES`.

    Args:
        state: the device's state.
        quality: of its last reading; stale and bad readings count as silence.
    """
    if quality in ("stale", "bad"):
        return "silent"
    return _OF_STATE.get(state, "silent")
