"""The bad hour, run once for all tests of the report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from plants import Plant, Run, bad_hour, collapse, cut_off, run, small_fleet


@dataclass(frozen=True)
class Halves:
    """An hour in two journals: its halves, the second under a new center."""

    first: Path
    second: Path


@pytest.fixture(scope="session")
def bad_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished hour in which a lot went wrong."""
    fleet = small_fleet()
    return run(tmp_path_factory.mktemp("bad-hour") / "journal", fleet, bad_hour(fleet), 60.0)


@pytest.fixture(scope="session")
def cut_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished half hour in which a site was cut off."""
    fleet = small_fleet()
    return run(tmp_path_factory.mktemp("cut-off") / "journal", fleet, cut_off(fleet), 32.0)


@pytest.fixture(scope="session")
def dark_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished half hour in which a whole area went dark."""
    fleet = small_fleet()
    return run(tmp_path_factory.mktemp("collapse") / "journal", fleet, collapse(fleet), 30.0)


@pytest.fixture(scope="session")
def halves(tmp_path_factory: pytest.TempPathFactory) -> Halves:
    """The first forty minutes of the same hour in two journals."""
    folder = tmp_path_factory.mktemp("halves")
    found = Halves(folder / "first.journal", folder / "second.journal")
    fleet = small_fleet()
    plant = Plant(found.first, fleet, bad_hour(fleet))
    plant.run(14.0)
    plant.restart(found.second, "c2")
    plant.run(26.0)
    plant.close()
    return found
