"""What all tests share: the Hypothesis profile, the reference data, the broker."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
IN_CI = os.environ.get("CI", "").lower() not in ("", "0", "false")

# In CI the examples are the same each time, so that a red run means a changed tree.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if IN_CI else "local")


def unavailable(reason: str) -> None:
    """Skip the test for this reason; in CI, where nothing may be missing, fail it."""
    if IN_CI:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Check what a test's markers ask of the machine."""
    if item.get_closest_marker("needs_mosquitto") and not shutil.which("mosquitto"):
        unavailable("the mosquitto broker is not on the PATH")


@pytest.fixture(scope="session", autouse=True)
def own_settings() -> Iterator[None]:
    """Keep tokens and notes of running centers out of the person's own settings."""
    with tempfile.TemporaryDirectory(prefix="gridmuster-tests-") as folder:
        os.environ["XDG_CONFIG_HOME"] = folder
        yield


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of reference data: GRIDMUSTER_DATA, taken from the repository's root."""
    path = (ROOT / os.environ.get("GRIDMUSTER_DATA", "../shared/data")).resolve()
    if not path.is_dir():
        unavailable(f"no reference data at {path} (set GRIDMUSTER_DATA)")
    return path
