"""What each field about prices and what they mean for generators says."""

from __future__ import annotations

from typing import Final

#: By ``Type.field``, or by ``field`` where it means the same everywhere.
PRICE_FIELDS: Final[dict[str, str]] = {
    "forecast_price_low_usd_per_mwh": "price that is undercut once in 20, by interval, USD/MWh",
    "forecast_price_high_usd_per_mwh": "price that is exceeded once in 20, by interval, USD/MWh",
    "price_source": "who forecast the prices of the plan in force; null: no plan yet",
    "model": "model that forecast the prices; empty: similar days, made by the center itself",
    "market": "market's area that the model knows; empty: none was told",
    "issued_at_ms": "when the forecast in use was issued, plant time, ms; 0: none is in use",
    "trained_at_ms": "when its model was last taught, plant time, ms",
    "data_until_ms": "end of the newest interval that it rests on, plant time, ms",
    "reaches_ms": "until when it tells prices, plant time, ms; similar days beyond",
    "last_issued_ms": "when the newest forecast was issued, in use or stale; 0: there was none",
    "scarcity": "chance that the price stays high; null: not known",
    "limit_usd_per_mwh": "price that counts as scarcity, USD/MWh",
    "at_least_s": "how long it must be exceeded without a break, s",
    "within_s": "from the issue on within which time that must come, s",
    "ScarcityChance.probability": "how likely that is, 0 to 1",
    "classes": "classes of generators and stores: from which price they act, and why they do not",
    "PriceClass.devices": "how many of them may run to meet demand or for a price",
    "PriceClass.on": "how many of those are on or starting; of stores: give",
    "PriceClass.barred": "how many more there are whose permits forbid it",
    "from_usd_per_mwh": "price from which the cheapest of them pays, USD/MWh: fuel, service, wear "
    "and the start over its shortest run; null: none may run",
    "to_usd_per_mwh": "price from which the dearest of them pays, USD/MWh; null: none may run",
    "charge_below_usd_per_mwh": "stores: highest price below which one charges, USD/MWh; null: "
    "none is a store",
    "priced": "devices that act on the price, by id: what they do and why",
    "PricedView.runs": "whether it runs or gives because of the price",
    "buy_below_usd_per_mwh": "stores: charges at prices below this, USD/MWh; null: no store",
    "sell_above_usd_per_mwh": "stores: gives at prices above this, USD/MWh; null: no store",
    "gain_usd_per_mw": "engines that wait: what a start is expected to gain, USD per MW of rated "
    "power; null: not known",
    "PricedView.why": "why, in words",
    "why": "why they run or wait, in words",
}
