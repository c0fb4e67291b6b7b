"""What a fleet would have earned: its devices replayed, added up, and told in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gridmuster.fleet.devices import Device, DeviceBase, Generator, Store
from gridmuster.fleet.economics import fuel_line
from gridmuster.fleet.model import Fleet, Site
from gridmuster.forecast.market.history import Floats, Ints
from gridmuster.planning.worth.backtest import Market
from gridmuster.planning.worth.play import (
    Hybrid,
    Played,
    cycles,
    play_engine,
    play_hybrid,
    play_store,
)
from gridmuster.planning.worth.runterms import RunTerms, run_terms
from gridmuster.planning.worth.storeterms import StoreTerms, store_terms
from gridmuster.planning.worth.words import Happening, run_happenings, store_happenings

#: Wins and losses that are told.
TOLD_MOST = 20
#: Kinds of device whose replay is kept for the next of the kind; a year of one is 2 MB.
KEPT_MOST = 100

Told = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Leave:
    """What an engine may do for a price.

    Args:
        hours_h: hours it may run in the span, h; None: no limit.
        refusal: why it may not be started on a price at all; "" when it may.
    """

    hours_h: float | None = None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class DeviceEarnings:
    """What one device would have earned.

    Args:
        id: of the device.
        site: of the device.
        type: of the device.
        area: of the market.
        power_kw: most that it could use of its power at its site, kW.
        profit_usd: earned, fuel and wear paid, USD.
        foresight_usd: what perfect foresight would have earned, USD.
        rivals_usd: what simple rules would have earned, USD.
        starts: of an engine.
        hours_h: an engine's hours, h.
        fuel: that it burnt, l or m3.
        cycles: of a store.
        unserved_backup_kwh: load that an outage at the worst moment would have left unserved
            because of runs for the price, kWh.
        note: what the reader should know.
    """

    id: str
    site: str
    type: str
    area: str
    power_kw: float
    profit_usd: float = 0.0
    foresight_usd: float = 0.0
    rivals_usd: Mapping[str, float] | None = None
    starts: int = 0
    hours_h: float = 0.0
    fuel: float = 0.0
    cycles: float = 0.0
    unserved_backup_kwh: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Earnings:
    """What a fleet would have earned.

    Args:
        devices: each of them.
        days: local days of the span, proleptic ordinals.
        daily_usd: earned on each.
        wins: the largest, with why.
        losses: the largest, with why.
    """

    devices: tuple[DeviceEarnings, ...]
    days: Ints
    daily_usd: Floats
    wins: tuple[Happening, ...]
    losses: tuple[Happening, ...]

    @property
    def profit_usd(self) -> float:
        """Earned by all, USD."""
        return sum(one.profit_usd for one in self.devices)

    @property
    def foresight_usd(self) -> float:
        """What perfect foresight would have earned, USD."""
        return sum(one.foresight_usd for one in self.devices)

    def rivals_usd(self, kind: str) -> dict[str, float]:
        """What simple rules would have earned with the stores, or with the engines, USD."""
        found: dict[str, float] = {}
        for one in self.devices:
            if (one.type in STORE_TYPES) == (kind == "stores"):
                for name, value in (one.rivals_usd or {}).items():
                    found[name] = found.get(name, 0.0) + value
        return found

    def of(self, kind: str) -> tuple[DeviceEarnings, ...]:
        """The stores, or the engines."""
        return tuple(one for one in self.devices if (one.type in STORE_TYPES) == (kind == "stores"))


STORE_TYPES = frozenset({"battery", "smes", "flywheel"})


@dataclass(slots=True)
class _Ledger:
    """Results as they come, each kind of device on each area once."""

    market: Market
    stores: dict[tuple[str, StoreTerms], Played]
    engines: dict[tuple[str, RunTerms, float], Played]
    daily: dict[int, float]
    happenings: list[Happening]

    def store(self, area: str, terms: StoreTerms) -> Played:
        if (area, terms) not in self.stores:
            if len(self.stores) >= KEPT_MOST:
                self.stores.clear()
            self.stores[area, terms] = play_store(self.market, area, terms)
        return self.stores[area, terms]

    def engine(self, area: str, terms: RunTerms, budget_h: float) -> Played:
        key = (area, terms, budget_h)
        if key not in self.engines:
            if len(self.engines) >= KEPT_MOST:
                self.engines.clear()
            self.engines[key] = play_engine(self.market, area, terms, budget_h)
        return self.engines[key]

    def tell(self, found: Sequence[Happening]) -> None:
        """Keep the largest wins and losses of those so far and these."""
        ranked = sorted([*self.happenings, *found], key=lambda one: one.usd)
        if len(ranked) > 2 * TOLD_MOST:
            ranked = [*ranked[:TOLD_MOST], *ranked[-TOLD_MOST:]]
        self.happenings = ranked

    def add_days(self, area: str, cash: Floats, scale: float) -> None:
        first, end = self.market.rows(area)
        day = self.market.records[area].wall.day[first:end]
        numbers, place = np.unique(day, return_inverse=True)
        for number, usd in zip(numbers.tolist(), np.bincount(place, cash) * scale, strict=True):
            self.daily[number] = self.daily.get(number, 0.0) + float(usd)


def fleet_earnings(
    fleet: Fleet,
    market: Market,
    areas: Mapping[str, str],
    leaves: Mapping[str, Leave],
    told: Told | None = None,
) -> Earnings:
    """Replay a fleet.

    Args:
        fleet: the devices.
        market: the prices and the span.
        areas: area of the market for each area of the fleet.
        leaves: what each engine may do for a price, by device.
        told: is told what was done, how much of how much.
    """
    ledger = _Ledger(market, {}, {}, {}, [])
    found: list[DeviceEarnings] = []
    for number, site in enumerate(fleet.sites):
        if told is not None:
            told("replaying sites", number, len(fleet.sites))
        found += _site(fleet, site, areas[site.area], leaves, ledger)
    days = np.array(sorted(ledger.daily), np.int64)
    ranked = sorted(ledger.happenings, key=lambda one: one.usd)
    return Earnings(
        tuple(found),
        days,
        np.array([ledger.daily[day] for day in days.tolist()]),
        tuple(one for one in ranked[::-1][:TOLD_MOST] if one.usd > 0.0),
        tuple(one for one in ranked[:TOLD_MOST] if one.usd < 0.0),
    )


def _site(
    fleet: Fleet, site: Site, area: str, leaves: Mapping[str, Leave], ledger: _Ledger
) -> list[DeviceEarnings]:
    """The devices of a site."""
    used: list[Store | Generator] = []
    found: list[DeviceEarnings] = []
    for device in fleet.devices_of_site[site.id]:
        refusal = _refusal(device, leaves)
        if not refusal and isinstance(device, Store | Generator):
            used.append(device)
        elif refusal:
            found.append(_idle(device, area, refusal))
    room_kw = site.backup_load_kw + site.transfer.export_limit_kw
    wanted_kw = sum(device.rated_kw for device in used)
    stores = [one for one in used if isinstance(one, Store)]
    engines = [one for one in used if isinstance(one, Generator)]
    if not used:
        return found
    if room_kw <= 0.0:
        why = "its site has no load and no export limit: nothing can be given"
        return found + [_idle(device, area, why) for device in used]
    share = min(1.0, room_kw / wanted_kw)
    if share < 1.0 and len(stores) == 1 and len(engines) == 1:
        return found + _hybrid(fleet, site, area, stores[0], engines[0], leaves, ledger)
    for store in stores:
        found.append(_store(store, area, share, ledger))
    for engine in engines:
        found.append(_engine(fleet, site, engine, area, share, leaves[engine.id], ledger))
    return found


def _refusal(device: Device, leaves: Mapping[str, Leave]) -> str:
    if isinstance(device, Generator):
        return leaves[device.id].refusal if device.id in leaves else "not started on a price"
    if isinstance(device, Store):
        if device.max_energy_kwh - device.min_energy_kwh <= 0.0:
            return "all its energy is kept for its site"
        return ""
    return "sun and wind: sold as they come, nothing to choose"


def _idle(device: DeviceBase, area: str, note: str) -> DeviceEarnings:
    return DeviceEarnings(device.id, device.site, device.type.value, area, 0.0, note=note)


def _shared_note(share: float) -> str:
    return "" if share >= 1.0 else f"its site's room gives it {100 * share:.0f} % of its power"


def _store(store: Store, area: str, share: float, ledger: _Ledger) -> DeviceEarnings:
    terms = store_terms(store)
    if share < 1.0:
        terms = replace(terms, discharge_h=terms.discharge_h / share)
    played = ledger.store(area, terms)
    mwh = (store.max_energy_kwh - store.min_energy_kwh) / 1000.0
    ledger.add_days(area, played.cash, mwh)
    ledger.tell(store_happenings(ledger.market, area, store.id, terms, played, mwh))
    return DeviceEarnings(
        store.id,
        store.site,
        store.type.value,
        area,
        store.rated_kw * share,
        played.profit * mwh,
        played.foresight * mwh,
        {name: value * mwh for name, value in played.rivals.items()},
        cycles=played.cycles,
        note=_shared_note(share),
    )


def _engine(
    fleet: Fleet,
    site: Site,
    engine: Generator,
    area: str,
    share: float,
    leave: Leave,
    ledger: _Ledger,
) -> DeviceEarnings:
    terms, budget_h = run_terms(engine, fleet.fuel_prices), _budget_h(leave, ledger.market, area)
    played = ledger.engine(area, terms, budget_h)
    mw = engine.rated_kw * share / 1000.0
    ledger.add_days(area, played.cash, mw)
    ledger.tell(
        run_happenings(ledger.market, area, engine.id, terms, played.cash, played.power, mw)
    )
    return DeviceEarnings(
        engine.id,
        engine.site,
        engine.type.value,
        area,
        engine.rated_kw * share,
        played.profit * mw,
        played.foresight * mw,
        {name: value * mw for name, value in played.rivals.items()},
        played.starts,
        played.hours_h,
        fuel_line(engine).rate_per_h(engine.rated_kw * share) * played.hours_h,
        unserved_backup_kwh=_unserved_kwh(site, engine, ledger.market, area, played.power),
        note=_shared_note(share),
    )


def _hybrid(
    fleet: Fleet,
    site: Site,
    area: str,
    store: Store,
    engine: Generator,
    leaves: Mapping[str, Leave],
    ledger: _Ledger,
) -> list[DeviceEarnings]:
    """A store and an engine whose site has not room for both at once."""
    market = ledger.market
    terms, own = store_terms(store), run_terms(engine, fleet.fuel_prices)
    mwh, mw = (store.max_energy_kwh - store.min_energy_kwh) / 1000.0, engine.rated_kw / 1000.0
    room_mw = (site.backup_load_kw + site.transfer.export_limit_kw) / 1000.0
    budget_h = _budget_h(leaves[engine.id], market, area)
    mw, store_mw = min(mw, room_mw), min(store.rated_kw / 1000.0, room_mw)
    terms = replace(terms, discharge_h=mwh / store_mw)
    site_of = Hybrid(terms, store_mw, mwh, own, mw, room_mw, budget_h)
    played = play_hybrid(market, area, site_of)
    alone = ledger.store(area, terms)
    runs = ledger.engine(area, own, budget_h)
    note = f"shares {1000 * room_mw:,.0f} kW with the other; foresight and rules: each alone"
    step_h = market.records[area].step_h
    stored = Played(played.store_cash / mwh, played.level, alone.foresight, {})
    ledger.add_days(area, played.store_cash + played.engine_cash, 1.0)
    ledger.tell(store_happenings(market, area, store.id, terms, stored, mwh))
    runs_of = (own, played.engine_cash / mw, played.power, mw)
    ledger.tell(run_happenings(market, area, engine.id, *runs_of))
    return [
        DeviceEarnings(
            store.id,
            store.site,
            store.type.value,
            area,
            1000.0 * store_mw,
            float(played.store_cash.sum()),
            alone.foresight * mwh,
            {name: value * mwh for name, value in alone.rivals.items()},
            cycles=cycles(played.level, terms, step_h),
            note=note,
        ),
        DeviceEarnings(
            engine.id,
            engine.site,
            engine.type.value,
            area,
            1000.0 * mw,
            float(played.engine_cash.sum()),
            runs.foresight * mw,
            {name: value * mw for name, value in runs.rivals.items()},
            played.starts,
            played.hours_h,
            fuel_line(engine).rate_per_h(1000.0 * mw) * played.hours_h,
            unserved_backup_kwh=_unserved_kwh(site, engine, market, area, played.power),
            note=note,
        ),
    ]


def _budget_h(leave: Leave, market: Market, area: str) -> float:
    first, end = market.rows(area)
    span_h = (end - first) * market.records[area].step_h
    return span_h if leave.hours_h is None else min(leave.hours_h, span_h)


def _unserved_kwh(site: Site, engine: Generator, market: Market, area: str, power: Floats) -> float:
    """Promised backup that the longest day of runs would have left without fuel, kWh.

    The tank is taken to be filled again within a day; an outage at the end of the day with the
    most runs finds least.
    """
    if engine.tank is None or site.autonomy_h <= 0.0 or site.backup_load_kw <= 0.0:
        return 0.0
    first, end = market.rows(area)
    record = market.records[area]
    _, place = np.unique(record.wall.day[first:end], return_inverse=True)
    longest_h = float(np.bincount(place, power > 0.0).max(initial=0.0)) * record.step_h
    line = fuel_line(engine)
    usable = engine.tank.level - engine.tank.sump_fraction * engine.tank.capacity
    left = usable - longest_h * line.rate_per_h(engine.rated_kw)
    rate = line.rate_per_h(min(site.backup_load_kw, engine.rated_kw))
    kept_h = max(left, 0.0) / rate if rate > 0.0 else site.autonomy_h
    before_h = min(site.autonomy_h, usable / rate) if rate > 0.0 else site.autonomy_h
    return max(before_h - kept_h, 0.0) * site.backup_load_kw


def ranked_days(found: Earnings, count: int) -> tuple[Sequence[int], Sequence[int]]:
    """Places of the best and of the worst days."""
    order = np.argsort(found.daily_usd, kind="stable")
    return order[::-1][:count].tolist(), order[:count].tolist()
