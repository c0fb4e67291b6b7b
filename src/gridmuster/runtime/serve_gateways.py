"""The gateway program: one or many sites' agents between their controllers and the broker."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gridmuster.clock import Clock
from gridmuster.comms.mqtt import MqttBus, open_bus
from gridmuster.errors import Fault, FleetError
from gridmuster.fleet.load import load_fleet
from gridmuster.fleet.model import Fleet
from gridmuster.gateway.agent import SiteAgent
from gridmuster.gateway.config import AgentConfig
from gridmuster.gateway.links import ModbusLink
from gridmuster.gateway.outbox import SqliteOutbox
from gridmuster.gateway.shell import ShellConfig, SiteShell, run_sites
from gridmuster.runtime.gateway_config import GatewayFile, load_gateway_file, parse_address
from gridmuster.runtime.heap import settle_heap
from gridmuster.runtime.twins import register_maps

Address = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """What the gateway program runs.

    Args:
        fleet: the fleet.
        sites: whose gateways to run.
        brokers: broker URL by site.
        addresses: host, port and unit by controller key.
        state_dir: where what must survive a restart is kept.
        agent: settings of the agents.
        scan_s: plant time between scans, s.
        clock: plant time.
    """

    fleet: Fleet
    sites: tuple[str, ...]
    brokers: Mapping[str, str]
    addresses: Mapping[str, Address]
    state_dir: Path
    agent: AgentConfig
    scan_s: float
    clock: Clock


def read_options(path: Path, sites: Sequence[str], clock: Clock) -> GatewayOptions:
    """Options from a gateway file.

    Args:
        path: the file.
        sites: whose gateways to run; none: every site of the fleet.
        clock: plant time.

    Raises:
        FleetError: when a file is wrong, a site is unknown, or a broker or controller has no
            address; every fault at once.
    """
    file = load_gateway_file(path)
    base = path.parent
    fleet = load_fleet(base / file.fleet)
    wanted = tuple(sites) or tuple(site.id for site in fleet.sites)
    addresses = _addresses(path, file, fleet)
    faults = [
        Fault(str(path), "site", repr(site), "is not in the fleet", "a site of the fleet file")
        for site in wanted
        if site not in fleet.site_by_id
    ]
    known = [site for site in wanted if site in fleet.site_by_id]
    brokers = {site: file.brokers.get(site, file.broker) for site in known}
    faults += [
        Fault(str(path), f"brokers.{site}", "nothing", "every site needs a broker", "mqtt://...")
        for site, url in brokers.items()
        if not url
    ]
    faults += [
        Fault(str(path), f"controllers.{key}", "nothing", "has no address", "host:port")
        for key in register_maps(fleet, known)
        if key not in addresses
    ]
    faults += [
        Fault(str(path), "maintenance", repr(device), "is not in the fleet", "a device's id")
        for device in file.maintenance
        if device not in fleet.device_by_id
    ]
    if faults:
        raise FleetError(faults)
    agent = AgentConfig(
        scan_s=file.scan_s,
        heartbeat_s=file.heartbeat_s,
        link_allowance_s=file.link_allowance_s,
        return_after_s=file.return_after_s,
        maintenance=frozenset(file.maintenance),
        alert_asserted=file.alert_asserted,
    )
    state_dir = base / file.state_dir
    return GatewayOptions(fleet, wanted, brokers, addresses, state_dir, agent, file.scan_s, clock)


def _addresses(path: Path, file: GatewayFile, fleet: Fleet) -> dict[str, Address]:
    addresses: dict[str, Address] = {}
    for device in fleet.devices:
        if device.controller is not None and device.controller.port:
            controller = device.controller
            addresses[device.id] = (controller.host, controller.port, controller.unit)
    if file.controllers_file:
        ports = json.loads((path.parent / file.controllers_file).read_text())
        addresses.update({key: ("127.0.0.1", int(port), 1) for key, port in ports.items()})
    for key, text in file.controllers.items():
        addresses[key] = parse_address(path, key, text)
    return addresses


async def run_gateways(
    options: GatewayOptions,
    ready: Callable[[list[SiteShell]], None] | None = None,
    stop: asyncio.Event | None = None,
) -> list[SiteShell]:
    """Run the sites' gateways until told to end.

    Args:
        options: what to run.
        ready: called with the shells once they run.
        stop: ends the program when set.

    Raises:
        LinkError: when a saved memory cannot be understood or a broker URL cannot be used.
    """
    stop = stop or asyncio.Event()
    _allow_open_files(64 + 4 * sum(1 for _ in options.addresses))
    maps = register_maps(options.fleet, options.sites)
    shells: list[SiteShell] = []
    lines: list[ModbusLink] = []
    buses: list[MqttBus] = []
    for seed, site in enumerate(options.sites):
        agent = SiteAgent(options.fleet, site, options.agent)
        links = {
            key: ModbusLink(maps[key], *options.addresses[key], seed=seed)
            for key in agent.controller_keys
        }
        lines += links.values()
        bus = open_bus(options.brokers[site], site, options.clock, seed=seed)
        folder = options.state_dir / site
        folder.mkdir(parents=True, exist_ok=True)
        shell = SiteShell(
            agent,
            links,
            bus,
            options.clock,
            ShellConfig(scan_s=options.scan_s),
            memory_path=folder / "memory.json",
            outbox=SqliteOutbox(folder / "outbox.db"),
        )
        await bus.start()
        shells.append(shell)
        buses.append(bus)
    settle_heap()
    running = asyncio.ensure_future(run_sites(shells))
    stopping = asyncio.ensure_future(stop.wait())
    if ready is not None:
        ready(shells)
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
    finally:
        stopping.cancel()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        for bus in buses:
            await bus.stop()
        for line in lines:
            await line.close()
    return shells


def _allow_open_files(wanted: int) -> None:
    """Raise the soft limit of open files as far as it goes, up to what is wanted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
