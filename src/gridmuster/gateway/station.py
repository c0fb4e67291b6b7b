"""What the parts of one site's agent share: its units, its panel, its alarms, its output."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from gridmuster.fleet.model import Fleet
from gridmuster.gateway import drivers
from gridmuster.gateway.config import AgentConfig
from gridmuster.gateway.unit import SILENT_S, Unit, finite
from gridmuster.signals import Frame, Order, Setpoint, Supply
from gridmuster.units import MS_PER_S

#: Index of each `signals.Supply` as the point ``supply`` carries it.
UTILITY, LOCAL, PARALLEL, DEAD, UNKNOWN_SUPPLY = range(5)
SUPPLIES: Final = tuple(Supply)
NEVER_MS: Final = 1 << 62

Command = tuple[str, str, float]


class AgentOutput:
    """What one call of the agent asks for: frames to publish and orders to write, in order."""

    __slots__ = ("frames", "orders")

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.orders: list[Command] = []


class Station:
    """One site as its agent sees it.

    Args:
        fleet: the fleet.
        site_id: the site.
        config: the agent's settings.
    """

    __slots__ = (
        "alarms",
        "backup_load_kw",
        "by_id",
        "config",
        "frequency_hz",
        "local_duty",
        "panel",
        "panel_key",
        "panel_ms",
        "panel_ordered_ms",
        "panel_points",
        "poi_kw",
        "settings",
        "site",
        "supply",
        "units",
        "utility_ok",
        "voltage_pu",
    )

    def __init__(self, fleet: Fleet, site_id: str, config: AgentConfig) -> None:
        self.config = config
        self.site = fleet.site_by_id[site_id]
        self.units = [
            Unit(self.site, device, config.lapse_ramp_s)
            for device in fleet.devices_of_site[site_id]
        ]
        self.by_id = {unit.id: unit for unit in self.units}
        self.panel_key = f"panel.{site_id}"
        self.panel_points: Mapping[str, float] | None = None
        self.panel_ms = -1
        self.panel_ordered_ms: dict[str, int] = {}
        self.utility_ok = False
        self.supply = UNKNOWN_SUPPLY
        self.poi_kw: float | None = None
        self.backup_load_kw: float | None = None
        self.frequency_hz = 0.0
        self.voltage_pu = 0.0
        self.local_duty = False
        self.alarms: dict[str, int] = {}

    def observe_panel(self, now_ms: int, points: Mapping[str, float] | None) -> bool:
        """Take what the panel answered; None when it did not.

        Returns:
            Whether anything differs from the scan before.
        """
        if points is None:
            return False
        self.panel_ms = now_ms
        last = self.panel_points
        if points is last or points == last:
            return False
        self.panel_points = points
        get = points.get
        self.utility_ok = get("utility_ok", 0.0) >= 0.5
        self.supply = int(get("supply", 4.0))
        self.poi_kw = finite(get("poi_kw"))
        self.backup_load_kw = finite(get("backup_load_kw"))
        self.frequency_hz = finite(get("frequency_hz")) or 0.0
        self.voltage_pu = finite(get("voltage_pu")) or 0.0
        return True

    def panel_age_s(self, now_ms: int) -> float:
        """Time since the panel last answered, s."""
        return math.inf if self.panel_ms < 0 else (now_ms - self.panel_ms) / MS_PER_S

    @property
    def load_kw(self) -> float:
        """The site's own protected load: measured, or its design value while unknown, kW."""
        measured = self.backup_load_kw
        return self.site.backup_load_kw if measured is None else measured

    def known_supply(self, now_ms: int) -> int:
        """Index of what feeds the own load; unknown while the panel is silent."""
        return self.supply if self.panel_age_s(now_ms) <= SILENT_S else UNKNOWN_SUPPLY

    def order(self, unit: Unit, setpoint: Setpoint, now_ms: int, out: AgentOutput) -> None:
        """Give a device the orders that a setpoint means, within the site's cap on sun and wind."""
        cap_kw = unit.cap_kw
        if cap_kw is not None and setpoint.order is Order.RUN and setpoint.power_kw > cap_kw:
            setpoint = Setpoint(unit.id, Order.RUN, cap_kw, setpoint.purpose)
        for name, value in drivers.orders(unit.device, setpoint, unit.reading(now_ms)):
            out.orders.append((unit.id, name, value))

    def order_panel(self, name: str, now_ms: int, out: AgentOutput, *, able: bool = True) -> None:
        """Ask the panel to transfer, again only after the resend time.

        Args:
            name: ``transfer_to_local`` or ``transfer_to_utility``.
            now_ms: now, ms.
            out: where the order goes.
            able: whether it could have moved already, so that asking again is an alarm.
        """
        last_ms = self.panel_ordered_ms.get(name, -NEVER_MS)
        if now_ms - last_ms < self.config.resend_s * MS_PER_S:
            return
        if last_ms > -NEVER_MS and able:
            self.alarm("transfer_stuck", now_ms)
        self.panel_ordered_ms = {name: now_ms}
        out.orders.append((self.panel_key, name, 1.0))

    def transferred(self) -> None:
        """The panel is where it was asked to be; the next order starts afresh."""
        if self.panel_ordered_ms:
            self.panel_ordered_ms = {}

    def alarm(self, name: str, now_ms: int, hold_s: float | None = None) -> None:
        """Raise a passing alarm, or hold it longer.

        Args:
            name: the alarm.
            now_ms: now, ms.
            hold_s: how long it stays, s; None: the configured time.
        """
        held_s = self.config.alarm_hold_s if hold_s is None else hold_s
        self.alarms[name] = now_ms + int(held_s * MS_PER_S)

    def set_alarm(self, name: str, raised: bool) -> None:
        """Raise an alarm until it is lowered, or lower it."""
        if raised:
            self.alarms[name] = NEVER_MS
        elif name in self.alarms:
            del self.alarms[name]

    def drop_passed_alarms(self, now_ms: int) -> None:
        """Forget alarms whose time is over."""
        if self.alarms:
            passed = [name for name, until_ms in self.alarms.items() if until_ms <= now_ms]
            for name in passed:
                del self.alarms[name]

    def stores_can_carry(self) -> bool:
        """Whether a grid-forming store has energy for the site's own load."""
        return any(
            unit.limits.store
            and getattr(unit.device, "grid_forming", False)
            and unit.state not in (5, 6)
            and (unit.energy_kwh or 0.0) > unit.limits.floor_energy_kwh
            for unit in self.units
        )
