"""A plant seen through the API: live in the terminal, once, as JSON lines, or as a picture."""

from __future__ import annotations

import asyncio
import io
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.terminal_theme import TerminalTheme

from gridmuster.center.view import PlantView
from gridmuster.clock import monotonic_s
from gridmuster.console.client import ApiClient, Follower
from gridmuster.console.terminal import Screen, render_device, render_plant
from gridmuster.console.terminal.canvas import Page
from gridmuster.console.terminal.screen import REDRAW_S
from gridmuster.console.terminal.words import age
from gridmuster.errors import LinkError

#: Without news for so long the picture says how old it is, s.
OLD_S: Final = 12.0
#: Lines of a page that is printed where there is no terminal to fit.
PRINT_HEIGHT: Final = 60

#: Ground and ink of the picture in the README; the sixteen colours are not used by the page.
PAPER: Final = TerminalTheme(
    (15, 20, 28),
    (214, 220, 228),
    [
        (88, 96, 105),
        (209, 52, 63),
        (26, 138, 60),
        (178, 106, 0),
        (47, 127, 214),
        (150, 98, 190),
        (42, 160, 160),
        (200, 205, 212),
    ],
)
#: rich's own format without its fonts from the network; viewBox and class names as it fills them.
SVG_FORMAT: Final = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<title>A plant in the terminal</title>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def current(client: ApiClient) -> PlantView:
    """The plant now.

    Raises:
        LinkError: when no center answers, or it refuses.
    """
    view = client.read("plant", PlantView)
    if not isinstance(view, PlantView):
        raise LinkError(view.detail)
    return view


def as_json(value: Struct) -> str:
    """A document as one line of JSON."""
    return msgspec.json.encode(value).decode()


def as_svg(view: PlantView, width: int, height: int) -> str:
    """A picture of the page that needs nothing from the network.

    Args:
        view: the plant.
        width: columns.
        height: lines.
    """
    console = Console(
        record=True,
        file=io.StringIO(),
        width=width,
        height=height,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    console.print(render_plant(view, width, height))
    return console.export_svg(
        title=f"gridmuster watch — {view.fleet}",
        theme=PAPER,
        code_format=SVG_FORMAT,
        unique_id="gm",
    )


def print_plant(view: PlantView) -> None:
    """Print the page once, as wide as the terminal is."""
    console = Console()
    height = max(console.size.height - 1, 24) if console.is_terminal else PRINT_HEIGHT
    console.print(render_plant(view, console.size.width, height))


def print_device(view: PlantView, device_id: str) -> None:
    """Print one device once, as wide as the terminal is."""
    console = Console()
    console.print(render_device(view, device_id, console.size.width, PRINT_HEIGHT))


def run(
    url: str, token: str, ca: Path | None, line_every_s: float, json: bool, device_id: str = ""
) -> None:
    """Show the plant, or one device, until Ctrl-C.

    Args:
        url: the center's address.
        token: who asks.
        ca: certificate to trust besides the system's.
        line_every_s: plant time between two lines where there is no terminal, s.
        json: print the stream's events as lines of JSON instead.
        device_id: show this device only.

    Raises:
        LinkError: when no center answers at first, or it refuses the token.
    """
    follower = Follower(url, token, ca)
    with suppress(KeyboardInterrupt, BrokenPipeError):
        if json:
            asyncio.run(_print_events(follower))
        else:
            asyncio.run(_show(follower, line_every_s, device_id))


async def _print_events(follower: Follower) -> None:
    def trouble(text: str) -> None:
        if text:
            print(text, file=sys.stderr, flush=True)

    async for event, data in follower.events(trouble):
        print(f'{{"event":"{event}","data":{data}}}', flush=True)


class _Latest:
    """What is to be shown: the latest view, when it came, and what is wrong with the line."""

    def __init__(self) -> None:
        self.view: PlantView | None = None
        self.came_s = monotonic_s()
        self.trouble = ""
        self.wake = asyncio.Event()

    def put(self, view: PlantView) -> None:
        """A view came."""
        self.view = view
        self.came_s = monotonic_s()
        self.wake.set()

    def tell(self, trouble: str) -> None:
        """Something is wrong with the line, or nothing any more."""
        self.trouble = trouble
        self.wake.set()

    def note(self) -> str:
        """What the reader must know about the picture; empty when it is fresh."""
        old_s = monotonic_s() - self.came_s
        if self.trouble:
            return f"picture {age(old_s)} old: {self.trouble}"
        return f"picture {age(old_s)} old: no news from the center" if old_s > OLD_S else ""


async def _show(follower: Follower, line_every_s: float, device_id: str) -> None:
    latest = _Latest()

    async def follow() -> None:
        async for view in follower.views(latest.tell):
            latest.put(view)

    def render(view: PlantView, width: int, height: int, note: str) -> Page:
        if device_id:
            return render_device(view, device_id, width, height, note)
        return render_plant(view, width, height, note)

    following = asyncio.create_task(follow())
    try:
        while latest.view is None and not following.done():
            await _wake_or_pass(latest.wake, 1.0)
        if following.done():
            await following
        with Screen(line_every_s=line_every_s, render=render) as screen:
            while not following.done():
                if latest.view is not None:
                    screen.show(latest.view, latest.note())
                await asyncio.sleep(REDRAW_S)
                await _wake_or_pass(latest.wake, 1.0)
        await following
    finally:
        following.cancel()


async def _wake_or_pass(wake: asyncio.Event, wait_s: float) -> None:
    """Wait for news since the last time, but not for ever: ages are to be shown as they grow."""
    with suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            await wake.wait()
    wake.clear()
