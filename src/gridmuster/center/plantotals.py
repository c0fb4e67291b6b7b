"""A plan's powers added up by area and device type, once a plan and not once a look."""

from __future__ import annotations

import numpy as np

from gridmuster.fleet.model import Fleet
from gridmuster.planning.problem import PlanSolution

#: Decimals of planned powers as people see them, kW.
DIGITS = 1


class PlanTotals:
    """Planned power by area and type of the plan last asked about.

    Args:
        fleet: the fleet.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._solution: PlanSolution | None = None
        self._by_type: dict[str, dict[str, list[float]]] = {}

    def by_type(self, solution: PlanSolution, area_id: str) -> dict[str, list[float]]:
        """Planned power of an area by device type and interval of the plan, kW.

        Args:
            solution: the plan.
            area_id: the area.

        Returns:
            Only types that the plan has at any other power than zero.
        """
        if solution is not self._solution:
            self._by_type = self._sums(solution)
            self._solution = solution
        return self._by_type.get(area_id, {})

    def _sums(self, solution: PlanSolution) -> dict[str, dict[str, list[float]]]:
        sums: dict[str, dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]] = {}
        for device_id, power_kw in solution.power_kw.items():
            device = self._fleet.device_by_id.get(device_id)
            if device is None or not any(power_kw):
                continue
            of_area = sums.setdefault(self._fleet.site_by_id[device.site].area, {})
            kind = device.type.value
            values = np.asarray(power_kw, np.float64)
            of_area[kind] = of_area[kind] + values if kind in of_area else values
        return {
            area_id: {kind: values.round(DIGITS).tolist() for kind, values in of_area.items()}
            for area_id, of_area in sums.items()
        }
