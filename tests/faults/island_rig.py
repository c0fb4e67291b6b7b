"""A toy plant that obeys everything, with the real agent and the real desk of the center before it.

Nothing in the toy keeps a former from closing onto a dead line, nor its synchroniser from closing
when it is asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from island_plant import island_fleet

from gridmuster.center.alarms import AlarmBoard, AlarmMemory
from gridmuster.center.commands import CommandDesk, DeskMemory
from gridmuster.center.config import CenterConfig
from gridmuster.center.islands import IslandBook, IslandDesk
from gridmuster.gateway.agent import AgentOutput, SiteAgent
from gridmuster.gateway.config import AgentConfig
from gridmuster.signals import Ack, Frame, Quality, SiteCommand, SiteReport, decode, encode
from gridmuster.state.snapshot import SiteStatus, Snapshot
from gridmuster.switching import Switching

FLEET = island_fleet()
GRID = FLEET.areas[0].microgrid
assert GRID is not None
T0_MS = 1_750_000_000_000
IDLE, RUNNING = 0.0, 3.0
Points = dict[str, float]


class ToyPlant:
    """Breaker, bus and sets that do what they are told."""

    def __init__(self) -> None:
        self.utility = True
        self.closed = True
        self.permitted = 0
        self.synchronise = False
        self.on: dict[str, float] = {name: IDLE for name in GRID.formers}
        self.steps = {step.id: True for step in GRID.steps}
        self.formed = False
        self.stuck = False
        self.wrong: list[str] = []

    @property
    def live(self) -> bool:
        return self.formed or (self.closed and self.utility)

    def settle(self) -> None:
        """What follows from the orders: a permitted set at speed closes, whatever is behind."""
        name = GRID.formers[self.permitted - 1] if self.permitted else ""
        if self.formed and not any(state == RUNNING for state in self.on.values()):
            self.formed = False
        if name and self.on[name] == RUNNING and not self.live:
            if self.closed:
                self.wrong.append(f"{name} closed onto the dead utility line")
            else:
                self.formed = True
        if self.closed and self.formed:
            self.formed = False

    def obey(self, order: tuple[str, str, float]) -> None:
        key, name, value = order
        if key in self.on:
            if name in ("start", "stop"):
                self.on[key] = RUNNING if name == "start" else IDLE
        elif name == "open_coupling":
            self.closed = self.closed and self.stuck
        elif name == "permit_former":
            self.permitted = int(value)
        elif name == "synchronise":
            self.synchronise = bool(value)
            if self.synchronise and not self.closed:
                if not self.utility:
                    self.wrong.append("coupled to the dead utility line")
                self.closed = True
        elif name in ("close_step", "open_step"):
            step = GRID.steps[int(value) - 1].id
            self.steps[step] = name == "close_step"
        elif key.startswith("switchgear"):
            self.wrong.append(f"an order nobody knows: {name}")

    def image(self, shows: str) -> dict[str, Points | None]:
        live = self.live
        gear: Points | None = {
            "coupling_closed": float(self.closed or shows == "both"),
            "coupling_open": float(not self.closed or shows == "both"),
            "utility_pu": float(self.utility),
            "utility_hz": 60.0 * self.utility,
            "bus_pu": float(live),
            "bus_hz": 60.0 * live,
            "synchroniser": float(self.synchronise),
            "permitted": float(self.permitted),
        }
        assert gear is not None
        for k, step in enumerate(GRID.steps, 1):
            gear[f"step_{k}_closed"] = float(self.steps[step.id])
        if shows == "none":
            gear["coupling_closed"] = gear["coupling_open"] = 0.0
        elif shows == "dark":
            gear = {k: v for k, v in gear.items() if not k.startswith(("utility", "bus"))}
        elif shows == "nan":
            gear["utility_pu"] = gear["bus_pu"] = math.nan
        elif shows == "silent":
            gear = None
        units: dict[str, Points | None] = {
            name: {
                "mode": 2.0,
                "state": state,
                "power_kw": 50.0 if state == RUNNING and live else 0.0,
                "available_kw": 250.0,
                "energy_kwh": 150.0,
            }
            for name, state in self.on.items()
        }
        panel: Points = {"supply": 0.0 if live else 3.0, "utility_ok": float(live), "poi_kw": 0.0}
        panel |= {"frequency_hz": 60.0 * live, "voltage_pu": float(live), "backup_load_kw": 0.0}
        return {**units, "panel.plant": panel, "switchgear.north": gear}


class Rig:
    """Plant, agent and desk with the link between them."""

    def __init__(self) -> None:
        self.plant = ToyPlant()
        self.agent = SiteAgent(FLEET, "plant", AgentConfig(scan_s=4.0))
        self.desk = IslandDesk(FLEET, CenterConfig(), IslandBook())
        self.commands = CommandDesk(FLEET, CenterConfig(), DeskMemory())
        self.report: SiteReport | None = None
        self.heard_ms = T0_MS
        self.now_ms = T0_MS
        self.kept: list[Frame] = []
        self.asked: list[Switching] = []
        self.acks: list[Ack] = []

    def apply(self, out: AgentOutput, up: bool) -> None:
        for order in out.orders:
            self.plant.obey(order)
            self.plant.settle()
        for frame in out.frames:
            if up and frame.topic.endswith("/up/report"):
                self.report, self.heard_ms = decode(frame.payload, SiteReport), self.now_ms
            elif frame.topic.endswith("/up/ack"):
                self.acks.append(decode(frame.payload, Ack))

    def cycle(self, wish: Switching | None) -> list[SiteCommand]:
        """One cycle of the center, or one in which something else than its rules has a wish."""
        age_s = (self.now_ms - self.heard_ms) / 1000.0
        quality = Quality.GOOD if age_s <= 60.0 else Quality.STALE
        other = SiteStatus(None, math.inf, Quality.BAD)
        sites = {site.id: other for site in FLEET.sites}
        sites["plant"] = SiteStatus(self.report, age_s, quality)
        readings = {} if self.report is None else {r.device: r for r in self.report.devices}
        board = AlarmBoard(AlarmMemory())
        board.begin()
        self.desk.look(Snapshot(self.now_ms, sites, readings, {}, {}, {}), board)
        wishes: Mapping[str, Switching] = self.desk.wishes()
        self.asked.extend(wishes.values())
        if wish is not None:
            wishes = {"plant": wish}
        return self.commands.issue(self.now_ms, "c1", 1, {}, wishes)

    def tick(
        self, utility: bool, shows: str, link: str, hand: str, wait_s: int, wish: Switching | None
    ) -> None:
        plant = self.plant
        self.now_ms += wait_s * 1000
        plant.utility = utility
        if hand:
            # A person at the breaker looks before closing it.
            plant.closed = hand == "close" and (utility or not plant.formed)
        if plant.closed and not utility:
            plant.formed = False
        up = link != "lost"
        self.apply(self.agent.scan(self.now_ms, plant.image(shows)), up)
        plant.settle()
        topic = self.agent.topics.command("plant")
        sent = [Frame(topic, encode(one), self.now_ms) for one in self.cycle(wish)]
        if link == "late":
            self.kept.extend(sent)
            sent = []
        elif link == "lost":
            sent = []
        elif link == "twice":
            sent = [*self.kept, *sent, *sent]
            self.kept = []
        for frame in sent:
            self.apply(self.agent.receive(self.now_ms, frame), up)
