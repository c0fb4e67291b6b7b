"""The center program: fleet, journal, broker, solver and API put together."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from gridmuster.center.config import CenterConfig
from gridmuster.clock import Clock
from gridmuster.comms.mqtt import open_bus
from gridmuster.console.api import create_app
from gridmuster.console.auth import Auth
from gridmuster.console.doors import Entry
from gridmuster.console.notices.settings import NoticeSettings
from gridmuster.console.server import DEFAULT_PORT, Tls, serve
from gridmuster.fleet.model import Fleet
from gridmuster.runtime.center import LiveCenter
from gridmuster.runtime.fleet_change import changes_in
from gridmuster.runtime.heap import settle_heap
from gridmuster.runtime.market import MarketOptions, open_forecaster, prices_in
from gridmuster.runtime.past import JournalPast
from gridmuster.runtime.recorder import RecordedCore
from gridmuster.runtime.recovery import rebuild
from gridmuster.runtime.solving import Solver
from gridmuster.runtime.ven import run_vens
from gridmuster.signals import Frame
from gridmuster.store.journal import Journal
from gridmuster.store.records import Kind
from gridmuster.topics import Topics

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CenterOptions:
    """What the center program is told.

    Args:
        fleet: the fleet.
        broker_url: where the sites are.
        journal_url: where every cycle goes.
        center_id: this process as a decider.
        clock: plant time.
        config: the core's settings.
        tokens: folder of the API's tokens.
        api_host: where the API listens.
        api_port: its port; 0 takes a free one.
        tls: certificate and key of the API.
        until_ms: when to end; None: until told.
        durable: whether each cycle outlives a loss of power before its commands go out.
        speed: plant seconds in a real second, told to people.
        entry: sessions, pace and ways to sign in to the API.
        notices: where alarms are told; None: nowhere but on the page.
        market: the history that prices are forecast from; None: there is none.
    """

    fleet: Fleet
    broker_url: str
    journal_url: str
    center_id: str
    clock: Clock
    config: CenterConfig
    tokens: Path
    api_host: str = "127.0.0.1"
    api_port: int = DEFAULT_PORT
    tls: Tls | None = None
    until_ms: int | None = None
    durable: bool = True
    speed: float = 1.0
    entry: Entry | None = None
    notices: NoticeSettings | None = None
    market: MarketOptions | None = None


async def run_center(
    options: CenterOptions, ready: Callable[[LiveCenter, str], None] | None = None
) -> LiveCenter:
    """Run the center until it is told to end.

    Args:
        options: what it is told.
        ready: called with the center and the API's address once it answers.

    Raises:
        JournalError: when the journal cannot be opened or read.
        LinkError: when broker or API port cannot be had.
        FleetError: when tokens or certificates are wrong.
    """
    auth = Auth.open(options.tokens)
    now_ms = options.clock.now_ms()
    forecaster = open_forecaster(options.market, options.fleet, now_ms, lockstep=False)
    journal = Journal.open(options.journal_url, durable=options.durable)
    solver = Solver(1)
    past = JournalPast(options.journal_url)
    try:
        core = rebuild(journal, options.fleet, options.config, options.clock.now_ms())
        bus = open_bus(
            options.broker_url, client_id=options.center_id, clock=options.clock, center=True
        )
        recorded = RecordedCore(core, journal, options.center_id)
        center = LiveCenter(recorded, bus, options.clock, solver, speed=options.speed)
        center.history = past
        if forecaster is not None:
            forecaster.hear(list(prices_in(journal, options.fleet)))
            center.forecaster = forecaster
        center.load_audit(
            list(_requests(journal, options.fleet)),
            core.state.operator.answers.get,
            changes_in(journal),
        )
        app = create_app(center, auth, entry=options.entry, notices=options.notices)
        server = await serve(app, options.api_host, options.api_port, options.tls)
        core.prepare(options.clock.now_ms())
        await solver.warm()
        settle_heap()
        log.info("center", id=options.center_id, api=server.url, journal=options.journal_url)
        if ready is not None:
            ready(center, server.url)
        vens = asyncio.create_task(run_vens(options.fleet, center, options.clock), name="vens")
        try:
            with _stop_on_signals(center):
                await center.run(options.until_ms)
        finally:
            vens.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await vens
            await server.stop()
            await bus.stop()
        return center
    finally:
        if forecaster is not None:
            forecaster.close()
        past.close()
        solver.close()
        journal.close()


def _requests(journal: Journal, fleet: Fleet) -> Iterator[Frame]:
    topics = Topics(fleet.id)
    for record in journal.records():
        if record.kind is Kind.CYCLE:
            inbound, _ = record.frames()
            for frame in inbound:
                if frame.topic in (topics.operator, topics.history):
                    yield frame


@contextlib.contextmanager
def _stop_on_signals(center: LiveCenter) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    taken = []
    for number in (signal.SIGINT, signal.SIGTERM):
        # Some platforms and non-main threads have no signal handlers on loops.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, center.stop)
            taken.append(number)
    try:
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)
