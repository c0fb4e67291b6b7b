"""What really happened: the world's own books, for tests and reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AreaTruth:
    """One area's energies since the world began, kWh.

    With the devices' energies this holds to rounding:
    produced - absorbed + import - export + bridge = demand - unserved + losses + auxiliary.
    ``auxiliary_kwh`` is what stores draw in standby and bridge batteries take to fill;
    ``bridge_kwh`` what bridge batteries gave to loads; ``over_limit_kwh`` what was imported or
    exported beyond the connection's limits. ``dead_line_closings`` counts how often something
    closed onto the dead line of a utility.
    """

    demand_kwh: float
    unserved_kwh: float
    produced_kwh: float
    absorbed_kwh: float
    import_kwh: float
    export_kwh: float
    losses_kwh: float
    auxiliary_kwh: float
    bridge_kwh: float
    over_limit_kwh: float
    dead_line_closings: int = 0


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything's energies since the world began, kWh, and fuel, l or m3.

    ``unserved_kwh_by_end_user`` names only those who went short.
    """

    at_ms: int
    areas: dict[str, AreaTruth]
    produced_kwh: dict[str, float]
    absorbed_kwh: dict[str, float]
    fuel_used: dict[str, float]
    starts: dict[str, int]
    failed_starts: dict[str, int]
    unserved_kwh_by_site: dict[str, float]
    unserved_kwh_by_end_user: dict[str, float]

    @property
    def demand_kwh(self) -> float:
        """What all end-users wanted, kWh."""
        return sum(area.demand_kwh for area in self.areas.values())

    @property
    def unserved_kwh(self) -> float:
        """What they did not get, kWh."""
        return sum(area.unserved_kwh for area in self.areas.values())

    @property
    def served_kwh(self) -> float:
        """What they got, kWh."""
        return self.demand_kwh - self.unserved_kwh
