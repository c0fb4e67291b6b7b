"""Files to read a fleet from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gridmuster.fleet.load import Inspection, inspect_fleet


@pytest.fixture
def inspect(tmp_path: Path) -> Callable[[Any], Inspection]:
    """Write plain data, or text, to a YAML file and read it."""

    def inspect(data: Any, name: str = "plant.yaml") -> Inspection:
        path = tmp_path / name
        path.write_text(data if isinstance(data, str) else yaml.safe_dump(data), "utf-8")
        return inspect_fleet(path)

    return inspect
