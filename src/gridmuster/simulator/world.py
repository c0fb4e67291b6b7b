"""The world: every site, device, meter and the utility, moved through time together."""

from __future__ import annotations

from typing import Final

from gridmuster.fleet.model import Fleet
from gridmuster.fleet.profiles import hourly_demand_kw
from gridmuster.signals import GridSignal, Price
from gridmuster.simulator.area import AreaModel
from gridmuster.simulator.controller import ControllerModel
from gridmuster.simulator.environment import CHUNK_MS, GRID_MS, Environment
from gridmuster.simulator.generator import GeneratorModel
from gridmuster.simulator.happenings import Happenings
from gridmuster.simulator.instrument import Instrument
from gridmuster.simulator.kernel import Kernel
from gridmuster.simulator.machine import Machine
from gridmuster.simulator.market_data import MeterSeries, PriceSeries
from gridmuster.simulator.meters import MeterModel
from gridmuster.simulator.price import STEP_MS, Market
from gridmuster.simulator.scenario import MeterSilent, Moment, PriceSpike, Scenario
from gridmuster.simulator.site import SiteModel
from gridmuster.simulator.truth import AreaTruth, Truth
from gridmuster.simulator.weather import nominal_hz

MS_PER_H: Final = 3_600_000


class World:
    """The physical world of one fleet.

    The same fleet, start, seed and scenario give the same world, whatever is asked of it and in
    whatever steps; every entity draws from its own stream, so that adding one changes no other.

    Args:
        fleet: what stands where.
        start_ms: its first instant, ms.
        seed: what all chance is drawn from.
        scenario: what goes wrong and when; None: nothing.
        market: prices to use instead of the seeded market's.
        meters: demand to use instead of the seeded end-users'.
    """

    def __init__(
        self,
        fleet: Fleet,
        start_ms: int,
        seed: int,
        scenario: Scenario | None = None,
        *,
        market: PriceSeries | None = None,
        meters: MeterSeries | None = None,
    ) -> None:
        self.fleet = fleet
        self.scenario = Scenario() if scenario is None else scenario
        self.kernel = Kernel(start_ms, seed)
        self.areas: dict[str, AreaModel] = {}
        self.sites: dict[str, SiteModel] = {}
        self.machines: dict[str, Machine] = {}
        self.meters: dict[str, MeterModel] = {}
        self.controllers: dict[str, ControllerModel] = {}
        timeline = self.scenario.timeline(start_ms)
        if meters is not None:
            timeline = _merge(timeline, meters.silences(fleet, start_ms))
        self.environment = Environment(fleet, start_ms, seed, timeline, meters)
        self._market: Market | PriceSeries = market or Market(
            start_ms, seed, fleet.sites[0].time_zone
        )
        self._price_spikes = _price_spikes(timeline)
        self._sequence = 0
        instruments = self._build(fleet)
        self.happenings = Happenings(
            timeline, self.kernel, self.areas, self.sites, self.machines, instruments
        )
        self.kernel.wake_due()

    def _build(self, fleet: Fleet) -> dict[str, Instrument]:
        kernel = self.kernel
        row = self.environment.row(kernel.now_ms)
        for k, area in enumerate(fleet.areas):
            sites = fleet.sites_of_area[area.id]
            ids = {site.id for site in sites}
            users = [user for user in fleet.end_users if user.site in ids]
            peak_kw = max(hourly_demand_kw(users))
            model = AreaModel(area, kernel, len(fleet.sites) + k, nominal_hz(sites), peak_kw)
            model.begin(row)
            self.areas[area.id] = model
        for k, site in enumerate(fleet.sites):
            panel = SiteModel(site, self.areas[site.area], kernel, k)
            panel.load_kw = row[k]
            panel.area.sites.append(panel)
            self.sites[site.id] = panel
            self.controllers[f"panel.{site.id}"] = panel
            for device in fleet.devices_of_site[site.id]:
                machine = panel.add(device, self.environment.column.get(device.id), row)
                self.machines[device.id] = machine
                self.controllers[device.id] = machine
        for k, user in enumerate(fleet.end_users):
            meter = MeterModel(user, k, self.sites[user.site], self.environment, kernel)
            self.meters[user.id] = meter
            (meter.site if user.behind_transfer else meter.site.area).meters.append(meter)
            self.controllers[f"meter.{user.id}"] = meter
        gears: dict[str, Instrument] = {}
        for model in self.areas.values():
            model.wake_island()
            if model.switchgear is not None:
                model.switchgear.attach(self.meters)
                self.controllers[f"switchgear.{model.id}"] = model.switchgear
                gears[f"switchgear.{model.id}"] = model.switchgear
        panels = {f"panel.{site}": panel for site, panel in self.sites.items()}
        gauges = {f"meter.{user}": meter for user, meter in self.meters.items()}
        return {**self.machines, **panels, **gauges, **gears}

    @property
    def now_ms(self) -> int:
        """The world's present, ms."""
        return self.kernel.now_ms

    def advance_to(self, at_ms: int) -> None:
        """Move the world to an instant.

        Steps end at the grid of 4 s and wherever something happens by itself in between, so that
        the trajectory does not depend on how often this is called.

        Args:
            at_ms: where to, ms.

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
            elif now_ms >= at_ms:
                return
            else:
                self._step(now_ms, min(at_ms, wake_ms, now_ms - now_ms % GRID_MS + GRID_MS))

    def advance_until(self, at_ms: int) -> int:
        """Move the world to an instant, or to where something has happened on the way.

        Steps are as long as nobody wakes; the environment counts with its mean over each. A
        meter's passing dropout is not something that happens; a phase, a switch, a fault, a
        moment of the scenario, a load that goes dark is (`Kernel.changes`).

        Args:
            at_ms: where to at the furthest, ms; on the grid of 4 s.

        Returns:
            Where it stands: ``at_ms``, or the first instant of the grid that is not before what
            happened.

        Raises:
            ValueError: when that would turn time back.
        """
        kernel = self.kernel
        if at_ms < kernel.now_ms:
            raise ValueError(f"cannot turn time back from {kernel.now_ms} to {at_ms} ms")
        seen = kernel.changes
        while kernel.changes == seen:
            now_ms = kernel.now_ms
            wake_ms = kernel.next_ms()
            if wake_ms <= now_ms:
                kernel.wake_due()
            elif now_ms >= at_ms:
                return now_ms
            else:
                end_ms = min(at_ms, now_ms - now_ms % CHUNK_MS + CHUNK_MS)
                self._let_meters_miss(end_ms)
                self._step(now_ms, min(end_ms, kernel.next_ms()))
        end_ms = -(-kernel.now_ms // GRID_MS) * GRID_MS
        self.advance_to(end_ms)
        return end_ms

    def _let_meters_miss(self, until_ms: int) -> None:
        """Have meters drop out and come back before anything else happens, without a step."""
        kernel = self.kernel
        now_ms = kernel.now_ms
        while isinstance(kernel.first(), MeterModel) and kernel.next_ms() <= until_ms:
            kernel.wake_first()
        kernel.now_ms = now_ms

    def _step(self, now_ms: int, end_ms: int) -> None:
        dt_s = (end_ms - now_ms) / 1000.0
        dt_h = dt_s / 3600.0
        long = end_ms - now_ms > GRID_MS
        mean = self.environment.mean(now_ms, end_ms) if long else None
        row = self.environment.row(end_ms)
        dip_hz = self.happenings.dip_hz(end_ms) if self.happenings.dips else 0.0
        areas = self.areas.values()
        for area in areas:
            area.propose(dt_s, row, mean, dip_hz)
        self.kernel.now_ms = end_ms
        for area in areas:
            area.account(dt_h)

    def link_up(self, site_id: str) -> bool:
        """Whether the scenario leaves a site its link to the broker now."""
        return self.happenings.link_cuts.get(site_id, 0) <= 0

    def clock_skew_ms(self, site_id: str) -> int:
        """How far the scenario sets a site's clock ahead now, ms."""
        return self.happenings.skew_ms.get(site_id, 0)

    def grid_signal(self, area_id: str) -> GridSignal:
        """What the utility says of an area's connection now.

        Of an islanded area: its own frequency, not energised, no import, no limits.
        """
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
        """The price of the present five minutes, and what the market has published ahead.

        One market serves all areas; what is published ahead is day-ahead prices only.
        """
        now_ms = self.kernel.now_ms
        self._sequence += 1
        price_usd = self._market.price_usd_per_mwh(now_ms)
        for first_ms, last_ms, least_usd in self._price_spikes:
            if first_ms <= now_ms < last_ms:
                price_usd = max(price_usd, least_usd)
        return Price(
            area=area_id,
            at_ms=now_ms,
            sequence=self._sequence,
            start_ms=now_ms - now_ms % STEP_MS,
            duration_s=STEP_MS // 1000,
            price_usd_per_mwh=round(price_usd, 2),
            ahead_usd_per_mwh=self._market.ahead_usd_per_mwh(now_ms),
        )

    @property
    def truth(self) -> Truth:
        """What really happened since the world began."""
        generators = [m for m in self.machines.values() if isinstance(m, GeneratorModel)]
        shortages = {user: meter.unserved_kwh for user, meter in self.meters.items()}
        return Truth(
            at_ms=self.kernel.now_ms,
            areas={area.id: self._area_truth(area) for area in self.areas.values()},
            produced_kwh={m.id: m.produced_kwh for m in self.machines.values()},
            absorbed_kwh={m.id: m.absorbed_kwh for m in self.machines.values()},
            fuel_used={g.id: g.fuel_used for g in generators},
            starts={g.id: g.starts for g in generators},
            failed_starts={g.id: g.failed_starts for g in generators},
            unserved_kwh_by_site={site.id: site.unserved_kwh for site in self.sites.values()},
            unserved_kwh_by_end_user={user: kwh for user, kwh in shortages.items() if kwh > 0.0},
        )

    def _area_truth(self, area: AreaModel) -> AreaTruth:
        sites, gear = area.sites, area.switchgear
        machines = [machine for site in sites for machine in site.machines]
        meters = [meter for meter in self.meters.values() if meter.site.area is area]
        return AreaTruth(
            demand_kwh=sum(meter.demand_kwh() for meter in meters),
            unserved_kwh=area.unserved_kwh + sum(site.unserved_kwh for site in sites),
            produced_kwh=sum(machine.produced_kwh for machine in machines),
            absorbed_kwh=sum(machine.absorbed_kwh for machine in machines),
            import_kwh=area.import_kwh,
            export_kwh=area.export_kwh,
            losses_kwh=area.losses_kwh,
            auxiliary_kwh=area.auxiliary_kwh,
            bridge_kwh=sum(site.bridged_kwh for site in sites),
            over_limit_kwh=area.over_limit_kwh,
            dead_line_closings=0 if gear is None else gear.dead_line_closings,
        )


def _merge(
    timeline: tuple[Moment, ...], silences: list[tuple[str, int, int]]
) -> tuple[Moment, ...]:
    moments = list(timeline)
    for user, first_ms, last_ms in silences:
        event = MeterSilent(end_user=user, at="00:00", until="00:00")
        moments.append(Moment(first_ms, event, True, last_ms))
        moments.append(Moment(last_ms, event, False, last_ms))
    return tuple(sorted(moments, key=lambda moment: (moment.at_ms, moment.begins)))


def _price_spikes(timeline: tuple[Moment, ...]) -> list[tuple[int, int, float]]:
    return [
        (moment.at_ms, moment.until_ms, moment.event.usd_per_mwh)
        for moment in timeline
        if moment.begins and moment.until_ms is not None and isinstance(moment.event, PriceSpike)
    ]
