"""What the gateway program is told: a small YAML file, every fault at once."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from gridmuster.errors import Fault, FleetError
from gridmuster.fleet.devices import Part


class GatewayFile(Part):
    """The file `gridmuster gateway --config` reads; paths are relative to it."""

    fleet: str = Field(description="fleet file")
    broker: str = Field("", description="broker URL for every site that has none of its own")
    brokers: dict[str, str] = Field({}, description="broker URL by site, with its own secret")
    controllers: dict[str, str] = Field(
        {},
        description="host:port or host:port/unit by controller: a device's id, panel.SITE, "
        "meter.END_USER, switchgear.AREA; overrides the fleet file",
    )
    controllers_file: str = Field("", description="JSON file of ports, as `twin` writes it")
    state_dir: str = Field("gateway-state", description="where what must survive a restart is kept")
    scan_s: float = Field(0.5, gt=0, le=60, description="time between scans, s")
    heartbeat_s: float = Field(20.0, ge=1, le=300, description="longest silence, s")
    link_allowance_s: float = Field(2.0, ge=0, description="how late a command may be, s")
    return_after_s: float = Field(
        300.0, ge=0, description="how long the utility must be healthy before a site goes back, s"
    )
    maintenance: tuple[str, ...] = Field((), description="devices locked for work on them")
    alert_asserted: bool = Field(
        False, description="the legal conditions for emergency-alert runs are on record"
    )


def load_gateway_file(path: Path) -> GatewayFile:
    """Read the gateway's file.

    Raises:
        FleetError: when it is missing or wrong, every fault at once.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        fault = Fault(str(path), "file", str(error), "must be readable YAML", "a gateway file")
        raise FleetError([fault]) from error
    try:
        return GatewayFile.model_validate(content)
    except ValidationError as error:
        raise FleetError(
            [
                Fault(
                    str(path),
                    ".".join(str(step) for step in item["loc"]) or "file",
                    repr(item["input"]),
                    item["msg"],
                    "see docs/gateway.md",
                )
                for item in error.errors()
            ]
        ) from error


def parse_address(path: Path, key: str, text: str) -> tuple[str, int, int]:
    """Host, port and unit of ``host:port`` or ``host:port/unit``.

    Raises:
        FleetError: when it is neither.
    """
    place, _, unit = text.partition("/")
    host, _, port = place.rpartition(":")
    try:
        return host, int(port), int(unit) if unit else 1
    except ValueError as error:
        fault = Fault(
            str(path), f"controllers.{key}", repr(text), "is no address", "host:port or host:port/1"
        )
        raise FleetError([fault]) from error
