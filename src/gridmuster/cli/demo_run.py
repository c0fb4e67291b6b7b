"""Puts a demo together and shows it: in lockstep, or as programs of their own."""

from __future__ import annotations

import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from gridmuster.center.view import PlantView
from gridmuster.clock import iso, monotonic_s
from gridmuster.console.invite import page_hint, page_link
from gridmuster.console.terminal import Screen
from gridmuster.console.tokens import Role, read_token, token_path
from gridmuster.errors import FleetError
from gridmuster.fleet.generate import generate
from gridmuster.fleet.load import load_fleet
from gridmuster.fleet.ties import unused_links
from gridmuster.report import Report, encode_report, render, report_journal
from gridmuster.runtime.demo_live import Running, run_live
from gridmuster.runtime.demo_max import DemoOptions, run_max
from gridmuster.runtime.market import MarketOptions, open_market
from gridmuster.runtime.worlds import WorldOptions
from gridmuster.simulator.default_day import default_day
from gridmuster.simulator.market_data import market_shift_ms
from gridmuster.simulator.scenario import DEFAULT_START_MS, Scenario
from gridmuster.store.market.files import read_market
from gridmuster.units import MS_PER_HOUR

#: Real time between two pictures of a run in lockstep, s.
PICTURE_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class DemoCall:
    """A demo as asked for on the command line; ``speed`` None is lockstep."""

    sites: int
    hours: float
    speed: float | None
    seed: int
    headless: bool
    fleet: Path | None
    market: Path | None
    meters: Path | None
    scenario: Path | None
    folder: Path
    open_page: bool = False
    market_history: tuple[Path, ...] = ()
    start_ms: int = DEFAULT_START_MS


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What a demo leaves: its journal and the report made from it."""

    journal: Path
    report: Report

    def as_json(self) -> str:
        """The report as JSON."""
        return encode_report(self.report)

    def show(self) -> None:
        """The report for people, on standard output."""
        Console().print(render(self.report))


def run_demo(call: DemoCall) -> DemoResult:
    """Run a demo and report on it.

    Args:
        call: what was asked for.

    Raises:
        FleetError: when a file is wrong.
        JournalError: when the folder holds a journal of another run, or cannot be written.
        LinkError: when a port or the broker cannot be had.
    """
    fleet = generate(call.sites, call.seed) if call.fleet is None else load_fleet(call.fleet)
    if words := unused_links(fleet.links):
        Console(stderr=True).print(words)
    scenario: Scenario | Path = call.scenario or default_day(fleet, call.start_ms, call.seed)
    world = WorldOptions(call.start_ms, call.seed, scenario, call.market, call.meters)
    journal = call.folder / "plant.journal"
    options = DemoOptions(fleet, world, call.hours, journal, _market_of(call))
    if call.speed is None:
        _run_max(call, options)
    else:
        _run_live(call, call.speed, options)
    console = Console(stderr=True)
    with console.status("reading the journal"):
        return DemoResult(journal, report_journal(str(journal)))


def _market_of(call: DemoCall) -> MarketOptions | None:
    """The history before the day shown, as far as there is one that can be learnt from."""
    if call.market is None:
        return None
    files = call.market_history or (call.market,)
    try:
        areas = read_market(files)
        area = "NYC" if "NYC" in areas else next(iter(areas))
        shift_ms = market_shift_ms(call.market, call.start_ms)
        options = MarketOptions(files, area=area, shift_ms=shift_ms)
        open_market(options, call.start_ms)
    except FleetError as error:
        if call.market_history:
            raise
        Console(stderr=True).print(
            f"prices are forecast from similar days: {error}", soft_wrap=True, highlight=False
        )
        return None
    return options


def _run_max(call: DemoCall, options: DemoOptions) -> None:
    if call.headless or not Console(stderr=True).is_terminal:
        _run_with_progress(options)
        return
    last_s = 0.0
    with Screen() as screen:

        def watch(_: int, view: Callable[[], PlantView]) -> None:
            nonlocal last_s
            if monotonic_s() - last_s >= PICTURE_EVERY_S:
                screen.show(view())
                last_s = monotonic_s()

        run_max(options, watch)


def _run_live(call: DemoCall, speed: float, options: DemoOptions) -> None:
    console = Console(stderr=True)
    announced = False
    with console.status("starting broker, simulated controllers, gateways and center") as status:

        def told(running: Running, now_ms: int) -> None:
            nonlocal announced
            tokens = running.tokens
            if not announced:
                announced = True
                console.print(page_hint(running.url, tokens), soft_wrap=True, highlight=False)
                if call.open_page:
                    _open_page(running, console)
            if call.headless:
                status.update(
                    f"{iso(now_ms)}  gridmuster watch --url {running.url} "
                    f"--token-file {tokens / 'viewer.token'}"
                )
            else:
                status.stop()

        run_live(options, call.folder, speed, watch=not call.headless, told=told)


def _open_page(running: Running, console: Console) -> None:
    token = read_token(token_path(running.tokens, Role.OPERATOR))
    link, _ = page_link(running.url, token)
    if not webbrowser.open(link):
        console.print(f"no browser could be opened here: {link}", soft_wrap=True)


def _run_with_progress(options: DemoOptions) -> None:
    start_ms = options.world.start_ms
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as progress:
        task = progress.add_task("plant", total=options.hours * MS_PER_HOUR)

        def watch(now_ms: int, _: Callable[[], PlantView]) -> None:
            if now_ms % 60_000 == 0:
                progress.update(task, completed=now_ms - start_ms, description=iso(now_ms))

        run_max(options, watch)
