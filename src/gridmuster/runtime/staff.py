"""The operator's people in a simulated year: they ask for exercises and order fuel.

They know what the center shows and act only through requests and orders, like people.
"""

from __future__ import annotations

from typing import Final

from gridmuster.center.core import Core
from gridmuster.clock import local
from gridmuster.fleet.curves import fuel_per_h
from gridmuster.fleet.devices import Exercise, Generator
from gridmuster.fleet.model import Fleet, Site
from gridmuster.programs.exercise import due_ms
from gridmuster.programs.refuel import advise
from gridmuster.safety.fuel import fuel_floor
from gridmuster.safety.herding import stagger_s
from gridmuster.signals import (
    Action,
    Activation,
    Frame,
    OperatorRequest,
    Purpose,
    Scope,
    encode,
)
from gridmuster.simulator.people import People
from gridmuster.topics import Topics
from gridmuster.units import MS_PER_HOUR, MS_PER_S

#: An exercise is asked for from this long before it is due, ms: time for two more tries.
EARLY_MS: Final = 4 * 24 * MS_PER_HOUR
#: Exercises begin in these local hours, on any day: outside curfews (22:00 to 07:00).
BEGIN_HOURS: Final = (9, 18)
#: A window is longer than the exercise by this, s: start, ramp, and readings a minute apart.
SLACK_S: Final = 300
#: Two exercises begin this far apart, s, so that a day's sets do not start as a herd.
APART_S: Final = 8
#: Power asked of a set that may send out, over the least that counts; others carry their site.
POWER_SHARE: Final = 1.15
#: Routine hours that may come before a lorry: an exercise with its cool-down, and a called run, h.
ROUTINE_H: Final = 4.0
#: A first exercise is spread over this many days, so that the fleet's months do not coincide.
FIRST_DAYS: Final = 25


class Staff:
    """Keeps the calendar of exercises and the tanks.

    Args:
        fleet: the fleet.
        people: who come to the sites.
        start_ms: the run's first instant, ms.
    """

    def __init__(self, fleet: Fleet, people: People, start_ms: int) -> None:
        self._fleet = fleet
        self._people = people
        self._start_ms = start_ms
        self._topic = Topics(fleet.id).operator
        self._sets = [
            (device, fleet.site_by_id[device.site])
            for device in fleet.devices
            if isinstance(device, Generator)
        ]
        self._day = -1
        self._number = 0

    def look(self, now_ms: int, core: Core) -> list[Frame]:
        """What they ask for now; once an hour they look at the tanks, once a day at the calendar.

        Args:
            now_ms: now, ms.
            core: whose picture they see.
        """
        if now_ms % MS_PER_HOUR:
            return []
        self._tanks(now_ms, core)
        return self._exercises(now_ms, core)

    def _tanks(self, now_ms: int, core: Core) -> None:
        readings = core.state.plant.readings
        for device, site in self._sets:
            reading = readings.get(device.id)
            if device.tank is None or reading is None or reading.fuel_level is None:
                continue
            rate = fuel_per_h(device.fuel_curve, device.rated_kw, device.rated_kw)
            floor = fuel_floor(site, device)
            if advise(reading.fuel_level, floor, device.tank.capacity, rate, ROUTINE_H):
                self._people.order_fuel(device.id, now_ms)

    def _exercises(self, now_ms: int, core: Core) -> list[Frame]:
        zone = self._fleet.sites[0].time_zone
        moment = local(now_ms, zone)
        if moment.hour != BEGIN_HOURS[0] - 1 or moment.toordinal() == self._day:
            return []
        self._day = moment.toordinal()
        due = [
            (device, site)
            for device, site in self._sets
            if device.exercise is not None and self._wanted(device, site, now_ms, core)
        ]
        begin_ms = now_ms + self._best_hour(core) * MS_PER_HOUR
        return [
            self._ask(device, site, begin_ms + k * APART_S * MS_PER_S, now_ms)
            for k, (device, site) in enumerate(due)
        ]

    def _wanted(self, device: Generator, site: Site, now_ms: int, core: Core) -> bool:
        exercise = device.exercise
        if exercise is None:
            return False
        known = core.state.ledger.exercised.get(device.id)
        if known is None or known.done_ms < 0:
            first_s = stagger_s(device.id, FIRST_DAYS * 86_400.0, "first exercise")
            return now_ms >= self._start_ms + int(first_s * MS_PER_S)
        return now_ms >= due_ms(exercise, known.done_ms, site.time_zone) - EARLY_MS

    def _best_hour(self, core: Core) -> int:
        """Hours from now to the dearest hour of the day that is published."""
        first = 1
        last = BEGIN_HOURS[1] - BEGIN_HOURS[0]
        area = core.state.plant.areas.get(self._fleet.areas[0].id)
        price = None if area is None else area.price
        if price is None or len(price.ahead_usd_per_mwh) < last:
            return first
        ahead = price.ahead_usd_per_mwh
        return max(range(first, last + 1), key=lambda hour: (ahead[hour - 1], -hour))

    def _ask(self, device: Generator, site: Site, from_ms: int, now_ms: int) -> Frame:
        exercise = device.exercise
        assert isinstance(exercise, Exercise)
        self._number += 1
        power_kw = device.rated_kw * exercise.load_share * POWER_SHARE
        if not site.transfer.engine_may_export:
            power_kw = min(site.backup_load_kw, device.rated_kw)
        until_ms = from_ms + int(exercise.minutes * 60 + SLACK_S) * MS_PER_S
        request = OperatorRequest(
            id=f"exercise-{self._number}",
            actor="maintenance",
            role="operator",
            action=Action.ACTIVATE,
            scope=Scope.SITE,
            target=site.id,
            at_ms=now_ms,
            reason="monthly exercise",
            activation=Activation(power_kw, from_ms, until_ms, Purpose.EXERCISE, 0.5),
        )
        return Frame(self._topic, encode(request), now_ms)
