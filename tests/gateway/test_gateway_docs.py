"""The page on the gateway is true."""

import re
from pathlib import Path

import pytest

from gridmuster.errors import FleetError
from gridmuster.runtime.gateway_config import GatewayFile, load_gateway_file, parse_address

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "gateway.md").read_text()


def test_the_example_file_is_valid(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "gateway.yaml"
    path.write_text(example)
    file = load_gateway_file(path)
    assert file.heartbeat_s == 20.0
    for key, text in file.controllers.items():
        _, port, unit = parse_address(path, key, text)
        assert port == 502
        assert unit in (1, 3)


def test_every_field_is_described_with_its_default_and_no_other() -> None:
    section = PAGE.split("## The file")[1].split("## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", section, re.MULTILINE))
    assert set(rows) == set(GatewayFile.model_fields)
    for name, field in GatewayFile.model_fields.items():
        if isinstance(field.default, float):
            assert float(rows[name]) == field.default


def test_every_alarm_of_the_program_is_named() -> None:
    source = "".join(
        path.read_text() for path in (ROOT / "src" / "gridmuster" / "gateway").glob("*.py")
    )
    raised = set(re.findall(r'alarm\(f?"([a-z_]+)', source))
    assert {"local_duty", "backup_failed", "outbox_failed"} <= raised
    missing = {name for name in raised if f"`{name}`" not in PAGE and f"`{name}:" not in PAGE}
    assert not missing


def test_a_wrong_file_is_answered_with_every_fault(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text("fleet: f.yaml\nscan_s: 0\nheartbeat_s: soon\nhearbeat: 3\n")
    with pytest.raises(FleetError) as caught:
        load_gateway_file(path)
    assert {fault.path for fault in caught.value.faults} == {"scan_s", "heartbeat_s", "hearbeat"}
