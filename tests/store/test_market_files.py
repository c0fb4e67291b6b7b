"""Files of market data: what is odd is reported or refused, nothing is used in silence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from gridmuster.clock import parse_iso
from gridmuster.errors import FleetError
from gridmuster.forecast.market.history import MarketHistory
from gridmuster.forecast.market.mapping import Mapping, mapping_from
from gridmuster.store.market.files import load_mapping, presets, read_market

Lines = list[str]


def mapping(time: dict[str, Any] | None = None, **source: Any) -> Mapping:
    plain = {
        "name": "test",
        "zone": "America/New_York",
        "sources": [
            {
                "time": time or {"column": "time"},
                "step_min": 60,
                "area": "here",
                "columns": {
                    "rt_price": {
                        "column": "rt",
                        "unit": "USD/MWh",
                        "published": {"after_end_min": 5},
                    }
                },
                **source,
            }
        ],
    }
    return mapping_from(plain, "test.yaml")


TWO_PRICES = {
    "rt_price": {"column": "rt", "unit": "USD/MWh", "published": {"after_end_min": 5}},
    "da_price": {"column": "da", "unit": "USD/MWh", "published": {"day_before": "11:00"}},
}


@pytest.fixture
def table(tmp_path: Path) -> Callable[[Lines], Path]:
    def write(lines: Lines) -> Path:
        path = tmp_path / "prices.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def read(path: Path, how: Mapping) -> MarketHistory:
    return read_market([path], how)["here"]


def at(history: MarketHistory, text: str, name: str = "rt_price") -> float:
    return float(history.truth(name, np.array([parse_iso(text)]))[0])


def hours(first: str, values: list[object]) -> Lines:
    start = np.datetime64(first, "s")
    return ["time,rt"] + [
        f"{start + np.timedelta64(k, 'h')}Z,{value}" for k, value in enumerate(values)
    ]


def test_an_autumn_hour_comes_twice_and_a_spring_hour_not(table: Callable[..., Path]) -> None:
    lines = ["time,rt"]
    lines += [f"2021-11-07 {h:02d}:00,{20 + k}" for k, h in enumerate((0, 1, 1, 2))]
    local = mapping({"column": "time", "zone": "America/New_York"})
    history = read(table(lines), local)
    assert at(history, "2021-11-07T05:00:00Z") == 21.0
    assert at(history, "2021-11-07T06:00:00Z") == 22.0
    assert at(history, "2021-11-07T07:00:00Z") == 23.0
    assert [n.kind for n in history.notices] == ["clock-change"]
    lines = ["time,rt"] + [f"2021-03-14 {h:02d}:00,{20 + h}" for h in (1, 2, 3)]
    history = read(table(lines), local)
    # The clocks skip two o'clock: that row is left out and said so.
    assert at(history, "2021-03-14T07:00:00Z") == 23.0
    (notice,) = history.notices
    assert (notice.kind, notice.count) == ("clock-change", 1)


def test_naive_times_without_a_zone_are_refused(table: Callable[..., Path]) -> None:
    with pytest.raises(FleetError, match="times without offset"):
        read(table(["time,rt", "2021-01-01 00:00,20"]), mapping())
    with pytest.raises(FleetError, match="with and without offset"):
        read(table(["time,rt", "2021-01-01 00:00,20", "2021-01-01 01:00Z,20"]), mapping())


def test_interval_ends_become_starts(table: Callable[..., Path]) -> None:
    how = mapping({"column": "time", "marks": "end"})
    history = read(table(["time,rt", "2021-01-01T01:00:00Z,20"]), how)
    assert at(history, "2021-01-01T00:00:00Z") == 20.0


def test_an_hour_twice_is_told_or_refused(table: Callable[..., Path]) -> None:
    same = ["time,rt", "2021-01-01T00:00Z,20", "2021-01-01T01:00Z,21", "2021-01-01T01:00Z,21"]
    (notice,) = read(table(same), mapping()).notices
    assert (notice.kind, notice.count) == ("repeated", 1)
    other = [*same[:-1], "2021-01-01T01:00Z,29"]
    with pytest.raises(FleetError, match=r"21 and 29 for 2021-01-01T01:00:00Z; 1 interval"):
        read(table(other), mapping())
    assert at(read(table(other), mapping(repeats="first")), "2021-01-01T01:00:00Z") == 21.0
    assert at(read(table(other), mapping(repeats="last")), "2021-01-01T01:00:00Z") == 29.0


def test_revisions_are_kept_with_their_dates(table: Callable[..., Path]) -> None:
    lines = [
        "time,rt,said",
        "2021-01-01T00:00Z,20,2021-01-01T01:05Z",
        "2021-01-01T00:00Z,25,2021-01-03T00:00Z",
        "2021-01-01T01:00Z,30,2021-01-01T02:05Z",
    ]
    rule = {"column": "rt", "unit": "USD/MWh", "published": {"column": "said"}}
    history = read(table(lines), mapping(columns={"rt_price": rule}))
    hour = np.array([parse_iso("2021-01-01T00:00:00Z")])

    def known(issue: str) -> float:
        return float(history.gather("rt_price", hour, np.array([parse_iso(issue)]))[0])

    assert np.isnan(known("2021-01-01T01:00:00Z"))
    assert known("2021-01-02T00:00:00Z") == 20.0
    assert known("2021-01-03T00:00:00Z") == 25.0
    assert at(history, "2021-01-01T00:00:00Z") == 25.0
    assert [n.kind for n in history.notices] == ["revised"]


def test_day_ahead_prices_are_known_on_the_day_before(table: Callable[..., Path]) -> None:
    lines = ["time,rt,da", "2021-07-02T04:00Z,20,30", "2021-07-02T05:00Z,20,30"]
    history = read(table(lines), mapping(columns=TWO_PRICES))
    column = history.column("da_price")
    assert column.ahead
    # Midnight in New York, published at eleven on the day before, all in summer time.
    assert set(column.known_ms.tolist()) == {parse_iso("2021-07-01T15:00:00Z")}


def test_missing_columns_are_named(table: Callable[..., Path]) -> None:
    with pytest.raises(FleetError, match="needs rt"):
        read(table(["time,price", "2021-01-01T00:00Z,20"]), mapping())


def test_cells_that_are_no_numbers_are_named(table: Callable[..., Path]) -> None:
    with pytest.raises(FleetError, match=r"rt, row 2: got 'n/a'; 1 row\(s\) hold no number"):
        read(table(hours("2021-01-01T00:00", [20, "n/a", 30])), mapping())


def test_times_off_the_grid_are_refused(table: Callable[..., Path]) -> None:
    with pytest.raises(FleetError, match="multiple of 60 min"):
        read(table(["time,rt", "2021-01-01T00:10Z,20"]), mapping())


def test_the_plainest_table_may_have_any_part_of_an_hour(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    times = [f"2024-01-01T{k // 12:02d}:{5 * (k % 12):02d}:00Z" for k in range(36)]
    lines = [f"{time},{30 + k % 7},{30 + k // 12}" for k, time in enumerate(times) if k != 5]
    path.write_text("\n".join(["time,rt_price,da_price", *lines]))
    column = read_market([path])["mine"].column("rt_price")
    assert (column.step_s, len(column.values)) == (300, 36)
    assert np.flatnonzero(np.isnan(column.values)).tolist() == [5]


@pytest.mark.parametrize("factor", [0.001, 1000.0])
def test_a_factor_of_a_thousand_is_seen_in_one_price(
    table: Callable[..., Path], factor: float
) -> None:
    values: list[object] = [factor * (30 + k % 24) for k in range(200)]
    with pytest.raises(FleetError, match=r"markets lie between|more than any market's cap"):
        read(table(hours("2021-01-01T00:00", values)), mapping())


def two_prices(rt: list[float], da: list[float]) -> Lines:
    plain = hours("2021-01-01T00:00", [f"{a},{b}" for a, b in zip(rt, da, strict=True)])
    return ["time,rt,da", *plain[1:]]


def test_a_factor_of_ten_is_seen_against_the_other_price(table: Callable[..., Path]) -> None:
    ahead = [30.0 + k % 24 for k in range(500)]
    lines = two_prices([10.0 * price for price in ahead], ahead)
    with pytest.raises(FleetError, match="differ by a factor of 10"):
        read(table(lines), mapping(columns=TWO_PRICES))


def test_a_factor_of_ten_from_some_month_on_is_seen(table: Callable[..., Path]) -> None:
    ahead = [30.0 + k % 24 for k in range(24 * 240)]
    broken = [10.0 * p if k > 24 * 150 else p for k, p in enumerate(ahead)]
    with pytest.raises(FleetError, match="from one month to the next"):
        read(table(two_prices(broken, ahead)), mapping(columns=TWO_PRICES))
    # A market in which all prices rise so is odd, but no fault of the file.
    read(table(two_prices(broken, broken)), mapping(columns=TWO_PRICES))


def test_wild_but_real_prices_are_kept_and_told(table: Callable[..., Path]) -> None:
    values: list[object] = [30] * 100 + [-6023, 9052] + [30] * 100
    history = read(table(hours("2021-01-01T00:00", values)), mapping())
    assert at(history, "2021-01-05T04:00:00Z") == -6023.0
    assert at(history, "2021-01-05T05:00:00Z") == 9052.0
    (notice,) = history.notices
    assert (notice.kind, notice.count) == ("extreme", 2)
    assert "-6,023 to 9,052" in notice.text


def test_a_year_of_nothing_is_told_and_too_much_of_it_refused(table: Callable[..., Path]) -> None:
    year: list[object] = [""] * 8760
    full: list[object] = [30] * 9000
    history = read(table(hours("2019-01-01T00:00", [*full, *year, 30])), mapping())
    (notice,) = history.notices
    assert (notice.kind, notice.count) == ("gap", 8760)
    assert "the longest 8760 h" in notice.text
    column = history.column("rt_price")
    assert np.isnan(column.values[9000:-1]).all()
    with pytest.raises(FleetError, match="more than half is missing"):
        read(table(hours("2019-01-01T00:00", [30, *year, 30])), mapping())
    with pytest.raises(FleetError, match="no value at all"):
        read(table(hours("2019-01-01T00:00", ["", ""])), mapping())


def test_mappings_name_their_faults(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(
        "name: x\nzone: Mars/Olympus\nsources:\n- time: {column: t}\n  step_min: 7\n"
        "  columns:\n    rt_price: {column: p, unit: USD/BTU, published: {}}\n"
    )
    with pytest.raises(FleetError) as caught:
        load_mapping(path)
    text = str(caught.value)
    for part in ("Mars/Olympus", "step_min", "USD/BTU", "exactly one rule"):
        assert part in text
    path.write_text("name: x\nzone: UTC\nsuorces: []\n")
    with pytest.raises(FleetError, match="suorces"):
        load_mapping(path)


def test_parquet_is_read_like_csv(tmp_path: Path, table: Callable[..., Path]) -> None:
    lines = hours("2021-01-01T00:00", list(range(20, 50)))
    as_text = read(table(lines), mapping())
    path = tmp_path / "prices.parquet"
    rows = f"SELECT CAST(time AS TIMESTAMPTZ) AS time, rt FROM read_csv('{tmp_path}/prices.csv')"
    duckdb.sql(f"COPY ({rows}) TO '{path}' (FORMAT parquet)")
    other = read(path, mapping())
    assert other.column("rt_price").values.tolist() == as_text.column("rt_price").values.tolist()
    assert other.column("rt_price").start_ms == as_text.column("rt_price").start_ms


def test_presets_read_the_reference_data(data_dir: Path) -> None:
    files = [
        data_dir / "market" / "nyiso_hourly_da_rt_load_2015_2018.parquet",
        data_dir / "market" / "nyiso_rt5min_2016_2018.parquet",
    ]
    history = read_market(files, areas=["WEST"])["WEST"]
    gaps = {n.column: n.count for n in history.notices if n.kind == "gap"}
    # The repeated hour of three Novembers is missing from the five-minute file.
    assert gaps == {"rt_price_5min": 36}
    hour = np.array([parse_iso("2017-07-04T16:00:00Z")])
    fine = history.truth("rt_price_5min", hour + 300_000 * np.arange(12))
    assert fine.mean() == pytest.approx(history.truth("rt_price", hour)[0], abs=1.0)
    assert {"nyiso", "epf", "ercot"} <= set(presets())
