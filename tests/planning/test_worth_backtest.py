"""The backtest: causal, within perfect foresight, and telling the truth about itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from gridmuster.cli.backtest import app
from gridmuster.clock import iso
from gridmuster.errors import PlanningError
from gridmuster.forecast.market.boosting import Boosting
from gridmuster.forecast.market.history import NEVER, Column, MarketHistory
from gridmuster.forecast.market.leak import Issued, leaks
from gridmuster.forecast.market.wallclock import MS_PER_DAY
from gridmuster.planning.worth import learning, runlearning
from gridmuster.planning.worth.backtest import Market, Span, market
from gridmuster.planning.worth.kernels import walk
from gridmuster.planning.worth.learning import studies
from gridmuster.planning.worth.play import Hybrid, play_engine, play_hybrid, play_store
from gridmuster.planning.worth.prices import PriceRecord, delayed, price_record, reaching
from gridmuster.planning.worth.runterms import RunTerms
from gridmuster.planning.worth.storechoice import StoreState, choose, choose_now
from gridmuster.planning.worth.storeterms import StoreTerms
from gridmuster.planning.worth.trees import grow

HOUR_MS = 3_600_000
START_MS = 1_609_459_200_000
DAYS = 44
STORE = StoreTerms(2.0, 2.0, 0.9, 0.9, 10.0)
ENGINE = RunTerms(600.0, 3600.0, 0.0, 45.0)
SITE = Hybrid(STORE, 1.0, 2.0, ENGINE, 1.0, 1.2, 20.0)


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Less of everything: the rules are the same."""
    quick = partial(grow, settings=Boosting(rounds=2, leaf_rows=20))
    monkeypatch.setattr(learning, "POINTS", 48)
    monkeypatch.setattr(runlearning, "ROUNDS", 1)
    # A start that is expected to gain anything is made, whatever it earned before.
    monkeypatch.setattr(runlearning, "_margin", lambda lessons, terms, unseen: 0.0)
    for module in (learning, runlearning):
        monkeypatch.setattr(module, "FOLDS", 2)
        monkeypatch.setattr(module, "MOST_ROWS", 600)
        monkeypatch.setattr(module, "grow", lambda matrix, outcomes, _: quick(matrix, outcomes))
    yield


def history(seed: int = 3, days: int = DAYS) -> MarketHistory:
    """Half-hourly prices that hover about a day-ahead price, with long and short spikes."""
    dice = np.random.default_rng(seed)
    hours = days * 24
    starts = START_MS + HOUR_MS * np.arange(hours, dtype=np.int64)
    ahead = 40.0 + 15.0 * np.sin(2 * np.pi * (np.arange(hours) % 24 - 9) / 24)
    hot = np.repeat(dice.random(days) < 0.2, 24) & (np.arange(hours) % 24 // 4 == 4)
    ahead = ahead + 60.0 * hot + dice.normal(size=hours)
    real = np.repeat(ahead, 2) + 6.0 * dice.normal(size=2 * hours)
    real[dice.random(2 * hours) < 0.02] += 150.0
    halves = START_MS + HOUR_MS // 2 * np.arange(2 * hours, dtype=np.int64)
    published = (starts // MS_PER_DAY * MS_PER_DAY - 11 * HOUR_MS).astype(np.int64)
    return MarketHistory(
        "made",
        "UTC",
        {
            "rt_price": Column("USD/MWh", START_MS, 1800, real, halves + HOUR_MS // 2),
            "da_price": Column("USD/MWh", START_MS, 3600, ahead, published, ahead=True),
        },
    )


def span(first: int, end: int) -> Span:
    return Span(START_MS + first * MS_PER_DAY, START_MS + end * MS_PER_DAY)


def stated(given: MarketHistory, delay_s: int = 0, ahead: int = 0) -> Issued:
    """All that choices are made on, and the choices: as of when they are made."""
    made = market([given], span(41, DAYS), delay_s)
    if ahead:
        made = Market({name: peeking(one, ahead) for name, one in made.records.items()}, made.span)
    told = made.outlook("made", STORE)
    first, end = made.rows("made")
    played = play_store(made, "made", STORE)
    numbers = [told.acted[None], told.worth.T, played.power[None]]
    if delay_s == 0 and not ahead:
        runs = made.run_outlook("made", ENGINE)
        engine = play_engine(made, "made", ENGINE, 20.0)
        both = play_hybrid(made, "made", SITE)
        numbers += [runs.begin[None], runs.further[None], engine.power[None]]
        numbers += [both.power[None], both.level[None]]
    return Issued(made.records["made"].start_ms[first:end], np.concatenate(numbers))


def peeking(record: PriceRecord, ahead: int) -> PriceRecord:
    """A planted leak: prices of so many intervals ahead taken as known."""
    return replace(record, newest=np.minimum(record.newest + ahead, len(record.price) - 1))


@pytest.mark.parametrize("delay_s", [0, 1800])
def test_changing_the_future_changes_no_choice_before(delay_s: int) -> None:
    known = delayed(history(), "rt_price", delay_s)
    at_ms = START_MS + 42 * MS_PER_DAY + 7 * HOUR_MS
    seen: list[Issued] = []

    def make(given: MarketHistory) -> Issued:
        seen.append(stated(given, delay_s))
        return seen[-1]

    assert leaks(known, make, [at_ms]) == []
    honest, other = seen
    assert np.isfinite(honest.numbers).all()
    # The test says nothing of devices that never do anything, nor of a future that stayed.
    by_then = honest.issue_ms <= at_ms
    assert all(len(np.unique(row[by_then])) > 1 for row in honest.numbers)
    assert not np.array_equal(honest.numbers, other.numbers)


def test_a_planted_look_ahead_is_caught() -> None:
    known = delayed(history(), "rt_price", 0)
    at_ms = START_MS + 42 * MS_PER_DAY + 7 * HOUR_MS
    (found,) = leaks(known, partial(stated, ahead=1), [at_ms])
    assert found.issue_ms == at_ms


def test_a_leak_in_the_choices_alone_is_caught() -> None:
    """Choices that honestly know, but are made on the price of the interval after."""
    known = delayed(history(), "rt_price", 0)
    at_ms = START_MS + 42 * MS_PER_DAY + 7 * HOUR_MS

    def make(given: MarketHistory) -> Issued:
        record = price_record(given, "rt_price", 0)
        first = record.at(START_MS + 41 * MS_PER_DAY)
        price = record.seen[first:]
        later = np.append(price[1:], price[-1])
        worth = np.tile(np.linspace(80.0, 0.0, 8), (len(price), 1))
        _, level = walk(price, later, worth, STORE.array(0.5), 0.5, np.ones(len(price)))
        return Issued(record.start_ms[first:], level[None])

    (found,) = leaks(known, make, [at_ms])
    assert found.issue_ms == at_ms


def test_a_center_that_decides_now_chooses_as_the_backtest_does() -> None:
    """Prices up to now and the day-ahead prices published by now: the same numbers."""
    whole = history()
    now_ms = START_MS + 42 * MS_PER_DAY + 15 * HOUR_MS
    real, ahead = whole.column("rt_price"), whole.column("da_price")
    seen, told = (now_ms - START_MS) // real.step_ms, 44 * 24
    cut = {
        "rt_price": replace(real, values=real.values[:seen], known_ms=real.known_ms[:seen]),
        "da_price": replace(ahead, values=ahead.values[:told], known_ms=ahead.known_ms[:told]),
    }
    live = reaching(replace(whole, columns=cut), "rt_price", now_ms)
    then, now = price_record(whole, "rt_price", 1800), price_record(live, "rt_price", 1800)
    made, own = studies([then], STORE)[0], studies([now], STORE)[0]
    model = learning.learn([made], STORE, now_ms)
    row = then.at(now_ms)
    expected = model.outlook(made, np.array([row]))
    state = StoreState(250.0, 500.0)
    choice = choose_now(state, STORE, model, own, now_ms)
    acted, worth = float(expected.acted[0]), expected.worth[0]
    assert choice == choose(state, STORE, acted, worth, then.step_h)
    assert now.newest[now.at(now_ms)] == row - 1
    assert now.known_end[now.at(now_ms)] == then.known_end[row]


def test_the_delay_says_which_price_is_acted_on() -> None:
    given = history()
    now = price_record(given, "rt_price", 0)
    later = price_record(given, "rt_price", 300)
    assert np.array_equal(now.acted(), now.seen)
    assert np.array_equal(later.acted()[1:], later.seen[:-1])
    assert np.isnan(later.acted()[0])
    assert (now.immediate(), later.immediate()) == (True, False)
    # Day-ahead prices of tomorrow are known from 13:00 on.
    place = now.at(START_MS + 5 * MS_PER_DAY + 13 * HOUR_MS)
    assert now.known_end[place - 1] == 6 * 48
    assert now.known_end[place] == 7 * 48


def test_a_market_without_published_prices_uses_what_is_usual() -> None:
    given = history()
    plain = replace(given, columns={"rt_price": given.column("rt_price")})
    record = price_record(plain, "rt_price", 0)
    place = record.at(START_MS + 20 * MS_PER_DAY)
    assert record.reference[place] == pytest.approx(
        np.mean([record.seen[place - 48 * k] for k in range(1, 8)])
    )
    assert record.known_end[place] <= record.newest[place] + 1 + 48


def test_gaps_are_held_through() -> None:
    given = history()
    column = given.column("rt_price")
    values, known_ms = column.values.copy(), column.known_ms.copy()
    values[100:110], known_ms[100:110] = np.nan, NEVER
    holed = replace(
        given,
        columns={**given.columns, "rt_price": replace(column, values=values, known_ms=known_ms)},
    )
    record = price_record(holed, "rt_price", 0)
    assert np.isnan(record.price[100:110]).all()
    assert (record.seen[100:110] == record.seen[99]).all()


def test_too_little_to_learn_from_says_so() -> None:
    made = market([history()], span(20, 25), 0)
    with pytest.raises(PlanningError, match="fewer than 34 days"):
        made.outlook("made", STORE)
    with pytest.raises(PlanningError, match="no real-time price in the span"):
        market([history()], span(60, 70), 0)


FLEET = """
id: shop
areas:
  - id: one
    border: {coordinates: [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}
    connection: {import_limit_kw: 9000, export_limit_kw: 9000}
sites:
  - {id: roof, area: one, latitude: 0.5, longitude: 0.5,
     transfer: {kind: paralleling, export_limit_kw: 2000}}
  - {id: yard, area: one, latitude: 0.5, longitude: 0.5, backup_load_kw: 100,
     transfer: {kind: paralleling, export_limit_kw: 400}}
devices:
  - {id: big, type: battery, site: roof, rated_kw: 500, energy_capacity_kwh: 1000,
     min_energy_fraction: 0.1, cycle_cost_usd_per_kwh: 0.01}
  - {id: small, type: battery, site: yard, rated_kw: 500, energy_capacity_kwh: 250,
     cycle_cost_usd_per_kwh: 0.01}
  - {id: gas, type: engine, site: yard, rated_kw: 500,
     fuel_curve: [{load_fraction: 0.5, fuel_per_h: 75}, {load_fraction: 1.0, fuel_per_h: 140}],
     permit: {permit_class: epa_non_emergency, hours_cap_h: 50}}
  - {id: standby, type: emergency_generator, site: yard, rated_kw: 100,
     fuel_curve: [{load_fraction: 0.5, fuel_per_h: 15}, {load_fraction: 1.0, fuel_per_h: 28}],
     permit: {permit_class: epa_emergency}}
"""


def test_a_fleet_from_a_table_of_prices(tmp_path: Path) -> None:
    given = history()
    hourly = given.column("rt_price").values.reshape(-1, 2).mean(axis=1)
    ahead = given.column("da_price").values
    rows = [
        f"{iso(START_MS + HOUR_MS * k)},{hourly[k]:.2f},{ahead[k]:.2f}" for k in range(len(ahead))
    ]
    data, fleet, page = tmp_path / "p.csv", tmp_path / "f.yaml", tmp_path / "page.html"
    data.write_text("\n".join(["time,rt_price,da_price", *rows]) + "\n")
    fleet.write_text(FLEET)
    words = [str(fleet), str(data), "--from", "2021-02-11", "--delay", "0"]
    got = CliRunner().invoke(app, [*words, "--json", "--html", str(page)])
    assert got.exit_code == 0, got.output
    told = json.loads(got.stdout)
    devices = {one["id"]: one for one in told["devices"]}
    assert set(devices) == {"big", "small", "gas", "standby"}
    assert devices["big"]["profit_usd"] <= devices["big"]["foresight_usd"]
    assert set(devices["big"]["rules_usd"]) == {
        "day-ahead value",
        "yesterday",
        "last week",
        "threshold",
    }
    for rule in devices["big"]["rules_usd"].values():
        assert rule <= devices["big"]["foresight_usd"] + 1e-6
    assert "forbids" in devices["standby"]["note"]
    assert devices["standby"]["starts"] == 0
    assert devices["gas"]["hours_h"] <= 45.0
    assert "shares 500 kW" in devices["gas"]["note"]
    assert told["profit_usd"] == pytest.approx(sum(d["profit_usd"] for d in devices.values()))
    assert told["best_days"][0]["usd"] >= told["worst_days"][0]["usd"]
    assert all(one["usd"] > 0.0 and one["why"] for one in told["wins"])
    text = page.read_text()
    assert text.count("<svg") == 2
    assert "perfect foresight" in text
    plain = CliRunner().invoke(app, words)
    assert plain.exit_code == 0, plain.output
    assert "day-ahead value" in plain.output
    assert "largest wins" in plain.output
    wrong = CliRunner().invoke(app, [*words[:-1], "7min"])
    assert wrong.exit_code == 2
