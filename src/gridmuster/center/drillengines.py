"""Engines that a program of exercises reaches, as they stand now, and what energy is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gridmuster.center.candidates import Known, lead_s
from gridmuster.center.planmemory import PlanMemory
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.economics import CostLine
from gridmuster.fleet.model import Area, Fleet, Site
from gridmuster.fleet.programs import Exercising
from gridmuster.programs.drills import Drills, Engine, looks
from gridmuster.programs.placing import Worth
from gridmuster.safety.herding import stagger_s
from gridmuster.signals import Price
from gridmuster.units import KWH_PER_MWH, MS_PER_HOUR, MS_PER_S, SECONDS_PER_HOUR, Fuel

#: Width of the spread of first runs, in parts of the period.
_WHOLE: Final = 1.0


class EngineBook:
    """Tells of the engines of exercise programs.

    Args:
        fleet: the fleet.
        costs: of runs, by generator.
        planning: knows what the plan in force takes energy to be worth.
    """

    def __init__(self, fleet: Fleet, costs: Mapping[str, CostLine], planning: PlanMemory) -> None:
        self._fleet, self._costs, self._planning = fleet, costs, planning
        self._of: dict[str, list[tuple[Generator, Site]]] = {}
        for area in fleet.areas:
            spoken: set[str] = set()
            for program in area.programs.exercise:
                found = [pair for pair in self._reached(area, program) if pair[0].id not in spoken]
                self._of[program.id] = found
                spoken.update(device.id for device, _ in found)

    def _reached(self, area: Area, program: Exercising) -> list[tuple[Generator, Site]]:
        return [
            (device, site)
            for site in self._fleet.sites_of_area[area.id]
            if program.reaches(site.feeder, site.tags)
            for device in self._fleet.devices_of_site[site.id]
            if isinstance(device, Generator) and device.exercise is not None
        ]

    def engines(self, program: Exercising, drills: Drills, known: Known) -> list[Engine] | None:
        """Engines to look at now; None when this is not the time.

        An engine that the center never heard, or that runs in any case, is not among them.

        Args:
            program: the program.
            drills: what is remembered of it.
            known: what the cycle knows.
        """
        if not looks(drills, known.now_ms):
            return None
        found = []
        for device, site in self._of[program.id]:
            runs = known.ledger.exercised.get(device.id)
            if runs is None or device.must_run or drills.later.get(device.id, 0) > known.now_ms:
                continue
            schedule = device.exercise
            assert schedule is not None
            most_kw = self._most_kw(device, site, known)
            power_kw = max(min(schedule.load_share * device.rated_kw, most_kw), 1.0)
            lost = self._costs[device.id].average_usd_per_kwh(
                power_kw, schedule.minutes * 60.0 / SECONDS_PER_HOUR
            )
            found.append(
                Engine(
                    device.id,
                    site.id,
                    site.time_zone,
                    schedule,
                    runs,
                    device.rated_kw,
                    most_kw,
                    site.transfer.engine_may_export,
                    int(lead_s(device) * MS_PER_S),
                    int(device.cooldown_s * MS_PER_S),
                    lost,
                    device.fuel is Fuel.DIESEL,
                    stagger_s(device.id, _WHOLE, "first exercise"),
                )
            )
        return found

    @staticmethod
    def _most_kw(device: Generator, site: Site, known: Known) -> float:
        status = known.snapshot.sites[site.id]
        load_kw = site.backup_load_kw
        if status.report is not None and status.report.backup_load_kw is not None:
            load_kw = status.report.backup_load_kw
        if site.transfer.engine_may_export:
            load_kw += site.transfer.export_limit_kw
        return min(device.rated_kw, load_kw)

    def worth(self, area_id: str, price: Price | None) -> Worth | None:
        """What energy is worth in an area: as the plan in force has it, else as published.

        Args:
            area_id: the area.
            price: the last one heard there.
        """
        plan = self._planning.solution
        if plan is not None and area_id in plan.price_usd_per_kwh:
            values = plan.price_usd_per_kwh[area_id]
            return Worth(plan.start_ms, plan.step_s * MS_PER_S, tuple(values))
        if price is None or not price.ahead_usd_per_mwh:
            return None
        hour_ms = price.start_ms // MS_PER_HOUR * MS_PER_HOUR
        hours = (price.price_usd_per_mwh, *price.ahead_usd_per_mwh)
        return Worth(hour_ms, MS_PER_HOUR, tuple(usd / KWH_PER_MWH for usd in hours))
