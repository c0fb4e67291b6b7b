"""The utility's and the market's voice in a simulated plant: grid signals and prices."""

from __future__ import annotations

from gridmuster.comms.bus import Bus
from gridmuster.comms.memory import MemoryBus
from gridmuster.fleet.model import Fleet
from gridmuster.signals import encode
from gridmuster.simulator.world import World
from gridmuster.topics import Topics


class UtilityFeed:
    """Publishes each area's grid signal at every call and its price when a new one holds.

    Args:
        fleet: the fleet.
        world: the physical world.
        bus: where to publish.
    """

    def __init__(self, fleet: Fleet, world: World, bus: Bus | MemoryBus) -> None:
        self._areas = [area.id for area in fleet.areas if area.connection is not None]
        self._world = world
        self._bus = bus
        self._topics = Topics(fleet.id)
        self._priced_ms: dict[str, int] = {}

    def publish(self, now_ms: int) -> None:
        """Say how things stand at this moment of plant time, ms."""
        for area in self._areas:
            signal = self._world.grid_signal(area)
            self._bus.publish(self._topics.grid(area), encode(signal))
            if now_ms >= self._priced_ms.get(area, 0):
                price = self._world.price(area)
                self._bus.publish(self._topics.price(area), encode(price))
                self._priced_ms[area] = price.start_ms + price.duration_s * 1000
