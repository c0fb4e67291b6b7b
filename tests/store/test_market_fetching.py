"""Fetching with gridstatus: what is missing is said, and what comes is written for a preset."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from gridmuster.errors import LinkError
from gridmuster.store.market.fetching import fetch
from gridmuster.store.market.files import presets, read_market


class Series(list[object]):
    def tolist(self) -> list[object]:
        return list(self)


class Frame(dict[str, Series]):
    """As much of a table as fetching looks at."""

    @property
    def columns(self) -> list[str]:
        return list(self)


class Operator:
    def get_lmp(self, date: str, end: str, market: str, locations: list[str]) -> Frame:
        start = datetime.fromisoformat(date).replace(tzinfo=UTC)
        base = 30.0 if market.startswith("DAY") else 28.0
        return Frame(
            {
                "Interval Start": Series(start + timedelta(hours=k) for k in range(48)),
                "LMP": Series(base + k for k in range(48)),
            }
        )


def test_without_the_package_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gridstatus", None)
    with pytest.raises(LinkError, match="pip install gridstatus"):
        fetch("nyiso", "N.Y.C.", "2024-01-01", "2024-01-03", tmp_path / "out.csv")


def test_what_comes_is_a_table_for_the_simple_preset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = ModuleType("gridstatus")
    package.NYISO = Operator  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gridstatus", package)
    path = tmp_path / "out.csv"
    assert fetch("nyiso", "N.Y.C.", "2024-01-01", "2024-01-03", path) == 48
    history = read_market([path], presets()["simple"])["out"]
    assert np.array_equal(history.column("rt_price").values, 28.0 + np.arange(48))
    assert history.column("da_price").ahead


def test_an_unknown_operator_is_named(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="'mars' is not known"):
        fetch("mars", "x", "2024-01-01", "2024-01-02", tmp_path / "out.csv")
