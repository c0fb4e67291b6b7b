"""What the fleet file says of hours of the day, as a plan's budgets of them and wished energies."""

from __future__ import annotations

import math
from collections.abc import Mapping

from msgspec import Struct, field, structs

from gridmuster.clock import IntervalGrid
from gridmuster.fleet.clockhours import RunLimit
from gridmuster.fleet.devices import Generator, Store
from gridmuster.fleet.model import Fleet
from gridmuster.planning.problem import PlanProblem, PlanStore, PlanUnit, RunWindow
from gridmuster.signals import DeviceReading
from gridmuster.state.snapshot import Snapshot
from gridmuster.units import MS_PER_S


class Counters(Struct, frozen=True):
    """An engine's own counters when hours of its clock began, or when it was first seen in them."""

    begin_ms: int
    run_h: float | None
    starts: int | None


class ClockMemory(Struct):
    """Counters by limit, called ``device/number``."""

    counters: dict[str, Counters] = field(default_factory=dict)


class ClockBook:
    """Counts what generators ran in their limited hours, and tells plans what is left.

    Args:
        fleet: the fleet.
        memory: what an earlier book remembered.
    """

    def __init__(self, fleet: Fleet, memory: ClockMemory) -> None:
        self.memory = memory
        self._limits: dict[str, tuple[str, tuple[RunLimit, ...]]] = {}
        self._stores: dict[str, tuple[str, Store]] = {}
        for device in fleet.devices:
            time_zone = fleet.site_by_id[device.site].time_zone
            if isinstance(device, Generator) and device.operation.run_limits:
                self._limits[device.id] = (time_zone, device.operation.run_limits)
            elif isinstance(device, Store) and device.energy_wishes:
                self._stores[device.id] = (time_zone, device)
        self._begin_ms: dict[str, int] = {}
        self._until_ms = -1

    def observe(self, now_ms: int, snapshot: Snapshot) -> None:
        """Note the counters of engines whose limited hours begin.

        Args:
            now_ms: now, ms.
            snapshot: the frozen picture; an engine without counters has used nothing.
        """
        if now_ms >= self._until_ms:
            self._turn(now_ms)
        counters = self.memory.counters
        for key, begin_ms in self._begin_ms.items():
            known = counters.get(key)
            if known is None or known.begin_ms != begin_ms:
                reading = snapshot.readings.get(key.rpartition("/")[0])
                if reading is not None and reading.run_h is not None:
                    counters[key] = Counters(begin_ms, reading.run_h, reading.starts)

    def _turn(self, now_ms: int) -> None:
        """Find the hours that are now, and when the next ones begin or end."""
        self._begin_ms.clear()
        self._until_ms = now_ms + 86_400 * MS_PER_S
        for device_id, (time_zone, limits) in self._limits.items():
            for number, limit in enumerate(limits):
                key = f"{device_id}/{number}"
                for begin, end in limit.spans_ms(now_ms, self._until_ms, time_zone):
                    if begin <= now_ms:
                        self._begin_ms[key] = begin
                    self._until_ms = min(self._until_ms, end if begin <= now_ms else begin)
                if key not in self._begin_ms:
                    self.memory.counters.pop(key, None)

    def kept(
        self, problem: PlanProblem, grid: IntervalGrid, readings: Mapping[str, DeviceReading]
    ) -> PlanProblem:
        """The problem with budgets of hours of the day and with energies wished by the hour.

        Args:
            problem: the question.
            grid: its intervals.
            readings: the newest by device id.
        """
        if not self._limits and not self._stores:
            return problem
        return structs.replace(
            problem,
            units=[self._bound(unit, grid, readings.get(unit.id)) for unit in problem.units],
            stores=[self._wishing(store, grid) for store in problem.stores],
        )

    def _bound(self, unit: PlanUnit, grid: IntervalGrid, reading: DeviceReading | None) -> PlanUnit:
        if unit.id not in self._limits:
            return unit
        time_zone, limits = self._limits[unit.id]
        windows = list(unit.windows)
        for number, limit in enumerate(limits):
            known = self.memory.counters.get(f"{unit.id}/{number}")
            for begin, end in limit.spans_ms(grid.start_ms, grid.end_ms, time_zone):
                run_h, starts = limit.run_h, limit.starts
                if known is not None and known.begin_ms == begin and reading is not None:
                    run_h = _left(run_h, reading.run_h, known.run_h)
                    left = _left(starts, reading.starts, known.starts)
                    starts = None if left is None else int(left)
                first = max(math.floor((begin - grid.start_ms) / grid.step_ms), 0)
                last = math.ceil((end - grid.start_ms) / grid.step_ms)
                windows.append(RunWindow(first, last, run_h, starts))
        return structs.replace(unit, windows=windows)

    def _wishing(self, store: PlanStore, grid: IntervalGrid) -> PlanStore:
        if store.id not in self._stores:
            return store
        time_zone, device = self._stores[store.id]
        low = [0.0] * grid.count
        high = [device.max_energy_kwh] * grid.count
        for wish in device.energy_wishes:
            least = (wish.min_fraction or 0.0) * device.energy_capacity_kwh
            most = device.max_energy_kwh
            if wish.max_fraction is not None:
                most = wish.max_fraction * device.energy_capacity_kwh
            for begin, end in wish.spans_ms(grid.start_ms, grid.end_ms + 1, time_zone):
                # Energies are those at the end of an interval.
                first = max(math.ceil((begin - grid.start_ms) / grid.step_ms) - 1, 0)
                last = math.floor((end - grid.start_ms) / grid.step_ms)
                for k in range(first, min(last, grid.count)):
                    low[k], high[k] = max(low[k], least), min(high[k], most)
        return structs.replace(store, energy_low_kwh=low, energy_high_kwh=high)


def _left(most: float | None, now: float | None, before: float | None) -> float | None:
    """What is left of a budget; a counter that went back was exchanged and began at nothing."""
    if most is None or now is None or before is None:
        return most
    return max(most - (now - before if now >= before else now), 0.0)
