"""Economic dispatch of one area for one moment: exact for convex piecewise-linear costs.

Every device that is on offers a window [low, high] and rising marginal costs inside it; import
and export are offers too. From all lows, the cheapest next kW is taken until the need is met: the
merit order, which for convex costs is the optimum (Wood and Wollenberg, Power Generation,
Operation and Control, chapter 3: equal incremental cost).

This serves an area in the center's loop: hundreds of offers, ties in their order, nothing to
compile at the start. Fleets as columns, up to millions of units, with quadratic costs or a reserve
to keep, are for `gridmuster.planning.interval`, which shares ties in proportion to the windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Offer:
    """What one device can give next.

    Args:
        device: its id.
        low_kw: least power of the window, kW (negative: charging).
        segments: (width kW, marginal cost USD/kWh) upwards from ``low_kw``, costs rising.
    """

    device: str
    low_kw: float
    segments: tuple[tuple[float, float], ...]

    @property
    def high_kw(self) -> float:
        """Highest power of the window, kW."""
        return self.low_kw + sum(width for width, _ in self.segments)


@dataclass(frozen=True, slots=True)
class GridOffer:
    """The area's connection: export up to a limit at one price, import up to a limit at another.

    Args:
        import_limit_kw: most that may be drawn, kW.
        export_limit_kw: most that may be sent out, kW.
        import_usd_per_kwh: price of a kWh drawn.
        export_usd_per_kwh: price of a kWh sent out; not above the import price.
    """

    import_limit_kw: float
    export_limit_kw: float
    import_usd_per_kwh: float
    export_usd_per_kwh: float


@dataclass(frozen=True, slots=True)
class AreaDispatch:
    """The answer for one area.

    Args:
        power_kw: power by device id, kW.
        import_kw: net import that closes the balance, kW (negative: export).
        price_usd_per_kwh: marginal cost of the last kW taken.
        shortfall_kw: need that nothing could meet, kW.
        surplus_kw: power that nothing could take, kW.
    """

    power_kw: dict[str, float]
    import_kw: float
    price_usd_per_kwh: float
    shortfall_kw: float
    surplus_kw: float


_GRID = -1


def dispatch_area(need_kw: float, offers: Sequence[Offer], grid: GridOffer | None) -> AreaDispatch:
    """The cheapest powers that meet a need.

    Args:
        need_kw: demand with losses, kW.
        offers: what the devices that are on can give.
        grid: the connection; None when islanded.

    Returns:
        Powers, import, marginal price, and what could not be met or taken. Ties are broken by the
        order of the offers, the connection last, so that equal inputs give equal answers.
    """
    left_kw = need_kw
    taken = [0.0] * len(offers)
    steps: list[tuple[float, int, int, float]] = []
    for index, offer in enumerate(offers):
        left_kw -= offer.low_kw
        for part, (width_kw, price) in enumerate(offer.segments):
            if width_kw > 0.0:
                steps.append((price, index, part, width_kw))
    import_kw = 0.0
    if grid is not None:
        import_kw = -grid.export_limit_kw
        left_kw += grid.export_limit_kw
        last = len(offers)
        export_price = min(grid.export_usd_per_kwh, grid.import_usd_per_kwh)
        steps.append((export_price, last, _GRID, grid.export_limit_kw))
        steps.append((grid.import_usd_per_kwh, last, _GRID, grid.import_limit_kw))
    steps.sort()
    price = 0.0
    for price_here, index, part, width_kw in steps:
        if left_kw <= 0.0:
            break
        step_kw = min(left_kw, width_kw)
        left_kw -= step_kw
        price = price_here
        if part == _GRID:
            import_kw += step_kw
        else:
            taken[index] += step_kw
    power_kw = {
        offer.device: offer.low_kw + step_kw for offer, step_kw in zip(offers, taken, strict=True)
    }
    return AreaDispatch(power_kw, import_kw, price, max(left_kw, 0.0), max(-left_kw, 0.0))
