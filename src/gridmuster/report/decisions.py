"""What the center noted of its own cycles: plans, risk, substitutions, alarms, times."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from gridmuster.fleet.model import Fleet
from gridmuster.report.demand import Shortages
from gridmuster.report.source import Cycle, PlanNote
from gridmuster.report.tally import HOLD_MS, Sample
from gridmuster.signals import (
    AreaBalance,
    CycleRecord,
    DeviceState,
    Order,
    ShellReport,
    SiteReport,
)
from gridmuster.units import MS_PER_HOUR, MS_PER_S

#: Time after which a replacement that does not run is given up, ms.
GIVEN_UP_MS: Final = MS_PER_HOUR
#: A shortfall of an island below this is rounding, kW.
LEAST_SHORTFALL_KW: Final = 0.5
OPTIMAL: Final = "optimal"
FALLBACK: Final = "fallback"
#: Kinds of alarm that pass on what a site or a device says itself.
OWN_ALARMS: Final = frozenset({"site", "device"})


@dataclass(slots=True)
class Replacement:
    """A device that takes another's place: since when it is needed, whether it was commanded."""

    device: str
    failed_at_ms: int
    commanded: bool = False


class Mean:
    """A mean over time of something that is said now and then; said values hold."""

    __slots__ = ("_at_ms", "_sum", "_time_ms", "_value", "most")

    def __init__(self) -> None:
        self.most = 0.0
        self._at_ms: int | None = None
        self._value = 0.0
        self._sum = 0.0
        self._time_ms = 0

    def take(self, at_ms: int, value: float, hold_ms: int = HOLD_MS) -> None:
        """Take what holds from now on, for ``hold_ms`` at the most."""
        if self._at_ms is not None:
            held_ms = min(max(at_ms - self._at_ms, 0), hold_ms)
            self._sum += self._value * held_ms
            self._time_ms += held_ms
        self._at_ms = at_ms
        self._value = value
        self.most = max(self.most, value)

    def begin(self) -> None:
        """Begin anew."""
        self._at_ms = None

    @property
    def mean(self) -> float:
        """The mean so far; the only value when there is but one."""
        return self._sum / self._time_ms if self._time_ms else self._value


class DecisionBook:
    """Follows the center's records.

    Args:
        shortages: where what an island lacked is booked.
    """

    def __init__(self, shortages: Shortages) -> None:
        self.cycles = 0
        self.vetoes = 0
        self.alarms: Counter[str] = Counter()
        self.substitutions = 0
        self.to_command_s = Sample()
        self.to_running_s = Sample()
        self.not_running = 0
        self.lolp = Mean()
        self.lolp_by_area: dict[str, Mean] = {}
        self.shortfall_kwh: dict[str, float] = {}
        self.cycle_ms = Sample()
        self.missed_cycles = 0
        self.plans: Counter[str] = Counter()
        self.plan_s = Sample()
        self.plan_gap = Sample()
        self.late = self.malformed = 0
        self._shortages = shortages
        self._islands: frozenset[str] = frozenset()
        self._replacements: dict[str, Replacement] = {}
        self._last_ms: int | None = None
        #: How long a cycle's word holds at the most, ms.
        self.hold_ms = HOLD_MS

    def session(self, fleet: Fleet, restarts: bool) -> None:
        """A head: areas may have changed; when time went back all begin anew."""
        self._islands = frozenset(area.id for area in fleet.areas if area.connection is None)
        if restarts:
            self._last_ms = None
            self._replacements.clear()
            self.lolp.begin()
            for mean in self.lolp_by_area.values():
                mean.begin()

    def take(self, cycle: Cycle) -> None:
        """Take a cycle: its reports first, then what was decided, then what was commanded."""
        self.late += cycle.late
        self.malformed += cycle.malformed
        if self._replacements:
            for at_ms, report in cycle.reports:
                self._running(at_ms, report)
            self._give_up(cycle.now_ms)
        for shell in cycle.shells:
            self._shell(shell)
        for plan in cycle.plans:
            self._plan(plan)
        if cycle.decision is not None:
            self._record(cycle.decision)
        if self._replacements:
            self._commanded(cycle)

    def _shell(self, report: ShellReport) -> None:
        self.missed_cycles += report.missed_cycles
        for value in report.cycle_ms:
            self.cycle_ms.add(value)

    def _plan(self, plan: PlanNote) -> None:
        self.plans[plan.status] += 1
        self.plan_s.add(plan.seconds)
        if plan.status != FALLBACK:
            self.plan_gap.add(plan.gap)

    def _record(self, record: CycleRecord) -> None:
        self.cycles += 1
        self.vetoes += len(record.vetoes)
        for key in record.alarms_raised:
            self.alarms[_kind(key)] += 1
        for substitution in record.substitutions:
            self.substitutions += 1
            for device in substitution.replacements:
                self._replacements[device] = Replacement(device, substitution.failed_at_ms)
        last_ms, self._last_ms = self._last_ms, record.at_ms
        passed_ms = 0 if last_ms is None else min(max(record.at_ms - last_ms, 0), self.hold_ms)
        serves = 1.0
        for balance in record.areas:
            serves *= 1.0 - balance.lolp
            mean = self.lolp_by_area.setdefault(balance.area, Mean())
            mean.take(record.at_ms, balance.lolp, self.hold_ms)
            self._shortfall(balance, record.at_ms, passed_ms)
        self.lolp.take(record.at_ms, 1.0 - serves, self.hold_ms)

    def _shortfall(self, balance: AreaBalance, at_ms: int, passed_ms: int) -> None:
        if balance.shortfall_kw <= LEAST_SHORTFALL_KW or not passed_ms:
            return
        kwh = balance.shortfall_kw * passed_ms / MS_PER_HOUR
        before_kwh = self.shortfall_kwh.get(balance.area, 0.0)
        self.shortfall_kwh[balance.area] = before_kwh + kwh
        if balance.area in self._islands:
            span = (at_ms - passed_ms, at_ms)
            cause = balance.cause or "sources short of the need"
            self._shortages.add("island", balance.area, balance.area, span, kwh, cause)

    def _commanded(self, cycle: Cycle) -> None:
        for command in cycle.commands:
            for setpoint in command.setpoints:
                found = self._replacements.get(setpoint.device)
                if found is not None and not found.commanded and setpoint.order is Order.RUN:
                    found.commanded = True
                    waited_ms = command.issued_at_ms - found.failed_at_ms
                    self.to_command_s.add(max(waited_ms, 0) / MS_PER_S)

    def _running(self, at_ms: int, report: SiteReport) -> None:
        for reading in report.devices:
            found = self._replacements.get(reading.device)
            if (
                found is not None
                and found.commanded
                and reading.state is DeviceState.RUNNING
                and at_ms > found.failed_at_ms
            ):
                self.to_running_s.add((at_ms - found.failed_at_ms) / MS_PER_S)
                del self._replacements[reading.device]

    def _give_up(self, now_ms: int) -> None:
        late = [d for d, r in self._replacements.items() if now_ms - r.failed_at_ms > GIVEN_UP_MS]
        for device in late:
            del self._replacements[device]
            self.not_running += 1


def _kind(key: str) -> str:
    """What kind of alarm a key names: of a site's or device's own alarms, its word as well."""
    parts = key.split(":")
    return f"{parts[0]}: {parts[2]}" if parts[0] in OWN_ALARMS and len(parts) > 2 else parts[0]
