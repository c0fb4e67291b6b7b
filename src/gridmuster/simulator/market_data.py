"""Real prices and real meters in place of the seeded ones.

Files are Parquet or CSV, read with DuckDB. A day of the data stands in for the day on which the
run starts, local midnight on local midnight; nothing of the data is seen before its time but
day-ahead prices, from one o'clock on the day before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np

from gridmuster.clock import from_ms, local, parse_iso, to_ms, zone
from gridmuster.errors import Fault, FleetError
from gridmuster.fleet.model import Fleet
from gridmuster.simulator.noise import Floats
from gridmuster.simulator.price import HOUR_MS, PUBLISHED_AT_H, STEP_MS
from gridmuster.simulator.scenario import DEFAULT_ZONE

#: Names of time columns, best first; those with an instant before those with a local time.
UTC_COLUMNS: Final = ("interval_start_utc", "time_utc", "hour_start_utc")
LOCAL_COLUMNS: Final = ("interval_start_local", "hour_start_local", "time_local", "time")
#: How the text of an instant ends, unlike that of a local time.
OFFSET: Final = re.compile(r"(Z|[+-]\d\d(:?\d\d)?)$")
#: How many days are read from the chosen one on.
DAYS: Final = 15


class PriceSeries:
    """Recorded prices laid over a run.

    Args:
        first_ms: instant of the run that the first price belongs to, ms.
        prices: real-time prices of five minutes each, USD/MWh.
        ahead: day-ahead prices of the hours from ``first_ms`` on; empty when there are none.
        zone_name: IANA zone of the run's days.
    """

    def __init__(self, first_ms: int, prices: Floats, ahead: Floats, zone_name: str) -> None:
        self._first_ms = first_ms
        self._prices: list[float] = prices.tolist()
        self._ahead: list[float] = ahead.round(2).tolist()
        self._zone = zone_name

    def price_usd_per_mwh(self, at_ms: int) -> float:
        """Real-time price of the five minutes that hold an instant; the last one goes on."""
        k = (at_ms - self._first_ms) // STEP_MS
        return self._prices[min(max(k, 0), len(self._prices) - 1)]

    def ahead_usd_per_mwh(self, at_ms: int) -> tuple[float, ...]:
        """Published day-ahead prices from the next full hour on, USD/MWh."""
        moment = local(at_ms, self._zone)
        days = 2 if moment.hour >= PUBLISHED_AT_H else 1
        midnight = datetime.combine(moment.date() + timedelta(days=days), time(), zone(self._zone))
        last = (to_ms(midnight) - self._first_ms) // HOUR_MS
        return tuple(self._ahead[(at_ms - self._first_ms) // HOUR_MS + 1 : last])


@dataclass(frozen=True, slots=True)
class MeterSeries:
    """Recorded demand of several meters on one time base.

    Args:
        names: the meters.
        times_ms: instant each column of values holds for (middle of its period), ms.
        kw: mean power, kW: (times, meters); not-a-number where nothing was recorded.
        period_ms: length of a period, ms.
        zone_name: IANA zone of the data's days; "": the run's.
    """

    names: tuple[str, ...]
    times_ms: Floats
    kw: Floats
    period_ms: int
    zone_name: str

    def assigned(self, fleet: Fleet) -> list[tuple[int, float]]:
        """Which meter stands in for each end-user, and the factor that gives it the user's peak.

        A meter named like an end-user is its own, unscaled; otherwise the largest meter goes to
        the largest end-user, and so on round again.
        """
        peaks = np.nanquantile(self.kw, 0.999, axis=0)
        if any(name in fleet.end_user_by_id for name in self.names):
            index = {name: k for k, name in enumerate(self.names)}
            return [(index.get(user.id, -1), 1.0) for user in fleet.end_users]
        by_size = np.argsort(-peaks, kind="stable").tolist()
        users = sorted(range(len(fleet.end_users)), key=lambda k: -fleet.end_users[k].peak_kw)
        result = [(-1, 1.0)] * len(users)
        for rank, k in enumerate(users):
            meter = by_size[rank % len(by_size)]
            result[k] = (meter, fleet.end_users[k].peak_kw / float(peaks[meter]))
        return result

    def offset_ms(self, start_ms: int, zone_name: str) -> int:
        """What to add to an instant of the run to get the instant of the data, ms."""
        own_zone = self.zone_name or zone_name
        today = local(start_ms, zone_name).date()
        first, last = (local(int(self.times_ms[k]), own_zone).date() for k in (0, -1))
        day = _like_day(today, first + timedelta(days=1), last)
        return _midnight_ms(day, own_zone) - _midnight_ms(today, zone_name)

    def at(self, times_ms: Floats) -> Floats:
        """Demand at instants of the data, kW: (times, meters); gaps are bridged by a line."""
        columns = []
        for k in range(len(self.names)):
            good = np.isfinite(self.kw[:, k])
            columns.append(np.interp(times_ms, self.times_ms[good], self.kw[good, k]))
        return np.stack(columns, axis=1)

    def silences(self, fleet: Fleet, start_ms: int) -> list[tuple[str, int, int]]:
        """End-users whose meter has nothing to say, from and until when in the run, ms."""
        offset_ms = self.offset_ms(start_ms, fleet.sites[0].time_zone)
        half_ms = self.period_ms // 2
        near = (self.times_ms >= start_ms + offset_ms - half_ms) & (
            self.times_ms < start_ms + offset_ms + DAYS * 24 * HOUR_MS
        )
        found = []
        for user, (meter, _) in zip(fleet.end_users, self.assigned(fleet), strict=True):
            if meter < 0:
                continue
            gaps = self.times_ms[near & ~np.isfinite(self.kw[:, meter])]
            for middle in gaps.tolist():
                first_ms = int(middle) - half_ms - offset_ms
                found.append((user.id, max(first_ms, start_ms), first_ms + self.period_ms))
        return [item for item in found if item[2] > start_ms]


def load_market(
    path: Path | str,
    start_ms: int,
    zone_name: str = DEFAULT_ZONE,
    *,
    node: str = "",
    day: date | None = None,
    ahead_path: Path | str | None = None,
) -> PriceSeries:
    """Prices from a file, laid over a run.

    Known layouts: NYISO five-minute (one column a zone) and hourly (a ``zone`` column), ERCOT
    15-minute hub files, and any table with a time column and a column ``price_usd_per_mwh`` or
    ``price``. Missing intervals keep the price before.

    Args:
        path: Parquet or CSV.
        start_ms: first instant of the run, ms.
        zone_name: IANA zone of the run's days.
        node: part of the name of the column, or value of ``zone``; "": the first.
        day: day of the data; None: the one nearest in the year and on the same weekday.
        ahead_path: another file for the day-ahead prices.

    Raises:
        FleetError: the file is not there, has no such columns, or nothing on that day.
    """
    prices = _Table(Path(path), node)
    ahead = prices if ahead_path is None else _Table(Path(ahead_path), node)
    first_ms = _midnight_ms(local(start_ms, zone_name).date(), zone_name)
    if day is None:
        day = prices.like(start_ms, zone_name)
    times, values = prices.read("rt", day)
    real_time = _on_grid(times, values, STEP_MS, prices, day)
    hours = np.empty(0)
    if ahead.column("da"):
        times, values = ahead.read("da", day)
        hours = _on_grid(times, values, HOUR_MS, ahead, day)
    return PriceSeries(first_ms, real_time, hours, zone_name)


def market_shift_ms(path: Path | str, start_ms: int, zone_name: str = DEFAULT_ZONE) -> int:
    """What `load_market` adds to an instant of a file to get the instant of the run, ms.

    Args:
        path: Parquet or CSV.
        start_ms: first instant of the run, ms.
        zone_name: IANA zone of the run's days.

    Raises:
        FleetError: the file is not there or has no times.
    """
    prices = _Table(Path(path), "")
    first_ms = _midnight_ms(local(start_ms, zone_name).date(), zone_name)
    return first_ms - _midnight_ms(prices.like(start_ms, zone_name), prices.zone_name)


def load_meters(path: Path | str) -> MeterSeries:
    """Meters from a file: wide (``hour_start_utc`` and columns ``<name>_kwh`` of hourly energy,
    like the Cambridge buildings) or long (``time`` with offset, ``end_user``, ``kw``).

    Args:
        path: Parquet or CSV.

    Raises:
        FleetError: the file is not there or has other columns.
    """
    table = _Table(Path(path), "")
    names = set(table.columns)
    if {"time", "end_user", "kw"} <= names:
        return _long_meters(table)
    wide = [name for name in table.columns if name.endswith("_kwh")]
    if "hour_start_utc" not in names or not wide:
        raise table.fault("columns", ", ".join(table.columns)[:80], "time, end_user, kw")
    quoted = ", ".join(f'"{name}"' for name in wide)
    rows = table.fetch(f'epoch_ms("hour_start_utc") AS at_ms, {quoted}', "at_ms")
    kw = np.stack([np.ma.filled(np.ma.asarray(rows[n], np.float64), np.nan) for n in wide], axis=1)
    times_ms = np.asarray(rows["at_ms"], np.float64) + HOUR_MS / 2
    return MeterSeries(
        tuple(name.removesuffix("_kwh") for name in wide), times_ms, kw, HOUR_MS, "Europe/London"
    )


def _long_meters(table: _Table) -> MeterSeries:
    rows = table.fetch('"time" AS t, "end_user" AS name, "kw" AS kw', "1")
    texts, names = rows["t"].tolist(), rows["name"].tolist()
    try:
        stamps = [parse_iso(str(text)) for text in texts]
        values = np.asarray(rows["kw"], np.float64)
    except ValueError as error:
        raise table.fault("time, kw", str(error), "times with an offset, numbers") from error
    times = sorted(set(stamps))
    users = sorted(set(names))
    if len(times) < 2:
        raise table.fault("time", f"{len(times)} instants", "two or more")
    period_ms = int(np.median(np.diff(times)))
    row = {stamp: k for k, stamp in enumerate(times)}
    column = {name: k for k, name in enumerate(users)}
    kw = np.full((len(times), len(users)), np.nan)
    for stamp, name, value in zip(stamps, names, values.tolist(), strict=True):
        kw[row[stamp], column[name]] = value
    times_ms = np.array(times, np.float64) + period_ms / 2
    return MeterSeries(tuple(users), times_ms, kw, period_ms, "")


class _Table:
    """A Parquet or CSV file and what is in it."""

    def __init__(self, path: Path, node: str) -> None:
        self.path = path
        self.node = node
        reader = "read_csv" if path.suffix == ".csv" else "read_parquet"
        options = ", all_varchar = true" if path.suffix == ".csv" else ""
        self._source = f"{reader}('{str(path).replace(chr(39), chr(39) * 2)}'{options})"
        self._connection = duckdb.connect(":memory:")
        try:
            described = self._connection.execute(f"DESCRIBE SELECT * FROM {self._source}")
            self.columns = [str(row[0]) for row in described.fetchall()]
        except duckdb.Error as error:
            raise self.fault("", type(error).__name__, "a readable Parquet or CSV file") from error

    def fault(self, where: str, value: str, expected: str) -> FleetError:
        """The error that says what is wrong with this file."""
        return FleetError([Fault(str(self.path), where, value, "cannot be used", expected)])

    def fetch(self, what: str, order: str, where: str = "true") -> dict[str, Any]:
        """Columns of the file as arrays."""
        query = f"SELECT {what} FROM {self._source} WHERE {where} ORDER BY {order}"
        try:
            return self._connection.execute(query).fetchnumpy()
        except duckdb.Error as error:
            raise self.fault("", str(error)[:80], "times and numbers that can be read") from error

    def column(self, kind: str) -> str:
        """Name of the price column of a kind (rt or da), "" when there is none."""
        pattern = re.compile(rf"^{kind}_(lbmp|spp|hb_|lz_)")
        found = [name for name in self.columns if pattern.match(name)]
        if "zone" not in self.columns and self.node:
            found = [name for name in found if self.node.lower() in name.lower()]
        if not found and kind == "rt":
            found = [name for name in ("price_usd_per_mwh", "price") if name in self.columns]
        return found[0] if found else ""

    @property
    def zone_name(self) -> str:
        """IANA zone of the market, judged by its words."""
        return "America/New_York" if "lbmp" in self.column("rt") else DEFAULT_ZONE

    def _time(self) -> tuple[str, bool]:
        """SQL of the interval's start, ms (as if UTC when local), and whether it is an instant."""
        for name in (*UTC_COLUMNS, *LOCAL_COLUMNS):
            if name in self.columns:
                text = self.fetch(f'CAST(any_value("{name}") AS VARCHAR) AS text', "1")["text"]
                exact = name in UTC_COLUMNS or bool(OFFSET.search(str(text[0])))
                kind = "TIMESTAMPTZ" if exact else "TIMESTAMP"
                return f'epoch_ms(CAST("{name}" AS {kind}))', exact
        raise self.fault("columns", ", ".join(self.columns)[:80], "a time column")

    def days(self) -> tuple[date, date]:
        """First and last whole day in the file."""
        at, _ = self._time()
        times = self.fetch(f"min({at}) AS a, max({at}) AS b", "1", f"{at} IS NOT NULL")
        if np.ma.is_masked(times["a"]):
            raise self.fault("rows", "none", "one row or more")
        first, last = (from_ms(int(times[name][0])).date() for name in ("a", "b"))
        return first + timedelta(days=1), last

    def like(self, start_ms: int, zone_name: str) -> date:
        """The day that stands in for the one on which a run starts."""
        return _like_day(local(start_ms, zone_name).date(), *self.days())

    def read(self, kind: str, day: date) -> tuple[list[int], list[float]]:
        """Times since local midnight of a day, ms, and prices, from that day on."""
        column = self.column(kind)
        if not column:
            raise self.fault("columns", ", ".join(self.columns)[:80], f"a price ({kind}_...)")
        at, exact = self._time()
        first_ms = _midnight_ms(day, self.zone_name if exact else "UTC")
        zone_is = ""
        if "zone" in self.columns:
            name = (self.node or "NYC").replace("'", "''")
            zone_is = f" AND upper(\"zone\") = upper('{name}')"
        where = f"{at} >= {first_ms} AND {at} < {first_ms + DAYS * 24 * HOUR_MS}{zone_is}"
        rows = self.fetch(f'{at} AS at_ms, CAST("{column}" AS DOUBLE) AS price', "at_ms", where)
        values = np.ma.filled(np.ma.asarray(rows["price"], np.float64), np.nan)
        return (np.asarray(rows["at_ms"], np.int64) - first_ms).tolist(), values.tolist()


def _on_grid(
    times: list[int], values: list[float], step_ms: int, table: _Table, day: date
) -> Floats:
    """Values at every step from midnight on; a gap, or a coarser table, keeps the value before."""
    if not times or times[0] >= HOUR_MS:
        raise table.fault("time", f"nothing at the start of {day}", "another day")
    found = dict(zip(times, values, strict=True))
    result = []
    value = next((v for v in values if np.isfinite(v)), 0.0)
    for at_ms in range(0, times[-1] + 1, step_ms):
        new = found.get(at_ms, value)
        value = new if np.isfinite(new) else value
        result.append(value)
    spare = (times[1] - times[0]) // step_ms - 1 if len(times) > 1 else 0
    result.extend([value] * max(0, spare))
    return np.array(result)


def _midnight_ms(day: date, zone_name: str) -> int:
    return to_ms(datetime.combine(day, time(), zone(zone_name)))


def _like_day(wanted: date, first: date, last: date) -> date:
    """The latest day in the data on the same weekday and nearest in the year (of whole years)."""
    best = first
    for year in range(last.year, first.year - 1, -1):
        leap = (wanted.month, wanted.day) == (2, 29)
        near = date(year, wanted.month, wanted.day - leap)
        shift = (wanted.weekday() - near.weekday() + 3) % 7 - 3
        day = near + timedelta(days=shift)
        if first <= day <= last - timedelta(days=1):
            return day
    while best.weekday() != wanted.weekday() and best < last:
        best += timedelta(days=1)
    return best
