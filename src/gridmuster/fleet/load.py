"""Reading a fleet from a file."""

from __future__ import annotations

from pathlib import Path

import yaml

from gridmuster.fleet.model import Fleet


def load_fleet(path: Path | str) -> Fleet:
    """The fleet in a YAML or JSON file."""
    return Fleet.model_validate(yaml.safe_load(Path(path).read_text("utf-8")))
