"""Drives each device to its setpoint, and to its safe state when the setpoint lapses.

Safe states (invariant 5): an engine unloads, cools down and stops; a must-run generator goes to
its minimum load and stays on, since a stop would cost it hours; a store goes to 0 kW; sun and
wind go back to what nature gives. All within the device's ramp.
"""

from __future__ import annotations

from typing import Protocol

from gridmuster.gateway.station import DEAD, LOCAL, UTILITY, AgentOutput, Station
from gridmuster.gateway.unit import (
    AUTO,
    COOLING,
    FAULT,
    IDLE,
    LOCKED,
    RUNNING,
    STARTING,
    TOLERANCE_FRACTION,
    UNKNOWN,
    WARMING,
    Target,
    Unit,
)
from gridmuster.safety.context import UTILITY_LIMIT_S
from gridmuster.safety.permits import use_stop_h
from gridmuster.signals import Order, Outcome, Purpose, Setpoint
from gridmuster.units import MS_PER_S, SECONDS_PER_HOUR

#: Room for a start that needs all its tries: cranking and rest of one try, s (domain.md 1).
CRANK_TRY_S = 30.0
#: Slack on every expected time, share and s.
SLACK = 1.25
SLACK_S = 15.0


class Settles(Protocol):
    """Who is told that a device reached, or missed, its target."""

    def settle(
        self, unit: Unit, outcome: Outcome, reason: str, now_ms: int, out: AgentOutput
    ) -> None:
        """Note the end of a unit's pending setpoint."""
        ...


def deadline_ms(unit: Unit, target: Target) -> int:
    """Moment by which a target must be measured, ms: the expected time with slack."""
    generator = unit.generator
    expected_s = 0.0
    if generator is not None:
        moved_kw = abs(target.power_kw - target.began_kw)
        if target.order is Order.RUN and target.starting:
            expected_s = generator.start_s + generator.sync_s + generator.warmup_s
            expected_s += CRANK_TRY_S * generator.crank_attempts
        elif target.order is not Order.RUN:
            moved_kw = abs(target.began_kw)
            expected_s = CRANK_TRY_S
        expected_s += moved_kw / unit.ramp_kw_per_s
    return target.began_ms + int((expected_s * SLACK + SLACK_S) * MS_PER_S)


class MarketDuty:
    """Follows the targets of a site's units.

    Args:
        station: the site.
        desk: told when a setpoint is reached or missed.
    """

    __slots__ = ("_desk", "_station")

    def __init__(self, station: Station, desk: Settles) -> None:
        self._station = station
        self._desk = desk

    def begin(self, unit: Unit, target: Target, now_ms: int, out: AgentOutput) -> None:
        """Take a new target and give its orders at once; the same wish again only renews.

        Where the device was given up on, the same wish is a new try.

        Args:
            unit: the device.
            target: what is wished; it passed every check.
            now_ms: now, ms.
            out: where orders go.
        """
        old = unit.target
        unit.target = target
        unit.adopted = True
        same = (
            old is not None
            and not old.lapsing
            and not old.failed
            and old.order is target.order
            and old.power_kw == target.power_kw
        )
        if same and old is not None and (unit.on or not old.settled or old.order is Order.STOP):
            target.began_ms, target.began_kw = old.began_ms, old.began_kw
            target.ordered_ms, target.starting = old.ordered_ms, old.starting
            target.gap_kw = old.gap_kw
            return
        target.began_ms = now_ms
        target.began_kw = unit.power_kw
        target.gap_kw = abs(unit.power_kw - target.power_kw)
        target.starting = (
            unit.generator is not None
            and target.order is Order.RUN
            and (unit.state != RUNNING or (same and old is not None and old.starting))
        )
        if target.order is Order.RUN:
            unit.cap_kw = None
        self._give(unit, target, now_ms, out)

    def scan(self, now_ms: int, dt_s: float, out: AgentOutput) -> None:
        """Move every unit on: lapses, guards, the measured end, orders that showed no effect.

        Args:
            now_ms: now, ms.
            dt_s: time since the last scan, s.
            out: where orders and frames go.
        """
        local_duty = self._station.local_duty
        for unit in self._station.units:
            target = unit.target
            if target is not None:
                self._follow(unit, target, now_ms, dt_s, out)
            elif not local_duty and (unit.generator is not None or not unit.adopted):
                self._adopt(unit, now_ms)
        self._keep_load_fed(now_ms, out)
        if not local_duty:
            self._keep_export_limit(now_ms, dt_s, out)

    def drop_all(self, reason: str, now_ms: int, out: AgentOutput) -> None:
        """Leave market duty at once; what was pending has failed for this reason."""
        for unit in self._station.units:
            if unit.target is not None:
                if not unit.target.settled:
                    self._desk.settle(unit, Outcome.FAILED, reason, now_ms, out)
                unit.target = None
            unit.cap_kw = None

    def _adopt(self, unit: Unit, now_ms: int) -> None:
        """What is found at work without a command goes on for a while, then to its safe state.

        Sets whenever they run; inverters once after the start of this program, since nobody knows
        how they were set before it.
        """
        if unit.mode != AUTO or unit.answered_ms != now_ms:
            return
        unit.adopted = True
        if unit.generator is not None and not unit.on:
            return
        expires_ms = now_ms + int(self._station.config.adopt_s * MS_PER_S)
        target = Target(Order.RUN, unit.power_kw, Purpose.DEMAND, expires_ms, "")
        target.began_ms = target.ordered_ms = now_ms
        target.began_kw = unit.power_kw
        target.settled = True
        unit.target = target

    def _follow(
        self, unit: Unit, target: Target, now_ms: int, dt_s: float, out: AgentOutput
    ) -> None:
        if target.lapsing:
            self._to_safe_state(unit, target, now_ms, dt_s, out)
            return
        if now_ms >= target.expires_at_ms:
            self.lapse(unit, "setpoint expired", now_ms, out)
            return
        if target.order is Order.RUN:
            reason = self._must_end(unit, target, now_ms)
            if reason:
                self.lapse(unit, reason, now_ms, out)
                return
            if unit.limits.store and target.power_kw != 0.0:
                self._guard_energy(unit, target, now_ms, out)
        if target.settled:
            return
        verdict = self._judge(unit, target, now_ms)
        if verdict is not None:
            target.settled = True
            outcome, reason = verdict
            target.failed = outcome is Outcome.FAILED
            self._desk.settle(unit, outcome, reason, now_ms, out)
            if outcome is Outcome.FAILED and target.starting and not unit.ready:
                # A set that starts late after all must not come unasked.
                unit.target = None
                self._station.order(unit, Setpoint(unit.id, Order.STOP), now_ms, out)
            return
        if not unit.limits.parallels or self._shows_no_effect(unit, target, now_ms):
            self._give(unit, target, now_ms, out)

    def _shows_no_effect(self, unit: Unit, target: Target, now_ms: int) -> bool:
        """Whether an order is due again: time has passed and the device came no closer."""
        if not self._resend_due(target, now_ms) or unit.state in (STARTING, WARMING):
            return False
        gap_kw = abs(unit.power_kw - target.power_kw)
        closer = gap_kw < target.gap_kw
        target.gap_kw = gap_kw
        if closer:
            target.ordered_ms = now_ms
        return not closer

    def _resend_due(self, target: Target, now_ms: int) -> bool:
        return now_ms - target.ordered_ms >= self._station.config.resend_s * MS_PER_S

    def _give(self, unit: Unit, target: Target, now_ms: int, out: AgentOutput) -> None:
        """Order what the target needs next; a set behind a switch goes through the panel."""
        station = self._station
        first = target.ordered_ms == 0
        due = first or self._resend_due(target, now_ms)
        if unit.limits.parallels or target.order not in (Order.RUN, Order.STOP):
            if due:
                target.ordered_ms = now_ms
                station.order(unit, target.setpoint(unit.id), now_ms, out)
            return
        if target.order is Order.RUN:
            if unit.ready:
                if station.supply != LOCAL:
                    station.order_panel("transfer_to_local", now_ms, out)
            elif due and (first or unit.state != STARTING):
                target.ordered_ms = now_ms
                station.order(unit, target.setpoint(unit.id), now_ms, out)
            return
        if station.supply == LOCAL and unit.ready and not self._another_carries(unit):
            station.order_panel("transfer_to_utility", now_ms, out)
        elif due:
            target.ordered_ms = now_ms
            station.order(unit, target.setpoint(unit.id), now_ms, out)

    def _another_carries(self, unit: Unit) -> bool:
        return any(
            other is not unit
            and other.ready
            and not other.limits.parallels
            and other.target is not None
            and other.target.order is Order.RUN
            and not other.target.lapsing
            for other in self._station.units
        )

    def _must_end(self, unit: Unit, target: Target, now_ms: int) -> str:
        """Why a market run must end now, or an empty text (invariants 2, 3 and 4)."""
        if (
            target.power_kw > 0.0
            and not unit.limits.renewable
            and self._station.panel_age_s(now_ms) > UTILITY_LIMIT_S
        ):
            return "panel silent: not known whether the utility is healthy"
        if unit.generator is None or not unit.on:
            return ""
        limits = unit.limits
        level = unit.fuel_level
        if limits.has_tank and level is not None and level <= limits.fuel_floor:
            return "fuel is down to the reserve"
        used_h, alert_h, uses = unit.permit_uses(now_ms)
        if limits.permit_stop_h is not None and used_h >= limits.permit_stop_h:
            return "permit hours are used up"
        if (
            target.purpose is Purpose.EMERGENCY_ALERT
            and limits.alert_stop_h is not None
            and alert_h >= limits.alert_stop_h
        ):
            return "emergency-alert hours are used up"
        for use in uses:
            if use.limit.counts(target.purpose) and use.used_h >= use_stop_h(use):
                return f"permit hours are used up: {use.limit.words()}"
        return ""

    def _guard_energy(self, unit: Unit, target: Target, now_ms: int, out: AgentOutput) -> None:
        """A store gives and takes no more than its bounds allow until the next scan."""
        energy_kwh = unit.energy_kwh
        if energy_kwh is None:
            return
        limits = unit.limits
        scan_h = self._station.config.scan_s / SECONDS_PER_HOUR
        if target.power_kw > 0.0:
            room_kwh = energy_kwh - limits.min_energy_kwh
            most_kw = max(room_kwh, 0.0) * limits.discharge_efficiency / scan_h
        else:
            room_kwh = limits.max_energy_kwh - energy_kwh
            most_kw = max(room_kwh, 0.0) / limits.charge_efficiency / scan_h
        if abs(target.power_kw) <= most_kw:
            return
        if most_kw < TOLERANCE_FRACTION * limits.rated_kw:
            most_kw = 0.0
        target.power_kw = most_kw if target.power_kw > 0.0 else 0.0 - most_kw
        target.reason = "state of energy is at its bound"
        target.ordered_ms = now_ms
        self._station.order(unit, target.setpoint(unit.id), now_ms, out)

    def _judge(self, unit: Unit, target: Target, now_ms: int) -> tuple[Outcome, str] | None:
        """Whether a target is measured, missed, or under way (None)."""
        if target.order is Order.RUN:
            reached = self._is_running(unit, target)
        elif target.order is Order.RESET:
            reached = unit.state not in (FAULT, LOCKED)
        else:
            reached = abs(unit.power_kw) <= unit.tolerance_kw and (
                unit.generator is None or unit.state not in (RUNNING, UNKNOWN)
            )
        if reached and unit.answered_ms == now_ms:
            return Outcome.DONE, target.reason
        if target.order is Order.RUN:
            missed = self._start_missed(unit, target, now_ms)
            if missed:
                return Outcome.FAILED, missed
        if now_ms < deadline_ms(unit, target):
            return None
        if unit.silence(now_ms):
            return Outcome.FAILED, f"no answer for {unit.age_s(now_ms):.0f} s"
        return (
            Outcome.FAILED,
            f"asked {target.order.value} {target.power_kw:.1f} kW, measured {unit.power_kw:.1f} kW",
        )

    def _is_running(self, unit: Unit, target: Target) -> bool:
        wish_kw, power_kw, slack_kw = target.power_kw, unit.power_kw, unit.tolerance_kw
        if unit.generator is not None:
            if not unit.ready:
                return False
            if not unit.limits.parallels:
                return self._station.supply == LOCAL and power_kw > 0.0
        least_kw = wish_kw
        if wish_kw > 0.0 and not unit.limits.store:
            least_kw = min(wish_kw, unit.available_kw)
        most_kw = max(wish_kw, unit.limits.min_load_kw)
        return least_kw - slack_kw <= power_kw <= most_kw + slack_kw

    def _start_missed(self, unit: Unit, target: Target, now_ms: int) -> str:
        if unit.answered_ms != now_ms:
            return ""
        if unit.state in (FAULT, LOCKED):
            alarms = unit.reading(now_ms).alarms
            return f"device is in fault: {', '.join(alarms) or 'no alarm named'}"
        if unit.mode != AUTO:
            return "taken out of auto at the site"
        if (
            target.starting
            and unit.state in (IDLE, COOLING)
            and now_ms - target.began_ms >= self._station.config.respond_s * MS_PER_S
        ):
            return "did not react to the start order"
        return ""

    def lapse(self, unit: Unit, reason: str, now_ms: int, out: AgentOutput) -> None:
        """Begin the way to the safe state.

        Args:
            unit: the device.
            reason: why its setpoint no longer holds.
            now_ms: now, ms.
            out: where orders and frames go.
        """
        target = unit.target
        if target is None:
            return
        if not target.settled:
            target.settled = True
            self._desk.settle(unit, Outcome.FAILED, reason, now_ms, out)
        if self._station.local_duty or target.order in (Order.RESET, Order.EMERGENCY_STOP):
            # In an outage everything is at rest or serves the site; the return brings it back.
            # After a reset nobody knows how the device is set.
            unit.target = None
            unit.adopted = self._station.local_duty
            return
        resting = unit.generator is not None and not unit.on
        if resting or (unit.limits.store and unit.power_kw == 0.0 and target.power_kw == 0.0):
            unit.target = None
            if resting and target.order is Order.RUN:
                self._station.order(unit, Setpoint(unit.id, Order.STOP), now_ms, out)
            return
        if unit.limits.renewable:
            # What was set is a limit: the way back to nature's begins there.
            limit_kw = target.power_kw if target.order is Order.RUN else 0.0
            if limit_kw >= unit.limits.rated_kw and unit.cap_kw is None:
                unit.target = None
                return
            target.power_kw = max(limit_kw, unit.power_kw)
        else:
            target.power_kw = unit.power_kw
        target.lapsing = True
        target.reason = reason
        target.ordered_ms = now_ms
        target.order = Order.RUN
        if target.command_id:
            self._station.alarm(f"lapsed:{unit.id}", now_ms)

    def _to_safe_state(
        self, unit: Unit, target: Target, now_ms: int, dt_s: float, out: AgentOutput
    ) -> None:
        step_kw = unit.ramp_kw_per_s * dt_s
        if unit.generator is not None:
            self._engine_to_rest(unit, target, step_kw, now_ms, out)
            return
        if unit.limits.store:
            sign = 1.0 if target.power_kw >= 0.0 else -1.0
            target.power_kw = sign * max(abs(target.power_kw) - step_kw, 0.0)
            finished = target.power_kw == 0.0
        else:
            target.power_kw = min(target.power_kw + step_kw, unit.limits.rated_kw)
            finished = target.power_kw >= unit.limits.rated_kw
        self._station.order(unit, target.setpoint(unit.id), now_ms, out)
        if finished:
            unit.target = None

    def _engine_to_rest(
        self, unit: Unit, target: Target, step_kw: float, now_ms: int, out: AgentOutput
    ) -> None:
        if target.order is Order.STOP:
            if not unit.on:
                unit.target = None
            else:
                self._give(unit, target, now_ms, out)
            return
        least_kw = unit.limits.min_load_kw
        if unit.limits.parallels and target.power_kw > least_kw:
            target.power_kw = max(target.power_kw - step_kw, least_kw)
            self._station.order(unit, target.setpoint(unit.id), now_ms, out)
            return
        if unit.generator is not None and unit.generator.must_run and unit.limits.parallels:
            return
        target.order = Order.STOP
        target.ordered_ms = 0
        self._give(unit, target, now_ms, out)

    def _keep_load_fed(self, now_ms: int, out: AgentOutput) -> None:
        """With a healthy utility the own load goes back to it when nothing local carries it."""
        station = self._station
        supply = station.supply
        if supply == UTILITY:
            if not station.local_duty:
                station.transferred()
            return
        if not station.utility_ok or (supply != DEAD and (supply != LOCAL or station.local_duty)):
            return
        if supply == LOCAL and (
            station.stores_can_carry()
            or any(unit.ready and unit.generator is not None for unit in station.units)
        ):
            return
        station.order_panel("transfer_to_utility", now_ms, out)

    def _keep_export_limit(self, now_ms: int, dt_s: float, out: AgentOutput) -> None:
        """Sun and wind are held back while the site sends out more than its agreement."""
        station = self._station
        if station.poi_kw is None:
            return
        limit_kw = station.site.transfer.export_limit_kw
        slack_kw = max(0.01 * limit_kw, 0.5)
        over_kw = station.poi_kw - limit_kw
        for unit in station.units:
            if not unit.limits.renewable:
                continue
            if over_kw > slack_kw and unit.power_kw > 0.0:
                unit.cap_kw = max(unit.power_kw - over_kw, 0.0)
                over_kw -= unit.power_kw - unit.cap_kw
                station.alarm("export_limit", now_ms)
            elif unit.cap_kw is not None and over_kw < -2.0 * slack_kw:
                unit.cap_kw += min(unit.ramp_kw_per_s * dt_s, -over_kw - slack_kw)
                over_kw = 0.0
            else:
                continue
            target = unit.target
            wish_kw = unit.limits.rated_kw if target is None else target.power_kw
            if unit.cap_kw >= wish_kw:
                unit.cap_kw = None
            power_kw = wish_kw if unit.cap_kw is None else unit.cap_kw
            station.order(unit, Setpoint(unit.id, Order.RUN, power_kw), now_ms, out)
