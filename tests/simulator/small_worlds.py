"""Small fleets to put a world together from."""

from gridmuster.fleet.devices import (
    Battery,
    Device,
    EmergencyGenerator,
    Engine,
    FuelPoint,
    Photovoltaic,
    Reliability,
    Tank,
)
from gridmuster.fleet.model import (
    Area,
    Border,
    Connection,
    EndUser,
    Fleet,
    LoadClass,
    Site,
    Transfer,
    TransferKind,
)
from gridmuster.simulator.controller import STATE_INDEX, SUPPLY_INDEX
from gridmuster.simulator.scenario import DEFAULT_START_MS, Scenario
from gridmuster.simulator.world import World

START_MS = DEFAULT_START_MS
NOON_MS = START_MS + 12 * 3_600_000
SURE = Reliability(availability=1.0, fail_to_start=0.0, mttf_h=1e9)
BORDER = Border(coordinates=(((-98.0, 30.0), (-97.0, 30.0), (-97.0, 31.0), (-98.0, 30.0)),))

WIDE = Connection(import_limit_kw=10_000.0, export_limit_kw=10_000.0)

STATE_NAME = {index: state.value for state, index in STATE_INDEX.items()}
SUPPLY_NAME = {index: supply.value for supply, index in SUPPLY_INDEX.items()}


def curve(rated_kw: float) -> tuple[FuelPoint, ...]:
    """A 20 kW diesel's consumption per kW, as in the domain facts."""
    rates = {0.25: 2.3, 0.5: 3.4, 0.75: 4.9, 1.0: 6.1}
    return tuple(
        FuelPoint(load_fraction=load, fuel_per_h=rate * rated_kw / 20.0)
        for load, rate in rates.items()
    )


def diesel(device_id: str = "set", site: str = "site", rated_kw: float = 50.0, **more) -> Device:
    more.setdefault("reliability", SURE)
    more.setdefault("tank", Tank(capacity=1000.0, level=900.0))
    return EmergencyGenerator(
        type="emergency_generator",
        id=device_id,
        site=site,
        rated_kw=rated_kw,
        fuel_curve=curve(rated_kw),
        **more,
    )


def gas_engine(device_id: str = "set", site: str = "site", rated_kw: float = 100.0, **more):
    more.setdefault("reliability", SURE)
    return Engine(
        type="engine",
        id=device_id,
        site=site,
        rated_kw=rated_kw,
        fuel_curve=curve(rated_kw),
        **more,
    )


def battery(device_id: str = "store", site: str = "site", rated_kw: float = 50.0, **more):
    more.setdefault("reliability", SURE)
    more.setdefault("energy_capacity_kwh", 100.0)
    return Battery(type="battery", id=device_id, site=site, rated_kw=rated_kw, **more)


def panels(device_id: str = "sun", site: str = "site", rated_kw: float = 100.0, **more):
    more.setdefault("reliability", SURE)
    return Photovoltaic(type="photovoltaic", id=device_id, site=site, rated_kw=rated_kw, **more)


def place(site_id: str = "site", area: str = "area", **more) -> Site:
    more.setdefault("latitude", 30.27)
    more.setdefault("longitude", -97.74)
    more.setdefault("time_zone", "America/Chicago")
    return Site(id=site_id, area=area, **more)


PARALLELING = Transfer(kind=TransferKind.PARALLELING, export_limit_kw=1000.0)


def home(user_id: str = "homes", site: str = "site", peak_kw: float = 100.0, **more) -> EndUser:
    more.setdefault("load_class", LoadClass.RESIDENTIAL)
    return EndUser(id=user_id, site=site, peak_kw=peak_kw, **more)


def tower(user_id: str = "tower", site: str = "site", peak_kw: float = 5.0) -> EndUser:
    return EndUser(
        id=user_id, site=site, load_class=LoadClass.TELECOM, peak_kw=peak_kw, behind_transfer=True
    )


def fleet(
    *devices: Device,
    sites: tuple[Site, ...] = (place(),),
    users: tuple[EndUser, ...] = (home(),),
    connection: Connection | None = WIDE,
    loss_fraction: float = 0.03,
) -> Fleet:
    areas = sorted({site.area for site in sites})
    return Fleet(
        id="small",
        areas=tuple(
            Area(id=area, border=BORDER, connection=connection, loss_fraction=loss_fraction)
            for area in areas
        ),
        sites=sites,
        end_users=users,
        devices=devices,
    )


def world(plant: Fleet, *events, at_ms: int = START_MS, seed: int = 1) -> World:
    return World(plant, at_ms, seed, Scenario(events=events))


def run(some_world: World, seconds: float, step_s: float = 4.0) -> None:
    """Move on, as a caller does that looks in every ``step_s``."""
    end_ms = some_world.now_ms + round(seconds * 1000)
    while some_world.now_ms < end_ms:
        some_world.advance_to(min(end_ms, some_world.now_ms + round(step_s * 1000)))


def tell(some_world: World, key: str, **orders: float) -> None:
    """Give a controller orders, in the order they are named."""
    for name, value in orders.items():
        some_world.controllers[key].order(name, value)


def state(some_world: World, key: str) -> str:
    return STATE_NAME[some_world.controllers[key].points()["state"]]


def supply(some_world: World, site: str = "site") -> str:
    return SUPPLY_NAME[some_world.controllers[f"panel.{site}"].points()["supply"]]


def power_kw(some_world: World, key: str) -> float:
    return some_world.controllers[key].points()["power_kw"]


def imbalance_kwh(some_world: World) -> float:
    """How far the worst area's books are from closing, kWh."""
    return max(
        abs(
            area.produced_kwh
            - area.absorbed_kwh
            + area.import_kwh
            - area.export_kwh
            + area.bridge_kwh
            - (area.demand_kwh - area.unserved_kwh + area.losses_kwh + area.auxiliary_kwh)
        )
        for area in some_world.truth.areas.values()
    )
