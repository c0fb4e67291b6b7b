"""The command line run as a user runs it, and small fleet files for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from gridmuster.fleet.generate import generate
from gridmuster.fleet.save import write_fleet


def call(*words: str) -> subprocess.CompletedProcess[str]:
    """What `gridmuster` says to these words."""
    return subprocess.run(
        [sys.executable, "-m", "gridmuster.cli.main", *words],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def fleet_in(folder: Path, sites: int, seed: int) -> Path:
    """A generated fleet's file in a folder."""
    path = folder / "fleet.yaml"
    write_fleet(generate(sites, seed), path, tables=False)
    return path
