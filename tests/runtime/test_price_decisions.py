"""The live center decides on prices as the backtest does, says why, and replays alike."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from lockstep_plant import Plant
from msgspec import structs

from gridmuster.center.sources import PlanNow
from gridmuster.clock import iso
from gridmuster.fleet.devices import Generator, Store
from gridmuster.fleet.load import load_fleet
from gridmuster.fleet.model import Fleet
from gridmuster.forecast.market.boosting import Boosting
from gridmuster.forecast.market.heard import base_of
from gridmuster.forecast.market.history import Column, MarketHistory
from gridmuster.forecast.market.wallclock import MS_PER_DAY, instants_of, wall_clock_of
from gridmuster.forecast.told import PriceForecast
from gridmuster.planning.worth import learning, runlearning
from gridmuster.planning.worth.backtest import Span, market
from gridmuster.planning.worth.kernels import walk
from gridmuster.planning.worth.runterms import run_terms
from gridmuster.planning.worth.storechoice import StoreState, choose
from gridmuster.planning.worth.storeterms import store_terms
from gridmuster.planning.worth.told import PriceWorth, RunWorth, StoreWorth
from gridmuster.planning.worth.trees import grow
from gridmuster.runtime.appraiser import Appraiser
from gridmuster.runtime.errands import RoomProcess
from gridmuster.runtime.forecaster import Forecaster
from gridmuster.runtime.forecasting import ForecastRoom, MarketBase
from gridmuster.runtime.replay import replay
from gridmuster.runtime.worthroom import WorthRoom
from gridmuster.signals import decode, encode
from gridmuster.simulator.market_data import PriceSeries
from gridmuster.simulator.scenario import DEFAULT_ZONE

HOUR_MS, STEP_MS = 3_600_000, 300_000
DAYS = 80
#: Midnight in the plant's zone.
START_MS = int(instants_of(np.array([738_000]), np.array([0]), DEFAULT_ZONE)[0])
NOW_MS = START_MS + (DAYS - 2) * MS_PER_DAY + 16 * HOUR_MS
FEW = Boosting(rounds=4, leaves=4, leaf_rows=20)

FLEET = """
id: shop
areas:
  - id: one
    border: {coordinates: [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}
    connection: {import_limit_kw: 9000, export_limit_kw: 9000}
sites:
  - {id: roof, area: one, latitude: 0.5, longitude: 0.5, time_zone: ZONE,
     transfer: {kind: paralleling, export_limit_kw: 2000}}
  - {id: yard, area: one, latitude: 0.5, longitude: 0.5, time_zone: ZONE, backup_load_kw: 100,
     transfer: {kind: paralleling, export_limit_kw: 450}}
devices:
  - {id: big, type: battery, site: roof, rated_kw: 500, energy_capacity_kwh: 1000,
     min_energy_fraction: 0.1, cycle_cost_usd_per_kwh: 0.01}
  - {id: small, type: battery, site: yard, rated_kw: 500, energy_capacity_kwh: 300,
     min_energy_fraction: 0.1, cycle_cost_usd_per_kwh: 0.01}
  - {id: gas, type: engine, site: yard, rated_kw: 500, min_up_s: 1800,
     fuel_curve: [{load_fraction: 0.5, fuel_per_h: 75}, {load_fraction: 1.0, fuel_per_h: 140}],
     permit: {permit_class: epa_non_emergency, hours_cap_h: 50}}
  - {id: standby, type: emergency_generator, site: yard, rated_kw: 100,
     fuel_curve: [{load_fraction: 0.5, fuel_per_h: 15}, {load_fraction: 1.0, fuel_per_h: 28}],
     permit: {permit_class: epa_emergency}}
"""


GAS_PERMIT = "permit_class: epa_non_emergency, hours_cap_h: 50"


def shop(folder: Path, permit: str = GAS_PERMIT, more: str = "") -> Fleet:
    """The fleet, with another permit or more fields of its gas engine."""
    path = folder / "fleet.yaml"
    text = FLEET.replace("ZONE", DEFAULT_ZONE).replace(GAS_PERMIT, permit)
    path.write_text(text.replace("min_up_s: 1800", f"min_up_s: 1800{more}"))
    return load_fleet(path)


def series() -> MarketHistory:
    """Five-minute prices about day-ahead ones that are published at one o'clock."""
    dice = np.random.default_rng(5)
    hours = DAYS * 24
    starts = START_MS + HOUR_MS * np.arange(hours, dtype=np.int64)
    wall = wall_clock_of(starts, DEFAULT_ZONE)
    ahead = 40.0 + 20.0 * np.sin(2 * np.pi * (wall.hour - 11) / 24) + dice.normal(size=hours)
    real = np.repeat(ahead, 12) + 4.0 * dice.normal(size=12 * hours)
    for at in dice.integers(0, 12 * hours - 12, 200):
        real[at : at + 6] += 150.0
    real = np.clip(real, -900.0, 900.0).round(2)
    ahead = ahead.round(2)
    known = instants_of(wall.day - 1, np.full(hours, 13 * 60), DEFAULT_ZONE) + 4000
    fives = START_MS + STEP_MS * np.arange(12 * hours, dtype=np.int64)
    return MarketHistory(
        "made",
        DEFAULT_ZONE,
        {
            "rt_price_5min": Column("USD/MWh", START_MS, 300, real, fives),
            "da_price": Column("USD/MWh", START_MS, 3600, ahead, known, ahead=True),
        },
    )


@pytest.fixture(scope="module", autouse=True)
def few_trees() -> Iterator[None]:
    """Less of everything: the rules are the same."""
    quick = partial(grow, settings=FEW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learning, "POINTS", 48)
        patch.setattr(runlearning, "ROUNDS", 1)
        for module in (learning, runlearning):
            patch.setattr(module, "FOLDS", 2)
            patch.setattr(module, "MOST_ROWS", 600)
            patch.setattr(module, "grow", lambda matrix, outcomes, _: quick(matrix, outcomes))
        patch.setattr(learning, "MOST_PRICES", 600)
        yield


def live(folder: Path, minutes: int) -> tuple[Plant, WorthRoom]:
    """A plant whose forecaster and appraiser work in this process, under one virtual clock."""
    history = series()
    first = (NOW_MS - START_MS) // STEP_MS
    prices = PriceSeries(
        NOW_MS,
        history.column("rt_price_5min").values[first:],
        history.column("da_price").values[(NOW_MS - START_MS) // HOUR_MS :],
        DEFAULT_ZONE,
    )
    fleet = shop(folder)
    plant = Plant(folder, fleet=fleet, start_ms=NOW_MS, market=prices)
    base = MarketBase(base_of(history, NOW_MS - 1), settings=FEW)
    worths: RoomProcess = RoomProcess(WorthRoom, base, 0)
    plant.lockstep.center.forecaster = Forecaster(
        fleet,
        RoomProcess(ForecastRoom, base, 0),
        lockstep=True,
        appraiser=Appraiser(fleet, worths, 300, lockstep=True),
    )
    plant.run(minutes)
    return plant, worths._here  # type: ignore[return-value]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plant, WorthRoom]:
    return live(tmp_path_factory.mktemp("live"), 61)


def told(plant: Plant) -> list[PriceWorth]:
    topic = plant.lockstep.topics.price_worth("one")
    return [
        decode(frame.payload, PriceWorth)
        for _, inbound, _ in plant.frames()
        for frame in inbound
        if frame.topic == topic
    ]


def test_the_center_is_told_what_the_backtest_acts_on(lived: tuple[Plant, WorthRoom]) -> None:
    plant, room = lived
    assert room.learnt is not None
    heard = told(plant)
    assert len(heard) >= 8
    assert {one.delay_s for one in heard} == {0}
    end_ms = heard[-1].end_ms
    count = 0
    for kind, model in room.learnt.stores:
        made = market([series()], Span(model.until_ms, end_ms), 0)
        outlook, first = made.outlook("made", kind), made.rows("made")[0]
        for one in heard:
            row = made.records["made"].at(one.start_ms) - first
            said = one.of_store(kind)
            if said is None or row < 0:
                continue
            count += 1
            assert said.price == outlook.acted[row]
            assert np.array_equal(said.worth(), outlook.worth[row])
    (run,) = room.learnt.engines
    made = market([series()], Span(run.model.until_ms, end_ms), 0)
    runs, first = made.run_outlook("made", run.terms), made.rows("made")[0]
    for one in heard:
        row = made.records["made"].at(one.start_ms) - first
        if one.engines and row >= 0:
            count += 1
            assert one.engines[0].begin_usd_per_mw == runs.begin[row]
            assert one.engines[0].further_usd_per_mw == runs.further[row]
    assert count >= 15


def test_a_store_in_the_center_walks_as_in_the_backtest(lived: tuple[Plant, WorthRoom]) -> None:
    """The same choices from the same energy, interval after interval, losses between them too."""
    plant, _ = lived
    device = plant.fleet.device_by_id["big"]
    assert isinstance(device, Store)
    terms = store_terms(device)
    rows = [(one, said) for one in told(plant) if (said := one.of_store(terms)) is not None]
    price = np.array([said.price for _, said in rows])
    worth = np.stack([said.worth() for _, said in rows])
    array = terms.array(300 / 3600)
    _, level = walk(price, price, worth, array, 0.5, np.ones(len(rows)))
    usable_kwh = device.max_energy_kwh - device.min_energy_kwh
    energy = 0.5
    for k, (_, said) in enumerate(rows):
        state = StoreState(energy * usable_kwh, usable_kwh, device.rated_kw)
        choice = choose(state, terms, said.price, said.worth(), 300 / 3600)
        assert choice.energy_kwh / usable_kwh == pytest.approx(level[k], abs=1e-9)
        energy = choice.energy_kwh / usable_kwh * float(array[5])


def test_stores_follow_what_they_are_told_and_say_why(lived: tuple[Plant, WorthRoom]) -> None:
    plant, _ = lived
    pricing = plant.core.state.pricing
    assert set(pricing.stores) == {"big", "small"}
    for device, one in pricing.stores.items():
        assert one.buy_below_usd_per_mwh <= one.sell_above_usd_per_mwh
        assert "price" in one.text
        asked_kw = plant.setpoint_kw(device)
        assert (asked_kw or 0.0) == pytest.approx(one.power_kw, abs=0.02)
    assert "standby" not in pricing.waits
    assert "gas" in pricing.waits or "gas" in pricing.runs


def test_a_run_with_forecaster_and_appraiser_replays_to_the_same_bytes(
    lived: tuple[Plant, WorthRoom],
) -> None:
    plant, _ = lived
    inbound = [frame.topic for _, frames, _ in plant.frames() for frame in frames]
    assert plant.lockstep.topics.price_forecast("one") in inbound
    forecasts = [
        decode(frame.payload, PriceForecast)
        for _, frames, _ in plant.frames()
        for frame in frames
        if frame.topic == plant.lockstep.topics.price_forecast("one")
    ]
    assert all(one.data_until_ms <= one.issued_at_ms for one in forecasts)
    result = replay(plant.journals["main"])
    assert result.difference is None
    assert result.cycles == sum(1 for _ in plant.frames())


def test_two_live_runs_are_told_the_same(lived: tuple[Plant, WorthRoom], tmp_path: Path) -> None:
    again, _ = live(tmp_path, 12)
    topics = again.lockstep.topics
    wanted = {topics.price_forecast("one"), topics.price_worth("one")}

    def said(plant: Plant) -> list[bytes]:
        until_ms = again.now_ms
        return [
            frame.payload
            for now_ms, frames, _ in plant.frames()
            for frame in frames
            if frame.topic in wanted and now_ms <= until_ms
        ]

    assert said(again) == said(lived[0])
    assert len(said(again)) >= 3


# What is told by hand: an engine that pays, one that must wait, and what is refused.


def worth(plant: Plant, begin: float, further: float, price: float = 30.0) -> PriceWorth:
    """Energy worth 30 USD/MWh, and gains of all engines, for the interval that runs."""
    now_ms = plant.now_ms
    stores, engines = [], []
    for device in plant.fleet.devices:
        if isinstance(device, Store):
            kind = store_terms(device).kind()
            stores.append(StoreWorth(kind, price, (30.0,) * 8))
        elif isinstance(device, Generator):
            terms = run_terms(device, plant.fleet.fuel_prices).kind()
            engines.append(RunWorth(terms, begin, further))
            engines.append(RunWorth(terms, begin, further, (1.0, 50.0), (0.0, 0.0)))
    return PriceWorth(
        "one",
        now_ms,
        now_ms - now_ms % STEP_MS,
        300,
        now_ms - HOUR_MS,
        0,
        tuple({one.terms: one for one in stores}.values()),
        tuple(engines),
    )


def tell(plant: Plant, message: PriceWorth) -> None:
    bus = plant.lockstep.broker.client("worths")
    bus.open()
    bus.publish(plant.lockstep.topics.price_worth("one"), encode(message))


def flat(price: float) -> PriceSeries:
    """Prices at which plans start nothing."""
    return PriceSeries(NOW_MS, np.full(600, price), np.full(50, price), DEFAULT_ZONE)


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    found = Plant(tmp_path, fleet=shop(tmp_path), start_ms=NOW_MS + 30_000, market=flat(30.0))
    found.run(2)
    assert starts(found) == []
    yield found
    found.close()


def starts(plant: Plant) -> list[tuple[str, str, str]]:
    return [
        (one.device, one.purpose, one.text)
        for cycle in plant.cycles()
        for one in cycle.starts
        if one.order == "run"
    ]


def test_an_engine_starts_for_the_price_when_its_permit_allows_and_is_bound(plant: Plant) -> None:
    tell(plant, worth(plant, 900.0, 50.0, price=250.0))
    plant.run(2)
    ((device, purpose, text),) = starts(plant)
    assert (device, purpose) == ("gas", "price")
    assert "is expected to gain" in text
    assert "for price" in text
    run = plant.core.state.pricing.runs["gas"]
    # Until its least run is over nothing stops it; then the gain of going on decides.
    plant.run((run.bound_ms - plant.now_ms) / 60_000 - 2.9)
    tell(plant, worth(plant, -900.0, -50.0))
    plant.run(3.2)
    assert "gas" in plant.core.state.pricing.runs
    tell(plant, worth(plant, -900.0, -50.0))
    plant.run(1)
    assert "gas" not in plant.core.state.pricing.runs
    stops = [one for cycle in plant.cycles() for one in cycle.starts if one.order == "stop"]
    assert "its run for the price is over: one more interval" in stops[0].text
    view = plant.core.view().priced["gas"]
    assert (view.runs, view.gain_usd_per_mw is None) == (False, False)
    # The plan of then had the run in it; it does not hold the engine either.
    assert plant.setpoint_kw("gas") is None
    # A start that pays waits until the engine has rested.
    plant.run(6)
    tell(plant, worth(plant, 900.0, 50.0))
    plant.run(1)
    assert len(starts(plant)) == 1
    assert "off for" in plant.core.state.pricing.waits["gas"].text
    plant.run(10)
    tell(plant, worth(plant, 900.0, 50.0))
    plant.run(1)
    assert len(starts(plant)) == 2
    plant.assert_sound()


def test_a_run_ends_when_its_kind_is_told_of_no_more(plant: Plant) -> None:
    """A process that begins anew tells of stores before it has learnt of engines again."""
    tell(plant, worth(plant, 900.0, 50.0))
    plant.run(1)
    run = plant.core.state.pricing.runs["gas"]
    plant.run((run.bound_ms - plant.now_ms) / 60_000 - 1.0)
    tell(plant, worth(plant, 900.0, 50.0))
    plant.run(1.1)
    assert "gas" in plant.core.state.pricing.runs
    tell(plant, structs.replace(worth(plant, 0.0, 0.0), engines=()))
    plant.run(0.2)
    assert "gas" not in plant.core.state.pricing.runs
    assert "nothing is told any more" in plant.core.state.pricing.over["gas"]
    # The plan that had the run in it keeps the engine until the next one.
    plant.run(15)
    (stop,) = [one for cycle in plant.cycles() for one in cycle.starts if one.order == "stop"]
    assert "nothing is told any more" in stop.text


#: Permits of the gas engine, and more of it, by whether it may start and how often.
LIMITS = [
    ("permit_class: epa_emergency", "", False),
    ("permit_class: california_emergency", "", False),
    ("permit_class: uk_backup", "", False),
    ("permit_class: unrestricted", "", True),
    ("permit_class: eu_mcp", "", True),
    # The stop is at nine tenths of the cap, and a start takes half an hour.
    ("permit_class: epa_non_emergency, hours_cap_h: 0.5", "", False),
    ("permit_class: epa_non_emergency, hours_cap_h: 0.7", "", True),
    # 140 an hour at full load, a tenth of the tank stays.
    (GAS_PERMIT, ", tank: {capacity: 300, level: 95}", False),
    (GAS_PERMIT, ", tank: {capacity: 300, level: 120}", True),
]


@pytest.mark.parametrize(("permit", "more", "may"), LIMITS)
def test_no_price_starts_what_permit_or_fuel_forbid(
    tmp_path: Path, permit: str, more: str, may: bool
) -> None:
    fleet = shop(tmp_path, permit, more)
    plant = Plant(tmp_path, fleet=fleet, start_ms=NOW_MS + 30_000, market=flat(30.0))
    plant.run(1)
    tell(plant, worth(plant, 9e5, 9e4, price=900.0))
    plant.run(1)
    assert [(device, purpose) for device, purpose, _ in starts(plant)] == may * [("gas", "price")]
    plant.assert_sound()
    plant.close()


def test_the_store_gives_at_once_and_the_engine_waits_for_what_lasts(plant: Plant) -> None:
    """A spike that is not expected to last: the battery of the shared connection takes it."""
    tell(plant, worth(plant, -200.0, -20.0, price=400.0))
    plant.run(1)
    pricing = plant.core.state.pricing
    assert starts(plant) == []
    assert pricing.stores["small"].power_kw > 400.0
    assert "not more than" in pricing.waits["gas"].text
    assert plant.setpoint_kw("small") == pytest.approx(pricing.stores["small"].power_kw, abs=0.02)


def test_a_start_must_gain_more_than_the_store_beside_it_loses(plant: Plant) -> None:
    """550 kW for a battery and an engine of 500 kW each: the room has a price."""
    energy_kwh = plant.core.state.plant.readings["small"].energy_kwh
    assert energy_kwh is not None
    assert energy_kwh > 100.0
    tell(plant, worth(plant, 3.0, 1.0, price=250.0))
    plant.run(1)
    assert starts(plant) == []
    assert plant.core.state.pricing.waits["gas"].gain_usd_per_mw < 0.0


SECOND = """
  - {id: gas2, type: engine, site: yard, rated_kw: 400, min_up_s: 900,
     fuel_curve: [{load_fraction: 0.5, fuel_per_h: 75}, {load_fraction: 1.0, fuel_per_h: 140}],
     permit: {permit_class: epa_non_emergency, hours_cap_h: 2}}
"""


def test_engines_of_one_site_start_only_as_far_as_its_connection_goes(tmp_path: Path) -> None:
    """Nobody is asked for what the site must refuse: that would count as a failed start."""
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET.replace("ZONE", DEFAULT_ZONE) + SECOND)
    plant = Plant(tmp_path, fleet=load_fleet(path), start_ms=NOW_MS + 30_000, market=flat(30.0))
    plant.run(1)
    for _ in range(2):
        tell(plant, worth(plant, 900.0, 50.0))
        plant.run(5)
    assert [(device, purpose) for device, purpose, _ in starts(plant)] == [("gas", "price")]
    assert plant.core.state.pricing.waits["gas2"].text == "its site takes 0 kW of its 400 kW"
    assert plant.core.state.commitment.failures == {}
    plant.assert_sound()
    # A plan that knows nothing of the run starts nothing in its way either.
    core = plant.core
    snapshot = core._keeper.freeze(plant.now_ms, core._planner.estimate_kw(plant.now_ms))
    planned = core._pricing.planned(PlanNow({"gas": True, "gas2": True}, {}), snapshot)
    assert planned.on == {"gas": True, "gas2": False}
    plant.close()


def test_worths_that_cannot_be_used_are_refused_by_name(plant: Plant) -> None:
    good = worth(plant, 0.0, 0.0)
    for change, text in (
        ({"start_ms": good.start_ms - 4 * STEP_MS}, "too late or too early"),
        ({"issued_at_ms": good.issued_at_ms + HOUR_MS}, "ahead of now"),
        ({"area": "other"}, "speaks for 'other'"),
    ):
        tell(plant, structs.replace(good, **change))
        plant.run(0.2)
        assert text in plant.core.state.counters.malformed_reason
    tell(plant, good)
    plant.run(0.2)
    tell(plant, structs.replace(good, start_ms=good.start_ms - STEP_MS))
    plant.run(0.2)
    assert "comes after" in plant.core.state.counters.malformed_reason
    with pytest.raises(ValueError, match="rises with the energy"):
        structs.replace(good, stores=(StoreWorth(good.stores[0].terms, 1.0, (1.0, 2.0)),))
    assert iso(good.start_ms) in plant.core.state.counters.malformed_reason
