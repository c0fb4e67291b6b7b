"""The demo at a numbered speed: the three programs and a broker, as processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gridmuster.clock import SharedClock, monotonic_s
from gridmuster.comms.broker import EmbeddedBroker
from gridmuster.console.auth import Auth
from gridmuster.console.tokens import Role, token_path
from gridmuster.errors import LinkError
from gridmuster.runtime.demo_max import CENTER_ID, DemoOptions
from gridmuster.simulator.scenario import Scenario, save_scenario
from gridmuster.units import MS_PER_HOUR, MS_PER_S

#: Longest wait for a program to be ready, s of real time.
READY_TIMEOUT_S = 120.0
#: Longest wait for a program to end when asked to, s.
END_TIMEOUT_S = 15.0


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
    asyncio.run(_run(options, folder, speed, watch, told))


async def _run(
    options: DemoOptions,
    folder: Path,
    speed: float,
    watch: bool,
    told: Callable[[Running, int], None],
) -> None:
    start_ms = options.world.start_ms
    origin = folder / "clock-origin"
    origin.unlink(missing_ok=True)
    clock = SharedClock(start_ms, speed, origin)
    fleet_file = folder / "fleet.json"
    fleet_file.write_text(options.fleet.model_dump_json(exclude_defaults=True))
    sites = [site.id for site in options.fleet.sites]
    broker = EmbeddedBroker(folder / "broker", options.fleet.id, sites)
    programs = Programs(folder, f"{start_ms}:{speed:g}:{origin}")
    await broker.start()
    try:
        addresses = folder / "controllers.json"
        programs.start(
            "twin",
            *_twin_arguments(options, folder, fleet_file, addresses),
            env={"GRIDMUSTER_FEED": broker.feed_url},
        )
        await programs.wait_for(addresses)
        config = folder / "gateways.yaml"
        config.write_text(json.dumps(_gateway_file(broker, sites, speed)))
        config.chmod(0o600)
        programs.start("gateway", "--config", str(config))
        url_file = folder / "api-url"
        Auth.open(folder / "tokens")
        programs.start(
            "center",
            *("--fleet", str(fleet_file), "--journal", str(options.journal)),
            *("--id", CENTER_ID, "--tokens", str(folder / "tokens")),
            *("--api-port", "0", "--api-url-file", str(url_file)),
            env={"GRIDMUSTER_BROKER": broker.center_url},
        )
        await programs.wait_for(url_file)
        running = Running(url_file.read_text(), folder / "tokens", clock)
        end_ms = start_ms + int(options.hours * MS_PER_HOUR)
        _let_go(origin)
        if watch:
            programs.watch(running)
        await _wait(programs, running, end_ms, told)
    finally:
        programs.stop()
        await broker.stop()


def _let_go(origin: Path) -> None:
    """Start plant time in all programs at once."""
    beside = origin.with_suffix(".new")
    beside.write_text(repr(monotonic_s()))
    beside.replace(origin)


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


def _gateway_file(broker: EmbeddedBroker, sites: list[str], speed: float) -> dict[str, object]:
    return {
        "fleet": "fleet.json",
        "brokers": {site: broker.site_url(site) for site in sites},
        "controllers_file": "controllers.json",
        "state_dir": "gateways",
        "scan_s": scan_s(speed),
        # A message takes the same real time at every speed, and so more plant time.
        "link_allowance_s": 2.0 + 0.5 * speed,
    }


async def _wait(
    programs: Programs, running: Running, end_ms: int, told: Callable[[Running, int], None]
) -> None:
    while (left_ms := end_ms - running.clock.now_ms()) > 0 and programs.watched:
        programs.check()
        told(running, running.clock.now_ms())
        await asyncio.sleep(min(0.25, left_ms / MS_PER_S / running.clock.speed))


class Programs:
    """Child processes of the demo, with a log file each.

    Args:
        folder: for the logs.
        clock_text: the shared clock, as the hidden option takes it.
    """

    def __init__(self, folder: Path, clock_text: str) -> None:
        self._folder = folder
        self._clock_text = clock_text
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._view: subprocess.Popen[bytes] | None = None

    def start(self, name: str, *arguments: str, env: dict[str, str] | None = None) -> None:
        """Start ``gridmuster NAME ARGUMENTS``; secrets go by environment, not by argument."""
        command = [sys.executable, "-m", "gridmuster.cli.main", name, *arguments]
        command += ["--clock", self._clock_text]
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **(env or {})},
            )

    def watch(self, running: Running) -> None:
        """Show the plant in this terminal."""
        token = token_path(running.tokens, Role.VIEWER)
        command = [sys.executable, "-m", "gridmuster.cli.main", "watch", "--url", running.url]
        self._view = subprocess.Popen([*command, "--token-file", str(token)])

    @property
    def watched(self) -> bool:
        """False once the person left the view."""
        return self._view is None or self._view.poll() is None

    def check(self) -> None:
        """See that all programs run.

        Raises:
            LinkError: with the last words of one that ended.
        """
        for name, process in self._running.items():
            if process.poll() is not None:
                raise LinkError(
                    f"{name} ended with status {process.returncode}: {self._last_words(name)}"
                )

    async def wait_for(self, file: Path) -> None:
        """Wait until a program has written a file.

        Raises:
            LinkError: when a program ended or the wait was too long.
        """
        deadline_s = monotonic_s() + READY_TIMEOUT_S
        while not (file.exists() and file.stat().st_size):
            self.check()
            if monotonic_s() > deadline_s:
                raise LinkError(f"{file.name} was not written within {READY_TIMEOUT_S:.0f} s")
            await asyncio.sleep(0.05)

    def stop(self) -> None:
        """End all programs, the last started first."""
        if self._view is not None and self._view.poll() is None:
            self._view.send_signal(signal.SIGINT)
            self._view.wait()
        for process in reversed(self._running.values()):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(END_TIMEOUT_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _last_words(self, name: str) -> str:
        lines = (self._folder / f"{name}.log").read_text(errors="replace").strip().splitlines()
        return " | ".join(lines[-3:]) or "nothing said"
