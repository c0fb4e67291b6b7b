"""A real center over a simulated plant, paced by the test, behind the real API and pages."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from lockstep_plant import COARSE, today
from plant_serving import TOKENS, bearer, known_auth

from gridmuster.center.view import PlantView
from gridmuster.clock import VirtualClock
from gridmuster.comms.memory import MemoryBroker
from gridmuster.console.api import create_app
from gridmuster.console.pages import WEB, Bundle
from gridmuster.console.pastdocs import PastReader
from gridmuster.console.server import ApiServer, serve
from gridmuster.console.tokens import Role
from gridmuster.fleet.generate import generate
from gridmuster.fleet.model import Fleet
from gridmuster.gateway.config import AgentConfig
from gridmuster.runtime.center import LiveCenter
from gridmuster.runtime.lockstep import Lockstep
from gridmuster.runtime.recorder import RecordedCore
from gridmuster.runtime.recovery import rebuild
from gridmuster.runtime.solving import Solver
from gridmuster.simulator.scenario import Event, Scenario
from gridmuster.simulator.world import World
from gridmuster.store.journal import Journal

DEADLINE_S = 60.0


def bundle() -> Bundle:
    """The pages to test: a fresh build named by the environment, else those of the package."""
    folder = os.environ.get("GRIDMUSTER_WEB")
    return Bundle(Path(folder) if folder else WEB)


class PacedClock:
    """Plant time that moves when the test moves it; whoever sleeps is woken then."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._moved = asyncio.Event()

    def now_ms(self) -> int:
        return self._clock.now_ms()

    def announce(self) -> None:
        """Wake the sleepers; on the loop."""
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep_until(self, at_ms: int) -> None:
        while self._clock.now_ms() < at_ms:
            await self._moved.wait()


class LivePlant:
    """A plant whose center, API and pages run on a loop of their own.

    Args:
        folder: where its journal goes.
        fleet: the fleet; None: twelve sites of one seed.
        start: local time at which it begins.
        events: what happens.
        agents: settings of the gateways.
    """

    def __init__(
        self,
        folder: Path,
        fleet: Fleet | None = None,
        start: str = "18:00",
        events: Sequence[Event] = (),
        agents: AgentConfig | None = None,
        **app_options: Any,
    ) -> None:
        self._agents = AgentConfig(scan_s=COARSE.cycle_s) if agents is None else agents
        self.fleet = fleet if fleet is not None else generate(12, 1)
        self.journal_path = folder / "page.journal"
        self._scenario = Scenario(name="page", events=tuple(events))
        self._start_ms = today(start)
        self._app_options = app_options
        #: Who reads the journal for the next center that is started; None: nobody.
        self.history: PastReader | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.center: LiveCenter
        self.server: ApiServer
        self.run(self._begin())
        self.url = self.server.url

    async def _begin(self) -> None:
        self._virtual = VirtualClock(self._start_ms)
        self.clock = PacedClock(self._virtual)
        self.solver = Solver(0)
        self.world = World(self.fleet, self._start_ms, 1, self._scenario)
        self.broker = MemoryBroker(self._virtual)
        self.journal = Journal.open(str(self.journal_path), durable=False)
        core = rebuild(self.journal, self.fleet, COARSE, self._start_ms)
        recorded = RecordedCore(core, self.journal, "center-page")
        self.lockstep = Lockstep(
            self.fleet,
            self.world,
            recorded,
            self.solver,
            self._agents,
            self.broker,
            self._virtual,
        )
        # The plant's own center makes room for one that runs as it does live.
        self.lockstep.stop_center()
        await self._start_center()
        self._pump = asyncio.create_task(self._deliver())

    async def _start_center(self) -> None:
        core = rebuild(self.journal, self.fleet, COARSE, self.clock.now_ms())
        recorded = RecordedCore(core, self.journal, "center-page")
        bus = self.broker.client("center")
        self.center = LiveCenter(recorded, bus, self.clock, self.solver, early_gap_s=0.02)
        self.center.history = self.history
        options = {"min_interval_s": 0.0, "bundle": bundle(), **self._app_options}
        self.app = create_app(self.center, known_auth(), **options)
        port = int(self.url.rpartition(":")[2]) if hasattr(self, "url") else 0
        self.server = await serve(self.app, port=port)
        self._running = asyncio.create_task(self.center.run())

    async def _stop_center(self) -> None:
        self.center.stop()
        await self._running
        await self.server.stop()

    async def _deliver(self) -> None:
        while True:
            self.broker.deliver()
            await asyncio.sleep(0.005)

    async def _advance(self, ticks: int) -> None:
        for _ in range(ticks):
            self.lockstep.tick()
            turned = asyncio.ensure_future(self.center.changed())
            await asyncio.sleep(0)
            self.clock.announce()
            async with asyncio.timeout(DEADLINE_S):
                while (await turned).at_ms < self.clock.now_ms():
                    turned = asyncio.ensure_future(self.center.changed())
            self.broker.deliver()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on the plant's loop and wait for its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(DEADLINE_S * 10)

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function on the plant's loop and wait for its result."""

        async def work() -> Any:
            return function(*args)

        return self.run(work())

    def advance(self, minutes: float) -> PlantView:
        """Let plant time pass, one cycle after the other, as fast as it goes."""
        self.run(self._advance(max(1, round(minutes * 60 / COARSE.cycle_s))))
        return self.view()

    def view(self) -> PlantView:
        """The center's latest view."""
        view: PlantView = self.call(self.center.view)
        return view

    def restart_center(self) -> None:
        """End the center with its API and start it again on its journal and port."""
        self.run(self._stop_center())
        self.run(self._start_center())

    def client(self, role: Role | None = Role.VIEWER) -> httpx.Client:
        """An API client of a role."""
        return httpx.Client(base_url=self.url, headers=bearer(role), timeout=DEADLINE_S)

    def address(self, role: Role = Role.OPERATOR) -> str:
        """The page's address that signs in with a role's token."""
        return f"{self.url}/#token={TOKENS[role]}"

    def close(self) -> None:
        """End everything."""
        self.call(self._pump.cancel)
        self.run(self._stop_center())
        self.call(self.journal.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE_S)
        self._loop.close()


@contextmanager
def living(folder: Path, **options: Any) -> Iterator[LivePlant]:
    """A plant for the length of a with statement, already past its first minutes."""
    plant = LivePlant(folder, **options)
    try:
        plant.advance(3)
        yield plant
    finally:
        plant.close()
