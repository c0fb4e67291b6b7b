"""Lets these tests use the lockstep plant of the tests of faults."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "faults"))
