"""Stores cover what slow sets cannot reach before the next decision, at the connection's limits.

The economic dispatch gives a slow set a target that it reaches in a minute. Until then the
connection would carry the difference, beyond its limit when it is dispatched close to it; stores
follow at once and carry it instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gridmuster.dispatch.economic import AreaDispatch, GridOffer, Offer


@dataclass(frozen=True, slots=True)
class Slow:
    """A set that ramps: its measured power, and how far it moves in a cycle, kW."""

    power_kw: float
    reach_kw: float


def cover_lag(
    dispatch: AreaDispatch,
    slow: Mapping[str, Slow],
    fast: Sequence[Offer],
    grid: GridOffer | None,
) -> AreaDispatch:
    """The dispatch with stores moved so far that the connection keeps its limits meanwhile.

    Args:
        dispatch: the economic dispatch.
        slow: sets that ramp, by device id.
        fast: offers of stores, the one to be moved first in front.
        grid: the connection; None when islanded, where frequency does this.
    """
    if grid is None:
        return dispatch
    missing_kw = 0.0
    for device, unit in slow.items():
        wish_kw = dispatch.power_kw.get(device, unit.power_kw)
        low_kw, high_kw = unit.power_kw - unit.reach_kw, unit.power_kw + unit.reach_kw
        missing_kw += wish_kw - min(max(wish_kw, low_kw), high_kw)
    import_kw = dispatch.import_kw + missing_kw
    # Only what the lag itself adds is covered; what is short besides is the dispatch's to say.
    over_kw = min(max(import_kw - grid.import_limit_kw, 0.0), max(missing_kw, 0.0))
    over_kw += max(min(import_kw + grid.export_limit_kw, 0.0), min(missing_kw, 0.0))
    if over_kw == 0.0:
        return dispatch
    power_kw = dict(dispatch.power_kw)
    left_kw = over_kw
    for offer in fast:
        now_kw = power_kw[offer.device]
        power_kw[offer.device] = min(max(now_kw + left_kw, offer.low_kw), offer.high_kw)
        left_kw -= power_kw[offer.device] - now_kw
    return replace(dispatch, power_kw=power_kw, import_kw=dispatch.import_kw - (over_kw - left_kw))
