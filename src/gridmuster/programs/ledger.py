"""The permit-hour ledger: hours by purpose from each engine's own hour meter, and starts a day."""

from __future__ import annotations

from msgspec import Struct, field

from gridmuster.fleet.devices import Generator
from gridmuster.programs import exercise
from gridmuster.programs.exercise import Exercised
from gridmuster.signals import DeviceReading, Purpose
from gridmuster.units import MS_PER_HOUR

DAY_MS = 24 * MS_PER_HOUR
#: What an hour meter may gain beyond the time that passed (its resolution), h.
SLACK_H = 0.1
#: Starts that are believed between two readings.
MOST_STARTS = 20


class Account(Struct):
    """One engine's hours since the ledger first saw it, and its latest starts (ms)."""

    last_run_h: float | None = None
    last_starts: int | None = None
    hours_h: dict[str, float] = field(default_factory=dict)
    starts_ms: list[int] = field(default_factory=list)
    last_ms: int = 0


class Ledger(Struct):
    """Accounts by device id, and runs of those with a schedule; plain data for the checkpoint."""

    accounts: dict[str, Account] = field(default_factory=dict)
    exercised: dict[str, Exercised] = field(default_factory=dict)

    def note_load(self, now_ms: int, reading: DeviceReading, device: Generator) -> None:
        """Book the load of an engine that is to be exercised; others are let be.

        Args:
            now_ms: now, ms.
            reading: the engine's newest reading.
            device: the engine.
        """
        if device.exercise is not None:
            self.exercised[device.id] = exercise.note(
                self.exercised.get(device.id),
                now_ms,
                reading.power_kw / device.rated_kw,
                device.exercise,
                reading.produced_kwh / device.rated_kw,
            )

    def note(self, now_ms: int, reading: DeviceReading, purpose: Purpose) -> None:
        """Book what the engine's own meters gained since the last reading.

        Args:
            now_ms: now, ms.
            reading: the engine's newest reading; meters that it does not have book nothing.
            purpose: what it runs for now.
        """
        account = self.accounts.get(reading.device)
        if account is None:
            account = self.accounts[reading.device] = Account()
        if reading.run_h is not None:
            if account.last_run_h is not None and reading.run_h > account.last_run_h:
                gained_h = reading.run_h - account.last_run_h
                # No engine runs longer than time passes: a meter that was exchanged or stuttered.
                gained_h = min(gained_h, (now_ms - account.last_ms) / MS_PER_HOUR + SLACK_H)
                account.hours_h[purpose] = account.hours_h.get(purpose, 0.0) + gained_h
            account.last_run_h = reading.run_h
            account.last_ms = now_ms
        if reading.starts is not None:
            if account.last_starts is not None and reading.starts > account.last_starts:
                gained = min(reading.starts - account.last_starts, MOST_STARTS)
                account.starts_ms.extend([now_ms] * gained)
            account.last_starts = reading.starts
        if account.starts_ms and account.starts_ms[0] <= now_ms - DAY_MS:
            account.starts_ms = [at_ms for at_ms in account.starts_ms if at_ms > now_ms - DAY_MS]

    def counted_h(self, device: str) -> float:
        """Hours booked against the permit (all but real outages), h."""
        account = self.accounts.get(device)
        if account is None:
            return 0.0
        return sum(h for purpose, h in account.hours_h.items() if purpose != Purpose.OUTAGE)

    def starts_24h(self, device: str) -> int:
        """Starts in the last 24 h."""
        account = self.accounts.get(device)
        return 0 if account is None else len(account.starts_ms)
