"""A small plant for the agent's tests: plain rules of its own, every fault at hand.

It shares no code with the simulator or the agent, so what the two agree on is not one mistake
made twice. Its store and engines send power to a dead line when told to: nothing but the agent
keeps them from it.
"""

from __future__ import annotations

from typing import Any

from gridmuster.fleet.devices import (
    Battery,
    EmergencyGenerator,
    Engine,
    FuelPoint,
    Permit,
    Photovoltaic,
    Tank,
)
from gridmuster.fleet.model import Area, EndUser, Fleet, Site, Transfer
from gridmuster.gateway.agent import AgentOutput, SiteAgent
from gridmuster.gateway.config import AgentConfig
from gridmuster.signals import (
    Ack,
    DemandReport,
    Frame,
    Order,
    Purpose,
    Setpoint,
    SiteCommand,
    SiteReport,
    decode,
    encode,
)

T0_MS = 1_750_000_000_000
IDLE, STARTING, WARMING, RUNNING, COOLING, FAULT, LOCKED, UNKNOWN = (float(k) for k in range(8))
UTILITY, LOCAL, PARALLEL, DEAD = 0.0, 1.0, 2.0, 3.0
CURVE = (
    FuelPoint(load_fraction=0.25, fuel_per_h=6.5),
    FuelPoint(load_fraction=1.0, fuel_per_h=16.7),
)


def fleet(
    kind: str = "paralleling",
    export_kw: float = 200.0,
    load_kw: float = 10.0,
    permit: str = "epa_non_emergency",
    engines: int = 2,
    **engine_fields: Any,
) -> Fleet:
    """One site with engines g1, g2.., a battery b, panels p and one meter u."""
    square = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0))
    sets = tuple(
        EmergencyGenerator(
            **{
                "id": f"g{k + 1}",
                "site": "s",
                "type": "emergency_generator",
                "rated_kw": 50.0,
                "fuel_curve": CURVE,
                "tank": Tank(capacity=1000.0, level=900.0),
                "permit": Permit(permit_class=permit),
                "sync_s": 4.0,
                **engine_fields,
            }
        )
        for k in range(engines)
    )
    return Fleet(
        id="f",
        areas=(
            Area(
                id="a",
                border={"coordinates": (square,)},
                connection={"import_limit_kw": 1000.0, "export_limit_kw": 1000.0},
            ),
        ),
        sites=(
            Site(
                id="s",
                area="a",
                latitude=0.5,
                longitude=0.5,
                backup_load_kw=load_kw,
                autonomy_h=10.0,
                transfer=Transfer(kind=kind, export_limit_kw=export_kw),
            ),
        ),
        end_users=(EndUser(id="u", site="s", load_class="telecom", peak_kw=20.0),),
        devices=(
            *sets,
            Battery(
                id="b",
                site="s",
                type="battery",
                rated_kw=40.0,
                energy_capacity_kwh=80.0,
                grid_forming=False,
            ),
            Photovoltaic(id="p", site="s", type="photovoltaic", rated_kw=30.0),
        ),
    )


class ToyEngine:
    """Starts in ``start_s``, follows its setpoint at 5 % a second, cools for 60 s."""

    start_s = 10.0
    cool_s = 60.0

    def __init__(self, plant: ToySite, key: str) -> None:
        self.plant = plant
        self.key = key
        self.state = IDLE
        self.mode = 2.0
        self.power_kw = 0.0
        self.setpoint_kw = 0.0
        self.left_s = 0.0
        self.fuel_l = 900.0
        self.run_h = 0.0
        self.alarm_bits = 0
        self.fails = False
        self.deaf = False
        self.starts_ordered = 0

    def order(self, name: str, value: float) -> None:
        if name == "start":
            self.starts_ordered += 1
            told = self.key not in self.plant.silent
            self.plant.started_in_fault |= told and self.state in (FAULT, LOCKED)
        if name == "emergency_stop":
            self.state, self.power_kw, self.alarm_bits = LOCKED, 0.0, 1 << 6
        elif self.mode != 2.0 or self.deaf:
            return
        elif name == "set_power_kw":
            self.setpoint_kw = value
        elif name == "start" and self.state in (IDLE, COOLING):
            self.state, self.left_s = STARTING, self.start_s
        elif name == "stop" and self.state in (STARTING, WARMING, RUNNING):
            self.state, self.left_s = COOLING, self.cool_s
        elif name == "reset" and self.state in (FAULT, LOCKED):
            self.state, self.alarm_bits = IDLE, 0

    def step(self, dt_s: float) -> None:
        self.left_s -= dt_s
        if self.state == STARTING and self.left_s <= 0.0:
            if self.fails:
                self.state, self.alarm_bits = LOCKED, 1
            else:
                self.state = RUNNING
        elif self.state == COOLING and self.left_s <= 0.0:
            self.state = IDLE
        wish_kw = 0.0
        if self.state == RUNNING:
            if self.plant.switched_local:
                wish_kw = self.plant.load_kw / max(self.plant.running, 1)
                self.power_kw = wish_kw
            elif self.plant.parallels:
                wish_kw = min(max(self.setpoint_kw, 15.0), 50.0)
        step_kw = 2.5 * dt_s
        self.power_kw += min(max(wish_kw - self.power_kw, -step_kw), step_kw)
        if self.state in (RUNNING, COOLING):
            self.run_h += dt_s / 3600.0
            self.fuel_l -= (3.1 + 0.272 * self.power_kw) * dt_s / 3600.0
        if self.state not in (RUNNING, COOLING):
            self.power_kw = 0.0

    def points(self) -> dict[str, float]:
        return {
            "mode": self.mode,
            "state": self.state,
            "power_kw": self.power_kw,
            "available_kw": 50.0,
            "fuel_level": self.fuel_l,
            "run_h": self.run_h,
            "alarm_bits": float(self.alarm_bits),
        }


class ToyInverter:
    """Follows its setpoint at once; a store keeps energy, panels give at most the sun."""

    def __init__(self, rated_kw: float, energy_kwh: float | None, setpoint_kw: float) -> None:
        self.rated_kw = rated_kw
        self.energy_kwh = energy_kwh
        self.setpoint_kw = setpoint_kw
        self.sun_kw = 20.0
        self.mode = 2.0
        self.state = RUNNING
        self.deaf = False
        self.power_kw = 0.0

    def order(self, name: str, value: float) -> None:
        if name == "emergency_stop":
            self.state = LOCKED
        elif self.deaf or self.mode != 2.0:
            return
        elif name == "set_power_kw":
            self.setpoint_kw = value
        elif name == "start" and self.state == IDLE:
            self.state = RUNNING
        elif self.state == {"stop": RUNNING, "reset": LOCKED}.get(name):
            self.state = IDLE

    def step(self, dt_s: float) -> None:
        if self.state != RUNNING:
            self.power_kw = 0.0
        elif self.energy_kwh is None:
            self.power_kw = min(max(self.setpoint_kw, 0.0), self.sun_kw)
        else:
            self.power_kw = self.setpoint_kw
            self.energy_kwh -= self.power_kw * dt_s / 3600.0

    def points(self) -> dict[str, float]:
        points = {
            "mode": self.mode,
            "state": self.state,
            "power_kw": self.power_kw,
            "available_kw": self.rated_kw if self.energy_kwh is not None else self.sun_kw,
            "alarm_bits": 0.0,
        }
        if self.energy_kwh is not None:
            points["energy_kwh"] = self.energy_kwh
        return points


class ToySite:
    """The plant, its agent, and the wires between them.

    Args:
        plant_fleet: made by `fleet`.
        config: the agent's settings.
    """

    def __init__(self, plant_fleet: Fleet | None = None, config: AgentConfig | None = None) -> None:
        self.fleet = plant_fleet or fleet()
        site = self.fleet.sites[0]
        self.config = config or AgentConfig(return_spread_s=0.0)
        self.agent = SiteAgent(self.fleet, "s", self.config)
        self.now_ms = T0_MS
        self.load_kw = site.backup_load_kw
        self.meter_kw: float | None = 5.0
        self.utility_ok = True
        self.switched_local = False
        self.parallels = site.transfer.engine_may_export
        self.panel_silent = False
        self.stuck = False
        self.silent: set[str] = set()
        self.engines = {
            device.id: ToyEngine(self, device.id)
            for device in self.fleet.devices
            if isinstance(device, EmergencyGenerator | Engine)
        }
        self.battery = ToyInverter(40.0, 40.0, 0.0)
        self.panels = ToyInverter(30.0, None, 30.0)
        self.machines: dict[str, ToyEngine | ToyInverter] = {
            **self.engines,
            "b": self.battery,
            "p": self.panels,
        }
        self.orders: list[tuple[str, str, float]] = []
        self.acks: list[Ack] = []
        self.reports: list[SiteReport] = []
        self.demands: list[DemandReport] = []
        self.fences: list[tuple[int, str]] = []
        self.started_in_fault = False
        self.sequence = 0

    @property
    def running(self) -> int:
        return sum(engine.state == RUNNING for engine in self.engines.values())

    @property
    def supply(self) -> float:
        if self.switched_local:
            return LOCAL if self.running else DEAD
        return UTILITY if self.utility_ok else DEAD

    @property
    def poi_kw(self) -> float:
        """What leaves the site; onto a dead line too."""
        sent_kw = self.battery.power_kw + self.panels.power_kw
        if not self.switched_local:
            sent_kw += sum(engine.power_kw for engine in self.engines.values())
            sent_kw -= self.load_kw
        return sent_kw

    def order_panel(self, name: str) -> None:
        if self.stuck:
            return
        if name == "transfer_to_local":
            self.switched_local = self.running > 0 or self.switched_local
        else:
            self.switched_local = False

    def image(self) -> dict[str, dict[str, float] | None]:
        image: dict[str, dict[str, float] | None] = {
            key: None if key in self.silent else machine.points()
            for key, machine in self.machines.items()
        }
        image["panel.s"] = (
            None
            if self.panel_silent
            else {
                "utility_ok": 1.0 if self.utility_ok else 0.0,
                "frequency_hz": 60.0 if self.utility_ok else 0.0,
                "voltage_pu": 1.0 if self.utility_ok else 0.0,
                "supply": self.supply,
                "poi_kw": self.poi_kw,
                "backup_load_kw": self.load_kw,
            }
        )
        image["meter.u"] = (
            None if self.meter_kw is None else {"power_kw": self.meter_kw, "energy_kwh": 1.0}
        )
        return image

    def step(self, dt_s: float = 0.5) -> AgentOutput:
        """Let time pass, then scan."""
        self.now_ms += int(dt_s * 1000)
        for machine in self.machines.values():
            machine.step(dt_s)
        return self.take(self.agent.scan(self.now_ms, self.image()))

    def run(self, seconds: float, dt_s: float = 0.5) -> None:
        for _ in range(round(seconds / dt_s)):
            self.step(dt_s)

    def take(self, output: AgentOutput) -> AgentOutput:
        for key, order, value in output.orders:
            self.orders.append((key, order, value))
            if key == "panel.s":
                self.order_panel(order)
            else:
                self.machines[key].order(order, value)
        for frame in output.frames:
            if frame.topic.endswith("/ack"):
                ack = decode(frame.payload, Ack)
                self.acks.append(ack)
                self.fences.append((ack.highest_fence, ack.fence_holder))
            elif frame.topic.endswith("/report"):
                report = decode(frame.payload, SiteReport)
                self.reports.append(report)
                self.fences.append((report.highest_fence, report.fence_holder))
            else:
                self.demands.append(decode(frame.payload, DemandReport))
        return output

    def command(self, *setpoints: Setpoint, **fields: Any) -> SiteCommand:
        """A valid command of center A, fields overridden."""
        self.sequence += 1
        given: dict[str, Any] = {
            "id": f"c{self.sequence}",
            "site": "s",
            "center_id": "A",
            "fence": 1,
            "sequence": self.sequence,
            "issued_at_ms": self.now_ms,
            "expires_at_ms": self.now_ms + 60_000,
            "setpoints": setpoints,
        }
        return SiteCommand(**{**given, **fields})

    def send(self, command: SiteCommand) -> Ack:
        """Deliver a command; its acknowledgement at receipt."""
        return self.deliver(encode(command))

    def deliver(self, payload: bytes) -> Ack:
        before = len(self.acks)
        topic = self.agent.topics.command("s")
        self.take(self.agent.receive(self.now_ms, Frame(topic, payload, self.now_ms)))
        return self.acks[before]

    def ask(self, device: str, power_kw: float, **fields: Any) -> Ack:
        """Command one device to run."""
        purpose = fields.pop("purpose", Purpose.DEMAND)
        return self.send(self.command(Setpoint(device, Order.RUN, power_kw, purpose), **fields))

    def tell(self, device: str, order: Order, **fields: Any) -> Ack:
        """Command one device to something other than run."""
        return self.send(self.command(Setpoint(device, order), **fields))
