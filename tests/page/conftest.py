"""What the tests of pages share: a browser, a plant that lives, a page that is signed in."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

TESTS = Path(__file__).resolve().parents[1]
for beside in ("console", "faults", "page"):
    sys.path.append(str(TESTS / beside))

from live_plant import LivePlant, living  # noqa: E402

sys.path.append(str(TESTS))

CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
#: Longest wait for the page to show something, ms.
PATIENCE_MS = 20_000


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium: the one named in GRIDMUSTER_CHROMIUM, or on the PATH."""
    path = os.environ.get("GRIDMUSTER_CHROMIUM") or shutil.which("chromium")
    if path is None:
        reason = "no Chromium: install it or name it in GRIDMUSTER_CHROMIUM"
        if os.environ.get("CI", "").lower() not in ("", "0", "false"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM))
        yield started
        started.close()


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlant]:
    """One plant for all tests of a module, at the start of its evening."""
    with living(tmp_path_factory.mktemp("plant")) as running:
        yield running


@pytest.fixture
def page(browser: Browser, plant: LivePlant) -> Iterator[Page]:
    """A page signed in as operator that fails the test when anything in it fails."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on(
        "console",
        lambda message: (
            faults.append(message.text)
            if message.type == "error" and "Failed to load resource" not in message.text
            else None
        ),
    )
    opened.goto(plant.address())
    opened.get_by_role("navigation", name="Pages").wait_for()
    yield opened
    context.close()
    assert faults == []
