"""The hidden option with which the demo gives its programs one clock."""

from __future__ import annotations

from typing import Annotated

import typer

from gridmuster.clock import ScaledClock, wall_clock

ClockOption = Annotated[
    str,
    typer.Option(
        "--clock",
        hidden=True,
        help="START_MS:SPEED:ORIGIN_S, plant time shared with other programs on this machine",
    ),
]


def parse_clock(text: str) -> ScaledClock:
    """The clock an option names; the real time of day when it is empty.

    Raises:
        typer.BadParameter: when it is malformed.
    """
    if not text:
        return wall_clock()
    try:
        start_ms, speed, origin_s = text.split(":")
        return ScaledClock(int(start_ms), float(speed), float(origin_s))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: expected START_MS:SPEED:ORIGIN_S") from error


def clock_text(start_ms: int, speed: float, origin_s: float) -> str:
    """The option's value for a clock."""
    return f"{start_ms}:{speed:g}:{origin_s!r}"
