"""Lets these tests use the plant of the tests of faults, and the cases of those of planning."""

import sys
from pathlib import Path

for folder in ("faults", "planning"):
    sys.path.append(str(Path(__file__).resolve().parents[1] / folder))
