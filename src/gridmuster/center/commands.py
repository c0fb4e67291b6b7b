"""Life of a command: issued, renewed, retried, acknowledged, expired; never two sequences alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from msgspec import Struct, field

from gridmuster.center.config import CenterConfig
from gridmuster.center.view import CommandView
from gridmuster.fleet.devices import Photovoltaic, WindTurbine
from gridmuster.fleet.model import Fleet
from gridmuster.signals import Ack, Order, Outcome, Setpoint, SiteCommand
from gridmuster.switching import Switching
from gridmuster.units import MS_PER_S

RECENT = 100
#: A setpoint moves only when it differs by more than this share of the device's rating.
DEADBAND_FRACTION = 0.01
DEADBAND_KW = 0.2


class Sent(Struct):
    """The last command a site was sent."""

    setpoints: tuple[Setpoint, ...]
    at_ms: int
    id: str
    tries: int = 1
    answered: bool = False
    switching: Switching | None = None


class DeskMemory(Struct):
    """What the command desk remembers; plain data for the checkpoint."""

    sequence: dict[str, int] = field(default_factory=dict)
    sent: dict[str, Sent] = field(default_factory=dict)
    recent: list[CommandView] = field(default_factory=list)
    commands: int = 0
    acknowledged: int = 0
    expired: int = 0
    refused: int = 0
    unanswered_sites: list[str] = field(default_factory=list)


class Refusal(Struct, frozen=True):
    """A site's no to one device's setpoint."""

    device: str
    outcome: Outcome
    reason: str


class CommandDesk:
    """Issues commands and follows them to their end.

    Args:
        fleet: the fleet.
        config: the center's settings.
        memory: what an earlier desk remembered.
    """

    def __init__(self, fleet: Fleet, config: CenterConfig, memory: DeskMemory) -> None:
        self._config = config
        self.memory = memory
        self._renewables = frozenset(
            device.id for device in fleet.devices if isinstance(device, Photovoltaic | WindTurbine)
        )
        self._deadband_kw = {
            device.id: max(DEADBAND_FRACTION * device.rated_kw, DEADBAND_KW)
            for device in fleet.devices
        }

    def last_setpoints(self, site: str) -> tuple[Setpoint, ...]:
        """What the site was last asked."""
        sent = self.memory.sent.get(site)
        return () if sent is None else sent.setpoints

    def issue(
        self,
        now_ms: int,
        center_id: str,
        fence: int,
        wished: Mapping[str, Sequence[Setpoint]],
        switching: Mapping[str, Switching] = MappingProxyType({}),
    ) -> list[SiteCommand]:
        """Commands for every site whose wish changed, wants renewal or went unanswered.

        Args:
            now_ms: now, ms.
            center_id: who commands.
            fence: its fencing number.
            wished: setpoints by site; a site without a wish gets none.
            switching: what the switchgear beside a site is asked, by site.
        """
        commands = []
        for site in {**wished, **switching}:
            setpoints, switch = wished.get(site, ()), switching.get(site)
            why = self._why_send(now_ms, site, setpoints, switch)
            if why:
                commands.append(
                    self._command(now_ms, center_id, fence, site, tuple(setpoints), switch, why)
                )
        return commands

    def _why_send(
        self, now_ms: int, site: str, setpoints: Sequence[Setpoint], switch: Switching | None
    ) -> str:
        sent = self.memory.sent.get(site)
        if switch is not None and (sent is None or sent.switching != switch):
            return "new"
        if sent is None:
            return "new" if setpoints else ""
        if self._differs(sent.setpoints, setpoints):
            return "new" if setpoints else ""
        age_s = (now_ms - sent.at_ms) / MS_PER_S
        if not sent.answered and age_s >= self._config.ack_timeout_s:
            if sent.tries < self._config.max_tries:
                return "retry"
            if site not in self.memory.unanswered_sites:
                self.memory.unanswered_sites.append(site)
        if age_s >= self._config.renew_s and (
            not sent.answered
            or switch is not None
            or any(self._lapses(setpoint) for setpoint in setpoints)
        ):
            return "renew"
        return ""

    def _lapses(self, setpoint: Setpoint) -> bool:
        """Whether letting the setpoint expire would change what the device does.

        An engine stops and a store rests at expiry; sun and wind go back to all they have.
        """
        if setpoint.device in self._renewables:
            return setpoint.order is not Order.RESET
        return setpoint.order is Order.RUN and setpoint.power_kw != 0.0

    def _differs(self, old: Sequence[Setpoint], new: Sequence[Setpoint]) -> bool:
        if len(old) != len(new):
            return bool(new)
        for before, after in zip(old, new, strict=True):
            if before.device != after.device or before.order is not after.order:
                return True
            if before.purpose is not after.purpose:
                return True
            moved_kw = abs(after.power_kw - before.power_kw)
            if moved_kw > self._deadband_kw[after.device]:
                return True
            if moved_kw > 0.0 and (after.power_kw == 0.0 or before.power_kw * after.power_kw < 0.0):
                return True
        return False

    def _command(
        self,
        now_ms: int,
        center_id: str,
        fence: int,
        site: str,
        setpoints: tuple[Setpoint, ...],
        switch: Switching | None,
        why: str,
    ) -> SiteCommand:
        memory = self.memory
        sequence = memory.sequence.get(site, 0) + 1
        memory.sequence[site] = sequence
        last = memory.sent.get(site)
        tries = last.tries + 1 if why == "retry" and last is not None else 1
        command_id = f"{center_id}.{fence}.{site}.{sequence}"
        if last is not None and why != "retry" and not last.answered:
            memory.expired += 1
        if why == "retry":
            memory.expired += 1
        if why == "renew" and last is not None:
            # What was asked is asked again, so that noise below the deadband does not creep in.
            setpoints = last.setpoints
        memory.sent[site] = Sent(setpoints, now_ms, command_id, tries, switching=switch)
        memory.commands += 1
        if why != "renew":
            self._remember(now_ms, site, command_id, setpoints, last)
        return SiteCommand(
            id=command_id,
            site=site,
            center_id=center_id,
            fence=fence,
            sequence=sequence,
            issued_at_ms=now_ms,
            expires_at_ms=now_ms + int(self._config.ttl_s * MS_PER_S),
            setpoints=setpoints,
            switching=switch,
        )

    def _remember(
        self,
        now_ms: int,
        site: str,
        command_id: str,
        setpoints: tuple[Setpoint, ...],
        last: Sent | None,
    ) -> None:
        before = {} if last is None else {s.device: s for s in last.setpoints}
        for setpoint in setpoints:
            old = before.get(setpoint.device)
            if (
                old is not None
                and old.order is setpoint.order
                and old.power_kw == setpoint.power_kw
            ):
                continue
            self.memory.recent.append(
                CommandView(
                    command_id,
                    now_ms,
                    site,
                    setpoint.device,
                    setpoint.order.value,
                    setpoint.power_kw,
                    "sent",
                    "",
                    None,
                )
            )
        del self.memory.recent[:-RECENT]

    def take_ack(self, ack: Ack, now_ms: int) -> list[Refusal]:
        """Book a site's answer.

        Returns:
            The devices that said no, with their reasons.
        """
        memory = self.memory
        sent = memory.sent.get(ack.site)
        current = sent is not None and sent.id == ack.command_id
        if ack.outcome is Outcome.REFUSED and not ack.devices:
            # The command was refused as such (late, out of order, clock off), not its devices.
            memory.refused += current
        elif current and sent is not None and not sent.answered:
            sent.answered = True
            if ack.site in memory.unanswered_sites:
                memory.unanswered_sites.remove(ack.site)
            if ack.outcome is Outcome.REFUSED:
                memory.refused += 1
            elif ack.outcome is Outcome.EXPIRED:
                memory.expired += 1
            else:
                memory.acknowledged += 1
        self._mark(ack, now_ms)
        if not current:
            return []
        return [
            Refusal(device.device, device.outcome, device.reason)
            for device in ack.devices
            if device.outcome in (Outcome.REFUSED, Outcome.FAILED)
        ]

    def _mark(self, ack: Ack, now_ms: int) -> None:
        outcomes = {device.device: device for device in ack.devices}
        recent = self.memory.recent
        for index in range(len(recent) - 1, -1, -1):
            view = recent[index]
            if view.id != ack.command_id:
                continue
            device = outcomes.get(view.device)
            recent[index] = CommandView(
                view.id,
                view.at_ms,
                view.site,
                view.device,
                view.order,
                view.power_kw,
                (ack.outcome if device is None else device.outcome).value,
                ack.reason if device is None else device.reason,
                (now_ms - view.at_ms) / MS_PER_S if view.latency_s is None else view.latency_s,
            )
