"""The permit-hour ledger: hours by purpose from each engine's own hour meter, and starts a day."""

from __future__ import annotations

from datetime import date

from msgspec import Struct, field

from gridmuster.fleet.devices import Generator
from gridmuster.fleet.hours import HourBook, HourUse, today_of
from gridmuster.fleet.permits import HourLimit
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
    """One engine's hours since the ledger first saw it, by year too, and its latest starts (ms)."""

    last_run_h: float | None = None
    last_starts: int | None = None
    hours_h: dict[str, float] = field(default_factory=dict)
    book: HourBook = field(default_factory=HourBook)
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

    def note(
        self,
        now_ms: int,
        reading: DeviceReading,
        purpose: Purpose,
        zone: str = "UTC",
        keep_days: int = 0,
    ) -> None:
        """Book what the engine's own meters gained since the last reading.

        What is gained across New Year belongs to the year of the later reading.

        Args:
            now_ms: now, ms.
            reading: the engine's newest reading; meters that it does not have book nothing.
            purpose: what it runs for now.
            zone: IANA zone of its site, whose calendar counts.
            keep_days: days for which each day's hours are needed (`safety.permits.longest_days`).
        """
        account = self.accounts.get(reading.device)
        if account is None:
            account = self.accounts[reading.device] = Account()
        if account.book.since == 0:
            account.book.see(today_of(now_ms, zone))
        if reading.run_h is not None:
            if account.last_run_h is not None and reading.run_h > account.last_run_h:
                gained_h = reading.run_h - account.last_run_h
                # No engine runs longer than time passes: a meter that was exchanged or stuttered.
                gained_h = min(gained_h, (now_ms - account.last_ms) / MS_PER_HOUR + SLACK_H)
                account.hours_h[purpose] = account.hours_h.get(purpose, 0.0) + gained_h
                account.book.add(today_of(now_ms, zone), purpose, gained_h, keep_days)
            account.last_run_h = reading.run_h
            account.last_ms = now_ms
        if reading.starts is not None:
            if account.last_starts is not None and reading.starts > account.last_starts:
                gained = min(reading.starts - account.last_starts, MOST_STARTS)
                account.starts_ms.extend([now_ms] * gained)
            account.last_starts = reading.starts
        if account.starts_ms and account.starts_ms[0] <= now_ms - DAY_MS:
            account.starts_ms = [at_ms for at_ms in account.starts_ms if at_ms > now_ms - DAY_MS]

    def used_h(self, device: Generator, today: date) -> float:
        """Hours of this calendar year against the permit: all but real outages, h.

        Those that the fleet file tells of count in the year in which the engine was first seen.

        Args:
            device: the engine.
            today: the day by its site's calendar.
        """
        return self._book(device.id).year_h(today.year, device.permit)

    def purpose_h(self, device: str, today: date, purpose: Purpose) -> float:
        """Hours of this calendar year for one purpose, h."""
        return self._book(device).purpose_h(today.year, purpose)

    def use(self, device: Generator, limit: HourLimit, today: date) -> HourUse:
        """What is used of a limit of the engine's permit.

        Args:
            device: the engine.
            limit: one of its limits.
            today: the day by its site's calendar.
        """
        return self._book(device.id).use(limit, device.permit, today)

    def _book(self, device: str) -> HourBook:
        account = self.accounts.get(device)
        return HourBook() if account is None else account.book

    def starts_24h(self, device: str) -> int:
        """Starts in the last 24 h."""
        account = self.accounts.get(device)
        return 0 if account is None else len(account.starts_ms)
