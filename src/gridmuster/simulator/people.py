"""People who come to the sites: technicians after a fault, tank lorries after an order."""

from __future__ import annotations

from typing import Final

from gridmuster.clock import local
from gridmuster.simulator.generator import GeneratorModel, Phase
from gridmuster.simulator.noise import stream
from gridmuster.simulator.world import World
from gridmuster.units import MS_PER_HOUR

#: Hours from a fault to the technician who mends it, from and to (K).
REPAIR_H: Final = (2.0, 24.0)
#: Hours from an order of fuel to the lorry, from and to (K); the longest is what is promised.
DELIVERY_H: Final = (12.0, 48.0)
#: Lorries come by day, local hours.
LORRY_HOURS: Final = (7, 19)
#: How full a lorry leaves a tank, share of the capacity.
FILL_SHARE: Final = 0.95


class People:
    """Repairs and deliveries in a world.

    Args:
        world: the world.
        zone: IANA zone of the lorries' hours.
        seed: of how long they take.
    """

    def __init__(self, world: World, zone: str, seed: int) -> None:
        self._world = world
        self._zone = zone
        self._seed = seed
        self._repairs: dict[str, int] = {}
        self._lorries: dict[str, int] = {}
        self._visits: dict[str, int] = {}
        self.repaired = 0
        self.delivered: list[tuple[int, str, float]] = []

    @property
    def on_order(self) -> frozenset[str]:
        """Sets for which a lorry is under way."""
        return frozenset(self._lorries)

    def order_fuel(self, device: str, now_ms: int) -> None:
        """Order a filled tank; a second order while one is under way is not taken.

        Args:
            device: whose tank.
            now_ms: now, ms.
        """
        if device not in self._lorries:
            self._lorries[device] = now_ms + self._wait_ms(device, "lorry", DELIVERY_H)

    def due_ms(self) -> int | None:
        """When somebody comes next, ms; None: nobody is under way."""
        return min([*self._repairs.values(), *self._lorries.values()], default=None)

    def look(self, now_ms: int) -> None:
        """Have those come who are due, and send for a technician where a set is in fault.

        Args:
            now_ms: now, ms.
        """
        for name, machine in self._world.machines.items():
            if not isinstance(machine, GeneratorModel):
                continue
            if machine.phase not in (Phase.TRIPPED, Phase.LOCKED):
                self._repairs.pop(name, None)
            elif name not in self._repairs:
                self._repairs[name] = now_ms + self._wait_ms(name, "repair", REPAIR_H)
            elif self._repairs[name] <= now_ms:
                del self._repairs[name]
                self.repaired += 1
                machine.reset()
        by_day = LORRY_HOURS[0] <= local(now_ms, self._zone).hour < LORRY_HOURS[1]
        for name, at_ms in list(self._lorries.items()):
            if at_ms <= now_ms and by_day:
                del self._lorries[name]
                self._fill(name, now_ms)

    def _fill(self, name: str, now_ms: int) -> None:
        machine = self._world.machines[name]
        if not isinstance(machine, GeneratorModel) or machine.tank is None:
            return
        full = FILL_SHARE * machine.device.tank.capacity if machine.device.tank else 0.0
        amount = max(0.0, full - machine.tank.level)
        machine.refuel(amount)
        self.delivered.append((now_ms, name, amount))

    def _wait_ms(self, name: str, what: str, hours: tuple[float, float]) -> int:
        number = self._visits[name] = self._visits.get(name, 0) + 1
        dice = stream(self._seed, what, name, str(number))
        return int(dice.uniform(*hours) * MS_PER_HOUR)
