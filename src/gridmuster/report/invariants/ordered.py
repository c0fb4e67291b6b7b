"""Checks of each setpoint that a center sends: invariants 1, 3, 4, 6, 7, 9 and 10 as ordered."""

from __future__ import annotations

from typing import Final

from gridmuster.fleet.devices import PermitClass
from gridmuster.report.invariants.breaches import Breaches
from gridmuster.report.invariants.permits import allowed, tightest
from gridmuster.report.invariants.plant import ON, DeviceNow, Plant, SiteNow
from gridmuster.signals import Alert, DeviceState, Order, Purpose, Setpoint, SiteCommand
from gridmuster.units import MS_PER_S, SECONDS_PER_HOUR

#: A figure may be beyond its limit by this share and this much for rounding and drift.
RATING_SHARE: Final = 0.005
RATING_KW: Final = 0.01
LOAD_SHARE: Final = 0.1
LOAD_KW: Final = 1.0
ENERGY_SHARE: Final = 0.01


class OrderedChecks:
    """Looks at each setpoint before it is taken as asked.

    Args:
        plant: what the center could know.
        breaches: where breaches go.
    """

    def __init__(self, plant: Plant, breaches: Breaches) -> None:
        self._plant = plant
        self._breaches = breaches

    def command(self, now_ms: int, command: SiteCommand) -> None:
        """Look at a command that leaves now, ms."""
        site = self._plant.sites.get(command.site)
        for setpoint in command.setpoints:
            device = self._plant.devices.get(setpoint.device)
            if site is None or device is None or device.site.id != command.site:
                self._breaches.note(
                    8, "address", now_ms, setpoint.device, f"commanded at {command.site}, not there"
                )
                continue
            if setpoint.order is Order.RUN:
                self._run(now_ms, site, device, setpoint)
            elif setpoint.order is Order.STOP:
                self._min_up(now_ms, site, device)
            elif setpoint.order is Order.RESET:
                device.reset()
            device.asked = setpoint
            device.asked_until_ms = command.expires_at_ms

    def _run(self, now_ms: int, site: SiteNow, device: DeviceNow, setpoint: Setpoint) -> None:
        self._outage(now_ms, site, device, setpoint)
        self._bounds(now_ms, site, device, setpoint)
        self._class(now_ms, device, setpoint)
        self._stale(now_ms, site, device, setpoint)
        if device.failed_ms is not None:
            self._note(
                6,
                "failed",
                now_ms,
                device,
                f"asked to run {(now_ms - device.failed_ms) / MS_PER_S:.0f} s after it failed "
                f"({device.failure}), without a reset",
            )
        if self._is_start(now_ms, device):
            self._fuel(now_ms, device)
            self._hours(now_ms, device, setpoint)
            self._rest(now_ms, device)

    def _is_start(self, now_ms: int, device: DeviceNow) -> bool:
        if device.generator is None or device.on:
            return False
        asked = device.asked
        return asked is None or asked.order is not Order.RUN or device.asked_until_ms <= now_ms

    def _outage(self, now_ms: int, site: SiteNow, device: DeviceNow, setpoint: Setpoint) -> None:
        """1: no market duty is asked of a site in an outage that is known."""
        if site.outage_ms is None or setpoint.purpose is Purpose.OUTAGE:
            return
        if setpoint.power_kw > 0.0 and now_ms - site.outage_ms > self._plant.slack_ms():
            known_s = (now_ms - site.outage_ms) / MS_PER_S
            self._note(
                1,
                "market",
                now_ms,
                device,
                f"asked for {setpoint.power_kw:.1f} kW {known_s:.0f} s into an outage of its site",
            )

    def _bounds(self, now_ms: int, site: SiteNow, device: DeviceNow, setpoint: Setpoint) -> None:
        """7: within the rating, what the site may send out, and what a store holds."""
        power_kw, rated_kw = setpoint.power_kw, device.device.rated_kw
        least_kw = -device.store.max_charge_kw if device.store else 0.0
        slack_kw = RATING_KW + RATING_SHARE * rated_kw
        if not least_kw - slack_kw <= power_kw <= rated_kw + slack_kw:
            self._note(
                7,
                "rating",
                now_ms,
                device,
                f"asked for {power_kw:.1f} kW; it can {least_kw:.1f} to {rated_kw:.1f} kW",
            )
        room_kw = site.load_kw * (1.0 + LOAD_SHARE) + LOAD_KW
        if device.parallels:
            room_kw += site.site.transfer.export_limit_kw
        if power_kw > room_kw and not device.renewable:
            what = "its own load and the export limit" if device.parallels else "its own load"
            self._note(
                7, "site", now_ms, device, f"asked for {power_kw:.1f} kW; {what}: {room_kw:.1f} kW"
            )
        if device.store is not None:
            self._energy(now_ms, device, power_kw)

    def _energy(self, now_ms: int, device: DeviceNow, power_kw: float) -> None:
        store, reading = device.store, device.reading
        if store is None or reading is None or reading.energy_kwh is None or power_kw == 0.0:
            return
        slack_kwh = ENERGY_SHARE * store.energy_capacity_kwh
        step_kwh = abs(power_kw) * self._plant.settings.cycle_s / SECONDS_PER_HOUR
        held_kwh = reading.energy_kwh
        if power_kw > 0.0:
            left_kwh = held_kwh - step_kwh / store.discharge_efficiency
            beyond = left_kwh < store.min_energy_kwh - slack_kwh
            limit = f"floor {store.min_energy_kwh:.2f} kWh"
        else:
            left_kwh = held_kwh + step_kwh * store.charge_efficiency
            beyond = left_kwh > store.max_energy_kwh + slack_kwh
            limit = f"ceiling {store.max_energy_kwh:.2f} kWh"
        if beyond:
            self._note(
                7,
                "energy",
                now_ms,
                device,
                f"asked for {power_kw:.1f} kW with {held_kwh:.2f} kWh held, {limit}",
            )

    def _class(self, now_ms: int, device: DeviceNow, setpoint: Setpoint) -> None:
        """4: the permit's class allows what it is run for."""
        if device.generator is None:
            return
        permit = device.generator.permit
        may = allowed(permit, permit.own_rules)
        if may is None:
            return
        purpose = setpoint.purpose
        alert = self._plant.alerts.get(device.site.area, Alert.NONE)
        if purpose not in may:
            why = f"permit {permit.rules or permit.permit_class.value} forbids {purpose.value}"
        elif (
            permit.permit_class is PermitClass.EPA_EMERGENCY
            and purpose is Purpose.EMERGENCY_ALERT
            and alert is Alert.NONE
        ):
            why = "asked to run for an alert that nobody declared"
        else:
            return
        self._note(4, "class", now_ms, device, why)

    def _hours(self, now_ms: int, device: DeviceNow, setpoint: Setpoint) -> None:
        """4: no start at or beyond 90 % of the hours, nor one whose least run passes the cap."""
        generator = device.generator
        assert generator is not None
        cap = tightest(device, now_ms, setpoint.purpose)
        if cap is None:
            return
        ahead_h = generator.min_up_s / SECONDS_PER_HOUR
        if cap.used_h >= cap.stop_h or cap.used_h + ahead_h > cap.cap_h:
            self._note(
                4,
                "start",
                now_ms,
                device,
                f"started with {cap.used_h:.2f} h used of a cap of {cap.cap_h:.0f} h",
            )

    def _fuel(self, now_ms: int, device: DeviceNow) -> None:
        """3: no start with the tank at what is kept for the site."""
        reading, generator = device.reading, device.generator
        if reading is None or generator is None or generator.tank is None:
            return
        if reading.fuel_level is not None and reading.fuel_level <= device.floor:
            self._note(
                3,
                "start",
                now_ms,
                device,
                f"started with {reading.fuel_level:.1f} in the tank; {device.floor:.1f} are kept",
            )

    def _stale(self, now_ms: int, site: SiteNow, device: DeviceNow, setpoint: Setpoint) -> None:
        """9: no start and no raise at a site not heard of for three of its own intervals."""
        age_s = None if site.arrived_ms is None else (now_ms - site.arrived_ms) / MS_PER_S
        if age_s is not None and age_s <= self._plant.settings.stale_s:
            return
        heard = "was never heard of" if age_s is None else f"was last heard {age_s:.0f} s ago"
        last_kw = 0.0 if device.reading is None else device.reading.power_kw
        raised = abs(setpoint.power_kw) > abs(last_kw) + LOAD_KW and (
            device.asked is None or device.asked.power_kw != setpoint.power_kw
        )
        if self._is_start(now_ms, device) or (raised and not device.renewable):
            self._note(9, "stale", now_ms, device, f"asked to run while its site {heard}")

    def _rest(self, now_ms: int, device: DeviceNow) -> None:
        """10: least time off, cool-down and starts a day."""
        generator = device.generator
        assert generator is not None
        reading = device.reading
        if reading is not None and reading.state is DeviceState.COOLING:
            self._note(10, "cooling", now_ms, device, "started while it cools down")
        elif device.edge_ms is not None and device.on is False:
            off_ms = now_ms - device.edge_ms
            if off_ms < generator.min_down_s * MS_PER_S - self._plant.slack_ms():
                self._note(
                    10,
                    "min down",
                    now_ms,
                    device,
                    f"started {off_ms / MS_PER_S:.0f} s after it went off; least "
                    f"{generator.min_down_s:.0f} s",
                )
        starts = device.starts_24h(now_ms)
        if starts >= generator.max_starts_per_day:
            self._note(
                10,
                "starts",
                now_ms,
                device,
                f"started after {starts} starts in 24 h; most {generator.max_starts_per_day}",
            )

    def _min_up(self, now_ms: int, site: SiteNow, device: DeviceNow) -> None:
        """10: least time on, unless a person, a fault, an outage, fuel or permit ends the run."""
        generator, reading = device.generator, device.reading
        if generator is None or reading is None or reading.state not in ON:
            return
        asked = device.asked
        if asked is None or asked.order is not Order.RUN or not device.market_run:
            return
        if reading.state is DeviceState.STARTING or device.edge_ms is None:
            return
        on_ms = now_ms - device.edge_ms
        if on_ms >= generator.min_up_s * MS_PER_S - self._plant.slack_ms():
            return
        if self._excused(now_ms, site, device):
            return
        self._note(
            10,
            "min up",
            now_ms,
            device,
            f"stopped {on_ms / MS_PER_S:.0f} s after it came on; least {generator.min_up_s:.0f} s",
        )

    def _excused(self, now_ms: int, site: SiteNow, device: DeviceNow) -> bool:
        generator, reading = device.generator, device.reading
        assert generator is not None and reading is not None
        name = device.device.id
        if name in self._plant.stopped or self._plant.people.get(name, 0) >= now_ms:
            return True
        if site.outage_ms is not None or device.outage_run or device.failed_ms is not None:
            return True
        if reading.fuel_level is not None and reading.fuel_level <= device.floor:
            return True
        cap = tightest(device, now_ms)
        return cap is not None and cap.used_h >= cap.stop_h

    def _note(self, invariant: int, kind: str, now_ms: int, device: DeviceNow, text: str) -> None:
        self._breaches.note(invariant, kind, now_ms, device.device.id, text)
