"""One site's agent, pure: what was read and what arrived go in, frames and orders come out.

    scan      image of the controllers -> observe -> local duty -> market duty -> reports
    receive   frame of a center -> fence -> checks -> orders and acknowledgement at once

It reads no clock and touches no wire, so the same code runs live and in lockstep.
"""

from __future__ import annotations

from collections.abc import Mapping

from gridmuster.fleet.model import Fleet
from gridmuster.gateway.commands import CommandDesk
from gridmuster.gateway.config import AgentConfig
from gridmuster.gateway.duty import LocalDuty, Phase
from gridmuster.gateway.islandduty import IslandDuty
from gridmuster.gateway.market import MarketDuty
from gridmuster.gateway.memory import SiteMemory, pack, unpack
from gridmuster.gateway.reports import Reporter
from gridmuster.gateway.station import AgentOutput, Station
from gridmuster.gateway.switchgear import Switchgear
from gridmuster.gateway.unit import SILENT_S
from gridmuster.signals import Frame
from gridmuster.topics import Topics
from gridmuster.units import MS_PER_S

__all__ = ["AgentOutput", "SiteAgent"]

Image = Mapping[str, Mapping[str, float] | None]


class SiteAgent:
    """The decider at one site.

    Args:
        fleet: the fleet.
        site_id: the site.
        config: settings; None for the defaults.
    """

    __slots__ = (
        "_desk",
        "_duty",
        "_gear",
        "_keys",
        "_last_ms",
        "_market",
        "_reporter",
        "_stale_count",
        "_station",
        "topics",
    )

    def __init__(self, fleet: Fleet, site_id: str, config: AgentConfig | None = None) -> None:
        self.topics = Topics(fleet.id)
        self._station = Station(fleet, site_id, config or AgentConfig())
        gear: Switchgear | None = None
        if site_id in fleet.microgrid_of_site:
            gear = Switchgear(fleet, self._station)
        self._gear = gear
        self._desk = CommandDesk(self.topics, self._station, gear)
        self._market = MarketDuty(self._station, self._desk)
        self._duty: LocalDuty | IslandDuty = (
            LocalDuty(self._station, self._market)
            if gear is None
            else IslandDuty(self._station, self._market, gear)
        )
        self._reporter = Reporter(fleet, self.topics, self._station, self._desk, gear)
        self._desk.attach(self._market.begin, self._duty.forgive)
        self._last_ms = -1
        self._stale_count = 0
        self._keys = (
            *(unit.id for unit in self._station.units),
            self._station.panel_key,
            *(f"meter.{user.id}" for user in fleet.end_users_of_site[site_id]),
            *(() if gear is None else (gear.key,)),
        )

    @property
    def site(self) -> str:
        """The site's id."""
        return self._station.site.id

    @property
    def controller_keys(self) -> tuple[str, ...]:
        """Keys of every controller the agent wants in its image; its area's switchgear is one."""
        return self._keys

    @property
    def local_duty(self) -> bool:
        """Whether the site serves itself now."""
        return self._duty.phase is Phase.AWAY

    @property
    def at_rest(self) -> bool:
        """Whether nothing is under way: no set on, no target, no duty, no alarm."""
        station = self._station
        if station.alarms or station.supply or self._duty.phase is Phase.AWAY:
            return False
        if self._gear is not None and not self._gear.settled:
            return False
        for unit in station.units:
            if unit.target is not None or unit.on or unit.cap_kw is not None:
                return False
        return not self._desk.waiting

    @property
    def counts(self) -> Mapping[str, int]:
        """Commands obeyed, refused, expired and duplicated, and messages not understood."""
        return self._desk.counts

    @property
    def urgent_changes(self) -> int:
        """Grows when something changed that must survive a crash: the fence, a latch."""
        return self._desk.urgent_changes

    @property
    def waiting(self) -> bool:
        """Whether an accepted command is not yet measured, so that a scan soon is worth it."""
        return self._desk.waiting

    def alarm(self, name: str, now_ms: int) -> None:
        """Have a passing alarm of the program around the agent told in the reports.

        Args:
            name: the alarm.
            now_ms: now, ms since the epoch.
        """
        self._station.alarm(name, now_ms)

    def scan(self, now_ms: int, image: Image) -> AgentOutput:
        """Take a reading of every controller, act on it, and say what is worth saying.

        Args:
            now_ms: now, ms since the epoch.
            image: canonical points by controller key; None or absent: no answer.

        Returns:
            Frames to publish and orders to write, in this order of time.
        """
        out = AgentOutput()
        station = self._station
        moved = station.observe_panel(now_ms, image.get(station.panel_key))
        busy = False
        silent = 0
        for unit in station.units:
            if unit.observe(now_ms, image.get(unit.id)):
                moved = True
            if now_ms - unit.answered_ms > SILENT_S * MS_PER_S:
                silent += 1
            if unit.target is not None or unit.on or unit.cap_kw is not None:
                busy = True
        if silent != self._stale_count:
            self._stale_count = silent
            moved = True
        if station.alarms:
            station.drop_passed_alarms(now_ms)
        station.set_alarm("panel_silent", now_ms - station.panel_ms > SILENT_S * MS_PER_S)
        if self._gear is not None and self._gear.observe(now_ms, image.get(self._gear.key)):
            moved = True
        self._duty.scan(now_ms, out)
        if busy or station.supply:
            dt_s = 0.0 if self._last_ms < 0 else (now_ms - self._last_ms) / MS_PER_S
            self._market.scan(now_ms, max(dt_s, 0.0), out)
        self._last_ms = now_ms
        self._reporter.scan(now_ms, image, moved, out)
        return out

    def receive(self, now_ms: int, frame: Frame) -> AgentOutput:
        """Take a message of a center; whatever is in it, this does not raise.

        Args:
            now_ms: now, ms since the epoch.
            frame: what arrived.

        Returns:
            Orders to write at once and acknowledgements to publish.
        """
        out = AgentOutput()
        self._desk.receive(now_ms, frame, out)
        return out

    def memory(self) -> bytes:
        """What must survive a restart, as JSON."""
        return pack(
            SiteMemory(
                site=self.site,
                fence=self._desk.fence,
                ids=self._desk.ids,
                sequence_ceiling=self._reporter.ceiling,
                devices={unit.id: unit.memory for unit in self._station.units},
                local_duty=self.local_duty,
            )
        )

    def restore(self, data: bytes) -> None:
        """Take back what `memory` gave before a restart, before the first scan.

        Args:
            data: the saved memory.

        Raises:
            SignalError: when it cannot be understood or belongs to another site.
        """
        memory = unpack(data, self.site)
        self._desk.fence = memory.fence
        self._desk.ids = memory.ids
        self._reporter.sequence = self._reporter.ceiling = memory.sequence_ceiling
        for unit in self._station.units:
            kept = memory.devices.get(unit.id)
            if kept is not None:
                unit.restore(kept)
        if memory.local_duty:
            self._duty.resume()
