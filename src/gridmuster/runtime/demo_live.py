"""The demo at a numbered speed: the three programs and a broker, as processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gridmuster.clock import SharedClock, monotonic_s
from gridmuster.comms.broker import EmbeddedBroker
from gridmuster.console.auth import Auth
from gridmuster.console.tokens import Role, token_path
from gridmuster.errors import LinkError
from gridmuster.fleet.model import Fleet
from gridmuster.runtime.demo_max import CENTER_ID, DemoOptions
from gridmuster.runtime.market import MarketOptions
from gridmuster.runtime.programs import Programs
from gridmuster.simulator.scenario import Scenario, save_scenario
from gridmuster.units import MS_PER_HOUR, MS_PER_S


@dataclass(frozen=True, slots=True)
class Running:
    """Where a running demo can be reached: the API, the folder of its tokens, its clock."""

    url: str
    tokens: Path
    clock: SharedClock


def scan_s(speed: float) -> float:
    """Plant time between two scans of a gateway at a speed, s: half a second, at most a cycle."""
    return min(max(0.5, 0.07 * speed), 4.0)


def run_live(
    options: DemoOptions,
    folder: Path,
    speed: float,
    *,
    watch: bool,
    told: Callable[[Running, int], None],
) -> None:
    """Run the demo as programs of their own.

    Args:
        options: what to run.
        folder: for journal, logs, secrets and state.
        speed: plant seconds in a real second.
        watch: whether to show the running plant in this terminal; leaving the view ends the demo.
        told: called once when all runs and then about four times a second, with plant time (ms).

    Raises:
        LinkError: when a program does not come up or ends early; its last words are in the error.
    """
    try:
        asyncio.run(_run(options, folder, speed, watch, told))
    except asyncio.CancelledError as error:
        raise LinkError("the demo was told to end before its time") from error


async def _run(
    options: DemoOptions,
    folder: Path,
    speed: float,
    watch: bool,
    told: Callable[[Running, int], None],
) -> None:
    plant = LivePlant(options, folder, speed)
    running_task = asyncio.current_task()
    assert running_task is not None
    # Told to end by a service manager or a time limit, it ends its programs first.
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running_task.cancel)
    try:
        running = await plant.start()
        plant.let_go()
        if watch:
            plant.watch(running)
        await plant.wait_until(plant.end_ms, lambda now_ms: told(running, now_ms))
    finally:
        await plant.stop()


class LivePlant:
    """A plant of real processes around an embedded broker.

    Args:
        options: what to run.
        folder: for journal, logs, secrets and state.
        speed: plant seconds in a real second.
    """

    def __init__(self, options: DemoOptions, folder: Path, speed: float) -> None:
        start_ms = options.world.start_ms
        self._options = options
        self._folder = folder
        self._speed = speed
        self._origin = folder / "clock-origin"
        self._origin.unlink(missing_ok=True)
        self._fleet_file = folder / "fleet.json"
        self.clock = SharedClock(start_ms, speed, self._origin)
        self.end_ms = start_ms + int(options.hours * MS_PER_HOUR)
        self.broker = EmbeddedBroker(
            folder / "broker", options.fleet.id, [site.id for site in options.fleet.sites]
        )
        self.programs = Programs(folder, f"{start_ms}:{speed:g}:{self._origin}")

    async def start(self) -> Running:
        """Start broker, twins, gateways and center; plant time still stands.

        Raises:
            LinkError: when one does not come up.
        """
        fleet = self._options.fleet
        self._fleet_file.write_text(fleet.model_dump_json(exclude_defaults=True))
        await self.broker.start()
        addresses = self._folder / "controllers.json"
        self.programs.start(
            "twin",
            *_twin_arguments(self._options, self._folder, self._fleet_file, addresses),
            env={"GRIDMUSTER_FEED": self.broker.feed_url},
        )
        await self.programs.wait_for(addresses)
        config = self._folder / "gateways.yaml"
        config.write_text(json.dumps(_gateway_file(self.broker, fleet, self._speed)))
        config.chmod(0o600)
        self.programs.start("gateway", "--config", str(config))
        return await self.start_center()

    async def start_center(self) -> Running:
        """Start the center, or start it again on the journal that an earlier one left.

        Raises:
            LinkError: when it does not come up.
        """
        url_file = self._folder / "api-url"
        url_file.unlink(missing_ok=True)
        tokens = self._folder / "tokens"
        Auth.open(tokens)
        self.programs.start(
            "center",
            *("--fleet", str(self._fleet_file), "--journal", str(self._options.journal)),
            *("--id", CENTER_ID, "--tokens", str(tokens)),
            *("--api-port", "0", "--api-url-file", str(url_file)),
            *_market_arguments(self._options.market),
            env={"GRIDMUSTER_BROKER": self.broker.center_url},
        )
        await self.programs.wait_for(url_file)
        return Running(url_file.read_text(), tokens, self.clock)

    def let_go(self) -> None:
        """Start plant time in all programs at once."""
        beside = self._origin.with_suffix(".new")
        beside.write_text(repr(monotonic_s()))
        beside.replace(self._origin)

    def watch(self, running: Running) -> None:
        """Show the plant in this terminal."""
        token = token_path(running.tokens, Role.VIEWER)
        self.programs.watch(["--url", running.url, "--token-file", str(token)])

    async def wait_until(self, at_ms: int, told: Callable[[int], None]) -> None:
        """Wait until a plant time, or until the person left the view.

        Args:
            at_ms: plant time, ms.
            told: called about four times a second with plant time, ms.

        Raises:
            LinkError: when a program ended.
        """
        while (left_ms := at_ms - self.clock.now_ms()) > 0 and self.programs.watched:
            self.programs.check()
            told(self.clock.now_ms())
            await asyncio.sleep(min(0.25, left_ms / MS_PER_S / self._speed))

    async def stop(self) -> None:
        """End everything."""
        self.programs.stop()
        await self.broker.stop()


def _twin_arguments(
    options: DemoOptions, folder: Path, fleet_file: Path, addresses: Path
) -> list[str]:
    world = options.world
    arguments = ["--fleet", str(fleet_file), "--addresses", str(addresses)]
    arguments += ["--seed", str(world.seed)]
    scenario = world.scenario
    if isinstance(scenario, Scenario):
        path = folder / "scenario.yaml"
        save_scenario(scenario, path)
        scenario = path
    for name, value in (
        ("--scenario", scenario),
        ("--market", world.market),
        ("--meters", world.meters),
    ):
        if value is not None:
            arguments += [name, str(value)]
    return arguments


def _market_arguments(market: MarketOptions | None) -> list[str]:
    if market is None:
        return []
    arguments = ["--market-shift-ms", str(market.shift_ms), "--market-area", market.area]
    arguments += ["--market-mapping", market.mapping]
    for path in market.files:
        arguments += ["--market-history", str(path)]
    return arguments


def _gateway_file(broker: EmbeddedBroker, fleet: Fleet, speed: float) -> dict[str, object]:
    return {
        "fleet": "fleet.json",
        "brokers": {site.id: broker.site_url(site.id) for site in fleet.sites},
        "controllers_file": "controllers.json",
        "state_dir": "gateways",
        "scan_s": scan_s(speed),
        # The demo's sites trust what its fleet file asserts; a real site has a say of its own.
        "alert_asserted": any(area.programs.asserted for area in fleet.areas),
        # A message takes the same real time at every speed, and so more plant time.
        "link_allowance_s": 2.0 + 0.5 * speed,
    }
