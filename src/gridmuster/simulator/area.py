"""An area: its balance, its wires, its connection to the utility or its life as an island."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gridmuster.fleet.model import Area
from gridmuster.signals import Alert
from gridmuster.simulator.environment import Row
from gridmuster.simulator.generator import GeneratorModel, Phase
from gridmuster.simulator.kernel import Kernel
from gridmuster.simulator.store import StoreModel

if TYPE_CHECKING:
    from gridmuster.simulator.site import SiteModel

#: Droop of a grid-forming unit: frequency drop, share of nominal, at full load step (4-5 %).
DROOP: Final = 0.04
#: The feeder's overload relay picks up at this share of the import limit, mean over its window.
OVERLOAD_PICKUP: Final = 1.05


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
        self.islanded = area.connection is None
        self.connection = area.connection
        self.energised = True
        self.frequency_hz = nominal_hz
        self.voltage_pu = 1.0
        self.alert = Alert.NONE
        self.sites: list[SiteModel] = []
        self.served_share = 1.0
        self.demand_kw = 0.0
        self.import_kw = 0.0
        self.demand_kwh = 0.0
        self.unserved_kwh = 0.0
        self.import_kwh = 0.0
        self.export_kwh = 0.0
        self.losses_kwh = 0.0
        self.auxiliary_kwh = 0.0
        self.over_limit_kwh = 0.0
        self.losses_mean_kw = 0.0
        self.demand_mean_kw = 0.0
        self.unserved_mean_kw = 0.0
        self._loss_per_kw = area.loss_fraction / peak_kw if peak_kw > 0.0 else 0.0
        self._shed_kw = 0.0
        self._window_kw = 0.0

    def step(self, dt_s: float, dt_h: float, row: Row, end_ms: int) -> None:
        """Move everything in the area through one step.

        Args:
            dt_s: its length, s.
            dt_h: its length, h.
            row: the environment at its end.
            end_ms: its end, ms.
        """
        last_kw = self.demand_kw
        self.demand_kw = row[self.column]
        demand_kw = self.demand_mean_kw = 0.5 * (last_kw + self.demand_kw)
        draw_kw = 0.0
        for site in self.sites:
            draw_kw += site.propose(dt_s, row)
        if self.islanded:
            self._balance_island(demand_kw, draw_kw, dt_s)
        else:
            self._balance_connected(demand_kw, draw_kw, dt_s, dt_h)
        self.kernel.now_ms = end_ms
        self.served_share = 1.0
        if self.unserved_mean_kw > 0.0 and demand_kw > 0.0:
            self.served_share = 1.0 - self.unserved_mean_kw / demand_kw
            self.unserved_kwh += self.unserved_mean_kw * dt_h
        self.demand_kwh += demand_kw * dt_h
        self.losses_kwh += self.losses_mean_kw * dt_h
        for site in self.sites:
            site.account(dt_h)
            self.auxiliary_kwh += site.auxiliary_mean_kw * dt_h

    def _balance_connected(
        self, demand_kw: float, draw_kw: float, dt_s: float, dt_h: float
    ) -> None:
        """The utility takes up what is left: import = net + losses."""
        connection = self.connection
        assert connection is not None
        if not self.energised:
            self.unserved_mean_kw, self.losses_mean_kw, self.import_kw = demand_kw, 0.0, 0.0
            return
        self.unserved_mean_kw = min(self._shed_kw, demand_kw)
        net_kw = demand_kw - self.unserved_mean_kw + draw_kw
        self.losses_mean_kw = self._loss_per_kw * net_kw * net_kw
        self.import_kw = import_kw = net_kw + self.losses_mean_kw
        if import_kw >= 0.0:
            self.import_kwh += import_kw * dt_h
        else:
            self.export_kwh -= import_kw * dt_h
        limit_kw = connection.import_limit_kw
        self._window_kw += (import_kw - self._window_kw) * min(1.0, dt_s / connection.averaging_s)
        if import_kw > limit_kw:
            self.over_limit_kwh += (import_kw - limit_kw) * dt_h
        if self._window_kw > OVERLOAD_PICKUP * limit_kw:
            self._shed_kw = max(self._shed_kw, self._window_kw - limit_kw)
        elif self._shed_kw and self._window_kw + self._shed_kw < limit_kw:
            self._shed_kw = 0.0

    def _balance_island(self, demand_kw: float, draw_kw: float, dt_s: float) -> None:
        """Grid-forming units share what is left in proportion to rating (droop)."""
        formers: list[tuple[GeneratorModel | StoreModel, float, float, float]] = []
        for site in self.sites:
            if site.outage:
                continue
            for generator in site.generators:
                if generator.grid_forming and generator.phase is Phase.ON and not site.local:
                    base_kw = generator.mean_kw
                    formers.append((generator, base_kw, 0.0, generator.rated_kw))
                    draw_kw += base_kw
            for store in site.stores:
                if store.grid_forming and store.connected and not site.local:
                    low_kw, high_kw = store.reach(dt_s)
                    formers.append((store, store.mean_kw, low_kw, high_kw))
                    draw_kw += store.mean_kw
        flow_kw = demand_kw + sum(site.load_mean_kw for site in self.sites)
        self.losses_mean_kw = self._loss_per_kw * flow_kw * flow_kw
        need_kw = demand_kw + draw_kw + self.losses_mean_kw
        gap_kw = share_out(formers, need_kw, dt_s) if formers else need_kw
        self.unserved_mean_kw = min(demand_kw, max(0.0, gap_kw))
        rating_kw = sum(former[0].rated_kw for former in formers)
        wished_kw = sum(former[1] for former in formers)
        slip = (need_kw - wished_kw) / rating_kw if rating_kw else 0.0
        self.frequency_hz = self.nominal_hz * (1.0 - DROOP * min(1.0, max(-1.0, slip)))
        self.import_kw = 0.0


def share_out(
    formers: list[tuple[GeneratorModel | StoreModel, float, float, float]],
    need_kw: float,
    dt_s: float,
) -> float:
    """Let grid-forming units take up a need: own setpoint plus a share of the rest by rating.

    Args:
        formers: unit, what it would give by its setpoint, least and most it can give, kW.
        need_kw: what they must give together, kW.
        dt_s: length of the step, s.

    Returns:
        What they cannot give (> 0) or cannot take (< 0), kW.
    """
    given = [min(max(base, low), high) for _, base, low, high in formers]
    for _ in range(len(formers) + 1):
        gap_kw = need_kw - sum(given)
        if abs(gap_kw) < 1e-9:
            break
        free = [
            k
            for k, (_, _, low, high) in enumerate(formers)
            if (given[k] < high - 1e-12 if gap_kw > 0.0 else given[k] > low + 1e-12)
        ]
        if not free:
            break
        rating_kw = sum(formers[k][0].rated_kw for k in free)
        for k in free:
            unit, _, low, high = formers[k]
            given[k] = min(max(given[k] + gap_kw * unit.rated_kw / rating_kw, low), high)
    for (unit, _, _, _), power_kw in zip(formers, given, strict=True):
        unit.carry(power_kw, dt_s)
    return need_kw - sum(unit.mean_kw for unit, _, _, _ in formers)
