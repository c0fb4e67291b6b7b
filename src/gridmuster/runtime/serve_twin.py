"""The twin program: simulated sites behind real Modbus sockets, and the utility's feed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from gridmuster.clock import Clock
from gridmuster.comms.mqtt import open_bus
from gridmuster.fleet.model import Fleet
from gridmuster.runtime.heap import settle_heap
from gridmuster.runtime.twins import make_twins, register_maps
from gridmuster.runtime.utility import UtilityFeed
from gridmuster.simulator.modbus_server import ModbusServers
from gridmuster.simulator.world import World
from gridmuster.units import MS_PER_S

#: Real time between two moves of the simulated world, s, when nothing else sets it.
MOVE_EVERY_S = 0.1
#: Plant time between two grid signals, s.
SIGNAL_EVERY_S = 4.0


async def run_twin(
    world: World,
    fleet: Fleet,
    sites: Sequence[str],
    clock: Clock,
    speed: float,
    addresses: Path | None = None,
    feed_url: str | None = None,
    ready: Callable[[dict[str, int]], None] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve the sites' controllers until told to end.

    Args:
        world: the physical world.
        fleet: the fleet.
        sites: whose controllers to serve.
        clock: plant time.
        speed: plant seconds in a real second.
        addresses: file to write the controllers' ports to, as JSON by controller key.
        feed_url: broker on which to speak for utility and market; None: do not.
        ready: called with the ports once all sockets listen.
        stop: ends the program when set.

    Raises:
        LinkError: when a socket or the broker cannot be had.
    """
    stop = stop or asyncio.Event()
    twins = make_twins(world, register_maps(fleet, sites))
    wanted = {
        device.id: device.controller.port
        for site in sites
        for device in fleet.devices_of_site[site]
        if device.controller is not None and device.controller.port
    }
    servers = ModbusServers(twins)
    listening = await servers.start(ports=wanted)
    ports = {key: port for key, (_, port) in listening.items()}
    feed: UtilityFeed | None = None
    bus = None
    if feed_url is not None:
        bus = open_bus(feed_url, client_id=f"feed-{sites[0]}", clock=clock)
        await bus.start()
        await bus.wait_connected()
        feed = UtilityFeed(fleet, world, bus)
    settle_heap()
    if addresses is not None:
        beside = addresses.with_suffix(".new")
        beside.write_text(json.dumps(ports, indent=1))
        beside.replace(addresses)
    if ready is not None:
        ready(ports)
    try:
        await _move(world, feed, clock, speed, stop)
    finally:
        await servers.stop()
        if bus is not None:
            await bus.stop()


async def _move(
    world: World, feed: UtilityFeed | None, clock: Clock, speed: float, stop: asyncio.Event
) -> None:
    every_ms = max(int(min(MOVE_EVERY_S * speed, SIGNAL_EVERY_S) * MS_PER_S), 1)
    next_signal_ms = 0
    stopping = asyncio.ensure_future(stop.wait())
    try:
        while not stop.is_set():
            now_ms = clock.now_ms()
            world.advance_to(max(now_ms, world.now_ms))
            if feed is not None and now_ms >= next_signal_ms:
                feed.publish(now_ms)
                next_signal_ms = now_ms + int(SIGNAL_EVERY_S * MS_PER_S)
            tick = asyncio.ensure_future(clock.sleep_until(now_ms + every_ms))
            await asyncio.wait({tick, stopping}, return_when=asyncio.FIRST_COMPLETED)
            tick.cancel()
    finally:
        stopping.cancel()
