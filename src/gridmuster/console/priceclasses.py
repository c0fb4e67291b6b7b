"""Classes of generators against the price: from which price each starts, and why it runs or waits.

The threshold of a set is its short-run cost: fuel, service and wear, and its start spread over its
shortest run, per kWh (the merit by which sets are started). What the market pays and what it is
expected to pay is held against it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from gridmuster.center.pricing import PricedView
from gridmuster.center.view import AreaView, DeviceView, PlantView
from gridmuster.clock import local
from gridmuster.units import KWH_PER_MWH, MS_PER_S

ON: Final = frozenset({"starting", "warming", "running"})
#: A run that pays must be paid for at least so long, intervals of the plan.
SOON: Final = 4


class PriceClass(Struct, frozen=True):
    """Devices of one type: from which price they start or give, and why they do or wait.

    Of stores the prices are those above which they give, and ``charge_below_usd_per_mwh`` the
    highest below which one charges.
    """

    type: str
    devices: int
    on: int
    barred: int
    from_usd_per_mwh: float | None
    to_usd_per_mwh: float | None
    why: str
    charge_below_usd_per_mwh: float | None = None


class Outlook(Struct, frozen=True):
    """What the market pays now and is expected to pay: median and 95 % by interval, USD/MWh."""

    now_usd_per_mwh: float | None
    start_ms: int
    step_s: int
    zone: str
    median: list[float] = []
    high: list[float] = []


def outlook(view: PlantView, areas: Sequence[AreaView]) -> Outlook:
    """What is expected in the area with the highest price now; prices there decide first."""
    priced = [a for a in areas if a.rates is not None and a.rates.price_usd_per_mwh is not None]
    if not priced:
        return Outlook(None, 0, 900, view.time_zone)
    area = max(priced, key=lambda one: (one.price_usd_per_mwh, one.id))
    step_ms = area.forecast_step_s * MS_PER_S
    passed = max(0, (view.at_ms - area.forecast_start_ms) // step_ms)
    return Outlook(
        area.price_usd_per_mwh,
        area.forecast_start_ms + passed * step_ms,
        area.forecast_step_s,
        view.time_zone,
        area.forecast_price_usd_per_mwh,
        area.forecast_price_high_usd_per_mwh,
    )


def price_classes(
    devices: Sequence[DeviceView],
    merit_usd_per_kwh: Mapping[str, float],
    ahead: Outlook,
    priced: Mapping[str, PricedView] | None = None,
) -> list[PriceClass]:
    """Thresholds and reasons by type, the cheapest first.

    Args:
        devices: those of an area, or all.
        merit_usd_per_kwh: short-run cost by generator that may meet demand.
        ahead: what the market pays.
        priced: what devices do for the price, by id, where that was chosen.
    """
    chosen = {} if priced is None else priced
    costs: dict[str, list[tuple[float, bool]]] = {}
    barred: dict[str, int] = {}
    for device in devices:
        cost = merit_usd_per_kwh.get(device.id)
        if cost is not None:
            told = (cost * KWH_PER_MWH, device.state in ON)
            costs.setdefault(device.type, []).append(told)
        elif device.permit_class:
            barred[device.type] = barred.get(device.type, 0) + 1
    found = [
        PriceClass(
            kind,
            len(sets),
            sum(on for _, on in sets),
            barred.get(kind, 0),
            round(min(sets)[0], 2),
            round(max(sets)[0], 2),
            _chosen(kind, devices, chosen) or why(sets, ahead),
        )
        for kind, sets in costs.items()
    ]
    found += _stores(devices, chosen)
    found.sort(key=lambda one: (one.from_usd_per_mwh or 0.0, one.type))
    for kind, count in sorted(barred.items()):
        if kind not in costs:
            text = "wait for an outage or a declared emergency: their permits forbid more"
            found.append(PriceClass(kind, 0, 0, count, None, None, text))
    return found


def _chosen(kind: str, devices: Sequence[DeviceView], priced: Mapping[str, PricedView]) -> str:
    """What the sets of a type do for the price by what starts gain; empty: that was not told."""
    mine = [priced[one.id] for one in devices if one.type == kind and one.id in priced]
    runs = [one for one in mine if one.runs]
    waits = [one for one in mine if not one.runs]
    said = []
    if runs:
        said.append(f"{len(runs)} run for the price: {runs[0].why}")
    if waits:
        least = -math.inf
        nearest = max(
            waits, key=lambda one: least if one.gain_usd_per_mw is None else one.gain_usd_per_mw
        )
        said.append(f"{len(waits)} wait: {nearest.why}")
    return "; ".join(said)


def _stores(devices: Sequence[DeviceView], priced: Mapping[str, PricedView]) -> list[PriceClass]:
    """Stores by type: above which prices they give, below which they charge."""
    kinds: dict[str, list[PricedView]] = {}
    for device in devices:
        one = priced.get(device.id)
        if one is not None and one.sell_above_usd_per_mwh is not None:
            kinds.setdefault(device.type, []).append(one)
    found = []
    for kind, stores in kinds.items():
        give = [one.sell_above_usd_per_mwh or 0.0 for one in stores]
        take = max(one.buy_below_usd_per_mwh or 0.0 for one in stores)
        on = sum(one.runs for one in stores)
        acting = next((one for one in stores if one.runs), stores[0])
        text = f"{on} give, {len(stores) - on} charge or wait: {acting.why}"
        low, high = round(min(give), 2), round(max(give), 2)
        found.append(PriceClass(kind, len(stores), on, 0, low, high, text, round(take, 2)))
    return found


def why(sets: Sequence[tuple[float, bool]], ahead: Outlook) -> str:
    """Why the sets of a class run or wait.

    Args:
        sets: of each its threshold, USD/MWh, and whether it is on.
        ahead: what the market pays.
    """
    price = ahead.now_usd_per_mwh
    if price is None:
        return "the market has not been heard: the plan decides by what it assumes"
    least = min(cost for cost, _ in sets)
    paid = [on for cost, on in sets if cost <= price]
    dear_on = sum(on for cost, on in sets if cost > price)
    said = []
    if any(paid):
        said.append(f"{sum(paid)} run because {price:.2f} pays for them")
    idle = len(paid) - sum(paid)
    if idle:
        said.append(f"{idle} wait although {price:.2f} would pay: {_not_yet(least, ahead)}")
    if dear_on:
        verb = "runs" if dear_on == 1 else "run"
        said.append(f"{dear_on} {verb} above the price, for the balance, reserve or a hold")
    if not said or not paid:
        said.append(f"{'the others' if dear_on else 'they'} wait: {price:.2f} is below {least:.2f}")
        said.append(_when(least, ahead))
    return "; ".join(said)


def _not_yet(least: float, ahead: Outlook) -> str:
    """Why a price that pays now starts nothing."""
    soon = ahead.median[:SOON]
    if soon and sum(soon) / len(soon) < least:
        mean = sum(soon) / len(soon)
        return f"it is not expected to last ({mean:.2f} over the next hour)"
    return "a permit, fuel, a fault, a hold or the plan keeps them; each set says which"


def _when(least: float, ahead: Outlook) -> str:
    """When the price is expected to pay."""
    for level, text in (
        (ahead.median, "the forecast reaches it at {at}"),
        (ahead.high, "the forecast stays below; its band reaches it at {at}"),
    ):
        k = next((k for k, price in enumerate(level) if price >= least), None)
        if k is not None:
            moment = local(ahead.start_ms + k * ahead.step_s * MS_PER_S, ahead.zone)
            return text.format(at=moment.strftime("%H:%M"))
    if not ahead.median:
        return "no forecast is there yet"
    return "the whole band of the forecast stays below it for the next day"
