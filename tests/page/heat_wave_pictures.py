"""Makes the pictures of docs/heatwave.md: ``python tests/page/heat_wave_pictures.py docs/images``.

The plant of `test_heat_wave` behind the real API and pages, in the packaged browser of the tests.
"""

from __future__ import annotations

import base64
import os
import shutil
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
for beside in ("console", "faults", "page"):
    sys.path.append(str(TESTS / beside))

from live_plant import LivePlant  # noqa: E402
from lockstep_plant import today  # noqa: E402
from playwright.sync_api import Browser, ViewportSize, sync_playwright  # noqa: E402
from test_heat_wave import SCENARIO, towers  # noqa: E402

from gridmuster.gateway.config import AgentConfig  # noqa: E402

SIZE: ViewportSize = {"width": 1200, "height": 760}
#: The page shown at a time of the story: its name, its address.
MOMENTS = (("14:09", "1-before", "now"), ("14:30", "2-alert", "act"), ("14:56", "3-after", "act"))


#: Turns a PNG (base64) into a WebP by the browser's own encoder.
ENCODE = """async (png) => {
  const image = new Image();
  image.src = "data:image/png;base64," + png;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.width, image.height];
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas.toDataURL("image/webp", 0.75).split(",")[1];
}"""


def shoot(browser: Browser, plant: LivePlant, address: str, path: Path) -> None:
    """Take a picture of one page, as WebP; nobody looks at the page between two pictures."""
    context = browser.new_context(viewport=SIZE)
    page = context.new_page()
    page.goto(plant.address())
    page.get_by_role("navigation", name="Pages").wait_for()
    page.goto(f"{plant.url}/#/{address}")
    page.wait_for_timeout(2500)
    png = base64.b64encode(page.screenshot()).decode()
    blank = context.new_page()
    path.write_bytes(base64.b64decode(blank.evaluate(ENCODE, png)))
    context.close()


def main(folder: Path) -> None:
    """Play the story and take its pictures."""
    path = os.environ.get("GRIDMUSTER_CHROMIUM") or shutil.which("chromium")
    agents = AgentConfig(4.0, alert_asserted=True)
    with tempfile.TemporaryDirectory() as kept, sync_playwright() as playwright:
        plant = LivePlant(Path(kept), towers(), "14:00", SCENARIO.events, agents)
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for clock, name, address in MOMENTS:
            while plant.clock.now_ms() < today(clock):
                plant.advance(1)
            shoot(browser, plant, address, folder / f"heatwave-{name}.webp")
        browser.close()
        plant.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
