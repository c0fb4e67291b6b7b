"""The example and the scenario in the simulator's page are true."""

import re
import textwrap
from pathlib import Path

from gridmuster.simulator.scenario import Event, load_scenario

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "simulator.md").read_text("utf-8")


def indented(first_words: str) -> str:
    block = re.search(rf"^    {re.escape(first_words)}.*?(?=\n\S)", PAGE, re.M | re.S)
    assert block is not None
    return textwrap.dedent(block.group())


def test_the_example_runs(capsys):
    exec(indented("from gridmuster"), {})
    assert capsys.readouterr().out == "2.0 0.0\n"


def test_the_scenario_loads(tmp_path):
    path = tmp_path / "evening.yaml"
    path.write_text(indented("name: an evening"))
    assert [event.kind for event in load_scenario(path).events] == [
        "cloud_bank",
        "failed_start",
        "trip",
        "utility_outage",
    ]


def test_every_kind_of_event_is_described():
    for kind in Event.__origin__.__args__:
        assert f"`{kind.model_fields['kind'].default}`" in PAGE
