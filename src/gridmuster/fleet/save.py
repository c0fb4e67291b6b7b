"""Writing a fleet to files that `load` reads back to the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from gridmuster.fleet.load import COLUMNS
from gridmuster.fleet.model import Fleet
from gridmuster.fleet.tables import write_csv

Dumper: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
#: The lists that go into tables; areas stay in the document, for their borders.
TABLED: Final = ("sites", "end_users", "devices")


def plain(fleet: Fleet) -> dict[str, Any]:
    """A fleet as plain data without what equals its default; `load` takes it back.

    Args:
        fleet: the fleet.
    """
    data = fleet.model_dump(mode="json", exclude_defaults=True)
    return {"schema_version": fleet.schema_version, **data}


def fleet_yaml(fleet: Fleet) -> str:
    """A fleet as one YAML document.

    Args:
        fleet: the fleet.
    """
    return _yaml(plain(fleet))


def write_fleet(fleet: Fleet, path: Path, *, tables: bool = False) -> list[Path]:
    """Write a fleet to a YAML file and, if wished, its rows to CSV tables beside it.

    Args:
        fleet: the fleet.
        path: the YAML file; the tables are called after it (``plant.yaml``: ``plant-sites.csv``).
        tables: whether sites, end-users and devices go into tables.

    Returns:
        The files written, the fleet file first.
    """
    data = plain(fleet)
    written = [path]
    if tables:
        for kind, table in table_paths(path).items():
            write_csv(table, data.get(kind, []), COLUMNS[kind])
            data[kind] = {"table": table.name}
            written.append(table)
    path.write_text(_yaml(data), "utf-8")
    return written


def table_paths(path: Path) -> dict[str, Path]:
    """Where the tables of a fleet file go, by kind.

    Args:
        path: the fleet file.
    """
    return {kind: path.with_name(f"{path.stem}-{kind.replace('_', '-')}.csv") for kind in TABLED}


def _yaml(data: dict[str, Any]) -> str:
    text: str = yaml.dump(
        data, Dumper=Dumper, sort_keys=False, default_flow_style=None, width=100, allow_unicode=True
    )
    return text
