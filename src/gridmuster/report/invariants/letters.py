"""Checks of commands as messages and of what holds when they run out: invariants 5 and 8."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from gridmuster.report.invariants.breaches import Breaches
from gridmuster.report.invariants.plant import ON, DeviceNow, Plant, SiteNow
from gridmuster.signals import (
    Ack,
    DeviceState,
    Order,
    Outcome,
    SiteCommand,
    SwitchMode,
)
from gridmuster.units import MS_PER_S

#: Bounds of a setpoint's life, s.
TTL_S: Final = (60.0, 300.0)
#: Largest difference of a command's issue time from the cycle's, s.
SKEW_S: Final = 5.0
#: Ids and receipts remembered, fleet-wide.
REMEMBERED: Final = 50_000
#: Time from a lapse to the safe state on top of a full ramp, s; time in which a store ramps, s.
SAFE_S: Final = 60.0
STORE_RAMP_S: Final = 30.0
#: A store or a must-run set is at rest within this share of its rating, or this power, kW.
REST_SHARE: Final = 0.02
REST_KW: Final = 1.0
OBEYED: Final = frozenset({Outcome.ACCEPTED, Outcome.REDUCED})
MEASURED: Final = frozenset({Outcome.DONE, Outcome.FAILED})


class Recent(OrderedDict[str, int]):
    """The newest ids with a moment each; the oldest fall out."""

    def keep(self, key: str, at_ms: int) -> None:
        """Remember an id."""
        self[key] = at_ms
        if len(self) > REMEMBERED:
            self.popitem(last=False)


class LetterChecks:
    """Looks at commands and answers.

    Args:
        plant: what is known.
        breaches: where breaches go.
    """

    def __init__(self, plant: Plant, breaches: Breaches) -> None:
        self._plant = plant
        self._breaches = breaches
        self._ids = Recent()
        self._receipts = Recent()
        self._open: OrderedDict[str, SiteCommand] = OrderedDict()
        self._last: dict[str, tuple[int, int]] = {}

    def forget(self) -> None:
        """Plant time went back: a new run begins."""
        self._ids.clear()
        self._receipts.clear()
        self._open.clear()
        self._last.clear()

    def command(self, now_ms: int, command: SiteCommand) -> None:
        """5 and 8: a life of 60 to 300 s, an id of its own, a sequence and fence that grow."""
        note = self._breaches.note
        life_s = (command.expires_at_ms - command.issued_at_ms) / MS_PER_S
        if not TTL_S[0] <= life_s <= TTL_S[1]:
            text = (
                f"command {command.id} lives for {life_s:.0f} s; {TTL_S[0]:.0f} to {TTL_S[1]:.0f}"
            )
            note(5, "life", now_ms, command.site, text)
        if abs(command.issued_at_ms - now_ms) > SKEW_S * MS_PER_S:
            skew_s = (command.issued_at_ms - now_ms) / MS_PER_S
            note(
                8, "skew", now_ms, command.site, f"command {command.id} is stamped {skew_s:+.0f} s"
            )
        if command.id in self._ids:
            note(8, "id", now_ms, command.site, f"id {command.id} is used again")
        self._ids.keep(command.id, now_ms)
        place = (command.fence, command.sequence)
        last = self._last.get(command.site)
        if last is not None and place[0] < last[0]:
            text = f"fence {place[0]} after {last[0]}"
            note(8, "fence", now_ms, command.site, text)
        elif last is not None and place <= last:
            text = f"sequence {place[1]} after {last[1]} under fence {place[0]}"
            note(8, "sequence", now_ms, command.site, text)
        self._last[command.site] = max(place, last or place)
        self._open[command.id] = command

    def ack(self, now_ms: int, ack: Ack) -> None:
        """8: what was obeyed is not obeyed again; and what is obeyed holds until it expires."""
        for one in ack.devices:
            device = self._plant.devices.get(one.device)
            if device is not None and device.site.id == ack.site and one.outcome in MEASURED:
                device.deaf = one.outcome is Outcome.FAILED
        if ack.outcome not in OBEYED:
            return
        first_ms = self._receipts.get(ack.command_id)
        if first_ms is not None:
            if ack.at_ms != first_ms:
                self._breaches.note(
                    8, "twice", now_ms, ack.site, f"obeyed command {ack.command_id} twice"
                )
            return
        self._receipts.keep(ack.command_id, ack.at_ms)
        command = self._open.pop(ack.command_id, None)
        if command is None or command.site != ack.site:
            return
        refused = {one.device for one in ack.devices if one.outcome is Outcome.REFUSED}
        for setpoint in command.setpoints:
            device = self._plant.devices.get(setpoint.device)
            if device is None or setpoint.device in refused:
                continue
            device.held, device.held_until_ms = setpoint, command.expires_at_ms
            if setpoint.order is Order.RUN:
                device.market_run = True
                device.outage_run = False

    def run_out(self, now_ms: int) -> None:
        """Forget commands whose answer would come too late, ms."""
        while self._open:
            oldest = next(iter(self._open.values()))
            if oldest.expires_at_ms > now_ms:
                return
            self._open.popitem(last=False)

    def report(self, at_ms: int, now: SiteNow) -> None:
        """5: a device whose setpoint ran out is on its way to its safe state."""
        report = now.report
        assert report is not None
        for reading in report.devices:
            device = self._plant.devices.get(reading.device)
            if device is None or device.held is None or at_ms <= device.held_until_ms:
                continue
            if at_ms <= device.held_until_ms + self._way_ms(device):
                continue
            held, device.held = device.held, None
            foreign = report.fence_holder not in ("", self._plant.center_id)
            by_hand = reading.mode is not SwitchMode.AUTO or reading.state is DeviceState.UNKNOWN
            if held.order is not Order.RUN or foreign or by_hand or not report.utility_ok:
                continue
            excused = device.outage_run or device.deaf
            why = "" if excused else self._not_at_rest(device)
            if why:
                late_s = (at_ms - device.held_until_ms) / MS_PER_S
                self._breaches.note(
                    5,
                    "lapse",
                    at_ms,
                    reading.device,
                    f"{why} {late_s:.0f} s after its setpoint ran out",
                )

    @staticmethod
    def _way_ms(device: DeviceNow) -> float:
        """Time to the safe state after a lapse, ms."""
        ramp_s = STORE_RAMP_S
        if device.generator is not None:
            ramp_s = 1.0 / device.generator.ramp_fraction_per_s
        return (ramp_s + SAFE_S) * MS_PER_S

    @staticmethod
    def _not_at_rest(device: DeviceNow) -> str:
        reading, generator = device.reading, device.generator
        if reading is None or device.renewable:
            return ""
        rated_kw = device.device.rated_kw
        slack_kw = max(REST_SHARE * rated_kw, REST_KW)
        if generator is None:
            moving = abs(reading.power_kw) > slack_kw
            return f"still at {reading.power_kw:.1f} kW" if moving else ""
        if generator.must_run:
            least_kw = generator.min_load_fraction * rated_kw
            high = reading.power_kw > least_kw + slack_kw
            return f"still at {reading.power_kw:.1f} kW" if high else ""
        return f"still {reading.state.value}" if reading.state in ON else ""
