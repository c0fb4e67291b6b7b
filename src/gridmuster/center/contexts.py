"""What the center knows of a device, in the words the interlocks ask for."""

from __future__ import annotations

from gridmuster.center.calls import LONG_S, CallBook
from gridmuster.center.config import CenterConfig
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.hours import HourUse, today_of
from gridmuster.fleet.model import Fleet
from gridmuster.programs.ledger import Ledger
from gridmuster.safety import Context, Envelope, envelope
from gridmuster.signals import Purpose, Supply
from gridmuster.state.snapshot import SiteStatus, Snapshot


class ContextMaker:
    """Makes a safety context for any device of the fleet.

    Args:
        fleet: the fleet.
        config: the center's settings.
    """

    def __init__(self, fleet: Fleet, config: CenterConfig) -> None:
        self._config = config
        self.envelopes: dict[str, Envelope] = {
            device.id: envelope(fleet.site_by_id[device.site], device) for device in fleet.devices
        }

    def context(
        self,
        snapshot: Snapshot,
        device_id: str,
        ledger: Ledger,
        calls: CallBook,
        stopped: bool,
        locked_out: bool,
        alert_asserted: bool = False,
    ) -> Context:
        """The context of one device now.

        Args:
            snapshot: the frozen picture.
            device_id: the device.
            ledger: hours and starts.
            calls: how long it has been on or off.
            stopped: whether an operator's emergency stop is latched.
            locked_out: whether it failed when called and was not reset.
            alert_asserted: whether an operator put the conditions of an alert on record for it.
        """
        limits = self.envelopes[device_id]
        status: SiteStatus = snapshot.sites[limits.site.id]
        report = status.report
        reading = snapshot.readings.get(device_id)
        used_h: float | None = 0.0
        alert_h = 0.0
        uses: tuple[HourUse, ...] = ()
        device = limits.device
        limited = limits.permit_stop_h is not None or limits.permit_windows
        if limited and isinstance(device, Generator):
            today = today_of(snapshot.now_ms, limits.site.time_zone)
            used_h = ledger.used_h(device, today)
            alert_h = ledger.purpose_h(device_id, today, Purpose.EMERGENCY_ALERT)
            uses = tuple(ledger.use(device, limit, today) for limit in limits.permit_windows)
        return Context(
            envelope=limits,
            reading=reading,
            reading_age_s=status.age_s,
            supply=Supply.UNKNOWN if report is None else report.supply,
            utility_ok=report is not None and report.utility_ok,
            utility_age_s=status.age_s,
            export_without_kw=None
            if report is None
            else report.poi_kw - (0.0 if reading is None else reading.power_kw),
            backup_load_kw=None if report is None else report.backup_load_kw,
            local_duty=status.in_outage or status.carries_area,
            permit_used_h=used_h,
            alert_used_h=alert_h,
            alert_asserted=alert_asserted,
            starts_24h=ledger.starts_24h(device_id),
            state_age_s=calls.in_state_s(device_id, snapshot.now_ms),
            stop_latched=stopped,
            locked_out=locked_out,
            horizon_s=self._config.cycle_s,
            reading_limit_s=self._config.stale_s,
            utility_limit_s=self._config.stale_s,
            window_uses=uses,
        )


__all__ = ["LONG_S", "ContextMaker"]
