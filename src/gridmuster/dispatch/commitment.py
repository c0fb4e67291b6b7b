"""Real-time commitment of one area: follow the plan, cover what it missed, replace failures.

The plan says who is on in each interval. Between plans three things change that: a unit fails, an
operator overrides, or need exceeds what is on plus what the connection and the stores can carry
after the loss of the largest unit. Then the next set in merit order is started at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from msgspec import Struct, field

from gridmuster.fleet.devices import Generator
from gridmuster.units import MS_PER_S

#: Need above capacity by less than this share is left to the next plan.
TOLERANCE_FRACTION = 0.005
#: Time after a failure in which a start counts as its replacement, s (`domain.md` section 6,
#: invariant 6: decide within 30 s).
SETTLED_S = 30
#: How long a device that does not follow is counted as it is before it is asked again, s.
DEAF_S = 300


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a generator may be started, and how long it has been as it is.

    Args:
        in_state_s: how long it has been on or off, s.
        blocked: why it may not be started; empty when it may.
    """

    in_state_s: float
    blocked: str = ""


@dataclass(frozen=True, slots=True)
class Unit:
    """One generator as the commitment sees it.

    Args:
        device: the generator.
        on: running or on its way to it.
        limit_kw: what it gives in this area when on, kW.
        power_kw: measured power, kW.
        usd_per_kwh: mean cost of a run of its minimum length, start included: its merit.
        standing: tells its standing; asked of sets whose start or stop is in question only, for
            most of a fleet stands idle and its interlocks cost more than all the rest.
        planned: whether the plan has it on now.
        override: an operator's wish, or None.
    """

    device: Generator
    on: bool
    limit_kw: float
    power_kw: float
    usd_per_kwh: float
    standing: Callable[[], Standing]
    planned: bool
    override: Literal["on", "off"] | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """What the area must cover, kW.

    Args:
        need_kw: demand with losses now or shortly, whichever is more.
        import_cap_kw: what the connection may carry (0 when islanded or dead).
        firm_kw: what stores sustain and sun and wind give now.
        largest_other_kw: largest infeed that is no generator here (a solar plant, a store).
        import_usd_per_kwh: price of a kWh drawn.
    """

    need_kw: float
    import_cap_kw: float
    firm_kw: float
    largest_other_kw: float
    import_usd_per_kwh: float


class Extra(Struct):
    """A set started beyond the plan: when and why."""

    since_ms: int
    cause: str
    replaces: str = ""


class Failure(Struct):
    """A device that failed when called: when, how, and until when it is not called again.

    ``until_ms`` 0 means until a person or its own controller resets it.
    """

    at_ms: int
    cause: str
    replaced: bool = False
    until_ms: int = 0


class Deaf(Struct):
    """A device that was measured not to follow its setpoint: since when (ms), and what was seen."""

    at_ms: int
    cause: str


class CommitmentMemory(Struct):
    """What real-time commitment remembers; plain data for the checkpoint."""

    extras: dict[str, Extra] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    deaf: dict[str, Deaf] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Start:
    """A start beyond the plan, with what it stands on."""

    device: str
    cause: str
    replaces: str
    runner_up: str


@dataclass(frozen=True)
class AreaCommitment:
    """Who must be on, and what is missing all the same.

    Args:
        wanted: on or off by device id, for every unit.
        starts: starts beyond the plan decided now.
        capacity_kw: what is on or coming, with connection, stores, sun and wind, kW.
        largest_kw: the largest single infeed, kW.
        largest: whose it is.
        deficit_kw: need that stays uncovered, kW.
        reserve_deficit_kw: cover for the loss of the largest infeed that is missing, kW.
        units: the generators it was decided for.
        memory: extras and failures after it.
    """

    wanted: dict[str, bool]
    starts: list[Start]
    capacity_kw: float
    largest_kw: float
    largest: str
    deficit_kw: float
    reserve_deficit_kw: float
    units: Sequence[Unit]
    memory: CommitmentMemory

    @cached_property
    def refused(self) -> dict[str, str]:
        """Why the sets that could have helped were not started, by id; of its own cycle only."""
        return {
            unit.device.id: reason
            for unit in self.units
            if not self.wanted[unit.device.id] and (reason := _cannot(unit, self.memory))
        }


def decide(
    now_ms: int, units: Sequence[Unit], need: Need, memory: CommitmentMemory
) -> AreaCommitment:
    """Who must be on in an area now.

    Args:
        now_ms: now, ms.
        units: the area's generators.
        need: what must be covered.
        memory: extras and failures; extras are added and dropped here.

    Returns:
        The decision. Nothing that is blocked is started; minimum times on and off hold except for
        operators' stops.
    """
    wanted = {unit.device.id: _standing_wish(unit, memory) for unit in units}
    capacity_kw = need.import_cap_kw + need.firm_kw
    capacity_kw += sum(unit.limit_kw for unit in units if wanted[unit.device.id])
    starts: list[Start] = []
    lost = [
        (device_id, failure)
        for device_id, failure in sorted(memory.failures.items())
        if not failure.replaced and device_id in wanted
    ]
    largest_kw, largest = _largest(units, wanted, need)
    merit: list[Unit] = []
    if lost or _is_short(need, capacity_kw, largest_kw):
        merit = sorted(
            (unit for unit in units if not wanted[unit.device.id] and not _cannot(unit, memory)),
            key=lambda unit: (unit.usd_per_kwh, unit.device.id),
        )
    covered_kw = 0.0
    for position, unit in enumerate(merit):
        largest_kw, largest = _largest(units, wanted, need)
        gap_kw = need.need_kw - capacity_kw
        if not _is_short(need, capacity_kw, largest_kw):
            break
        cause = (
            f"need of {need.need_kw:.0f} kW exceeds the {capacity_kw:.0f} kW on"
            if gap_kw > 0
            else f"the loss of {largest_kw:.0f} kW would not be covered"
        )
        replaces = lost[0][0] if lost else ""
        runner_up = merit[position + 1].device.id if position + 1 < len(merit) else "none left"
        starts.append(Start(unit.device.id, cause, replaces, runner_up))
        memory.extras[unit.device.id] = Extra(now_ms, cause, replaces)
        wanted[unit.device.id] = True
        capacity_kw += unit.limit_kw
        covered_kw += unit.limit_kw
        if lost and covered_kw >= _limit_of(units, lost[0][0]):
            lost.pop(0)[1].replaced = True
            covered_kw = 0.0
    for _, failure in lost:
        # Where nothing is missing nothing is replaced; a start much later has its own cause.
        settled = now_ms - failure.at_ms >= SETTLED_S * MS_PER_S
        failure.replaced = failure.replaced or bool(starts) or not merit or settled
    if starts:
        largest_kw, largest = _largest(units, wanted, need)
    deficit_kw = need.need_kw - capacity_kw
    return AreaCommitment(
        wanted,
        starts,
        capacity_kw,
        largest_kw,
        largest,
        max(deficit_kw, 0.0),
        max(min(deficit_kw + largest_kw, largest_kw), 0.0),
        units,
        memory,
    )


def forgive_deaf(memory: CommitmentMemory, now_ms: int) -> None:
    """Ask devices again that did not follow a while ago.

    Args:
        memory: what is remembered.
        now_ms: now, ms.
    """
    since_ms = now_ms - DEAF_S * MS_PER_S
    for device in [d for d, deaf in memory.deaf.items() if deaf.at_ms <= since_ms]:
        del memory.deaf[device]


def drop_extras(memory: CommitmentMemory, planned_since_ms: int) -> None:
    """Forget starts that a newer plan has had the chance to take over.

    Args:
        memory: what is remembered.
        planned_since_ms: moment whose state the newest plan was made from, ms.
    """
    for device_id in [d for d, extra in memory.extras.items() if extra.since_ms < planned_since_ms]:
        del memory.extras[device_id]


def _standing_wish(unit: Unit, memory: CommitmentMemory) -> bool:
    device = unit.device
    if device.id in memory.failures:
        return False
    if unit.override is not None:
        return unit.override == "on"
    wish = unit.planned or device.must_run or device.id in memory.extras
    if wish and not unit.on:
        standing = unit.standing()
        return not standing.blocked and standing.in_state_s >= device.min_down_s
    if not wish and unit.on and unit.standing().in_state_s < device.min_up_s:
        return True
    return wish


def _cannot(unit: Unit, memory: CommitmentMemory) -> str:
    if (failure := memory.failures.get(unit.device.id)) is not None:
        return failure.cause
    if unit.override == "off":
        return "held off by the operator"
    standing = unit.standing()
    if standing.blocked:
        return standing.blocked
    if not unit.on and standing.in_state_s < unit.device.min_down_s:
        return f"off for {standing.in_state_s:.0f} s of {unit.device.min_down_s:.0f} s"
    if unit.limit_kw <= 0.0:
        return "can give nothing here"
    return ""


def _is_short(need: Need, capacity_kw: float, largest_kw: float) -> bool:
    """Whether what is on leaves need, or the loss of the largest infeed, uncovered."""
    return need.need_kw - capacity_kw + largest_kw > TOLERANCE_FRACTION * need.need_kw


def _limit_of(units: Sequence[Unit], device_id: str) -> float:
    return next((unit.limit_kw for unit in units if unit.device.id == device_id), 0.0)


def _largest(units: Sequence[Unit], wanted: dict[str, bool], need: Need) -> tuple[float, str]:
    largest_kw, largest = need.largest_other_kw, ""
    for unit in units:
        if wanted[unit.device.id]:
            infeed_kw = unit.power_kw if unit.on else 0.0
            if infeed_kw > largest_kw:
                largest_kw, largest = infeed_kw, unit.device.id
    return largest_kw, largest
