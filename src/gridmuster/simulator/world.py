"""The world: every site, device, meter and the utility, moved through time together."""

from __future__ import annotations

from gridmuster.fleet.model import Fleet
from gridmuster.signals import GridSignal, Price
from gridmuster.simulator.area import AreaModel
from gridmuster.simulator.controller import ControllerModel
from gridmuster.simulator.environment import GRID_MS, Environment
from gridmuster.simulator.kernel import Kernel
from gridmuster.simulator.machine import Machine
from gridmuster.simulator.meters import MeterModel
from gridmuster.simulator.scenario import Scenario
from gridmuster.simulator.site import SiteModel

PRICE_STEP_S = 300


class World:
    """The physical world of one fleet.

    Args:
        fleet: what stands where.
        start_ms: its first instant, ms.
        seed: what all chance is drawn from.
        scenario: what goes wrong and when.
    """

    def __init__(
        self,
        fleet: Fleet,
        start_ms: int,
        seed: int,
        scenario: Scenario | None = None,
        *,
        market: None = None,
        meters: None = None,
    ) -> None:
        self.fleet = fleet
        self.kernel = Kernel(start_ms, seed)
        self.scenario = scenario or Scenario()
        self.environment = Environment(fleet, start_ms, seed)
        self.areas: dict[str, AreaModel] = {}
        self.sites: dict[str, SiteModel] = {}
        self.machines: dict[str, Machine] = {}
        self.meters: dict[str, MeterModel] = {}
        self.controllers: dict[str, ControllerModel] = {}
        self._sequence = 0
        self._build(fleet)

    def _build(self, fleet: Fleet) -> None:
        kernel = self.kernel
        row = self.environment.row(kernel.now_ms)
        for k, area in enumerate(fleet.areas):
            sites = {site.id for site in fleet.sites_of_area[area.id]}
            users = [user for user in fleet.end_users if user.site in sites]
            peak_kw = 0.9 * sum(user.peak_kw for user in users)
            model = AreaModel(area, kernel, len(fleet.sites) + k, 60.0, peak_kw)
            model.demand_kw = row[model.column]
            self.areas[area.id] = model
        for k, site in enumerate(fleet.sites):
            area_model = self.areas[site.area]
            panel = SiteModel(site, area_model, kernel, k)
            panel.load_kw = row[k]
            area_model.sites.append(panel)
            self.sites[site.id] = panel
            self.controllers[f"panel.{site.id}"] = panel
            for device in fleet.devices_of_site[site.id]:
                machine = panel.add(device, self.environment.column.get(device.id))
                self.machines[device.id] = machine
                self.controllers[device.id] = machine
        for k, user in enumerate(fleet.end_users):
            meter = MeterModel(user, k, self.sites[user.site], self.environment, kernel)
            self.meters[user.id] = meter
            self.controllers[f"meter.{user.id}"] = meter

    @property
    def now_ms(self) -> int:
        """The world's present, ms."""
        return self.kernel.now_ms

    def advance_to(self, at_ms: int) -> None:
        """Move the world to an instant.

        Steps end at the grid of 4 s and wherever something happens by itself in between, so that
        the trajectory does not depend on how often this is called.

        Raises:
            ValueError: when that would turn time back.
        """
        kernel = self.kernel
        if at_ms < kernel.now_ms:
            raise ValueError(f"cannot turn time back from {kernel.now_ms} to {at_ms} ms")
        while True:
            now_ms = kernel.now_ms
            wake_ms = kernel.next_ms()
            if wake_ms <= now_ms:
                kernel.wake_due()
                continue
            if now_ms >= at_ms:
                return
            self._step(now_ms, min(at_ms, wake_ms, now_ms - now_ms % GRID_MS + GRID_MS))

    def _step(self, now_ms: int, end_ms: int) -> None:
        dt_s = (end_ms - now_ms) / 1000.0
        row = self.environment.row(end_ms)
        for area in self.areas.values():
            self.kernel.now_ms = now_ms
            area.step(dt_s, dt_s / 3600.0, row, end_ms)

    def grid_signal(self, area_id: str) -> GridSignal:
        """What the utility says of an area's connection now."""
        area = self.areas[area_id]
        connection = area.connection
        self._sequence += 1
        return GridSignal(
            area=area_id,
            at_ms=self.kernel.now_ms,
            sequence=self._sequence,
            energised=area.energised and not area.islanded,
            frequency_hz=area.frequency_hz,
            voltage_pu=area.voltage_pu,
            import_kw=area.import_kw,
            import_limit_kw=connection.import_limit_kw if connection else 0.0,
            export_limit_kw=connection.export_limit_kw if connection else 0.0,
            import_kwh=area.import_kwh,
            export_kwh=area.export_kwh,
            alert=area.alert,
        )

    def price(self, area_id: str) -> Price:
        """The price of the present five minutes, and what the market has published ahead."""
        now_ms = self.kernel.now_ms
        self._sequence += 1
        return Price(
            area=area_id,
            at_ms=now_ms,
            sequence=self._sequence,
            start_ms=now_ms - now_ms % (PRICE_STEP_S * 1000),
            duration_s=PRICE_STEP_S,
            price_usd_per_mwh=30.0,
        )
