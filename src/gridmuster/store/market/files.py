"""Read market data from Parquet and CSV files as a mapping says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import yaml
from msgspec.structs import replace

from gridmuster.errors import Fault, FleetError
from gridmuster.forecast.market.history import Column, Floats, Ints, MarketHistory, Notice
from gridmuster.forecast.market.mapping import Mapping, Source, mapping_from, minute_of
from gridmuster.forecast.market.sorting import Rows, check_together, columns_from

PRESETS: Final = Path(__file__).parent / "presets"
FORMATS: Final = (".parquet", ".csv")
#: Text of an instant that names its offset, as a regular expression of DuckDB.
OFFSET: Final = r".*(Z|[+-]\d\d(:?\d\d)?)$"


def presets() -> dict[str, Mapping]:
    """The mappings that come with Gridmuster, by name."""
    found = [load_mapping(path) for path in sorted(PRESETS.glob("*.yaml"))]
    return {mapping.name: mapping for mapping in found}


def load_mapping(path: Path) -> Mapping:
    """Read a mapping file.

    Args:
        path: YAML or JSON.

    Raises:
        FleetError: when it cannot be read or is no mapping.
    """
    try:
        plain = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        said = error.strerror or "unreadable"
        raise FleetError([Fault(str(path), "", said, "a file to read", "another path")]) from error
    except yaml.YAMLError as error:
        fault = Fault(str(path), "", "broken YAML", str(error).replace("\n", " "), "YAML")
        raise FleetError([fault]) from error
    return mapping_from(plain, str(path))


def read_market(
    files: Sequence[Path], mapping: Mapping | None = None, areas: Iterable[str] = ()
) -> dict[str, MarketHistory]:
    """Read files into histories.

    Args:
        files: Parquet or CSV files.
        mapping: how they are read; None: the preset whose columns they have.
        areas: which areas; none: all.

    Returns:
        A history for each area, by its name.

    Raises:
        FleetError: naming each fault in the files or the mapping.
    """
    tables = [_Table(path) for path in files]
    guessed = mapping is None
    if mapping is None:
        mapping = _preset_for(tables)
    wanted = set(areas)
    columns: dict[str, dict[str, Column]] = {}
    notices: dict[str, list[Notice]] = {}
    for table in tables:
        source = table.source_of(mapping)
        for area, rows in table.rows(source, wanted).items():
            if guessed:
                source = replace(source, step_min=_spacing_min(rows.time_ms, source.step_min))
            made = columns_from(rows, source, mapping.zone)
            columns.setdefault(area, {}).update(made.columns)
            notices.setdefault(area, []).extend(made.notices)
    if not columns:
        names = ", ".join(sorted(wanted)) or "any"
        raise FleetError(
            [Fault(str(files[0]), "area", names, "no row of that area", "an area in the file")]
        )
    accepted = frozenset(
        name
        for source in mapping.sources
        for name, rule in source.columns.items()
        if "scale" in rule.accept
    )
    for found in columns.values():
        check_together(found, accepted, str(files[0]))
    return {
        area: MarketHistory(
            area,
            mapping.zone,
            found,
            minute_of(mapping.day_ahead_closes),
            tuple(notices.get(area, ())),
        )
        for area, found in columns.items()
    }


def _spacing_min(time_ms: Ints, usual_min: float) -> float:
    """Commonest distance between times, min; the usual one where it is no part of an hour."""
    apart, often = np.unique(np.diff(np.unique(time_ms)), return_counts=True)
    if not len(apart):
        return usual_min
    found_min = float(apart[np.argmax(often)]) / 60_000.0
    return found_min if found_min <= 60.0 and 60.0 % found_min == 0.0 else usual_min


class _Table:
    """One file: what columns it has, and its rows by area."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.suffix not in FORMATS:
            raise FleetError(
                [
                    Fault(
                        str(path),
                        "",
                        path.suffix or "no ending",
                        "unknown format",
                        ".parquet or .csv",
                    )
                ]
            )
        if not path.is_file():
            raise FleetError([Fault(str(path), "", "no such file", "a file to read", "a path")])
        name = str(path).replace("'", "''")
        # Text first: DuckDB guesses types from the first rows and would hide what does not fit.
        reader = (
            f"read_parquet('{name}')"
            if path.suffix == ".parquet"
            else f"read_csv('{name}', header=true, all_varchar=true)"
        )
        self._link = duckdb.connect()
        self._link.execute("SET threads=1; SET TimeZone='UTC'")
        try:
            told = self._link.execute(f"DESCRIBE SELECT * FROM {reader}").fetchall()
        except duckdb.Error as error:
            said = str(error).splitlines()[0]
            raise FleetError([Fault(str(path), "", "not readable", said, "a table")]) from error
        self.types: dict[str, str] = {row[0]: row[1] for row in told}
        self._link.execute(
            f"CREATE TEMP VIEW given AS SELECT *, row_number() OVER () AS _row FROM {reader}"
        )

    def fits(self, source: Source) -> bool:
        """Whether the file has every column of a source."""
        return source.needs() <= set(self.types)

    def source_of(self, mapping: Mapping) -> Source:
        """The source of a mapping that this file is.

        Raises:
            FleetError: naming the columns that are missing.
        """
        for source in mapping.sources:
            if self.fits(source):
                return source
        closest = min(mapping.sources, key=lambda source: len(source.needs() - set(self.types)))
        missing = ", ".join(sorted(closest.needs() - set(self.types)))
        raise FleetError(
            [
                Fault(
                    str(self.path),
                    "columns",
                    ", ".join(self.types),
                    f"mapping {mapping.name!r} needs {missing}",
                    "those columns, or a mapping that names yours",
                )
            ]
        )

    def rows(self, source: Source, wanted: set[str]) -> dict[str, Rows]:
        """The file's rows by area."""
        time, naive = self._time(source.time.column)
        by_area: dict[str, list[tuple[str, str]]] = {}
        for name, rule in source.columns.items():
            for area, column in rule.areas.items() or [(source.area, rule.column)]:
                by_area.setdefault(area, []).append((name, column))
        if source.area_column:
            told = f'CAST("{source.area_column}" AS VARCHAR)'
            names = self._link.execute(
                f"SELECT DISTINCT {told} AS a FROM given ORDER BY a"
            ).fetchall()
            lots = {str(row[0]): by_area.get("", []) for row in names}
        else:
            lots = {area or self.path.stem: pairs for area, pairs in by_area.items()}
        found = {}
        for area, pairs in lots.items():
            if wanted and area not in wanted:
                continue
            where = ""
            if source.area_column:
                where = f"WHERE CAST(\"{source.area_column}\" AS VARCHAR) = '{area}'"
            published = {
                name: source.columns[name].published.column
                for name, _ in pairs
                if source.columns[name].published.column
            }
            times = [time, *(self._time(column)[0] for column in published.values())]
            arrays = self._fetch(times, [column for _, column in pairs], where)
            stamps = dict(zip(published, arrays[0][1:], strict=True))
            values = {name: arrays[1][k] for k, (name, _) in enumerate(pairs)}
            found[area] = Rows(str(self.path), arrays[0][0], naive, values, stamps)
        return found

    def _time(self, column: str) -> tuple[str, bool]:
        """SQL for a time column in ms, and whether its times have no offset."""
        kind = self.types[column]
        if kind.startswith(("TIMESTAMP WITH", "TIMESTAMPTZ")):
            return f'epoch_ms(CAST("{column}" AS TIMESTAMPTZ))', False
        if kind.startswith("TIMESTAMP") or kind == "DATE":
            return f'epoch_ms(CAST("{column}" AS TIMESTAMP))', True
        if kind != "VARCHAR":
            raise self._fault(column, kind, "times are no numbers", "text or timestamps")
        dated = f'(regexp_matches("{column}", \'{OFFSET}\') AND length("{column}") > 10)'
        row = self._link.execute(
            f"SELECT bool_and({dated}), bool_or({dated}) FROM given"
        ).fetchone()
        every, some = row if row else (False, False)
        if some and not every:
            raise self._fault(
                column, "times with and without offset", "one file, one way", "all with offset"
            )
        wanted = "TIMESTAMPTZ" if every else "TIMESTAMP"
        self._refuse(column, wanted, f'"{column}" IS NULL OR')
        return f'epoch_ms(CAST("{column}" AS {wanted}))', not every

    def _refuse(self, column: str, kind: str, also: str = "") -> None:
        """Refuse text that is not what it should be, naming the first row."""
        row = self._link.execute(
            f'SELECT _row, "{column}", count(*) OVER () FROM given '
            f'WHERE {also} (TRIM("{column}") <> \'\' AND TRY_CAST("{column}" AS {kind}) IS NULL) '
            "ORDER BY _row LIMIT 1"
        ).fetchone()
        if row is not None:
            what = "number" if kind == "DOUBLE" else "time"
            raise self._fault(
                f"{column}, row {row[0]}", repr(row[1]), f"{row[2]:,} row(s) hold no {what}", what
            )

    def _fetch(
        self, times: list[str], columns: list[str], where: str
    ) -> tuple[list[Ints], list[Floats]]:
        parts = list(times)
        for column in columns:
            if self.types[column] == "VARCHAR":
                self._refuse(column, "DOUBLE")
            parts.append(f'TRY_CAST("{column}" AS DOUBLE)')
        named = ", ".join(f"{part} AS c{k}" for k, part in enumerate(parts))
        got: dict[str, Any] = self._link.execute(
            f"SELECT {named} FROM given {where} ORDER BY _row"
        ).fetchnumpy()
        arrays = [np.ma.asarray(got[f"c{k}"]) for k in range(len(parts))]
        stamps = [np.asarray(a.filled(-1), np.int64) for a in arrays[: len(times)]]
        for column, stamp in zip(times, stamps, strict=True):
            if (stamp == -1).any():
                raise self._fault(column, "an empty cell", "every row has its times", "a time")
        numbers = [np.ma.asarray(a, np.float64).filled(np.nan) for a in arrays[len(times) :]]
        return stamps, numbers

    def _fault(self, place: str, value: str, limit: str, expected: str) -> FleetError:
        return FleetError([Fault(str(self.path), f"column {place}", value, limit, expected)])


def _preset_for(tables: Sequence[_Table]) -> Mapping:
    """The preset that knows all of some files.

    Raises:
        FleetError: when there is none.
    """
    known = presets()
    by_columns = {
        sum(len(table.source_of(mapping).columns) for table in tables): mapping
        for mapping in known.values()
        if all(any(table.fits(source) for source in mapping.sources) for table in tables)
    }
    if by_columns:
        return by_columns[max(by_columns)]
    first = tables[0]
    raise FleetError(
        [
            Fault(
                str(first.path),
                "columns",
                ", ".join(first.types),
                f"no preset has these; there are {', '.join(known)}",
                "--mapping FILE, a mapping as in docs/market.md",
            )
        ]
    )
