"""What makes many sets worse at once: a cold snap, bad fuel, a gas main that fails."""

from __future__ import annotations

from pydantic import Field

from gridmuster.fleet.devices import Generator
from gridmuster.fleet.part import FleetId, Part
from gridmuster.units import Fuel

#: Each cause doubles the states that firm power is reckoned in.
MOST_CAUSES = 4


class CommonCause(Part):
    """Something that may hold during a call and strikes all sets that it reaches."""

    id: FleetId
    probability: float = Field(
        ge=0, le=1, description="odds that it holds during a call; 1 while it is known to"
    )
    fuels: tuple[Fuel, ...] = Field(
        default=(), description="only sets that burn diesel, natural_gas, propane or hydrogen"
    )
    tags: tuple[str, ...] = Field(
        default=(), description="only sets that have one of these tags, or whose site has"
    )
    availability_factor: float = Field(
        default=1.0, ge=0, le=1, description="of the share of time not in repair; 0: none is there"
    )
    fail_to_start_factor: float = Field(
        default=1.0, ge=1, description="failures per start are so many times as many, at most 1"
    )
    mttf_factor: float = Field(
        default=1.0, gt=0, le=1, description="of the mean running hours to failure"
    )

    def strikes(self, device: Generator, site_tags: tuple[str, ...]) -> bool:
        """Whether it reaches a set.

        Args:
            device: the set.
            site_tags: the tags of its site.
        """
        if self.fuels and device.fuel not in self.fuels:
            return False
        return not self.tags or bool(set(self.tags) & {*device.tags, *site_tags})
