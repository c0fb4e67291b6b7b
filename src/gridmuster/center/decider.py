"""One area's decision in a cycle: who is on, at what power, and what is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gridmuster.center.config import CenterConfig
from gridmuster.center.operator import OperatorMemory
from gridmuster.center.sources import AreaSources, PlanNow, SourceBook
from gridmuster.dispatch.commitment import AreaCommitment, CommitmentMemory, Need, Unit, decide
from gridmuster.dispatch.economic import AreaDispatch, GridOffer, dispatch_area
from gridmuster.dispatch.lag import Slow, cover_lag
from gridmuster.fleet.devices import Generator, Store
from gridmuster.fleet.model import Area, Fleet
from gridmuster.safety import Context, Reduced, Refused, check
from gridmuster.signals import DeviceState, Order, Purpose, Setpoint
from gridmuster.state.snapshot import AreaStatus, Snapshot

#: Price assumed while the market says nothing, USD/kWh.
DEFAULT_PRICE_USD_PER_KWH = 0.06
#: A renewable counts as curtailed when asked for less than this share of what it has.
CURTAILED_FRACTION = 0.98


@dataclass(slots=True)
class AreaDecision:
    """What was decided for an area.

    Args:
        status: the measured balance.
        commitment: who is on and what is missing.
        dispatch: powers and import.
        wished: setpoint by device id, after the interlocks; absent where nothing is asked.
        vetoes: what the interlocks refused or reduced, in words.
        reserve_kw: headroom of what is on, stores and connection, kW.
        sources: what the area's devices could do.
        import_cap_kw: what the connection may carry, kW.
    """

    status: AreaStatus
    commitment: AreaCommitment
    dispatch: AreaDispatch
    wished: dict[str, Setpoint]
    vetoes: list[str]
    reserve_kw: float
    sources: AreaSources
    import_cap_kw: float

    @property
    def shortfall_kw(self) -> float:
        """Need that is not covered now, kW."""
        return self.dispatch.shortfall_kw


class Decider:
    """Decides for one area after the other.

    Args:
        fleet: the fleet.
        config: the center's settings.
        sources: devices as sources.
    """

    def __init__(self, fleet: Fleet, config: CenterConfig, sources: SourceBook) -> None:
        self._fleet = fleet
        self._config = config
        self._sources = sources

    def decide(
        self,
        area: Area,
        snapshot: Snapshot,
        plan: PlanNow,
        need_ahead_kw: float,
        operator: OperatorMemory,
        memory: CommitmentMemory,
        context_of: Callable[[str], Context],
        asked: Callable[[str], Setpoint | None],
    ) -> AreaDecision:
        """The decision for one area.

        Args:
            area: the area.
            snapshot: the frozen picture.
            plan: what the plan says of this moment.
            need_ahead_kw: need shortly, from the plan's forecast, kW; 0 without one.
            operator: overrides and stops.
            memory: extras and failures.
            context_of: safety context by device id.
            asked: what a device was last asked, None for nothing.
        """
        status = snapshot.areas[area.id]
        sources = self._sources.area(area.id, snapshot, plan, operator, memory.deaf, context_of)
        grid = self._grid_offer(area, status)
        import_cap_kw = 0.0 if grid is None else grid.import_limit_kw
        fixed_kw = sum(sources.fixed_kw.values())
        need = Need(
            max(status.need_kw, need_ahead_kw) - fixed_kw,
            import_cap_kw,
            sources.firm_kw,
            sources.largest_other_kw,
            DEFAULT_PRICE_USD_PER_KWH if grid is None else grid.import_usd_per_kwh,
        )
        commitment = decide(snapshot.now_ms, sources.units, need, memory)
        dispatch = self._dispatch(status, sources, commitment, grid, operator, memory)
        wished, vetoes = self._wishes(
            sources, commitment, dispatch, snapshot, operator, memory, context_of, asked
        )
        reserve_kw = import_cap_kw - dispatch.import_kw
        for device_id, offer in sources.offers.items():
            reserve_kw += offer.high_kw - dispatch.power_kw.get(device_id, 0.0)
        for unit in sources.units:
            if commitment.wanted[unit.device.id] and unit.on:
                reserve_kw += unit.limit_kw - dispatch.power_kw.get(unit.device.id, unit.power_kw)
        return AreaDecision(
            status, commitment, dispatch, wished, vetoes, reserve_kw, sources, import_cap_kw
        )

    def _grid_offer(self, area: Area, status: AreaStatus) -> GridOffer | None:
        connection = area.connection
        if connection is None or (status.grid is not None and not status.grid.energised):
            return None
        import_limit_kw = connection.import_limit_kw
        export_limit_kw = connection.export_limit_kw
        if status.grid is not None:
            import_limit_kw = min(import_limit_kw, status.grid.import_limit_kw)
            export_limit_kw = min(export_limit_kw, status.grid.export_limit_kw)
        price = DEFAULT_PRICE_USD_PER_KWH
        if status.price is not None:
            price = status.price.price_usd_per_mwh / 1000.0
        return GridOffer(
            import_limit_kw * (1.0 - self._config.import_margin_fraction),
            export_limit_kw * (1.0 - self._config.import_margin_fraction),
            price + connection.import_adder_usd_per_mwh / 1000.0,
            price - connection.export_discount_usd_per_mwh / 1000.0,
        )

    def _dispatch(
        self,
        status: AreaStatus,
        sources: AreaSources,
        commitment: AreaCommitment,
        grid: GridOffer | None,
        operator: OperatorMemory,
        memory: CommitmentMemory,
    ) -> AreaDispatch:
        left_kw = status.need_kw - sum(sources.fixed_kw.values())
        offers = list(sources.offers.values())
        slow: dict[str, Slow] = {}
        for unit in sources.units:
            device = unit.device
            held = operator.overrides.get(device.id)
            idle = not commitment.wanted[device.id] or not unit.on or unit.power_kw <= 0.0
            if idle or device.id in memory.deaf:
                left_kw -= unit.power_kw
            elif held is not None and held.power_kw is not None:
                left_kw -= held.power_kw
            else:
                site = self._fleet.site_by_id[device.site]
                offers.append(self._sources.running_offer(unit, site))
                ramp_kw_per_s = device.ramp_fraction_per_s * device.rated_kw
                slow[device.id] = Slow(unit.power_kw, ramp_kw_per_s * self._config.cycle_s)
        stores = [
            offer
            for device_id, offer in sources.offers.items()
            if isinstance(self._fleet.device_by_id[device_id], Store)
        ]
        return cover_lag(dispatch_area(left_kw, offers, grid), slow, stores, grid)

    def _wishes(
        self,
        sources: AreaSources,
        commitment: AreaCommitment,
        dispatch: AreaDispatch,
        snapshot: Snapshot,
        operator: OperatorMemory,
        memory: CommitmentMemory,
        context_of: Callable[[str], Context],
        asked: Callable[[str], Setpoint | None],
    ) -> tuple[dict[str, Setpoint], list[str]]:
        wished: dict[str, Setpoint] = {}
        vetoes: list[str] = []
        for unit in sources.units:
            setpoint = self._unit_wish(unit, commitment, dispatch, snapshot, operator, asked)
            if setpoint is not None:
                self._pass(setpoint, context_of, wished, vetoes)
        for device_id in sources.offers:
            setpoint = self._inverter_wish(
                device_id, dispatch.power_kw[device_id], snapshot, asked(device_id)
            )
            if setpoint is not None:
                self._pass(setpoint, context_of, wished, vetoes)
        for device_id in sources.fixed_kw:
            held = operator.overrides.get(device_id)
            if held is not None:
                power_kw = 0.0 if held.power_kw is None else held.power_kw
                setpoint = Setpoint(device_id, Order.RUN, power_kw, Purpose.OPERATOR)
                self._pass(setpoint, context_of, wished, vetoes)
            elif device_id in memory.deaf:
                # Asked the same until it follows, so that it does not lapse and is noticed then.
                setpoint = asked(device_id)
                if setpoint is not None and setpoint.order is Order.RUN:
                    self._pass(setpoint, context_of, wished, vetoes)
        return wished, vetoes

    @staticmethod
    def _unit_wish(
        unit: Unit,
        commitment: AreaCommitment,
        dispatch: AreaDispatch,
        snapshot: Snapshot,
        operator: OperatorMemory,
        asked: Callable[[str], Setpoint | None],
    ) -> Setpoint | None:
        device = unit.device
        last = asked(device.id)
        if commitment.wanted[device.id]:
            held = operator.overrides.get(device.id)
            if held is not None and held.power_kw is not None:
                return Setpoint(device.id, Order.RUN, held.power_kw, held.purpose)
            start_kw = min(max(unit.limit_kw, 0.0), device.min_load_fraction * device.rated_kw)
            if unit.power_kw > 0.0 and last is not None and last.order is Order.RUN:
                # It does not follow for now; what was asked of it stands.
                start_kw = last.power_kw
            power_kw = dispatch.power_kw.get(device.id, start_kw)
            return Setpoint(device.id, Order.RUN, round(power_kw, 2))
        state = snapshot.readings[device.id].state
        moving = unit.on or state is DeviceState.COOLING
        if last is not None and (last.order is Order.RUN or moving):
            return Setpoint(device.id, Order.STOP)
        # A set that somebody else started (its site, its owner) is not ours to stop.
        return None

    def _inverter_wish(
        self,
        device_id: str,
        power_kw: float,
        snapshot: Snapshot,
        last: Setpoint | None,
    ) -> Setpoint | None:
        device = self._fleet.device_by_id[device_id]
        if isinstance(device, Generator):
            return None
        if isinstance(device, Store):
            if power_kw == 0.0 and (last is None or last.power_kw == 0.0):
                return None if last is None else last
            return Setpoint(device_id, Order.RUN, round(power_kw, 2))
        available_kw = snapshot.readings[device_id].available_kw
        if power_kw >= CURTAILED_FRACTION * available_kw:
            if last is None or last.power_kw >= device.rated_kw:
                return None if last is None else last
            return Setpoint(device_id, Order.RUN, device.rated_kw)
        return Setpoint(device_id, Order.RUN, round(power_kw, 2))

    @staticmethod
    def _pass(
        setpoint: Setpoint,
        context_of: Callable[[str], Context],
        wished: dict[str, Setpoint],
        vetoes: list[str],
    ) -> None:
        verdict = check(context_of(setpoint.device), setpoint)
        if isinstance(verdict, Refused):
            vetoes.append(f"{setpoint.device}: invariant {verdict.invariant}: {verdict.reason}")
            return
        if isinstance(verdict, Reduced):
            setpoint = Setpoint(
                setpoint.device, setpoint.order, round(verdict.power_kw, 2), setpoint.purpose
            )
        wished[setpoint.device] = setpoint
