"""Reading a fleet from a YAML or JSON file and the tables it names, with all faults at once.

Each of ``areas``, ``sites``, ``end_users`` and ``devices`` is a list of blocks, or
``{table: devices.csv}``, or a list in which both are mixed. Tables are CSV or Parquet; their
paths count from the folder of the fleet file.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from pydantic import BaseModel, ValidationError, create_model

from gridmuster.errors import Fault, FleetError
from gridmuster.fleet.book import DEVICE_CLASSES, KIND_WORDS, KINDS, Book, Entry
from gridmuster.fleet.check import check_book
from gridmuster.fleet.devices import Part
from gridmuster.fleet.document import read_document
from gridmuster.fleet.model import Area, EndUser, Fleet, Site
from gridmuster.fleet.place import Place, Source, did_you_mean, listed, shown, sort_key
from gridmuster.fleet.tables import FORMATS, Cell, Placed, columns_of, read_table
from gridmuster.fleet.words import bare_type, faults_of, field_at

CLASSES: Final[dict[str, tuple[type[Part], ...]]] = {
    "areas": (Area,),
    "sites": (Site,),
    "end_users": (EndUser,),
    "devices": tuple(DEVICE_CLASSES.values()),
}
COLUMNS: Final[dict[str, dict[str, Cell]]] = {
    kind: columns_of(classes) for kind, classes in CLASSES.items()
}
#: The fleet's own fields, without the four lists.
Top: Final[type[BaseModel]] = create_model(  # type: ignore[call-overload]
    "Fleet",
    __base__=Part,
    **{
        name: (info.annotation, info)
        for name, info in Fleet.model_fields.items()
        if name not in KINDS
    },
)


@dataclass(frozen=True)
class Inspection:
    """What came of reading a file.

    Args:
        file: the file as the user named it.
        fleet: the fleet; None when there are faults.
        faults: everything that is wrong, sorted.
        warnings: what is allowed but likely not meant, sorted.
    """

    file: str
    fleet: Fleet | None
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]


def load_fleet(path: Path | str) -> Fleet:
    """The fleet in a file.

    Args:
        path: a YAML or JSON file; tables that it names are read too.

    Raises:
        FleetError: with every fault of the file and its tables, sorted.
    """
    inspection = inspect_fleet(path)
    if inspection.fleet is None:
        raise FleetError(list(inspection.faults))
    return inspection.fleet


def inspect_fleet(path: Path | str) -> Inspection:
    """Read a file and say everything that is wrong or odd about it.

    Args:
        path: a YAML or JSON file; tables that it names are read too.

    Returns:
        The fleet, or its faults; warnings in both cases.
    """
    with _no_collection():
        return _inspect(Path(path), str(path))


def inspect_upload(body: bytes, name: str) -> Inspection:
    """Read a fleet that came over a line, and say everything that is wrong or odd about it.

    It is one document: tables beside it are not looked for on this machine.

    Args:
        body: YAML, or JSON when the name ends so.
        name: how to call it in faults.
    """
    suffix = ".json" if name.lower().endswith(".json") else ".yaml"
    with TemporaryDirectory() as folder, _no_collection():
        path = Path(folder) / f"fleet{suffix}"
        path.write_bytes(body)
        return _inspect(path, name, alone=True)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Hold the garbage collector off: hundreds of thousands of new objects, hardly any garbage."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _inspect(path: Path, name: str, alone: bool = False) -> Inspection:
    try:
        document = read_document(path, name)
    except FleetError as error:
        return Inspection(name, None, error.faults, ())
    reader = _Reader(path.parent, document.source, list(document.faults), alone)
    top = reader.read(document.data)
    findings = check_book(reader.book)
    faults = sorted({*reader.faults, *findings.faults}, key=sort_key)
    warnings = tuple(sorted(findings.warnings, key=sort_key))
    if faults or top is None:
        return Inspection(name, None, tuple(faults), warnings)
    return Inspection(name, _joined(top, reader.book), (), warnings)


def _joined(top: BaseModel, book: Book) -> Fleet:
    parts = {kind: tuple(entry.part for entry in getattr(book, kind)) for kind in KINDS}
    given = {name: getattr(top, name) for name in top.model_fields_set}
    return Fleet.model_validate({**given, **parts})


@dataclass
class _Reader:
    """Turns plain data into a book and gathers the faults on the way.

    Args:
        folder: where the paths of tables start.
        source: the fleet file.
        faults: what is wrong so far.
        alone: whether tables are refused.
    """

    folder: Path
    source: Source
    faults: list[Fault] = field(default_factory=list)
    alone: bool = False

    def __post_init__(self) -> None:
        self.book = Book(Place(self.source))

    def read(self, data: Any) -> BaseModel | None:
        """Read the whole; the fleet's own fields when they are right."""
        if not isinstance(data, dict):
            value = "an empty file" if data is None else shown(data)
            limit = "a fleet is a block of fields"
            expected = f"the fields {listed(Fleet.model_fields)}"
            self.faults.append(self.book.top.fault(value=value, limit=limit, expected=expected))
            return None
        top = self._top({key: value for key, value in data.items() if key not in KINDS})
        for kind in KINDS:
            self._kind(kind, data)
        return top

    def _top(self, data: dict[Any, Any]) -> BaseModel | None:
        place = self.book.top
        unknown = [key for key in data if key not in Fleet.model_fields]
        for key in unknown:
            limit = f"fleet has no field {key}{did_you_mean(str(key), Fleet.model_fields)}"
            expected = f"one of {listed(Fleet.model_fields)}"
            self.faults.append(
                place.fault(str(key), value=shown(data[key]), limit=limit, expected=expected)
            )
        known = {key: value for key, value in data.items() if key not in unknown}
        self._refuse_flags(known, Top, place)
        try:
            top = Top.model_validate(known)
        except ValidationError as error:
            self.faults.extend(faults_of(error, Top, place))
            top = None
        else:
            self.book.objective = getattr(top, "objective", None)
            self.book.currency = getattr(top, "currency", None)
            self.book.links = getattr(top, "links", ())
            self.book.emission_caps = getattr(top, "emission_caps", ())
            self.book.permit_rules = getattr(top, "permit_rules", None)
        return top

    def _kind(self, kind: str, data: Mapping[str, Any]) -> None:
        """Read one of the four lists, wherever its rows are."""
        before = len(self.faults)
        rows = list(self._rows(kind, data))
        misread = {fault.path for fault in self.faults[before:]}
        if not rows and len(self.faults) == before and Fleet.model_fields[kind].is_required():
            limit = f"a fleet needs at least one {KIND_WORDS[kind]}"
            expected = "a list of blocks, or {table: FILE}"
            value = shown(data.get(kind))
            self.faults.append(
                self.book.top.fault(kind, value=value, limit=limit, expected=expected)
            )
        ids = self.book.ids[kind]
        entries = getattr(self.book, kind)
        for row, place in rows:
            row_id = row.get("id")
            if isinstance(row_id, str):
                ids.add(row_id)
            model = self._class_of(kind, row, place)
            if model is None:
                self._unsure(row)
                continue
            flagged = not place.source.text and self._refuse_flags(row, model, place)
            if flagged:
                self._unsure(row)
            try:
                part = model.model_validate(row)
            except ValidationError as error:
                self._unsure(row)
                found = faults_of(error, model, place)
                self.faults.extend(fault for fault in found if fault.path not in misread)
                continue
            if not flagged:
                entries.append(Entry(part, place))

    def _unsure(self, row: Mapping[str, Any]) -> None:
        """Note that something is missing at a row's site and area, and from the row's own part."""
        self.book.unsure.update(str(row.get(key)) for key in ("area", "site", "id"))

    def _rows(self, kind: str, data: Mapping[str, Any]) -> Iterator[Placed]:
        given = data.get(kind)
        if given is None:
            return
        if isinstance(given, dict):
            yield from self._table(kind, given, (kind,))
        elif isinstance(given, list):
            for k, item in enumerate(given):
                place = Place(self.source, (kind, k))
                if isinstance(item, dict) and "table" in item:
                    yield from self._table(kind, item, (kind, k))
                elif isinstance(item, dict):
                    yield item, place
                else:
                    self._not_a_list(place, item, "each entry is a block of fields")
        else:
            place = Place(self.source, (kind,))
            self._not_a_list(place, given, f"{kind} is a list of blocks, or a table")

    def _not_a_list(self, place: Place, value: Any, limit: str) -> None:
        self.book.unread.add(str(place.root[0]))
        expected = "a list of blocks, or {table: FILE}"
        self.faults.append(place.fault(value=shown(value), limit=limit, expected=expected))

    def _table(
        self, kind: str, item: Mapping[Any, Any], root: tuple[str | int, ...]
    ) -> list[Placed]:
        """Rows of the table that a block names."""
        place = Place(self.source, root)
        name = item.get("table")
        expected = "{table: FILE} with the path of a .csv or .parquet file"
        others = [str(key) for key in item if key != "table"]
        limit = ""
        if "table" not in item:
            limit = f"{kind} is a list of blocks, or a table"
        elif others:
            limit = f"beside table there can be nothing else, such as {listed(others)}"
        elif not isinstance(name, str) or Path(name).suffix.lower() not in FORMATS:
            limit = "a table is a .csv or .parquet file"
        elif self.alone:
            limit = "a file that is sent alone cannot name tables"
            expected = "the rows in the file itself"
        if limit:
            value = shown(name) if "table" in item and not others else shown(dict(item))
            self.faults.append(place.fault(value=value, limit=limit, expected=expected))
            self.book.unread.add(kind)
            return []
        path = self.folder / str(name)
        try:
            table = read_table(path, str(path), COLUMNS[kind])
        except FleetError as error:
            self.faults.extend(error.faults)
            self.book.unread.add(kind)
            return []
        self.faults.extend(table.faults)
        return table.rows

    def _class_of(self, kind: str, row: Mapping[str, Any], place: Place) -> type[Part] | None:
        """The class of a row; of a device by its type."""
        if kind != "devices":
            return CLASSES[kind][0]
        given = row.get("type")
        model = DEVICE_CLASSES.get(given) if isinstance(given, str) else None
        if model is None:
            limit = "a device needs a type" if given is None else "there is no such type"
            if isinstance(given, str):
                limit += did_you_mean(given, DEVICE_CLASSES)
            expected = f"one of {listed(DEVICE_CLASSES)}"
            fault = place.fault("type", value=shown(given), limit=limit, expected=expected)
            self.faults.append(fault)
        return model

    def _refuse_flags(self, row: Mapping[str, Any], model: type[BaseModel], place: Place) -> bool:
        """A fault for each true or false where a number is wanted, which would count as 1 or 0.

        Returns:
            Whether there was one.
        """
        before = len(self.faults)
        for parts, flag in _flags(row, ()):
            info = field_at(model, parts)[1]
            if info is not None and bare_type(info.annotation) in (float, int):
                self.faults.append(
                    place.fault(
                        *parts,
                        value=shown(flag),
                        limit="must be a number",
                        expected="a number; YAML reads yes, no, on and off as true and false",
                    )
                )
        return len(self.faults) > before


def _flags(block: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], bool]]:
    """Paths and values of all booleans in plain data."""
    items = block.items() if isinstance(block, dict) else enumerate(block)
    for key, value in items:
        if isinstance(value, bool):
            yield (*path, key), value
        elif isinstance(value, dict | list):
            yield from _flags(value, (*path, key))
