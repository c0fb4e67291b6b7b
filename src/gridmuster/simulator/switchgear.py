"""An area's switchgear: the breaker at the point of common coupling, its synchroniser, load steps.

Nothing here keeps a former from closing onto a dead utility line when it is told that it may: what
is controlled does not make up for who controls it. `dead_line_closings` counts what went wrong.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from gridmuster.fleet.microgrid import Microgrid
from gridmuster.simulator.controller import AlarmBit
from gridmuster.simulator.generator import GeneratorModel, Phase
from gridmuster.simulator.instrument import Instrument

if TYPE_CHECKING:
    from gridmuster.simulator.area import AreaModel
    from gridmuster.simulator.machine import Machine
    from gridmuster.simulator.meters import MeterModel
    from gridmuster.simulator.site import SiteModel

#: Synchronising window by kVA of what is joined: Hz, per unit (IEEE 1547-2018, table 5).
WINDOWS: Final = ((500.0, 0.3, 0.10), (1500.0, 0.2, 0.05), (math.inf, 0.1, 0.03))
#: How far ahead of the utility the synchroniser holds the island's frequency, Hz (K).
SLIP_HZ: Final = 0.05
#: Voltage of the utility's side while it is there, per unit.
UTILITY_PU: Final = 1.0
DEGREES_PER_TURN: Final = 360.0


class StepSwitch:
    """The switch of one load step, and the meters behind it."""

    __slots__ = ("closed", "meters", "priority", "users")

    def __init__(self, priority: int, users: tuple[str, ...]) -> None:
        self.priority = priority
        self.users = frozenset(users)
        self.closed = True
        self.meters: list[MeterModel] = []


class SwitchgearModel(Instrument):
    """One area's switchgear (a `ControllerModel`).

    Args:
        area: the area.
        grid: the fleet's description.
    """

    def __init__(self, area: AreaModel, grid: Microgrid) -> None:
        super().__init__()
        self.area = area
        self.formers = grid.formers
        self.steps = [StepSwitch(step.priority, step.end_users) for step in grid.steps]
        self.closed = True
        self.stuck = False
        self.synchronising = False
        self.permitted = 0
        self.dead_line_closings = 0
        self._site = grid.site
        self._angle_deg = 0.0

    def attach(self, meters: Mapping[str, MeterModel]) -> None:
        """Say which meters there are; each step keeps its own."""
        for step in self.steps:
            step.meters = [meter for user, meter in meters.items() if user in step.users]

    # Orders.

    def order(self, name: str, value: float) -> None:
        """Take an order at once; unknown ones are ignored. None of them closes the coupling."""
        if name == "open_coupling":
            if value and self.closed and not self.stuck:
                self._open()
        elif name == "synchronise":
            if bool(value) is not self.synchronising:
                self.synchronising = bool(value)
                self._angle_deg = 0.0
        elif name == "permit_former":
            if int(value) != self.permitted:
                self.permitted = int(value)
                self._settle()
        elif name in ("close_step", "open_step"):
            k = int(value) - 1
            if 0 <= k < len(self.steps):
                self._switch(self.steps[k], closed=name == "close_step")

    def permits(self, device: str) -> bool:
        """Whether a device may close onto the bus while it is dead."""
        return 0 < self.permitted <= len(self.formers) and (
            self.formers[self.permitted - 1] == device
        )

    def _open(self) -> None:
        self.closed = False
        self.area.islanded = True
        self._settle()

    def _close(self) -> None:
        self.closed = True
        self.synchronising = False
        self.area.rejoin()
        self._settle()

    def _switch(self, step: StepSwitch, *, closed: bool) -> None:
        if step.closed is closed:
            return
        step.closed = closed
        self._happened()
        for meter in step.meters:
            meter.shed = not closed

    def _happened(self) -> list[SiteModel]:
        """Something changed at the site beside it; returns that site."""
        beside = [site for site in self.area.sites if site.id == self._site]
        for site in beside:
            site.happened()
        return beside

    def _settle(self) -> None:
        for site in self._happened():
            site.settle()

    # What it does by itself.

    def shed_lowest(self) -> bool:
        """The under-frequency relay opens the closed step of the lowest priority, if any."""
        closed = [step for step in self.steps if step.closed]
        if not closed:
            return False
        self._switch(min(closed, key=lambda step: step.priority), closed=False)
        return True

    def shed_mean_kw(self, first_ms: int, end_ms: int) -> float:
        """Mean demand behind open steps over a time, kW."""
        kwh = 0.0
        for step in self.steps:
            if not step.closed:
                kwh += sum(meter.wanted_kwh(first_ms, end_ms) for meter in step.meters)
        return kwh * 3_600_000.0 / (end_ms - first_ms)

    def seek(self, dt_s: float, rating_kw: float) -> None:
        """The synchroniser's own decision, once a step: it closes when both sides agree.

        Onto a dead bus it closes as soon as the utility is alive; onto a dead utility never.

        Args:
            dt_s: length of the step, s.
            rating_kw: rating of what is to be joined, kW.
        """
        area = self.area
        if self.closed or not self.synchronising or not area.utility_live or self.stuck:
            return
        if not area.energised:
            self._close()
            return
        window_hz, window_pu = next((hz, pu) for kva, hz, pu in WINDOWS if rating_kw <= kva)
        slip_hz = area.frequency_hz - area.utility_hz
        before = math.floor(self._angle_deg / DEGREES_PER_TURN)
        self._angle_deg += DEGREES_PER_TURN * slip_hz * dt_s
        meets = math.floor(self._angle_deg / DEGREES_PER_TURN) != before
        if abs(slip_hz) <= window_hz and abs(area.voltage_pu - UTILITY_PU) <= window_pu and meets:
            self._close()

    def watch_dead_line(self, machines: list[Machine]) -> None:
        """Count and trip whatever closed onto the dead utility line."""
        for machine in machines:
            on = isinstance(machine, GeneratorModel) and machine.phase is Phase.ON
            if self.permits(machine.id) and (on or getattr(machine, "connected", False)):
                self.dead_line_closings += 1
                machine.trip(AlarmBit.REVERSE_POWER)

    # Reading.

    def measure(self) -> Mapping[str, float]:
        """Canonical points."""
        area = self.area
        live = area.energised
        blocked = self.synchronising and not area.utility_live
        points = {
            "coupling_closed": 1.0 if self.closed else 0.0,
            "coupling_open": 0.0 if self.closed else 1.0,
            "utility_pu": UTILITY_PU if area.utility_live else 0.0,
            "utility_hz": area.utility_hz if area.utility_live else 0.0,
            "bus_pu": area.voltage_pu if live else 0.0,
            "bus_hz": area.frequency_hz if live else 0.0,
            "synchroniser": 2.0 if blocked else 1.0 if self.synchronising else 0.0,
            "permitted": float(self.permitted),
        }
        for k, step in enumerate(self.steps, 1):
            points[f"step_{k}_closed"] = 1.0 if step.closed else 0.0
            load_kw = sum(meter.wanted_kw() for meter in step.meters) if step.closed and live else 0
            points[f"step_{k}_kw"] = float(load_kw)
        return points
