"""What ties areas together: lines between them, and caps on what their units emit."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from gridmuster.fleet.part import FleetId, Part


class Link(Part):
    """A line between two areas."""

    id: FleetId
    from_area: FleetId = Field(description="id of the area at one end")
    to_area: FleetId = Field(description="id of the area at the other end")
    limit_kw: float = Field(ge=0, description="most that may leave from_area, kW")
    back_limit_kw: float | None = Field(
        default=None, ge=0, description="most that may leave to_area, kW; None: as limit_kw"
    )
    loss_fraction: float = Field(
        default=0.0, ge=0, lt=0.5, description="share of what leaves that does not arrive"
    )
    usd_per_kwh: float = Field(default=0.0, ge=0, description="paid for what leaves, USD/kWh")


class EmissionCap(Part):
    """The most of a pollutant that the generators of some areas may emit in a day."""

    id: FleetId
    pollutant: FleetId = Field(description="its name; co2 is known of every fuel")
    limit_kg_per_day: float = Field(
        ge=0, description="most in a calendar day of the first site, kg"
    )
    excess_usd_per_kg: float = Field(
        default=10.0, gt=0, description="price of what plans emit above it, USD/kg"
    )
    areas: tuple[str, ...] = Field(default=(), description="ids of areas; empty: all")


def unused_links(links: Sequence[Link]) -> str:
    """What people are told who run a center for a fleet with links; empty without links.

    Args:
        links: the fleet's.
    """
    if not links:
        return ""
    which = f"link {links[0].id}" if len(links) == 1 else f"{len(links)} links"
    return (
        f"{which}: the running center counts on nothing over a link, for no device of the fleet "
        "sets what it carries; each area is balanced by itself (plan and compare use links)"
    )
