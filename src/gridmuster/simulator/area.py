"""An area: its balance, its wires, its connection to the utility or its life as an island."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from gridmuster.fleet.model import Area
from gridmuster.signals import Alert
from gridmuster.simulator.environment import Row
from gridmuster.simulator.generator import GeneratorModel, Phase
from gridmuster.simulator.kernel import Kernel
from gridmuster.simulator.store import StoreModel
from gridmuster.simulator.switchgear import SLIP_HZ, SwitchgearModel

if TYPE_CHECKING:
    from gridmuster.simulator.meters import MeterModel
    from gridmuster.simulator.site import SiteModel

#: Droop of a grid-forming unit: frequency drop, share of nominal, at full load step (4-5 %).
DROOP: Final = 0.04
#: The feeder's overload relay picks up at this share of the import limit, mean over the
#: connection's window; it sheds what is above the limit, and lets it back below this share (K);
#: likewise for the export limit, where sources are held back.
OVERLOAD_PICKUP: Final = 1.05
OVERLOAD_RETURN: Final = 0.95
#: What an area without an export limit may send out before its relay acts, kW (K).
EXPORT_SLACK_KW: Final = 5.0
#: Voltage at the feeder: a little high when nothing is drawn, this much lower at peak (K).
VOLTAGE_IDLE_PU, VOLTAGE_DROP_PU = 1.01, 0.03

#: The leading former of an island with switchgear brings its frequency back within about this, s.
ISOCHRONOUS_S: Final = 8.0

#: A grid-forming unit, what it would give by its setpoint, and the least and most it can give, kW.
Former = tuple[GeneratorModel | StoreModel, float, float, float]


class AreaModel:
    """One area.

    Wires lose c x net^2 with c such that at ``peak_kw`` the share is the area's loss fraction.

    Args:
        area: the fleet's description.
        kernel: the world's timekeeping.
        column: where its demand outside transfer switches stands in a row.
        nominal_hz: the system's frequency, Hz.
        peak_kw: expected highest demand of the area, kW.
    """

    def __init__(
        self, area: Area, kernel: Kernel, column: int, nominal_hz: float, peak_kw: float
    ) -> None:
        self.id = area.id
        self.kernel = kernel
        self.column = column
        self.nominal_hz = nominal_hz
        self.connection = area.connection
        self.islanded = area.connection is None
        self.energised = True
        self.utility_live = area.connection is not None
        self.utility_hz = nominal_hz
        self.switchgear = None if area.microgrid is None else SwitchgearModel(self, area.microgrid)
        self.frequency_hz = nominal_hz
        self.voltage_pu = 1.0
        self.alert = Alert.NONE
        self.fail_next = 0
        self.doomed_s: float | None = None
        self.sites: list[SiteModel] = []
        self.meters: list[MeterModel] = []
        self.demand_kw = 0.0
        self.import_kw = 0.0
        self.served_share = 1.0
        self.demand_mean_kw = 0.0
        self.unserved_mean_kw = 0.0
        self.shed_mean_kw = 0.0
        self.losses_mean_kw = 0.0
        self.unserved_kwh = 0.0
        self.import_kwh = 0.0
        self.export_kwh = 0.0
        self.losses_kwh = 0.0
        self.auxiliary_kwh = 0.0
        self.over_limit_kwh = 0.0
        self._peak_kw = max(peak_kw, 1e-9)
        self._loss_per_kw = area.loss_fraction / peak_kw if peak_kw > 0.0 else 0.0
        self._shed_kw = 0.0
        self._hold_back_kw = 0.0
        self._window_kw = 0.0
        self._trim = 0.0

    def begin(self, row: Row) -> None:
        """Take the first row of the environment."""
        self.demand_kw = row[self.column]

    def wake_island(self) -> None:
        """See to it that an island lives when first seen: stores form it, or its largest set."""
        if not self.islanded:
            return
        sites = self.sites
        stores = [store for site in sites for store in site.stores if store.grid_forming]
        for store in stores:
            store.start()
        sets = [
            unit
            for site in sites
            for unit in site.generators
            if unit.grid_forming and site.parallel_allowed(unit)
        ]
        if not stores and sets and not any(unit.phase is Phase.ON for unit in sets):
            max(sets, key=lambda unit: unit.rated_kw).be_running()

    def propose(self, dt_s: float, row: Row, mean: Row | None, dip_hz: float) -> None:
        """Work out one step for everything in the area.

        Args:
            dt_s: its length, s.
            row: the environment at its end.
            mean: its mean over the step; None: that of its two ends.
            dip_hz: how far the scenario pulls the utility's frequency down, Hz.
        """
        dt_h = dt_s / 3600.0
        last_kw = self.demand_kw
        self.demand_kw = row[self.column]
        both_kw = 0.5 * (last_kw + self.demand_kw)
        self.demand_mean_kw = both_kw if mean is None else mean[self.column]
        draw_kw = 0.0
        for site in self.sites:
            draw_kw += site.propose(dt_s, row, mean)
        self.utility_hz = self.nominal_hz * (1.0 + row[-1]) - dip_hz
        gear = self.switchgear
        if gear is not None:
            self._shed(dt_s)
            if not self.islanded and not self.energised:
                gear.watch_dead_line([machine for site in self.sites for machine in site.machines])
        if self.islanded:
            self._balance_island(draw_kw, dt_s)
        else:
            self.frequency_hz = self.utility_hz
            self._balance_connected(draw_kw, dt_s, dt_h)
        if gear is not None:
            gear.seek(dt_s, sum(former[0].rated_kw for former in self._formers(dt_s)))

    def set_utility(self, live: bool) -> None:
        """The utility's line comes or goes; the area goes with it while it is coupled to it."""
        self.utility_live = live
        if self.switchgear is None or self.switchgear.closed:
            self.energised = live
            for site in self.sites:
                site.service_changed()

    def rejoin(self) -> None:
        """The coupling breaker has closed: one bus again, alive with the utility."""
        self.islanded = False
        self._trim = 0.0
        self._set_energised(self.utility_live)

    def _shed(self, dt_s: float) -> None:
        gear, now_ms = self.switchgear, self.kernel.now_ms
        assert gear is not None
        shed_kw = gear.shed_mean_kw(now_ms, now_ms + round(dt_s * 1000))
        self.shed_mean_kw = min(shed_kw, self.demand_mean_kw)

    def account(self, dt_h: float) -> None:
        """Book the step's energies."""
        self.losses_kwh += self.losses_mean_kw * dt_h
        unserved_kw = self.unserved_mean_kw
        if unserved_kw > 0.0:
            demand_kw = self.demand_mean_kw - self.shed_mean_kw
            short_kw = max(unserved_kw - self.shed_mean_kw, 0.0)
            self.served_share = max(0.0, 1.0 - short_kw / demand_kw) if demand_kw else 1.0
            self.unserved_kwh += unserved_kw * dt_h
            for meter in self.meters:
                meter.go_short(1.0 if meter.shed else 1.0 - self.served_share, dt_h)
        else:
            self.served_share = 1.0
        for site in self.sites:
            site.account(dt_h)
            self.auxiliary_kwh += site.auxiliary_mean_kw * dt_h

    def _balance_connected(self, draw_kw: float, dt_s: float, dt_h: float) -> None:
        """The utility takes up what is left: import = net + losses."""
        connection = self.connection
        demand_kw = self.demand_mean_kw - self.shed_mean_kw
        if connection is None or not self.energised:
            self.unserved_mean_kw = self.demand_mean_kw
            self.losses_mean_kw = self.import_kw = 0.0
            self._window_kw = self._shed_kw = self._hold_back_kw = 0.0
            return
        relay_kw = min(self._shed_kw, demand_kw)
        self.unserved_mean_kw = relay_kw + self.shed_mean_kw
        if self._hold_back_kw:
            draw_kw += self._cut_surplus(self._hold_back_kw)
        net_kw = demand_kw - relay_kw + draw_kw
        self.losses_mean_kw = self._loss_per_kw * net_kw * net_kw
        self.import_kw = import_kw = net_kw + self.losses_mean_kw
        self.voltage_pu = VOLTAGE_IDLE_PU - VOLTAGE_DROP_PU * net_kw / self._peak_kw
        if import_kw >= 0.0:
            self.import_kwh += import_kw * dt_h
        else:
            self.export_kwh -= import_kw * dt_h
        low_kw, high_kw = -connection.export_limit_kw, connection.import_limit_kw
        if import_kw > high_kw or import_kw < low_kw:
            self.over_limit_kwh += max(import_kw - high_kw, low_kw - import_kw) * dt_h
        weight = 1.0 - math.exp(-dt_s / connection.averaging_s)
        self._window_kw += (import_kw - self._window_kw) * weight
        self._watch_overload(import_kw, low_kw, high_kw)

    def _watch_overload(self, import_kw: float, low_kw: float, high_kw: float) -> None:
        """The feeder's relay: shed what is imported above the limit, hold back what is exported.

        Acts on the mean over the connection's window, and lets go when there is room again.
        """
        if self._window_kw > OVERLOAD_PICKUP * high_kw:
            self._shed_kw += self._window_kw - high_kw
            self.kernel.changes += 1
            self._window_kw = high_kw
        elif self._shed_kw and import_kw + self._shed_kw < OVERLOAD_RETURN * high_kw:
            self._shed_kw = 0.0
            self.kernel.changes += 1
        if self._window_kw < OVERLOAD_PICKUP * low_kw - EXPORT_SLACK_KW:
            self._hold_back_kw += low_kw - self._window_kw
            self.kernel.changes += 1
            self._window_kw = low_kw
        elif self._hold_back_kw and import_kw - self._hold_back_kw > OVERLOAD_RETURN * low_kw:
            self._hold_back_kw = 0.0
            self.kernel.changes += 1

    def _balance_island(self, draw_kw: float, dt_s: float) -> None:
        """Grid-forming units share what is left in proportion to rating (droop).

        A surplus makes sun and wind give way; a lack sheds load. Frequency follows the units'
        deviation from their setpoints: f = f0 (1 - R x deviation / rating).
        """
        self.import_kw = 0.0
        formers = self._formers(dt_s)
        wished_kw = sum(former[1] for former in formers)
        most_kw = sum(former[3] for former in formers)
        need_kw = self._island_need(draw_kw) + wished_kw
        gear = self.switchgear
        while gear is not None and self.energised and formers and need_kw > most_kw:
            if not gear.shed_lowest():
                break
            self._shed(dt_s)
            need_kw = self._island_need(draw_kw) + wished_kw
        if most_kw < max(self._must_kw(need_kw), 1e-6):
            self._go_dark(formers, dt_s)
            return
        need_kw += self._cut_surplus(sum(former[2] for former in formers) - need_kw)
        gap_kw = share_out(formers, need_kw, dt_s)
        self.unserved_mean_kw = self.shed_mean_kw + (gap_kw if gap_kw > 1e-9 else 0.0)
        rating_kw = sum(former[0].rated_kw for former in formers)
        slip = min(1.0, max(-1.0, (need_kw - wished_kw) / rating_kw))
        self._govern(slip, dt_s)
        self._set_energised(True)

    def _island_need(self, draw_kw: float) -> float:
        """What formers must give on top of their setpoints, kW; sets the losses."""
        demand_kw = self.demand_mean_kw - self.shed_mean_kw
        flow_kw = demand_kw + sum(site.load_mean_kw for site in self.sites)
        self.losses_mean_kw = self._loss_per_kw * flow_kw * flow_kw
        return demand_kw + draw_kw + self.losses_mean_kw

    def _must_kw(self, need_kw: float) -> float:
        """Least that keeps the bus up: everything where load is shed in steps, kW.

        Elsewhere end-users outside transfer arrangements go short one by one.
        """
        if self.switchgear is not None:
            return need_kw
        if self.energised:
            return need_kw - self.demand_mean_kw
        return sum(site.load_mean_kw for site in self.sites)

    def _govern(self, slip: float, dt_s: float) -> None:
        """Droop; with switchgear the leading former then brings the frequency back.

        While the synchroniser seeks, it is held a little ahead of the utility's.
        """
        gear = self.switchgear
        if gear is None:
            self.frequency_hz = self.nominal_hz * (1.0 - DROOP * slip)
            return
        self._trim += (slip - self._trim) * (1.0 - math.exp(-dt_s / ISOCHRONOUS_S))
        base_hz = self.nominal_hz
        if gear.synchronising and self.utility_live:
            base_hz = self.utility_hz + SLIP_HZ
        self.frequency_hz = base_hz * (1.0 - DROOP * (slip - self._trim))

    def _formers(self, dt_s: float) -> list[Former]:
        formers: list[Former] = []
        for site in self.sites:
            if site.outage or site.local:
                continue
            for generator in site.generators:
                if generator.grid_forming and generator.phase is Phase.ON:
                    most_kw = generator.most_kw(dt_s)
                    formers.append((generator, generator.mean_kw, 0.0, most_kw))
            for store in site.stores:
                if store.grid_forming and store.connected:
                    formers.append((store, store.mean_kw, *store.reach(dt_s)))
        return formers

    def _cut_surplus(self, surplus_kw: float) -> float:
        """Take output away that nobody can use, sun and wind first; returns how much, kW."""
        cut_kw = 0.0
        if surplus_kw > 0.0:
            for site in self.sites:
                cut_kw += site.cut_output(surplus_kw - cut_kw)
        return cut_kw

    def _go_dark(self, formers: list[Former], dt_s: float) -> None:
        """Nobody can hold the bus, or not even the protected loads on it: it collapses."""
        self._set_energised(False)
        for site in self.sites:
            site.cut_output(float("inf"))
            site.go_dark()
        for unit, _, _, _ in formers:
            unit.carry(0.0, dt_s)
        self.unserved_mean_kw = self.demand_mean_kw
        self.losses_mean_kw = self.frequency_hz = 0.0

    def _set_energised(self, energised: bool) -> None:
        if energised != self.energised:
            self.energised = energised
            for site in self.sites:
                site.service_changed()


def share_out(formers: list[Former], need_kw: float, dt_s: float) -> float:
    """Let grid-forming units take up a need: own setpoint plus a share of the rest by rating.

    Args:
        formers: the units.
        need_kw: what they must give together, kW.
        dt_s: length of the step, s.

    Returns:
        What they cannot give (> 0) or cannot take (< 0), kW.
    """
    given = [min(max(base, low), high) for _, base, low, high in formers]
    for _ in range(len(formers) + 1):
        gap_kw = need_kw - sum(given)
        free = [
            k
            for k, (_, _, low, high) in enumerate(formers)
            if (given[k] < high - 1e-12 if gap_kw > 0.0 else given[k] > low + 1e-12)
        ]
        if not free or abs(gap_kw) < 1e-9:
            break
        rating_kw = sum(formers[k][0].rated_kw for k in free)
        for k in free:
            unit, _, low, high = formers[k]
            given[k] = min(max(given[k] + gap_kw * unit.rated_kw / rating_kw, low), high)
    for (unit, _, _, _), power_kw in zip(formers, given, strict=True):
        unit.carry(power_kw, dt_s)
    return need_kw - sum(unit.mean_kw for unit, _, _, _ in formers)
