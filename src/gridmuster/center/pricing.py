"""What is remembered of choices on a price, and what people may see of them."""

from __future__ import annotations

from msgspec import Struct, field

from gridmuster.planning.worth.told import PriceWorth


class PricedRun(Struct):
    """An engine that runs for the price: since when, bound until when, at what power, and why."""

    since_ms: int
    bound_ms: int
    power_kw: float
    text: str


class PricedStore(Struct):
    """What a store does in an interval, and the prices beyond which it would act, USD/MWh."""

    power_kw: float
    buy_below_usd_per_mwh: float
    sell_above_usd_per_mwh: float
    text: str


class PricedWait(Struct):
    """An engine that stays off: what a start would gain, USD/MW, why, and whether a plan wanted it.

    ``put_off`` says that the plan has it on for its price alone, and that it stays off all the
    same.
    """

    gain_usd_per_mw: float
    text: str
    put_off: bool = False


class PricingMemory(Struct):
    """Worths told, and choices that rest on them; plain data for the checkpoint."""

    told: dict[str, PriceWorth] = field(default_factory=dict)
    decided_ms: dict[str, int] = field(default_factory=dict)
    runs: dict[str, PricedRun] = field(default_factory=dict)
    stores: dict[str, PricedStore] = field(default_factory=dict)
    waits: dict[str, PricedWait] = field(default_factory=dict)
    over: dict[str, str] = field(default_factory=dict)


class PricedView(Struct, frozen=True):
    """What a device does for the price now: its thresholds (stores), expected gain (engines), why.

    ``runs`` says that an engine runs or a store gives because of the price.
    """

    runs: bool
    why: str
    buy_below_usd_per_mwh: float | None = None
    sell_above_usd_per_mwh: float | None = None
    gain_usd_per_mw: float | None = None


def priced_views(memory: PricingMemory) -> dict[str, PricedView]:
    """What every device that acts on a price does now, by id."""
    found = {
        device: PricedView(
            one.power_kw > 0.0,
            one.text,
            round(one.buy_below_usd_per_mwh, 2),
            round(one.sell_above_usd_per_mwh, 2),
        )
        for device, one in memory.stores.items()
    }
    for device, wait in memory.waits.items():
        gain = None if wait.gain_usd_per_mw < -1e17 else round(wait.gain_usd_per_mw, 2)
        found[device] = PricedView(False, wait.text, gain_usd_per_mw=gain)
    for device, run in memory.runs.items():
        found[device] = PricedView(True, run.text)
    return found
