"""Thousands of rows from CSV and Parquet tables, with nested fields as dotted columns.

A column is named after its field (``rated_kw``, ``permit.permit_class``, ``tank.capacity``). An
empty cell means that the field is left out. Lists of words (``tags``) are separated by ``;``. A
fuel curve is JSON text in ``fuel_curve`` or one column for each load in per cent, like
``fuel_curve.25`` and ``fuel_curve.100``. Any other list or block may be JSON text in one cell.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel

from gridmuster.errors import Fault, FleetError
from gridmuster.fleet.place import Place, Source, did_you_mean, listed, shown
from gridmuster.fleet.words import bare_type

Row = dict[str, Any]
Placed = tuple[Row, Place]
CURVE: Final = "fuel_curve"
FORMATS: Final = (".csv", ".parquet")


class Cell(Enum):
    """How the text of a cell becomes a value."""

    SCALAR = "scalar"
    WORDS = "words"
    JSON = "json"
    CURVE_POINT = "curve point"


@dataclass
class Table:
    """What a table holds: its rows as nested plain data, and what is wrong with it."""

    rows: list[Placed] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, where its value goes, and how its cells are read."""

    name: str
    path: tuple[str, ...]
    cell: Cell
    load_fraction: float = 0.0


def columns_of(models: Iterable[type[BaseModel]]) -> dict[str, Cell]:
    """Every column a table of these classes may have, in the order of their fields.

    Args:
        models: the classes whose fields may stand in one table.
    """
    columns: dict[str, Cell] = {}
    for model in models:
        for name, info in model.model_fields.items():
            bare = bare_type(info.annotation)
            if isinstance(bare, type) and issubclass(bare, BaseModel):
                columns[name] = Cell.JSON
                inner = columns_of((bare,))
                columns.update({f"{name}.{key}": cell for key, cell in inner.items()})
            elif get_origin(bare) is tuple:
                columns[name] = Cell.WORDS if get_args(bare)[0] is str else Cell.JSON
            else:
                columns[name] = Cell.SCALAR
    return columns


def read_table(path: Path, name: str, known: Mapping[str, Cell]) -> Table:
    """Read a CSV or Parquet table.

    Args:
        path: the table.
        name: how to call it in faults.
        known: the columns it may have, from `columns_of`.

    Raises:
        FleetError: when it cannot be read at all.
    """
    is_text = path.suffix.lower() == ".csv"
    source = Source(name, table=True, text=is_text)
    if is_text:
        header, records = _read_csv(path, source)
    else:
        header, records = _read_parquet(path, source)
    table = Table()
    columns = _columns(header, known, source, table.faults)
    convert = _converter(columns, table.faults)
    for number, (line, cells) in enumerate(records, 1):
        place = Place(source, row=number, line=line)
        if len(cells) > len(header):
            value = f"{len(cells)} cells"
            expected = "a cell for each column; quote a cell that holds a comma"
            table.faults.append(
                place.fault(
                    value=value, limit=f"the table has {len(header)} columns", expected=expected
                )
            )
            continue
        row, used = convert(place, cells)
        if used:
            place = Place(source, row=number, line=line, curve_columns=used)
        table.rows.append((row, place))
    return table


def _failed(source: Source, value: str, limit: str, expected: str, line: int = 0) -> FleetError:
    return FleetError([Fault(source.file, "", value, limit, expected, line)])


def _read_csv(path: Path, source: Source) -> tuple[list[str], Iterator[tuple[int, Sequence[Any]]]]:
    """Header and records (line, cells) of a CSV file."""
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise _missing(path, source) from None
    except UnicodeDecodeError as error:
        byte = f"byte {error.object[error.start]:#04x}"
        raise _failed(source, byte, "not UTF-8 text", "a table in UTF-8") from error
    except OSError as error:
        limit = f"cannot be read: {error.strerror}"
        raise _failed(source, "nothing", limit, "a readable table") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    records: list[tuple[int, Sequence[Any]]] = []
    try:
        header = [cell.strip() for cell in next(reader, [])]
        records.extend((reader.line_num, cells) for cells in reader if any(cells))
    except csv.Error as error:
        limit = f"not CSV: {error}"
        raise _failed(source, "text", limit, "a CSV table", reader.line_num) from error
    if not header:
        raise _failed(source, "an empty file", "a table has a header", "names of columns")
    if len(header) == 1 and ";" in header[0]:
        limit = "cells are separated by commas"
        raise _failed(source, shown(header[0]), limit, "a table with commas", 1)
    return header, iter(records)


def _missing(path: Path, source: Source) -> FleetError:
    folder = path.parent
    beside = [p.name for p in folder.iterdir() if p.suffix in FORMATS] if folder.is_dir() else []
    limit = f"there is no such table{did_you_mean(path.name, sorted(beside))}"
    return _failed(source, "nothing", limit, "a table beside the fleet file, or a full path")


def _read_parquet(
    path: Path, source: Source
) -> tuple[list[str], Iterator[tuple[int, Sequence[Any]]]]:
    """Header and records (no line, cells) of a Parquet file."""
    import duckdb

    if not path.is_file():
        raise _missing(path, source)
    # Parquet is built into DuckDB; extensions that would be fetched over the network are not used.
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    try:
        with duckdb.connect(":memory:", config=config) as connection:
            result = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
            header = [str(column[0]) for column in result.description or ()]
            records = result.fetchall()
    except duckdb.Error as error:
        limit = f"cannot be read: {str(error).splitlines()[0]}"
        raise _failed(source, "data", limit, "a Parquet table") from error
    return header, ((0, cells) for cells in records)


def _columns(
    header: Sequence[str], known: Mapping[str, Cell], source: Source, faults: list[Fault]
) -> list[Column | None]:
    """What each column of a header means; None for one that is not known or is there twice."""
    columns: list[Column | None] = []
    seen: set[str] = set()
    points = CURVE in known
    for name in header:
        column: Column | None = None
        limit = ""
        load_fraction = _curve_load(name) if points else None
        if name in seen:
            limit = "the column is there twice"
        elif load_fraction is not None:
            column = Column(name, (CURVE,), Cell.CURVE_POINT, load_fraction)
        elif name in known:
            column = Column(name, tuple(name.split(".")), known[name])
        else:
            limit = f"there is no such column{did_you_mean(name, known)}"
        if limit:
            expected = "one column of each name" if name in seen else f"one of {listed(known)}"
            faults.append(
                Fault(source.file, f"header, column {name}", shown(name), limit, expected, 1)
            )
        seen.add(name)
        columns.append(column)
    if CURVE in seen and any(c is not None and c.cell is Cell.CURVE_POINT for c in columns):
        limit = "a curve is one column of JSON or one column for each load"
        path = f"header, column {CURVE}"
        faults.append(Fault(source.file, path, "both", limit, "one of the two", 1))
        columns = [None if c is not None and c.name == CURVE else c for c in columns]
    return columns


def _curve_load(name: str) -> float | None:
    """The load fraction of a column like ``fuel_curve.25``."""
    stem, _, percent = name.partition(".")
    if stem != CURVE:
        return None
    try:
        return float(percent) / 100.0
    except ValueError:
        return None


def _converter(
    columns: Sequence[Column | None], faults: list[Fault]
) -> Callable[[Place, Sequence[Any]], tuple[Row, tuple[str, ...]]]:
    """A function from the cells of a row to nested data and the curve columns it used."""

    def convert(place: Place, cells: Sequence[Any]) -> tuple[Row, tuple[str, ...]]:
        row: Row = {}
        used: list[str] = []
        for column, cell in zip(columns, cells, strict=False):
            if cell is None or cell == "" or column is None:
                continue
            value = cell
            if isinstance(value, str):
                value = value.strip()
                if not value:
                    continue
            kind = column.cell
            if kind is Cell.CURVE_POINT:
                point = {"load_fraction": column.load_fraction, "fuel_per_h": value}
                row.setdefault(CURVE, []).append(point)
                used.append(column.name)
                continue
            if kind is not Cell.SCALAR:
                value = _structured(value, column, place, faults)
            if len(column.path) == 1:
                row[column.name] = value
            else:
                _put(row, column.path, value)
        return row, tuple(used)

    return convert


def _put(row: Row, path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        inner = row.get(name)
        if not isinstance(inner, dict):
            inner = row[name] = {}
        row = inner
    row[path[-1]] = value


def _structured(value: Any, column: Column, place: Place, faults: list[Fault]) -> Any:
    """A list or block from a cell's text; what is not text is taken as it is, less its gaps."""
    if not isinstance(value, str):
        return _without_gaps(value)
    if column.cell is Cell.WORDS and not value.startswith("["):
        return [word.strip() for word in value.split(";") if word.strip()]
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        expected = 'JSON text, like [{"load_fraction": 1.0, "fuel_per_h": 6.1}]'
        if column.name != CURVE:
            expected = "JSON text"
        faults.append(
            place.fault(
                column.name, value=shown(value), limit=f"not JSON: {error.msg}", expected=expected
            )
        )
        return value


def _without_gaps(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_gaps(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_gaps(item) for item in value]
    return value


def write_csv(path: Path, rows: Sequence[Row], known: Mapping[str, Cell]) -> None:
    """Write nested rows as a CSV table that `read_table` reads back to the same.

    Columns that no row fills are left out.

    Args:
        path: the table, replaced when it exists.
        rows: plain data, as `pydantic` dumps it.
        known: the columns in their order, from `columns_of`.
    """
    curves = _curve_loads(rows)
    flat = [_flat(row, curves) for row in rows]
    used = {name for row in flat for name in row}
    order = [name for name in known if name in used]
    if curves and CURVE in known:
        at = next((k for k, name in enumerate(order) if name == "tank.capacity"), len(order))
        order[at:at] = [_curve_name(load) for load in curves]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(order)
        writer.writerows([row.get(name, "") for name in order] for row in flat)


def _curve_loads(rows: Sequence[Row]) -> tuple[float, ...]:
    """The loads that all fuel curves of the rows share; none when they differ."""
    found = {
        tuple(point["load_fraction"] for point in row[CURVE]) for row in rows if row.get(CURVE)
    }
    return found.pop() if len(found) == 1 else ()


def _curve_name(load_fraction: float) -> str:
    return f"{CURVE}.{100.0 * load_fraction:.10g}"


def _flat(row: Row, curves: tuple[float, ...], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in row.items():
        name = f"{prefix}{key}"
        if value is None:
            continue
        if name == CURVE and curves:
            for point in value:
                flat[_curve_name(point["load_fraction"])] = repr(point["fuel_per_h"])
        elif isinstance(value, dict):
            flat.update(_flat(value, curves, f"{name}."))
        elif isinstance(value, list | tuple):
            if value and all(isinstance(item, str) and ";" not in item for item in value):
                flat[name] = ";".join(value)
            elif value:
                flat[name] = json.dumps(value, separators=(",", ":"))
        elif isinstance(value, bool):
            flat[name] = "true" if value else "false"
        else:
            flat[name] = str(value)
    return flat
