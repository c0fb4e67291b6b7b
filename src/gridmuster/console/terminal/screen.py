"""Keeps a terminal up to date; on anything else prints a line now and then."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.live import Live

from gridmuster.center.view import PlantView
from gridmuster.clock import monotonic_s
from gridmuster.console.terminal.canvas import Page
from gridmuster.console.terminal.page import render_plant
from gridmuster.console.terminal.words import plant_line
from gridmuster.units import MS_PER_S

#: Shortest time between two drawings, s of real time: nobody reads faster.
REDRAW_S: Final = 0.2
#: Drawing takes at most this share of the time, however slow the machine is.
DRAWING_SHARE: Final = 0.1
#: Plant time between two lines where there is no terminal, s.
LINE_EVERY_S: Final = 900.0

Render = Callable[[PlantView, int, int, str], Page]


class Screen:
    """Where a running plant is shown; a context manager.

    On a terminal the page fills the alternate screen, which is left as it was found. Views that
    come faster than a page is worth drawing are passed over; the next one is shown. Elsewhere
    (a pipe, a log) a line is printed whenever plant time has moved on far enough, and when the
    center's mode or the note changes.

    Args:
        console: where to print; standard output when left out.
        line_every_s: plant time between two lines where there is no terminal, s.
        render: view, width, height and note to a page.
    """

    def __init__(
        self,
        console: Console | None = None,
        line_every_s: float = LINE_EVERY_S,
        render: Render = render_plant,
    ) -> None:
        self.console = console or Console()
        self._line_every_ms = line_every_s * MS_PER_S
        self._render = render
        self._live: Live | None = None
        self._told: tuple[str, str] | None = None
        self._told_ms = 0
        self._draw_from_s = 0.0

    def __enter__(self) -> Self:
        """Take the terminal's alternate screen, if this is a terminal."""
        if self.console.is_terminal:
            self._live = Live(
                console=self.console,
                screen=True,
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the terminal back."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def show(self, view: PlantView, note: str = "") -> None:
        """Show a view.

        Args:
            view: the plant.
            note: what the reader must know about the picture itself.
        """
        if self._live is not None:
            self._draw(self._live, view, note)
            return
        state = (view.mode.value, note)
        if state == self._told and view.at_ms - self._told_ms < self._line_every_ms:
            return
        self._told, self._told_ms = state, view.at_ms
        line = plant_line(view) + (f" ({note})" if note else "")
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)
        self.console.file.flush()

    def _draw(self, live: Live, view: PlantView, note: str) -> None:
        """Draw a page, if it is time for one."""
        begun_s = monotonic_s()
        if begun_s < self._draw_from_s:
            return
        size = self.console.size
        live.update(self._render(view, size.width, size.height, note), refresh=True)
        took_s = monotonic_s() - begun_s
        self._draw_from_s = begun_s + max(REDRAW_S, took_s / DRAWING_SHARE)
