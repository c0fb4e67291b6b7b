"""Price forecasts as messages: there and back, and refused by name."""

import json
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmuster.errors import SignalError
from gridmuster.forecast.told import LEVELS, MEDIAN, PriceForecast, PriceSource, ScarcityChance
from gridmuster.signals import decode, encode

HOUR_MS = 3_600_000
ISSUED_MS = 500_000 * HOUR_MS

price = st.floats(-1000.0, 9000.0, allow_nan=False)


@st.composite
def told(draw: st.DrawFn) -> PriceForecast:
    count = draw(st.integers(1, 6))
    columns = [sorted(draw(st.lists(price, min_size=5, max_size=5))) for _ in range(count)]
    return PriceForecast(
        area="north",
        issued_at_ms=ISSUED_MS,
        start_ms=ISSUED_MS - draw(st.integers(0, HOUR_MS - 1)),
        step_s=3600,
        quantiles_usd_per_mwh=tuple(zip(*columns, strict=True)),  # type: ignore[arg-type]
        model="trees",
        trained_at_ms=ISSUED_MS - HOUR_MS,
        data_until_ms=ISSUED_MS,
        market="NYC",
        scarcity=ScarcityChance(200.0, 1800, 3600, draw(st.floats(0.0, 1.0))),
    )


def plain() -> dict[str, object]:
    return {
        "kind": "price_forecast",
        "area": "north",
        "issued_at_ms": ISSUED_MS,
        "start_ms": ISSUED_MS,
        "step_s": 3600,
        "quantiles_usd_per_mwh": [[10.0, 20.0], [15.0, 25.0], [20.0, 30.0], [30.0, 40.0], [80, 90]],
        "model": "trees",
        "trained_at_ms": ISSUED_MS,
        "data_until_ms": ISSUED_MS,
    }


def read(change: dict[str, object]) -> PriceForecast:
    return decode(json.dumps({**plain(), **change}).encode(), PriceForecast)


@given(told())
def test_a_forecast_comes_back_as_it_was_sent(forecast: PriceForecast) -> None:
    assert decode(encode(forecast), PriceForecast) == forecast
    packed = msgspec.msgpack.encode(forecast)
    assert msgspec.msgpack.decode(packed, type=PriceForecast) == forecast


@given(told(), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_percentiles_rise_with_their_level_and_are_the_rows_at_theirs(
    forecast: PriceForecast, one: float, other: float
) -> None:
    for k in range(forecast.count):
        at_ms = forecast.start_ms + k * HOUR_MS + 17
        low, high = (forecast.at(at_ms, level) for level in sorted((one, other)))
        assert low is not None and high is not None
        assert low <= high + 1e-9
        for row, level in zip(forecast.quantiles_usd_per_mwh, LEVELS, strict=True):
            assert forecast.at(at_ms, level) == row[k]
    assert forecast.at(forecast.start_ms - 1, 0.5) is None
    assert forecast.at(forecast.end_ms, 0.5) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"quantiles_usd_per_mwh": [[1.0], [2.0], [1.5], [3.0], [4.0]]}, "fall in interval 0"),
        ({"quantiles_usd_per_mwh": [[1.0], [2.0], [3.0], [4.0]]}, "length >= 5"),
        ({"quantiles_usd_per_mwh": [[1.0], [2.0, 2.0], [3.0], [4.0], [5.0]]}, "not one"),
        ({"quantiles_usd_per_mwh": [[], [], [], [], []]}, "length >= 1"),
        ({"quantiles_usd_per_mwh": [[1.0], [2.0], [3.0], [4.0], [2e6]]}, "1000000"),
        ({"quantiles_usd_per_mwh": [[None]] * 5}, "float"),
        ({"step_s": 0}, ">= 60"),
        ({"start_ms": ISSUED_MS - HOUR_MS}, "was over when it was issued"),
        ({"data_until_ms": ISSUED_MS + 1}, "of after its issue"),
        ({"trained_at_ms": ISSUED_MS + 1}, "of after its issue"),
        ({"model": ""}, "length >= 1"),
        ({"area": ""}, "length >= 1"),
        ({"scarcity": {"limit_usd_per_mwh": 200.0}}, "at_least_s"),
        ({"kind": "price"}, "price"),
        ({"v": 2}, "version 2"),
    ],
)
def test_what_cannot_be_a_forecast_is_refused_by_name(change: dict[str, object], said: str) -> None:
    with pytest.raises(SignalError, match=f"PriceForecast.*{said}"):
        read(change)


def test_stale_early_and_overtaken_forecasts_are_refused_by_name() -> None:
    forecast = read({})
    assert forecast.refused(ISSUED_MS, 5400, None) == ""
    assert forecast.refused(ISSUED_MS + 5_400_000, 5400, forecast) == ""
    assert "stale: 5401 s old, at most 5400" in forecast.refused(ISSUED_MS + 5_401_000, 5400, None)
    assert forecast.refused(ISSUED_MS - 5000, 5400, None) == ""
    assert "6 s ahead of now" in forecast.refused(ISSUED_MS - 6000, 5400, None)
    newer = read({"issued_at_ms": ISSUED_MS + 1})
    assert "comes after the one of" in forecast.refused(ISSUED_MS + 60_000, 5400, newer)


def test_a_source_names_the_model_only_while_its_forecast_is_used() -> None:
    forecast = read({"market": "NYC"})
    used, stale = PriceSource.of(forecast, True), PriceSource.of(forecast, False)
    assert (used.model, used.market, used.issued_at_ms) == ("trees", "NYC", ISSUED_MS)
    assert (stale.model, stale.last_issued_ms) == ("", ISSUED_MS)
    assert PriceSource.of(None, False) == PriceSource()
    assert LEVELS[MEDIAN] == 0.5


def test_the_example_on_the_page_is_understood() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "messages.md").read_text("utf-8")
    section = page.split("### PriceForecast")[1].split("## In the journal only")[0]
    example = section.split("```json")[1].split("```")[0]
    forecast = decode(example.encode(), PriceForecast)
    assert forecast.scarcity is not None and forecast.count == 2
    named = set(re.findall(r"`(\w+)`", section))
    assert {field.name for field in msgspec.structs.fields(PriceForecast)} <= named
