"""The hidden option with which the demo gives its programs one clock."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gridmuster.clock import ScaledClock, SharedClock, wall_clock

ClockOption = Annotated[
    str,
    typer.Option(
        "--clock",
        hidden=True,
        help="START_MS:SPEED:ORIGIN_FILE, plant time shared with other programs on this machine",
    ),
]


def parse_clock(text: str) -> ScaledClock | SharedClock:
    """The clock an option names; the real time of day when it is empty.

    Raises:
        typer.BadParameter: when it is malformed.
    """
    if not text:
        return wall_clock()
    try:
        start_ms, speed, origin = text.split(":", 2)
        return SharedClock(int(start_ms), float(speed), Path(origin))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: expected START_MS:SPEED:ORIGIN_FILE") from error
