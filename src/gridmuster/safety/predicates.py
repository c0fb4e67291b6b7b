"""One predicate for each invariant of `domain.md` section 6 that one setpoint can break.

Each takes the context and a setpoint with order RUN and answers allowed, reduced or refused,
never more. The number of the invariant is in the verdict and at the head of the docstring.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gridmuster.fleet.devices import Generator
from gridmuster.safety.context import ALLOWED, Context, Reduced, Refused, Verdict, is_on
from gridmuster.safety.fuel import fuel_rate
from gridmuster.safety.permits import use_stop_h
from gridmuster.signals import DeviceState, Purpose, Quality, Setpoint, Supply, SwitchMode
from gridmuster.units import SECONDS_PER_HOUR

Predicate = Callable[[Context, Setpoint], Verdict]

#: Resolution of the meters between which the export limit is reckoned: kW and share of the limit,
#: a tenth of a revenue meter's 0.2 % (`domain.md` section 2).
SLACK_KW: Final = 0.05
SLACK_FRACTION: Final = 0.0002

# Members bound once: looking them up on the class costs more than the comparison.
_OUTAGE: Final = Purpose.OUTAGE
_ALERT: Final = Purpose.EMERGENCY_ALERT
_AUTO: Final = SwitchMode.AUTO
_STALE: Final = Quality.STALE
_BAD: Final = Quality.BAD
_UNKNOWN: Final = DeviceState.UNKNOWN
_FAULT: Final = DeviceState.FAULT
_LOCKED: Final = DeviceState.LOCKED
_COOLING: Final = DeviceState.COOLING
_DEAD: Final = Supply.DEAD
_UNKNOWN_SUPPLY: Final = Supply.UNKNOWN


def local_hand_wins(context: Context, setpoint: Setpoint) -> Verdict:
    """7: the mode switch, an emergency stop and a maintenance lock always win."""
    if context.stop_latched:
        return Refused(7, "emergency stop is latched; reset it by hand")
    if context.maintenance:
        return Refused(7, "locked for maintenance at the site")
    reading = context.reading
    if reading is not None and reading.mode is not _AUTO:
        return Refused(7, f"mode switch is in {reading.mode.value}, not in auto")
    return ALLOWED


def no_stale_start(context: Context, setpoint: Setpoint) -> Verdict:
    """9: a device nobody has heard of lately is not started, and not raised above its last."""
    reading = context.reading
    if reading is None:
        return Refused(9, "no reading of the device yet")
    unknown = reading.state is _UNKNOWN
    if (
        not unknown
        and context.reading_age_s <= context.reading_limit_s
        and reading.quality is not _STALE
        and reading.quality is not _BAD
    ):
        return ALLOWED
    if unknown or not is_on(reading):
        return Refused(9, f"last reading is {context.reading_age_s:.0f} s old: no start")
    last_kw, power_kw = reading.power_kw, setpoint.power_kw
    if power_kw * last_kw < 0.0:
        return Reduced(0.0, 9, f"last reading is {context.reading_age_s:.0f} s old: no turn")
    if abs(power_kw) > abs(last_kw):
        return Reduced(last_kw, 9, f"last reading is {context.reading_age_s:.0f} s old: no raise")
    return ALLOWED


def local_backup_first(context: Context, setpoint: Setpoint) -> Verdict:
    """1: while the utility is away the site serves itself and nobody else."""
    if setpoint.purpose is _OUTAGE:
        if context.local_duty or not context.utility_ok:
            return ALLOWED
        return Refused(1, "there is no outage at the site")
    if context.local_duty:
        return Refused(1, "serves its own site until the utility is back for good")
    if not context.utility_ok:
        return Refused(1, "utility is not healthy at the site")
    if context.supply is _DEAD:
        return Refused(1, "the site's own load is dead")
    return ALLOWED


def no_dead_line(context: Context, setpoint: Setpoint) -> Verdict:
    """2: no power towards a line that is not known to be healthy, fresh within its limit."""
    if setpoint.purpose is _OUTAGE or (setpoint.power_kw <= 0.0 and _inverter(context)):
        return ALLOWED
    if not context.utility_ok:
        return Refused(2, "utility is not healthy at the point of interconnection")
    if not context.utility_age_s <= context.utility_limit_s:
        return Refused(
            2,
            f"telemetry of the point of interconnection is {context.utility_age_s:.0f} s old; "
            f"limit {context.utility_limit_s:.0f} s",
        )
    if context.supply is _UNKNOWN_SUPPLY:
        return Refused(2, "the site's supply is not known")
    return ALLOWED


def within_export(context: Context, setpoint: Setpoint) -> Verdict:
    """2: a transfer-switch site gives only its own load; others send out up to the agreement.

    The agreement on file is the site's export limit; an engine gives at least its minimum load,
    so an allowance below that is a refusal.
    """
    if setpoint.purpose is _OUTAGE:
        return ALLOWED
    limits = context.envelope
    if not limits.parallels:
        return _own_load_only(context, setpoint)
    power_kw = max(setpoint.power_kw, limits.min_load_kw)
    if power_kw <= 0.0:
        return ALLOWED
    if context.export_without_kw is None:
        return Refused(2, "power at the point of interconnection is not known")
    room_kw = limits.export_limit_kw - context.export_without_kw
    if power_kw <= room_kw + max(SLACK_KW, SLACK_FRACTION * limits.export_limit_kw):
        return ALLOWED
    if limits.generator and room_kw < limits.min_load_kw:
        return Refused(
            2,
            f"export limit {limits.export_limit_kw:.1f} kW leaves {max(room_kw, 0.0):.1f} kW, "
            f"below the minimum load of {limits.min_load_kw:.1f} kW",
        )
    return Reduced(max(room_kw, 0.0), 2, f"export limit {limits.export_limit_kw:.1f} kW")


def fuel_reserve(context: Context, setpoint: Setpoint) -> Verdict:
    """3: no market run below the reserve, and no start whose least run would end below it."""
    limits = context.envelope
    if not limits.has_tank or setpoint.purpose is _OUTAGE or context.reading is None:
        return ALLOWED
    level = context.reading.fuel_level
    if level is None:
        return Refused(3, "fuel level is not known")
    if not is_on(context.reading):
        assert isinstance(limits.device, Generator)
        power_kw = max(setpoint.power_kw, limits.min_load_kw)
        level -= fuel_rate(limits.device, power_kw) * limits.min_up_h
    if level <= limits.fuel_floor:
        return Refused(
            3, f"fuel {context.reading.fuel_level:.0f} against a reserve of {limits.fuel_floor:.0f}"
        )
    return ALLOWED


def permit_hours(context: Context, setpoint: Setpoint) -> Verdict:
    """4: the class must allow the purpose, and the least run must end before 90 % of the cap."""
    limits = context.envelope
    purpose = setpoint.purpose
    if purpose is _OUTAGE or not limits.generator:
        return ALLOWED
    if purpose not in limits.purposes:
        return Refused(4, f"permit {limits.permit_class} forbids {purpose.value}")
    if purpose is _ALERT and limits.alert_stop_h is not None and not context.alert_asserted:
        return Refused(4, f"permit {limits.permit_class}: conditions of an alert not asserted")
    ahead_h = 0.0 if is_on(context.reading) else limits.min_up_h
    if limits.permit_stop_h is not None:
        if context.permit_used_h is None:
            return Refused(4, "permit hours used are not known")
        if context.permit_used_h + ahead_h >= limits.permit_stop_h:
            return Refused(
                4,
                f"{context.permit_used_h:.1f} h used and {ahead_h:.1f} h ahead reach the stop "
                f"at {limits.permit_stop_h:.1f} h",
            )
    if (
        purpose is _ALERT
        and limits.alert_stop_h is not None
        and context.alert_used_h + ahead_h >= limits.alert_stop_h
    ):
        return Refused(4, f"emergency-alert hours reach the stop at {limits.alert_stop_h:.1f} h")
    return _within_windows(context, purpose, ahead_h) if limits.permit_windows else ALLOWED


def no_start_loop(context: Context, setpoint: Setpoint) -> Verdict:
    """6: a device that failed to start or is locked out stays out until a person resets it."""
    reading = context.reading
    if context.locked_out or (reading is not None and reading.state is _LOCKED):
        return Refused(6, "locked out after failed starts; reset it by hand")
    if reading is not None and reading.state is _FAULT:
        return Refused(6, "in fault" + (f": {reading.alarms[0]}" if reading.alarms else ""))
    return ALLOWED


def within_rating(context: Context, setpoint: Setpoint) -> Verdict:
    """7: never above the nameplate, and only a store takes power."""
    limits, power_kw = context.envelope, setpoint.power_kw
    if power_kw > limits.rated_kw:
        return Reduced(limits.rated_kw, 7, f"rated power {limits.rated_kw:.1f} kW")
    if power_kw < -limits.charge_kw:
        if not limits.store:
            return Refused(7, f"cannot take power ({power_kw:.1f} kW)")
        return Reduced(-limits.charge_kw, 7, f"charging power {limits.charge_kw:.1f} kW")
    return ALLOWED


def edge_timers(context: Context, setpoint: Setpoint) -> Verdict:
    """10: least time off, cool-down and starts a day; the site's own backup does not wait."""
    limits, reading = context.envelope, context.reading
    if not limits.generator or setpoint.purpose is _OUTAGE or is_on(reading):
        return ALLOWED
    if reading is not None and reading.state is _COOLING:
        return Refused(10, "cools down from its last run")
    if context.state_age_s < limits.min_down_s:
        return Refused(10, f"off for {context.state_age_s:.0f} s of {limits.min_down_s:.0f} s")
    if context.starts_24h >= limits.max_starts:
        return Refused(10, f"{context.starts_24h} starts in 24 h, limit {limits.max_starts}")
    return ALLOWED


def store_bounds(context: Context, setpoint: Setpoint) -> Verdict:
    """10: a store stays between its floor (with what it keeps for the site) and its ceiling."""
    limits, power_kw = context.envelope, setpoint.power_kw
    if not limits.store or power_kw == 0.0 or context.reading is None:
        return ALLOWED
    energy_kwh = context.reading.energy_kwh
    if energy_kwh is None:
        return Refused(10, "state of energy is not known")
    horizon_h = max(context.horizon_s, 0.001) / SECONDS_PER_HOUR
    if power_kw > 0.0:
        outage = setpoint.purpose is _OUTAGE
        floor_kwh = limits.floor_energy_kwh if outage else limits.min_energy_kwh
        most_kw = max(energy_kwh - floor_kwh, 0.0) * limits.discharge_efficiency / horizon_h
        if power_kw > most_kw:
            return Reduced(most_kw, 10, f"energy {energy_kwh:.2f} kWh, floor {floor_kwh:.2f} kWh")
        return ALLOWED
    most_kw = max(limits.max_energy_kwh - energy_kwh, 0.0) / limits.charge_efficiency / horizon_h
    if -power_kw > most_kw:
        return Reduced(
            0.0 - most_kw,
            10,
            f"energy {energy_kwh:.2f} kWh, ceiling {limits.max_energy_kwh:.2f} kWh",
        )
    return ALLOWED


def _within_windows(context: Context, purpose: Purpose, ahead_h: float) -> Verdict:
    for limit in context.envelope.permit_windows:
        if not limit.counts(purpose):
            continue
        use = next((use for use in context.window_uses if use.limit == limit), None)
        if use is None:
            return Refused(4, f"hours used of {limit.words()} are not known")
        if use.used_h + ahead_h >= use_stop_h(use):
            before = f" after {use.past_h:.1f} h in the years before" if use.past_h else ""
            return Refused(
                4,
                f"{use.used_h:.1f} h used and {ahead_h:.1f} h ahead reach the stop at "
                f"{use_stop_h(use):.1f} h of the limit, {limit.words()}{before}",
            )
    return ALLOWED


def _inverter(context: Context) -> bool:
    return not context.envelope.generator


def _own_load_only(context: Context, setpoint: Setpoint) -> Verdict:
    site = context.envelope.site
    load_kw = site.backup_load_kw if context.backup_load_kw is None else context.backup_load_kw
    if load_kw <= 0.0:
        return Refused(2, "behind a transfer switch with no load of its own to carry")
    if setpoint.power_kw > load_kw:
        return Reduced(load_kw, 2, f"transfer switch: only its own load of {load_kw:.1f} kW")
    return ALLOWED


#: Every predicate, the quickest and most final first.
PREDICATES: Final[tuple[Predicate, ...]] = (
    local_hand_wins,
    local_backup_first,
    no_start_loop,
    no_stale_start,
    no_dead_line,
    permit_hours,
    fuel_reserve,
    edge_timers,
    within_rating,
    within_export,
    store_bounds,
)
