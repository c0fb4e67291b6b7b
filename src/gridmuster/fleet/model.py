"""Areas, sites, end-users and the fleet that holds them."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from gridmuster.fleet.causes import MOST_CAUSES, CommonCause
from gridmuster.fleet.devices import Device, FleetId, Generator, Part, Store
from gridmuster.fleet.microgrid import Microgrid
from gridmuster.fleet.permits import PermitRules
from gridmuster.fleet.programs import Peak, Program, Programs
from gridmuster.fleet.ties import EmissionCap, Link
from gridmuster.units import Fuel


class Border(Part):
    """GeoJSON Polygon (RFC 7946): rings of [longitude, latitude], first ring outside."""

    type: Literal["Polygon"] = Field(default="Polygon", description="GeoJSON geometry type")
    coordinates: tuple[tuple[tuple[float, float], ...], ...] = Field(
        min_length=1, description="rings of [longitude, latitude], degrees; the first is outside"
    )


class Connection(Part):
    """An area's connection to the utility; limits hold for the mean over ``averaging_s``."""

    import_limit_kw: float = Field(ge=0, description="most the area may draw, kW")
    export_limit_kw: float = Field(default=0.0, ge=0, description="most the area may send out, kW")
    averaging_s: float = Field(
        default=300.0, gt=0, description="window in which limits are metered, s"
    )
    import_adder_usd_per_mwh: float = Field(
        default=0.0, ge=0, description="on top of the price, import"
    )
    export_discount_usd_per_mwh: float = Field(
        default=0.0, ge=0, description="off the price, export"
    )


class LineString(Part):
    """GeoJSON LineString (RFC 7946): points [longitude, latitude] in their order."""

    type: Literal["LineString"] = Field(description="GeoJSON geometry type")
    coordinates: tuple[tuple[float, float], ...] = Field(
        min_length=2, description="points [longitude, latitude], degrees, in their order"
    )

    @property
    def lines(self) -> tuple[tuple[tuple[float, float], ...], ...]:
        """The line as one of several."""
        return (self.coordinates,)


class MultiLineString(Part):
    """GeoJSON MultiLineString (RFC 7946): the coordinates of several lines."""

    type: Literal["MultiLineString"] = Field(description="GeoJSON geometry type")
    coordinates: tuple[tuple[tuple[float, float], ...], ...] = Field(
        min_length=1, description="lines, each of points [longitude, latitude], degrees"
    )

    @property
    def lines(self) -> tuple[tuple[tuple[float, float], ...], ...]:
        """The lines."""
        return self.coordinates


class Feeder(Part):
    """A line of an area along which some of its sites are connected."""

    id: FleetId
    name: str = Field(default="", description="what people call it")
    line: LineString | MultiLineString | None = Field(
        default=None, discriminator="type", description="GeoJSON line for the map"
    )
    limit_kw: float | None = Field(
        default=None, gt=0, description="most it carries, kW; told to people, not enforced"
    )


class Area(Part):
    """A feeder or microgrid that is balanced as one; islanded when it has no connection."""

    id: FleetId
    name: str = Field(default="", description="what people call it")
    border: Border = Field(description="GeoJSON Polygon around all its sites")
    connection: Connection | None = Field(default=None, description="None: islanded")
    loss_fraction: float = Field(
        default=0.03, ge=0, lt=0.5, description="losses in the area's wires, share of its demand"
    )
    unserved_cost_usd_per_kwh: float = Field(default=10.0, gt=0, description="value of lost load")
    objective: str | None = Field(default=None, description="objective or blend for this area")
    feeders: tuple[Feeder, ...] = Field(
        default=(), description="its lines; each id once in the whole fleet"
    )
    programs: Programs = Field(
        default=Programs(), description="why its sets are called, beside plan, balance and people"
    )
    microgrid: Microgrid | None = Field(
        default=None, description="how it lives as an island while the utility is away; None: not"
    )


class TransferKind(StrEnum):
    """How a site's own sources meet the utility."""

    TRANSFER_SWITCH = "transfer_switch"
    CLOSED_TRANSITION = "closed_transition"
    SOFT_LOAD = "soft_load"
    PARALLELING = "paralleling"


class Transfer(Part):
    """The site's transfer arrangement.

    With a transfer switch (or closed transition) an engine can only take over its own site's
    load; with soft load or paralleling it may also send out up to ``export_limit_kw``. Inverter
    devices (sun, wind, stores) are always in parallel under the same export limit.
    """

    kind: TransferKind = Field(
        default=TransferKind.TRANSFER_SWITCH, description="how own sources meet the utility"
    )
    export_limit_kw: float = Field(default=0.0, ge=0, description="most the site may send out, kW")

    @property
    def engine_may_export(self) -> bool:
        """Whether an engine here may run in parallel with the utility."""
        return self.kind in (TransferKind.SOFT_LOAD, TransferKind.PARALLELING)


class Site(Part):
    """A place with devices and, mostly, a load of its own that must never go dark."""

    id: FleetId
    area: FleetId = Field(description="id of the area it lies in")
    name: str = Field(default="", description="what people call it")
    latitude: float = Field(ge=-90, le=90, description="degrees north")
    longitude: float = Field(ge=-180, le=180, description="degrees east")
    time_zone: str = Field(default="UTC", description="IANA zone, like America/Chicago")
    owner: str = Field(default="", description="who owns the site's devices")
    backup_load_kw: float = Field(
        default=0.0, ge=0, description="design value of the protected load, kW"
    )
    bridge_energy_kwh: float = Field(
        default=0.0,
        ge=0,
        description="site-owned battery that carries the load until an engine does, kWh",
    )
    autonomy_h: float = Field(
        default=0.0, ge=0, description="promised hours of backup from fuel kept, h"
    )
    delivery_lead_h: float = Field(
        default=48.0, ge=0, le=8760, description="from an order of fuel until it is in the tank, h"
    )
    transfer: Transfer = Field(
        default=Transfer(), description="how its own sources meet the utility"
    )
    tags: tuple[str, ...] = Field(default=(), description="words to find it by")
    feeder: FleetId | None = Field(
        default=None, description="id of the feeder of its area that it is on"
    )


class LoadClass(StrEnum):
    """Kinds of end-user; each has its own daily shape."""

    RESIDENTIAL = "residential"
    COMMERCIAL = "commercial"
    INDUSTRIAL = "industrial"
    TELECOM = "telecom"
    WATER = "water"
    HEALTH = "health"


class EndUser(Part):
    """Someone whose demand is metered and must be met."""

    id: FleetId
    site: FleetId = Field(description="site whose gateway reads the meter")
    load_class: LoadClass = Field(description="kind of customer, for the daily shape")
    peak_kw: float = Field(gt=0, description="highest demand expected, kW")
    behind_transfer: bool = Field(
        default=False,
        description="fed through the site's transfer arrangement (its protected load)",
    )
    meter: Literal["modbus"] = Field(default="modbus", description="how the meter is read")


class FuelPrices(Part):
    """Prices of fuel delivered, USD per litre or cubic metre (inputs, not forecasts)."""

    diesel_usd_per_l: float = Field(default=0.95, ge=0, description="3.6 USD/gal")
    natural_gas_usd_per_m3: float = Field(default=0.18, ge=0, description="5 USD/MMBtu HHV")
    propane_usd_per_l: float = Field(default=0.60, ge=0, description="2.3 USD/gal")
    hydrogen_usd_per_m3: float = Field(default=0.45, ge=0, description="5 USD/kg")

    def of(self, fuel: Fuel) -> float:
        """Price of a fuel, USD per litre or cubic metre."""
        return {
            Fuel.DIESEL: self.diesel_usd_per_l,
            Fuel.NATURAL_GAS: self.natural_gas_usd_per_m3,
            Fuel.PROPANE: self.propane_usd_per_l,
            Fuel.HYDROGEN: self.hydrogen_usd_per_m3,
        }[fuel]


class Fleet(Part):
    """Everything one center commands."""

    schema_version: Literal[1] = Field(default=1, description="version of this format")
    id: FleetId
    name: str = Field(default="", description="what people call it")
    currency: str = Field(default="USD", description="ISO 4217 code of all money in the file")
    objective: str = Field(
        default="operating-expense",
        description="operating-expense, production-cost, efficiency, reliability, or a blend "
        "like operating-expense:0.7,efficiency:0.3",
    )
    fuel_prices: FuelPrices = Field(
        default=FuelPrices(), description="prices of fuel delivered to the sites"
    )
    permit_rules: tuple[PermitRules, ...] = Field(
        default=(), description="permit classes of the fleet's own, for permits of class custom"
    )
    common_causes: tuple[CommonCause, ...] = Field(
        default=(),
        max_length=MOST_CAUSES,
        description="what makes many sets worse at once, for the odds of a call",
    )
    areas: tuple[Area, ...] = Field(min_length=1, description="feeders and microgrids")
    sites: tuple[Site, ...] = Field(min_length=1, description="places with a gateway")
    end_users: tuple[EndUser, ...] = Field(default=(), description="who wants power")
    devices: tuple[Device, ...] = Field(default=(), description="what gives or stores it")
    links: tuple[Link, ...] = Field(default=(), description="lines between areas")
    emission_caps: tuple[EmissionCap, ...] = Field(
        default=(), description="most that generators may emit in a day"
    )

    @model_validator(mode="after")
    def _permits_under_their_rules(self) -> Self:
        if self.permit_rules:
            rules = {one.id: one for one in self.permit_rules}
            devices = tuple(_under(device, rules) for device in self.devices)
            object.__setattr__(self, "devices", devices)
        return self

    @cached_property
    def area_by_id(self) -> dict[str, Area]:
        """Areas by id."""
        return {area.id: area for area in self.areas}

    @cached_property
    def site_by_id(self) -> dict[str, Site]:
        """Sites by id."""
        return {site.id: site for site in self.sites}

    @cached_property
    def device_by_id(self) -> dict[str, Device]:
        """Devices by id."""
        return {device.id: device for device in self.devices}

    @cached_property
    def end_user_by_id(self) -> dict[str, EndUser]:
        """End-users by id."""
        return {user.id: user for user in self.end_users}

    @cached_property
    def feeder_by_id(self) -> dict[str, Feeder]:
        """Feeders of all areas by id."""
        return {feeder.id: feeder for area in self.areas for feeder in area.feeders}

    @cached_property
    def program_by_id(self) -> dict[str, tuple[Area, Program]]:
        """Programs of all areas, each with its area, by id."""
        return {one.id: (area, one) for area in self.areas for one in area.programs.all}

    @cached_property
    def microgrid_of_site(self) -> dict[str, tuple[Area, Microgrid]]:
        """Areas that can island, each with its microgrid, by the site of their switchgear."""
        return {
            area.microgrid.site: (area, area.microgrid)
            for area in self.areas
            if area.microgrid is not None
        }

    @cached_property
    def sites_of_feeder(self) -> dict[str, tuple[Site, ...]]:
        """Sites by feeder id, in the fleet's order; every feeder has an entry."""
        on = [site for site in self.sites if site.feeder is not None]
        return _grouped(tuple(self.feeder_by_id.values()), tuple(on), "feeder")

    @cached_property
    def devices_of_site(self) -> dict[str, tuple[Device, ...]]:
        """Devices by site id, in the fleet's order; every site has an entry."""
        return _grouped(self.sites, self.devices, "site")

    @cached_property
    def end_users_of_site(self) -> dict[str, tuple[EndUser, ...]]:
        """End-users by site id, in the fleet's order; every site has an entry."""
        return _grouped(self.sites, self.end_users, "site")

    @cached_property
    def sites_of_area(self) -> dict[str, tuple[Site, ...]]:
        """Sites by area id, in the fleet's order; every area has an entry."""
        return _grouped(self.areas, self.sites, "area")

    def time_zone_of_area(self, area_id: str) -> str:
        """IANA zone of an area's first site; of one that has no site yet, UTC."""
        return next((site.time_zone for site in self.sites_of_area[area_id]), "UTC")

    def area_of_device(self, device_id: str) -> Area:
        """The area a device belongs to, through its site."""
        return self.area_by_id[self.site_by_id[self.device_by_id[device_id].site].area]


def _under(device: Device, rules: dict[str, PermitRules]) -> Device:
    if not isinstance(device, Generator) or device.permit.rules not in rules:
        return device
    permit = device.permit.under(rules[device.permit.rules])
    return device.model_copy(update={"permit": permit})


def _grouped(owners: tuple[Any, ...], members: tuple[Any, ...], key: str) -> dict[str, Any]:
    groups: dict[str, list[Any]] = {owner.id: [] for owner in owners}
    for member in members:
        groups.setdefault(getattr(member, key), []).append(member)
    return {owner: tuple(group) for owner, group in groups.items()}


def is_generator(device: Device) -> bool:
    """Whether a device burns fuel and is started and stopped."""
    return isinstance(device, Generator)


def is_store(device: Device) -> bool:
    """Whether a device carries energy between intervals."""
    return isinstance(device, Store)


def limit_of(area: Area, program: Peak) -> float | None:
    """What the load of a peak program is held against, kW; None: nothing is given.

    Args:
        area: the program's area.
        program: the program.
    """
    if program.limit_kw is not None:
        return program.limit_kw
    if program.feeder is not None:
        return next((one.limit_kw for one in area.feeders if one.id == program.feeder), None)
    return None if area.connection is None else area.connection.import_limit_kw
