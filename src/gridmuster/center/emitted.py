"""What was emitted today against each of the fleet's caps, and what plans may still emit."""

from __future__ import annotations

from msgspec import Struct, field

from gridmuster.clock import IntervalGrid, local
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.model import Fleet
from gridmuster.fleet.ties import EmissionCap as FleetCap
from gridmuster.planning.problem import EmissionCap
from gridmuster.state.snapshot import Snapshot


class EmittedMemory(Struct):
    """The day (its ordinal), what counted in it by cap, kg, and fuel counters by device."""

    day: int = 0
    kg: dict[str, float] = field(default_factory=dict)
    fuel_used: dict[str, float] = field(default_factory=dict)


class EmittedBook:
    """Adds up emissions from the engines' own fuel counters.

    Args:
        fleet: the fleet; days are those of its first site's clock.
        memory: what an earlier book remembered.
    """

    def __init__(self, fleet: Fleet, memory: EmittedMemory) -> None:
        self.memory = memory
        self._caps = fleet.emission_caps
        self._zone = fleet.sites[0].time_zone
        self._rates: dict[str, list[tuple[str, float]]] = {}
        for device in fleet.devices if fleet.emission_caps else ():
            if isinstance(device, Generator):
                area = fleet.site_by_id[device.site].area
                rates = [
                    (cap.id, device.operation.kg_per_fuel(cap.pollutant, device.fuel))
                    for cap in fleet.emission_caps
                    if not cap.areas or area in cap.areas
                ]
                self._rates[device.id] = [(cap, rate) for cap, rate in rates if rate > 0.0]

    def observe(self, now_ms: int, snapshot: Snapshot) -> None:
        """Book what the engines burnt since the last look.

        Args:
            now_ms: now, ms.
            snapshot: the frozen picture; an engine without a fuel counter books nothing.
        """
        if not self._caps:
            return
        memory = self.memory
        today = local(now_ms, self._zone).toordinal()
        if today != memory.day:
            memory.day, memory.kg = today, {}
        for device_id, rates in self._rates.items():
            reading = snapshot.readings.get(device_id)
            if reading is None or reading.fuel_used is None:
                continue
            before = memory.fuel_used.get(device_id, reading.fuel_used)
            memory.fuel_used[device_id] = reading.fuel_used
            # A counter that goes back was exchanged.
            burnt = max(reading.fuel_used - before, 0.0)
            for cap, rate in rates:
                memory.kg[cap] = memory.kg.get(cap, 0.0) + rate * burnt

    def caps(self, grid: IntervalGrid) -> list[EmissionCap]:
        """What plans may emit: of each cap one for every calendar day that the plan touches.

        Args:
            grid: the plan's intervals.
        """
        days = [
            local(grid.start_ms + k * grid.step_ms, self._zone).toordinal()
            for k in range(grid.count if self._caps else 0)
        ]
        edges = [k for k in range(len(days)) if k == 0 or days[k] != days[k - 1]]
        return [
            self._cap(cap, days[first], first, end)
            for cap in self._caps
            for first, end in zip(edges, [*edges[1:], len(days)], strict=True)
        ]

    def _cap(self, cap: FleetCap, day: int, first: int, end: int) -> EmissionCap:
        today = day == self.memory.day
        gone = self.memory.kg.get(cap.id, 0.0) if today else 0.0
        return EmissionCap(
            id=cap.id if first == 0 else f"{cap.id}, next day",
            pollutant=cap.pollutant,
            limit_kg=max(cap.limit_kg_per_day - gone, 0.0),
            excess_usd_per_kg=cap.excess_usd_per_kg,
            areas=list(cap.areas),
            first=first,
            end=end,
        )
