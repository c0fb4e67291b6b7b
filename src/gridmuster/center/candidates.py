"""Every set in reach of an activation: what it could give in the window, or why it is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from msgspec import structs

from gridmuster.center.activationmemory import ActivationMemory
from gridmuster.center.commoncauses import CauseBook
from gridmuster.center.operator import OperatorMemory
from gridmuster.center.sources import SourceBook
from gridmuster.dispatch.commitment import CommitmentMemory
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.model import Fleet, Site
from gridmuster.programs.ledger import Ledger
from gridmuster.programs.selection import Candidate, Excluded
from gridmuster.safety import Context, Reduced, Refused, check, permits
from gridmuster.safety.fuel import fuel_rate
from gridmuster.safety.hours import hours_left
from gridmuster.signals import (
    Activation,
    Alert,
    DeviceReading,
    DeviceState,
    Order,
    Purpose,
    Setpoint,
)
from gridmuster.starts import LocalNeed
from gridmuster.state.snapshot import Snapshot
from gridmuster.units import LHV_KWH_PER_UNIT, MS_PER_HOUR, MS_PER_S, SECONDS_PER_HOUR, Fuel

GASES: Final = frozenset({Fuel.NATURAL_GAS, Fuel.HYDROGEN})
#: Part of rated power below which differences in what a site may give do not matter.
SMALL_KW: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Known:
    """What a cycle knows and an activation is judged by.

    Args:
        now_ms: now, ms.
        snapshot: the frozen picture.
        context_of: safety context by device id.
        commitment: failures.
        operator: overrides and stops of persons.
        ledger: hours and starts.
        declared: areas in which a program was told of an emergency alert.
    """

    now_ms: int
    snapshot: Snapshot
    context_of: Callable[[str], Context]
    commitment: CommitmentMemory
    operator: OperatorMemory
    ledger: Ledger
    declared: frozenset[str] = frozenset()


def lead_s(device: Generator) -> float:
    """Time from an order to full power, s."""
    return device.start_s + device.sync_s + device.warmup_s + 1.0 / device.ramp_fraction_per_s


class CandidateBook:
    """Judges sets for activations.

    Args:
        fleet: the fleet.
        sources: costs of the generators.
        memory: activations under way and to come, which count on fuel.
    """

    def __init__(self, fleet: Fleet, sources: SourceBook, memory: ActivationMemory) -> None:
        self._fleet, self._memory = fleet, memory
        self._sources = sources
        self.causes = CauseBook(fleet)

    def judge(
        self, sites: Iterable[Site], wish: Activation, known: Known, taken: dict[str, str]
    ) -> tuple[list[Candidate], list[Excluded]]:
        """All sets of some sites, as candidates or left out with the reason.

        Args:
            sites: where to look.
            wish: what is asked for.
            known: what the cycle knows.
            taken: sets that are spoken for, with the reason.
        """
        candidates: list[Candidate] = []
        excluded: list[Excluded] = []
        for site in sites:
            carried = ""
            for device in self._fleet.devices_of_site[site.id]:
                if not isinstance(device, Generator):
                    continue
                why = taken.get(device.id, "")
                if not why and carried and not site.transfer.engine_may_export:
                    why = f"its site's load would be on {carried}"
                found = why or self._judge(device, site, wish, known)
                if isinstance(found, str):
                    excluded.append(Excluded(device.id, found))
                else:
                    candidates.append(found)
                    carried = device.id
        return candidates, excluded

    def _judge(
        self, device: Generator, site: Site, wish: Activation, known: Known
    ) -> Candidate | str:
        reading = known.snapshot.readings.get(device.id)
        if (why := self._held_back(device, wish, known)) or reading is None:
            return why or "never heard"
        kw, room_kw = self.power_kw(device, site, known)
        export = site.transfer.engine_may_export
        least_kw = device.min_load_fraction * device.rated_kw
        if kw <= SMALL_KW:
            return "its site has no load of its own and may not send power out"
        if export and kw < least_kw:
            return (
                f"its site's export limit leaves {kw:.1f} kW, below its least load of "
                f"{least_kw:.1f} kW"
            )
        light = not export and kw < least_kw
        if light and not wish.light_load:
            return (
                f"behind a transfer switch its site's load of {kw:.1f} kW is below its least load "
                f"of {least_kw:.1f} kW (wet stacking)"
            )
        verdict = check(
            _as_of_then(known.context_of(device.id), device, wish, known.now_ms),
            Setpoint(device.id, Order.RUN, kw, wish.purpose),
        )
        if isinstance(verdict, Refused):
            return verdict.reason
        if isinstance(verdict, Reduced):
            kw = min(kw, verdict.power_kw)
        return self._candidate(device, site, wish, known, reading, kw, room_kw, light)

    def _held_back(self, device: Generator, wish: Activation, known: Known) -> str:
        if device.must_run:
            return "runs in any case (must run)"
        if ends := device.operation.works_within(known.now_ms, wish.until_ms):
            return f"in maintenance until {ends}"
        if (held := known.operator.overrides.get(device.id)) is not None:
            return f"held by {held.actor}"
        if (failure := known.commitment.failures.get(device.id)) is not None:
            return failure.cause
        if why := self.undeclared(device, wish, known):
            return why
        if (deaf := known.commitment.deaf.get(device.id)) is not None:
            return f"does not follow its setpoint: {deaf.cause}"
        ready_ms = known.now_ms + int((device.start_s + device.sync_s) * MS_PER_S)
        if ready_ms >= wish.until_ms:
            return f"needs {device.start_s + device.sync_s:.0f} s to be on line; the window ends"
        return ""

    def undeclared(self, device: Generator, wish: Activation, known: Known) -> str:
        """Why a set that may run in declared alerts only may not run for one now; empty: it may."""
        rule = permits.rule_of(device.permit)
        if wish.purpose is not Purpose.EMERGENCY_ALERT or rule.alert_cap_h is None:
            return ""
        name = permits.name_of(device.permit)
        if not wish.asserted:
            missing = (wish.local_need or LocalNeed()).missing()
            return f"permit {name}: conditions of an alert not asserted: {', '.join(missing)}"
        area_id = self._fleet.site_by_id[device.site].area
        if known.snapshot.areas[area_id].alert is not Alert.NONE or area_id in known.declared:
            return ""
        return f"permit {name}: no emergency alert is declared in {area_id}"

    def power_kw(self, device: Generator, site: Site, known: Known) -> tuple[float, float]:
        """What a set can give here now when it is on, and what its site may give at all, kW."""
        status = known.snapshot.sites[site.id]
        reading = known.snapshot.readings.get(device.id)
        load_kw = site.backup_load_kw
        if status.report is not None and status.report.backup_load_kw is not None:
            load_kw = status.report.backup_load_kw
        ceiling_kw = device.rated_kw
        if reading is not None and 0.0 < reading.available_kw < ceiling_kw:
            ceiling_kw = reading.available_kw
        if not site.transfer.engine_may_export:
            own_kw = min(ceiling_kw, load_kw)
            return own_kw, own_kw
        room_kw = site.transfer.export_limit_kw + load_kw
        for other in self._fleet.devices_of_site[site.id]:
            beside = known.snapshot.readings.get(other.id)
            if beside is None or (isinstance(other, Generator) and not other.must_run):
                # Sets that may be called share the limit among themselves.
                continue
            room_kw -= max(beside.power_kw, 0.0)
        return min(ceiling_kw, max(room_kw, 0.0)), max(room_kw, 0.0)

    def _candidate(
        self,
        device: Generator,
        site: Site,
        wish: Activation,
        known: Known,
        reading: DeviceReading,
        kw: float,
        room_kw: float,
        light: bool,
    ) -> Candidate | str:
        begins_ms = max(wish.from_ms, known.now_ms)
        on = reading.power_kw > 0.0 and begins_ms - known.now_ms <= lead_s(device) * MS_PER_S
        run_h = (wish.until_ms - begins_ms) / MS_PER_HOUR
        if not on:
            run_h = max(run_h + lead_s(device) / SECONDS_PER_HOUR, device.min_up_s / 3600.0)
        context = known.context_of(device.id)
        fuel = fuel_rate(device, kw) * run_h
        shares = _fuel_share(device, reading, context, fuel, self._promised(device, wish, known))
        permit = _permit_share(device, wish, context, run_h)
        for found in (permit, shares):
            if isinstance(found, str):
                return found
        cost = self._sources.costs[device.id]
        odds = self.causes.odds(device, run_h, started=on)
        start_usd = 0.0 if on else cost.start_usd
        free = site.transfer.engine_may_export
        least_kw = device.min_load_fraction * device.rated_kw if free else 0.0
        low_kw = min(least_kw, kw) if free else kw
        account = known.ledger.accounts.get(device.id)
        return Candidate(
            device=device.id,
            site=site.id,
            kw=kw,
            least_kw=least_kw,
            site_room_kw=room_kw,
            odds=self.causes.mean(odds),
            on=on,
            usd=cost.usd_per_h(kw) * run_h + start_usd,
            fuel=fuel,
            low_usd=cost.usd_per_h(low_kw) * run_h + start_usd,
            low_fuel=fuel_rate(device, low_kw) * run_h,
            gas=device.fuel in GASES,
            heat_kwh=LHV_KWH_PER_UNIT[device.fuel] * fuel,
            run_h=run_h,
            starts_share=(context.starts_24h + 1) / max(device.max_starts_per_day, 1),
            fuel_share=float(shares),
            permit_share=float(permit),
            recent_h=0.0 if account is None else sum(account.hours_h.values()),
            light_load=light,
            odds_by_state=odds,
        )

    def _promised(self, device: Generator, wish: Activation, known: Known) -> float:
        """Fuel that activations at other times count on a set for, l or m3."""
        amount = 0.0
        for one in self._memory.running.values():
            other = one.wish
            if other.from_ms < wish.until_ms and wish.from_ms < other.until_ms:
                continue
            left_h = max(other.until_ms - max(other.from_ms, known.now_ms), 0) / MS_PER_HOUR
            for called in one.live():
                if called.device == device.id:
                    amount += fuel_rate(device, called.kw) * left_h
        return amount

    def as_called(self, device_id: str, known: Known, left_h: float) -> Candidate:
        """A set that is called already, with what it can give now and the odds that are left.

        Args:
            device_id: the set.
            known: what the cycle knows.
            left_h: what is left of the window, h.
        """
        device = self._fleet.device_by_id[device_id]
        assert isinstance(device, Generator)
        site = self._fleet.site_by_id[device.site]
        kw, room_kw = self.power_kw(device, site, known)
        reading = known.snapshot.readings.get(device_id)
        if device_id in known.commitment.deaf and reading is not None:
            kw = max(reading.power_kw, 0.0)
        on = reading is not None and reading.power_kw > 0.0
        odds = self.causes.odds(device, left_h, started=on)
        return Candidate(
            device=device_id,
            site=site.id,
            kw=kw,
            least_kw=0.0,
            site_room_kw=room_kw,
            odds=self.causes.mean(odds),
            on=on,
            usd=0.0,
            fuel=0.0,
            low_usd=0.0,
            low_fuel=0.0,
            gas=False,
            heat_kwh=0.0,
            run_h=left_h,
            starts_share=0.0,
            fuel_share=0.0,
            permit_share=0.0,
            recent_h=0.0,
            light_load=False,
            odds_by_state=odds,
        )


def _as_of_then(context: Context, device: Generator, wish: Activation, now_ms: int) -> Context:
    """The context as far as it is known for the window's begin."""
    if wish.asserted:
        context = structs.replace(context, alert_asserted=True)
    rest_s = device.min_down_s + device.cooldown_s
    if wish.from_ms - now_ms < rest_s * MS_PER_S or context.reading is None:
        return context
    reading = context.reading
    if reading.state is DeviceState.COOLING:
        reading = structs.replace(reading, state=DeviceState.IDLE)
    return structs.replace(context, reading=reading, state_age_s=rest_s)


def _fuel_share(
    device: Generator, reading: DeviceReading, context: Context, fuel: float, promised: float
) -> float | str:
    if device.tank is None or reading.fuel_level is None:
        return 0.0
    spare = reading.fuel_level - context.envelope.fuel_floor - promised
    unit = "m3" if device.fuel in GASES else "l"
    if spare <= fuel:
        return (
            f"{max(spare, 0.0):.0f} {unit} above the site's reserve of "
            f"{context.envelope.fuel_floor:.0f} {unit}"
            + (f" and {promised:.0f} {unit} promised to other activations" if promised else "")
            + f"; the window needs {fuel:.0f} {unit}"
        )
    return fuel / spare


def _permit_share(
    device: Generator, wish: Activation, context: Context, run_h: float
) -> float | str:
    left = hours_left(context, wish.purpose)
    if left is None:
        return 0.0
    if run_h > left.left_h:
        return (
            f"permit {permits.name_of(device.permit)}: {left.left_h:.1f} h left of {left.limit}, "
            f"the run takes {run_h:.1f} h"
        )
    return run_h / left.left_h if left.left_h > 0.0 else 0.0
