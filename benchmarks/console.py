"""The console in a real browser: how soon it shows, what it weighs, and what it costs the center.

Needs Chromium, on the PATH or named in GRIDMUSTER_CHROMIUM, and Playwright; takes two minutes.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Response, sync_playwright

from benchmarks.rows import Row
from gridmuster.clock import monotonic_s
from gridmuster.console.pages import WEB
from gridmuster.console.tokens import Role, token_path
from gridmuster.fleet.generate import generate
from gridmuster.runtime.demo_live import LivePlant
from gridmuster.runtime.demo_max import DemoOptions
from gridmuster.runtime.worlds import WorldOptions
from gridmuster.signals import ShellReport, decode
from gridmuster.simulator.default_day import default_day
from gridmuster.simulator.scenario import DEFAULT_START_MS
from gridmuster.store.journal import Journal
from gridmuster.store.records import Kind

CHROMIUM: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LARGE: Final = 50_000
CLIENTS: Final = 100
#: What the page follows on every page, and what the map adds.
ALWAYS: Final = "alarms,balance,decisions,forecast"
MAP_TOPICS: Final = f"{ALWAYS},sites"
#: Real time from one cycle to the next, s.
CYCLE_S: Final = 4.0
DEADLINE_S: Final = 120.0

#: Notes in the page when it first shows something that came from the center: its clock and a page.
WATCH_PAINT: Final = """
(() => {
  const look = () => {
    const main = document.querySelector('main');
    if (document.querySelector('header time') && main && main.innerText.trim().length > 20) {
      requestAnimationFrame(() => { window.shownAtMs = performance.now(); });
      return;
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})();
"""
#: Notes when the map has drawn sites.
WATCH_MAP: Final = """
(() => {
  const look = () => {
    const shown = window.gridmusterMap;
    const drawn = shown && shown.marks().length &&
      (!shown.map || shown.map.queryRenderedFeatures({layers: ['marks']}).length);
    if (drawn) window.mapAtMs = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})();
"""
#: Collects the time between two frames while it is on.
FRAMES: Final = """
() => {
  window.framesMs = [];
  let last = performance.now();
  const note = (now) => {
    if (!window.framesMs) return;
    window.framesMs.push(now - last);
    last = now;
    requestAnimationFrame(note);
  };
  requestAnimationFrame(note);
}
"""


@dataclass(frozen=True, slots=True)
class Served:
    """A made-up plant that is served by a process of its own."""

    url: str
    token: str
    pid: int


@contextmanager
def made_up(sites: int, cycle_s: float, share: float) -> Iterator[Served]:
    """Serve a made-up plant for the length of a with statement.

    Args:
        sites: how many.
        cycle_s: real time from one view to the next, s.
        share: of the devices that change in a cycle.
    """
    command = [sys.executable, "-m", "benchmarks.manysites", "--sites", str(sites)]
    command += ["--cycle-s", str(cycle_s), "--share", str(share)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        yield Served(said["url"], said["token"], process.pid)
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium that draws by software."""
    path = os.environ.get("GRIDMUSTER_CHROMIUM") or shutil.which("chromium")
    if path is None:
        raise RuntimeError("no Chromium: install it or name it in GRIDMUSTER_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM))
        yield browser
        browser.close()


def run() -> list[Row]:
    """All of the console's bounds."""
    with chromium() as browser:
        rows = [*first_paint(browser), *page_cost(browser), *large_map(browser)]
    return [*rows, *asyncio.run(line_cost()), *asyncio.run(many_clients())]


def _entered(browser: Browser, served: Served) -> BrowserContext:
    """A browser without cache that is signed in."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    answer = context.request.post(f"{served.url}/api/v1/session", data={"token": served.token})
    if not answer.ok:
        raise RuntimeError(f"signing in was answered with {answer.status}")
    return context


def _noted(page: Page, name: str) -> float:
    """A number that a script in the page notes sooner or later."""
    end_s = monotonic_s() + DEADLINE_S
    while (found := page.evaluate(f"window.{name}")) is None:
        if monotonic_s() > end_s:
            raise RuntimeError(f"the page never noted {name}")
        page.wait_for_timeout(20)
    return float(found)


def first_paint(browser: Browser, times: int = 5) -> list[Row]:
    """From a cold cache to the first picture of the plant, and what was loaded for it."""
    found, weights = [], []
    with made_up(60, CYCLE_S, 0.02) as served:
        for _ in range(times):
            context = _entered(browser, served)
            page = context.new_page()
            page.add_init_script(WATCH_PAINT)
            loaded: list[Response] = []
            page.on("response", lambda answer, into=loaded: into.append(answer))
            page.goto(f"{served.url}/#/now")
            found.append(_noted(page, "shownAtMs") / 1000.0)
            page.wait_for_load_state("load")
            weights.append(sum(map(_weight, loaded)) / 1e6)
            context.close()
    folder = Path(os.environ.get("GRIDMUSTER_WEB") or WEB)
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    whole_mb = sum(len(gzip.compress(content, mtime=0)) for content in files) / 1e6
    what = "console, 60 sites, cold cache on loopback"
    return [
        Row(
            f"{what}: first meaningful paint",
            statistics.median(found),
            "s",
            1.0,
            note=f"median of {times}, worst {max(found):.2f} s",
        ),
        Row("console: files of the page Now, compressed", max(weights), "MB", 1.0),
        Row("console: whole bundle, compressed", whole_mb, "MB", 1.0, note=f"{len(files)} files"),
    ]


def _weight(answer: Response) -> int:
    """Size of a file of the page as it was sent, bytes; nothing for what the API answers."""
    return 0 if "/api/" in answer.url else int(answer.headers.get("content-length", "0"))


def page_cost(browser: Browser, window_s: float = 8.0) -> list[Row]:
    """What one open page costs the server, while every device changes fifteen times a second.

    That is the pace of the demo at 60 times life.
    """
    with made_up(60, 1.0 / 15.0, 1.0) as served:
        context = _entered(browser, served)
        page = context.new_page()
        shares: dict[bool, list[float]] = {False: [], True: []}
        for opened in (False, True, False, True):
            page.goto(f"{served.url}/#/now" if opened else "about:blank")
            page.wait_for_timeout(1500)
            before_s, from_s = cpu_s(served.pid), monotonic_s()
            page.wait_for_timeout(window_s * 1000)
            spent = (cpu_s(served.pid) - before_s) / (monotonic_s() - from_s)
            shares[opened].append(spent * 100.0)
        context.close()
    without, with_page = min(shares[False]), min(shares[True])
    note = f"{with_page:.1f} % with it, {without:.1f} % without"
    what = "console, 60 sites at 60 times life: server for one page"
    return [Row(what, max(with_page - without, 0.0), "% of a core", 5.0, note=note)]


def large_map(browser: Browser) -> list[Row]:
    """The map of 50,000 sites: until it shows them, and how it moves."""
    with made_up(LARGE, CYCLE_S, 0.02) as served:
        context = _entered(browser, served)
        page = context.new_page()
        page.add_init_script(WATCH_MAP)
        page.goto(f"{served.url}/#/map")
        load_s = _noted(page, "mapAtMs") / 1000.0
        page.wait_for_timeout(3000)
        drag = _frames(page, _drag)
        page.mouse.wheel(0, -600)
        page.wait_for_timeout(2500)
        near = _frames(page, _drag)
        zoom = _frames(page, _zoom)
        table = _filtered(context, served)
        context.close()
    what = f"console, map of {LARGE:,} sites"
    rows = [Row(f"{what}: load", load_s, "s", 3.0, note="cold cache, until symbols are drawn")]
    for name, frames, bound in (
        ("drag, whole country", drag, 50.0),
        ("drag, nearer", near, 50.0),
        ("zoom", zoom, None),
    ):
        p95 = sorted(frames)[int(0.95 * len(frames))]
        note = f"{len(frames)} frames, p95 {p95:.0f} ms, worst {max(frames):.0f} ms"
        rows.append(Row(f"{what}: {name}", statistics.fmean(frames), "ms/frame", bound, note=note))
    return [*rows, table]


def _filtered(context: BrowserContext, served: Served) -> Row:
    """The slowest of some filters over the whole fleet's table, one window of 100 rows each."""
    spent, most = {}, 0
    filters = ("type:diesel state:idle fuel<90%", "engine", "power>500", "quality:good alarm:yes")
    for text in filters:
        begun_s = monotonic_s()
        answer = context.request.get(
            f"{served.url}/api/v1/table", params={"filter": text, "sort": "-power", "limit": 100}
        )
        spent[text] = monotonic_s() - begun_s
        if not answer.ok:
            raise RuntimeError(f"the table answered {text!r} with {answer.status}")
        most = max(most, int(answer.json()["devices"]))
    slowest = max(spent, key=lambda text: spent[text])
    note = f"{most:,} devices; slowest of {len(spent)}: {slowest}"
    return Row(f"console, table of {LARGE:,} sites: filter", spent[slowest], "s", None, note=note)


def _frames(page: Page, act: Callable[[Page], None]) -> list[float]:
    page.evaluate(FRAMES)
    act(page)
    found: list[float] = page.evaluate(
        "() => { const all = window.framesMs; window.framesMs = null; return all; }"
    )
    return found[1:]


def _drag(page: Page) -> None:
    page.mouse.move(500, 450)
    page.mouse.down()
    for step in range(60):
        page.mouse.move(500 - 5 * step, 450 - 2 * step)
    for step in range(60):
        page.mouse.move(200 + 5 * step, 330 + 2 * step)
    page.mouse.up()


def _zoom(page: Page) -> None:
    for step in range(24):
        page.mouse.wheel(0, -80 if step < 12 else 80)
        page.wait_for_timeout(40)


async def line_cost(cycles: int = 4) -> list[Row]:
    """What the map's stream sends a client of 50,000 sites, of which 2 % change in a cycle."""
    with made_up(LARGE, CYCLE_S, 0.02) as served:
        client = Client(served.url, served.token, MAP_TOPICS)
        task = asyncio.create_task(client.follow())
        await _until(lambda: client.editions >= 2)
        from_s, before = monotonic_s(), client.octets
        await asyncio.sleep(cycles * CYCLE_S)
        rate = (client.octets - before) / (monotonic_s() - from_s) / 1000.0
        task.cancel()
    what = f"console, stream to the map of {LARGE:,} sites"
    return [
        Row(what, rate, "kB/s", 50.0, note=f"2 % change every {CYCLE_S:g} s; 100 areas, all do"),
        Row(f"{what}: largest update", client.largest / 1000.0, "kB", note="after the first"),
    ]


class Client:
    """Somebody who follows the stream and counts.

    Args:
        url: of the API.
        token: to enter with.
        topics: what to follow.
    """

    def __init__(self, url: str, token: str, topics: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._ask = (
            f"GET /api/v1/stream?topics={topics}&every_s=0.5 HTTP/1.1\r\n"
            f"Host: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n"
        ).encode()
        self.octets = 0
        self.editions = 0
        self.largest = 0

    async def follow(self) -> None:
        """Read until cancelled."""
        reader, writer = await asyncio.open_connection(self._host, self._port, limit=2**24)
        try:
            writer.write(self._ask)
            since = 0
            while line := await reader.readline():
                self.octets += len(line)
                since += len(line)
                if line.startswith(b"event: plant"):
                    if self.editions:
                        self.largest = max(self.largest, since)
                    self.editions += 1
                    since = 0
        finally:
            writer.close()


async def _until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not done():
            await asyncio.sleep(0.05)


async def many_clients(speed: float = 20.0, window_s: float = 60.0) -> list[Row]:
    """Cycle times of the demo's center without anybody, and with 100 clients of its stream."""
    fleet = generate(60, 1)
    scenario = default_day(fleet, DEFAULT_START_MS, 1)
    with tempfile.TemporaryDirectory(prefix="gridmuster-bench-") as name:
        folder = Path(name)
        journal = folder / "plant.journal"
        options = DemoOptions(fleet, WorldOptions(DEFAULT_START_MS, 1, scenario), 24.0, journal)
        plant = LivePlant(options, folder, speed)
        windows: list[tuple[int, int]] = []

        async def wait(seconds: float) -> tuple[int, int]:
            from_ms = plant.clock.now_ms()
            await asyncio.sleep(seconds)
            return from_ms, plant.clock.now_ms()

        try:
            running = await plant.start()
            plant.let_go()
            await asyncio.sleep(window_s / 2.0)
            windows.append(await wait(window_s))
            token = token_path(running.tokens, Role.VIEWER).read_text().strip()
            windows.append(await with_clients(running.url, token, lambda: wait(window_s)))
            windows.append(await wait(window_s))
        finally:
            await plant.stop()
        alone, with_them, after = (cycle_times(journal, *window) for window in windows)
    quiet = p99_of([*alone, *after])
    rise = 100.0 * (p99_of(with_them) / quiet - 1.0)
    note = (
        f"p99 {quiet:.1f} ms of {len(alone) + len(after)} cycles without them, before and after; "
        f"{p99_of(with_them):.1f} ms of {len(with_them)} with them"
    )
    what = f"console, {CLIENTS} clients at once: rise of the control cycle's p99"
    return [Row(what, max(rise, 0.0), "%", 10.0, note=note)]


async def with_clients(
    url: str, token: str, work: Callable[[], Awaitable[tuple[int, int]]]
) -> tuple[int, int]:
    """Do something while 100 clients follow the stream.

    Args:
        url: of the API.
        token: to enter with.
        work: what to do.
    """
    clients = [Client(url, token, ALWAYS) for _ in range(CLIENTS)]
    tasks = [asyncio.create_task(client.follow()) for client in clients]
    try:
        await _until(lambda: all(client.editions >= 2 for client in clients))
        return await work()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def cycle_times(journal: Path, from_ms: int, until_ms: int) -> list[float]:
    """What the center told of its cycles between two plant times, ms of real time each."""
    found: list[float] = []
    with Journal.open(str(journal), read_only=True) as opened:
        for record in opened.records():
            if record.kind is not Kind.CYCLE:
                continue
            inbound, _ = record.frames()
            for frame in inbound:
                if frame.topic.endswith("/shell") and from_ms < frame.at_ms <= until_ms:
                    found.extend(decode(frame.payload, ShellReport).cycle_ms)
    return found


def p99_of(values: list[float]) -> float:
    """The 99th percentile."""
    if not values:
        raise RuntimeError("the center told nothing of its cycles")
    return sorted(values)[min(int(0.99 * len(values)), len(values) - 1)]


def cpu_s(pid: int) -> float:
    """Processor time a process has spent, s."""
    fields: list[Any] = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
