"""All books of a period, opened by a journal's heads and fed with its cycles."""

from __future__ import annotations

from itertools import chain

from gridmuster.report.commands import OrderBook
from gridmuster.report.connection import LinkBook
from gridmuster.report.decisions import DecisionBook
from gridmuster.report.demand import DemandBook, Shortages
from gridmuster.report.machines import MachineBook
from gridmuster.report.reordering import Straightener
from gridmuster.report.source import Cycle, Session
from gridmuster.signals import DemandReport, SiteReport


class Books:
    """All books of a period, and the period itself.

    ``spans_ms`` adds up the times between heads that turned time back and the last cycle after.
    """

    def __init__(self) -> None:
        self.shortages = Shortages()
        self.machines = MachineBook()
        self.demand = DemandBook(self.shortages)
        self.links = LinkBook(self.shortages)
        self.orders = OrderBook()
        self.decisions = DecisionBook(self.shortages)
        self._reports: Straightener[SiteReport] = Straightener()
        self._meters: Straightener[DemandReport] = Straightener()
        self.fleet_id = ""
        self.currency = ""
        self.software: list[str] = []
        self.unserved_cost: dict[str, float] = {}
        self.loss_fraction: dict[str, float] = {}
        self.heads = 0
        self.first_ms = 0
        self.now_ms = 0
        self.spans_ms = 0
        self._span_began_ms = 0
        self._open = False

    def session(self, session: Session) -> None:
        """Take a head."""
        fleet = session.fleet
        self.heads += 1
        if session.restarts:
            self.close()
            self.first_ms = session.now_ms if self.heads == 1 else self.first_ms
            self._span_began_ms = self.now_ms = session.now_ms
            self._open = True
        if session.head.software not in self.software:
            self.software.append(session.head.software)
        self.fleet_id, self.currency = fleet.id, fleet.currency
        for area in fleet.areas:
            self.unserved_cost[area.id] = area.unserved_cost_usd_per_kwh
            self.loss_fraction[area.id] = area.loss_fraction
        hold_ms = session.head.config.hold_ms
        self._reports.hold_ms = self._meters.hold_ms = self.decisions.hold_ms = hold_ms
        self.machines.session(fleet, session.now_ms, session.restarts)
        self.demand.hold_ms = hold_ms
        self.demand.session(fleet, session.now_ms, session.restarts)
        self.links.session(fleet, session.now_ms, session.restarts)
        self.decisions.session(fleet, session.restarts)

    def cycle(self, cycle: Cycle) -> None:
        """Take a cycle: what arrived, then what was decided, then what was commanded."""
        self.now_ms = cycle.now_ms
        for price in cycle.prices:
            self.links.price(price)
        for at_ms, signal in cycle.grids:
            self.links.signal(at_ms, signal)
            self.demand.area_power(signal.area, at_ms, signal.energised)
        self._hear(cycle)
        for ack in cycle.acks:
            self.orders.ack(ack)
        self.orders.run_out(cycle.now_ms)
        self.decisions.take(cycle)
        for command in cycle.commands:
            self.orders.command(command)
            self.machines.command(command)

    def _hear(self, cycle: Cycle) -> None:
        """Take what sites said, in the order it happened."""
        now_ms = cycle.now_ms
        for at_ms, report in chain(cycle.late_reports, cycle.reports):
            key = (report.at_ms, report.sequence)
            if self._reports.take(now_ms, report.site, key, at_ms, report):
                self._report(at_ms, report)
        for at_ms, reading in chain(cycle.late_demands, cycle.demands):
            key = (reading.at_ms, reading.sequence)
            if self._meters.take(now_ms, reading.site, key, at_ms, reading):
                self.demand.demand(at_ms, reading)
        self._pass_on(now_ms)
        self.demand.settle(now_ms)

    def _pass_on(self, now_ms: int | None) -> None:
        for at_ms, report in self._reports.due(now_ms):
            self._report(at_ms, report)
        for at_ms, reading in self._meters.due(now_ms):
            self.demand.demand(at_ms, reading)

    def _report(self, at_ms: int, report: SiteReport) -> None:
        self.machines.report(at_ms, report)
        self.demand.report(at_ms, report)

    def close(self) -> None:
        """End the period at the last cycle; harmless when it is not open."""
        if not self._open:
            return
        self._open = False
        self._pass_on(None)
        self._reports.clear()
        self._meters.clear()
        self.spans_ms += self.now_ms - self._span_began_ms
        self.machines.end(self.now_ms)
        self.demand.end(self.now_ms)
        self.links.end(self.now_ms)
        self.shortages.close()
