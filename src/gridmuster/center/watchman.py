"""Looks over each cycle for what a person must know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gridmuster.center.alarms import AlarmBoard, Severity
from gridmuster.center.alarmwords import words_of
from gridmuster.center.calls import STOPPED
from gridmuster.center.config import CenterConfig
from gridmuster.center.decider import AreaDecision
from gridmuster.center.fuelwatch import loss_text, order_text
from gridmuster.center.memory import CoreState
from gridmuster.center.planner import Planner
from gridmuster.center.recorder import shortfall_cause
from gridmuster.center.view import Mode
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.model import Fleet
from gridmuster.signals import SiteReport, Supply, SwitchMode
from gridmuster.state.keeper import SKEW_LIMIT_S
from gridmuster.state.snapshot import LOCAL_DUTY, Snapshot
from gridmuster.units import MS_PER_S

#: Alarms of sites whose backup is not there: no set is left, or one did not take the load.
NO_BACKUP: Final = "no_engine_for_own_load"
BACKUP_LOST: Final = frozenset({NO_BACKUP, "backup_failed"})
#: What feeds a site's load, in words.
SUPPLIED: Final = {
    Supply.UTILITY: "on the utility",
    Supply.LOCAL: "on local supply",
    Supply.PARALLEL: "on both supplies",
    Supply.DEAD: "without supply",
    Supply.UNKNOWN: "on a supply that the panel does not tell",
}
#: How long a malformed payload stays on the board, s.
MALFORMED_S = 300


class Watchman:
    """Raises alarms.

    Args:
        fleet: the fleet.
        config: the center's settings.
        state: the core's memory.
        board: where alarms go.
    """

    def __init__(
        self, fleet: Fleet, config: CenterConfig, state: CoreState, board: AlarmBoard
    ) -> None:
        self._fleet = fleet
        self._config = config
        self._state = state
        self._board = board
        #: Tanks that wanted nothing, by device id: time and level of the reading that told so.
        self._calm: dict[str, tuple[int, float]] = {}

    def look(
        self, snapshot: Snapshot, decisions: Mapping[str, AreaDecision], planner: Planner
    ) -> None:
        """Raise what is wrong in this cycle."""
        self._session()
        self._sites(snapshot)
        self._areas(snapshot, decisions)
        self._devices(snapshot)
        self._fuel(snapshot.now_ms)
        self._programs()
        self._plan(snapshot, planner)

    def _session(self) -> None:
        session = self._state.session
        if session.mode is Mode.STOOD_DOWN:
            self._board.raise_alarm(
                "stood-down",
                Severity.CRITICAL,
                session.center_id,
                f"a newer center, {session.rival}, commands; this one has stood down",
                "stop this process, or restart it to take over on purpose",
            )

    def _programs(self) -> None:
        for key, asked in self._state.programs.asked.items():
            if asked.granted_kw > 0.0 and asked.answer.startswith("refused"):
                self._board.raise_alarm(
                    f"program:{key}",
                    Severity.WARNING,
                    asked.request.program,
                    f"asks for {asked.granted_kw:.0f} kW in {asked.request.area} and no set may be "
                    f"called: {asked.answer.removeprefix('refused: ')}",
                    "look at why each set is left out; activate others by hand",
                )

    def _sites(self, snapshot: Snapshot) -> None:
        recovering = self._state.session.mode is Mode.RECOVERING
        late_s = SKEW_LIMIT_S + self._config.link_allowance_s
        for site_id, status in snapshot.sites.items():
            if not status.fresh and not recovering:
                age = "was never heard" if status.report is None else "is silent"
                self._board.raise_alarm(
                    f"silent:{site_id}",
                    Severity.WARNING,
                    site_id,
                    f"the site {age}; its devices count as last known, none is started",
                    "check the site's link and gateway",
                )
            if status.report is None:
                continue
            if status.in_outage:
                self._outage(site_id, status.report)
            # A report that was long on its way looks like one from a slow clock.
            if not -late_s < status.skew_s < SKEW_LIMIT_S:
                self._board.raise_alarm(
                    f"skew:{site_id}",
                    Severity.WARNING,
                    site_id,
                    f"the site's clock is {status.skew_s:+.1f} s off; it will refuse commands",
                    "check the site's time service",
                )
            for alarm in status.report.alarms:
                if alarm == LOCAL_DUTY and status.in_outage:
                    continue
                words = words_of(alarm, "see the site")
                severity = Severity.CRITICAL if alarm == NO_BACKUP else Severity.WARNING
                self._board.raise_alarm(
                    f"site:{site_id}:{alarm}", severity, site_id, words.text, words.advice
                )
        for site_id in self._state.commands.unanswered_sites:
            self._board.raise_alarm(
                f"unanswered:{site_id}",
                Severity.WARNING,
                site_id,
                "commands go unanswered; setpoints lapse to the safe state",
                "check the site's link and gateway",
            )

    def _outage(self, site_id: str, report: SiteReport) -> None:
        """A site without its utility; critical when nothing carries its load any more."""
        failed = any(alarm.partition(":")[0] in BACKUP_LOST for alarm in report.alarms)
        dark = report.supply is Supply.DEAD and failed
        self._board.raise_alarm(
            f"outage:{site_id}",
            Severity.CRITICAL if dark else Severity.WARNING,
            site_id,
            ("utility back, the site returns to it soon" if report.utility_ok else "utility outage")
            + f"; the site's load is {SUPPLIED[report.supply]}",
            "send a mobile set" if dark else "the site serves itself first; check its fuel",
        )

    def _areas(self, snapshot: Snapshot, decisions: Mapping[str, AreaDecision]) -> None:
        # Meters are asked for a while before their silence means anything.
        session = self._state.session
        heard_ms = snapshot.now_ms - session.since_ms
        listening = heard_ms < self._config.stale_s * MS_PER_S
        for area_id, decision in decisions.items():
            if decision.shortfall_kw > 0.5:
                self._board.raise_alarm(
                    f"shortfall:{area_id}",
                    Severity.CRITICAL,
                    area_id,
                    f"short of {decision.shortfall_kw:.0f} kW: {shortfall_cause(decision)}",
                    "add capacity, lift a hold, or shed load by hand",
                )
            elif decision.commitment.reserve_deficit_kw > 0.5:
                self._board.raise_alarm(
                    f"reserve:{area_id}",
                    Severity.WARNING,
                    area_id,
                    f"{decision.commitment.reserve_deficit_kw:.0f} kW short of covering the loss "
                    f"of {decision.commitment.largest or 'the largest infeed'}",
                    "free a held set, or accept the risk",
                )
            if (
                not (listening or decision.status.grid_fresh)
                and self._fleet.area_by_id[area_id].connection
            ):
                self._board.raise_alarm(
                    f"grid:{area_id}",
                    Severity.WARNING,
                    area_id,
                    "no word of the area's connection; import is estimated",
                    "check the feed of the utility's meter",
                )
        for user_id, estimate_kw in () if listening else snapshot.silent.items():
            self._board.raise_alarm(
                f"meter:{user_id}",
                Severity.NOTE,
                user_id,
                f"meter silent; {estimate_kw:.1f} kW estimated in its place",
                "check the meter",
            )

    def _devices(self, snapshot: Snapshot) -> None:
        failures, stopped = self._state.commitment.failures, self._state.operator.stopped
        for device_id, failure in failures.items():
            reading = snapshot.readings.get(device_id)
            advice = "look at it at the site, then reset"
            if reading is not None and reading.alarms:
                advice = words_of(reading.alarms[0], advice).advice
            self._board.raise_alarm(
                f"failure:{device_id}", Severity.WARNING, device_id, failure.cause, advice
            )
        for device_id, deaf in self._state.commitment.deaf.items():
            self._board.raise_alarm(
                f"deaf:{device_id}",
                Severity.WARNING,
                device_id,
                f"does not follow its setpoint: {deaf.cause}",
                "counted at what it is measured to give; check its controller",
            )
        for device_id, actor in stopped.items():
            self._board.raise_alarm(
                f"stop:{device_id}",
                Severity.CRITICAL,
                device_id,
                f"emergency stop latched by {actor}",
                "reset as admin when it is safe",
            )
        for device_id, reading in snapshot.readings.items():
            if reading.mode is not SwitchMode.AUTO and reading.mode is not SwitchMode.UNKNOWN:
                self._board.raise_alarm(
                    f"mode:{device_id}",
                    Severity.WARNING,
                    device_id,
                    f"mode switch is in {reading.mode.value}, not in auto",
                    "turn the switch to auto at the site",
                )
            failed = failures.get(device_id)
            for alarm in reading.alarms:
                words = words_of(alarm, "see the device")
                # Told already: by what the failure is called, or by the stop that is latched.
                if (failed is not None and words.text in failed.cause) or (
                    alarm == STOPPED and device_id in stopped
                ):
                    continue
                self._board.raise_alarm(
                    f"device:{device_id}:{alarm}",
                    Severity.WARNING,
                    device_id,
                    words.text,
                    words.advice,
                )

    def _fuel(self, now_ms: int) -> None:
        """Fuel that is missing from a tank, and orders that are due.

        Without deliveries that the file tells of, time alone makes neither: a tank that wanted
        nothing is not looked at again until something else is known of it.
        """
        book = self._state.fuel
        calm = self._calm
        for device_id, tank in book.tanks.items():
            known = (tank.at_ms, tank.level)
            if calm.get(device_id) == known:
                continue
            device = self._fleet.device_by_id.get(device_id)
            if not isinstance(device, Generator):
                continue
            if (loss := book.loss(device)) is not None:
                text, advice = loss_text(loss, device)
                self._board.raise_alarm(
                    f"fuel-lost:{device_id}", Severity.WARNING, device_id, text, advice
                )
            site = self._fleet.site_by_id[device.site]
            if (order := book.order(device, site, now_ms)) is not None:
                text, advice = order_text(order, device, site, now_ms)
                self._board.raise_alarm(
                    f"fuel-order:{device_id}", Severity.NOTE, device_id, text, advice
                )
            if loss is None and order is None and not device.operation.deliveries:
                calm[device_id] = known

    def _plan(self, snapshot: Snapshot, planner: Planner) -> None:
        age_s = planner.age_s(snapshot.now_ms)
        if age_s > 2.0 * self._config.plan_every_s and (
            snapshot.now_ms - self._state.session.since_ms
            > 2 * self._config.plan_every_s * MS_PER_S
        ):
            self._board.raise_alarm(
                "plan-old",
                Severity.WARNING,
                "planner",
                f"the plan is {age_s / 60.0:.0f} min old; real-time commitment covers",
                "look at the planner's log",
            )
        counters = self._state.counters
        if snapshot.now_ms - counters.malformed_at_ms < MALFORMED_S * MS_PER_S:
            self._board.raise_alarm(
                # One id for all topics: a topic is no id, and a person must be able to answer.
                "malformed",
                Severity.WARNING,
                counters.malformed_topic,
                f"payload refused: {counters.malformed_reason}",
                "check who publishes there",
            )
