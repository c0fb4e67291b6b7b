"""The appraiser beside the forecaster: tells the core what energy and starts are worth now.

It has what matters learnt for each kind of store and engine of the fleet, one kind a job, so that
the others are told of in between; and tells at each interval of the market, as soon as its price
was heard. A process of its own keeps lessons from holding up forecasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from msgspec import structs

from gridmuster.clock import local
from gridmuster.dispatch.offers import PRICED_STORE_H
from gridmuster.errors import PlanningError
from gridmuster.fleet.devices import Generator, Store
from gridmuster.fleet.economics import store_hold_h
from gridmuster.fleet.model import Fleet
from gridmuster.planning.worth.appraisal import EngineKind, Kinds
from gridmuster.planning.worth.runterms import RunTerms, run_terms
from gridmuster.planning.worth.storeterms import StoreTerms, store_terms
from gridmuster.planning.worth.told import PriceWorth
from gridmuster.runtime.errands import Errands, RoomProcess
from gridmuster.runtime.hearing import Ear
from gridmuster.runtime.worthroom import WorthJob
from gridmuster.safety.permits import allows, stop_h
from gridmuster.signals import Frame, Purpose, encode
from gridmuster.units import MS_PER_HOUR, MS_PER_S

#: Everything is learnt anew after this, ms: worths change with the seasons, not with the day.
LEARN_EVERY_MS: Final = 7 * 24 * MS_PER_HOUR
#: An interval whose price was not heard is told of so long after its beginning, s.
WAIT_S: Final = 30
#: Plant time after which an answer is taken in lockstep, s: what was told, what was learnt.
TOLD_AFTER_S: Final = 4
LEARNT_AFTER_S: Final = 300
#: Most kinds of stores and of engines that are learnt; those with the most power come first.
MOST_STORES, MOST_ENGINES = 16, 64

WorthProcess = RoomProcess[WorthJob, PriceWorth | None]


def kinds_of(fleet: Fleet, now_ms: int) -> Kinds:
    """The kinds of a fleet's stores and engines that may act on a price.

    Args:
        fleet: the fleet.
        now_ms: plant time, ms; capped hours must do until the end of its year.
    """
    stores: dict[StoreTerms, float] = {}
    engines: dict[tuple[RunTerms, bool], tuple[float, EngineKind]] = {}
    today = local(now_ms, fleet.sites[0].time_zone).date() if fleet.sites else date.min
    days = (date(today.year, 12, 31) - today).days + 1
    for device in fleet.devices:
        try:
            if isinstance(device, Store) and store_hold_h(device) >= PRICED_STORE_H:
                kind = store_terms(device).kind()
                stores[kind] = stores.get(kind, 0.0) + device.rated_kw
            elif isinstance(device, Generator) and may_run(device):
                terms = run_terms(device, fleet.fuel_prices).kind()
                own = EngineKind(terms, stop_h(device.permit), days)
                kw, kept = engines.get(own.key, (0.0, own))
                if own.left_h is not None and kept.left_h is not None:
                    kept = kept if kept.left_h >= own.left_h else own
                engines[own.key] = (kw + device.rated_kw, kept)
        except PlanningError:
            # Nothing to weigh: all its energy is kept, or running costs nothing.
            continue
    by_power = sorted(engines.values(), key=lambda one: -one[0])
    return Kinds(
        tuple(sorted(stores, key=lambda kind: -stores[kind])[:MOST_STORES]),
        tuple(kind for _, kind in by_power[:MOST_ENGINES]),
    )


def may_run(device: Generator) -> bool:
    """Whether an engine may be started for a price at all."""
    return allows(device.permit, Purpose.PRICE) and not device.must_run


class Appraiser:
    """Tells the core of a center what energy and starts are worth.

    Args:
        fleet: the fleet; all its areas with a connection hear the same market.
        process: where the models are.
        step_s: length of an interval of the market, s.
        lockstep: whether answers are taken in at stated plant times.
    """

    def __init__(self, fleet: Fleet, process: WorthProcess, step_s: int, *, lockstep: bool) -> None:
        self._fleet = fleet
        self._ear = Ear(fleet)
        self._errands = Errands("price worth", process, lockstep=lockstep)
        self._step_ms = step_s * MS_PER_S
        self._lessons: list[Kinds] = []
        self._learn_ms = 0
        self._learnt = False
        self._told_ms = -1

    def hear(self, arrived: Sequence[Frame]) -> None:
        """Note the prices in some frames."""
        self._ear.hear(arrived)

    def turn(self, now_ms: int, arrived: Sequence[Frame]) -> list[Frame]:
        """What a cycle hands to its inbox.

        Args:
            now_ms: plant time, ms.
            arrived: what arrived for this cycle; prices are heard.

        Returns:
            Worths, one frame an area, when there are new ones.
        """
        self._ear.hear(arrived)
        frames = self._take(now_ms)
        if not self._errands.busy and self._ear.areas and self._ear.newest is not None:
            self._give(now_ms)
        return frames

    def close(self) -> None:
        """Stop the process."""
        self._errands.close()

    def _give(self, now_ms: int) -> None:
        """Give the process its next job, when one is due: telling comes before learning."""
        if self._errands.begun_anew:
            self._errands.begun_anew = False
            self._ear.again()
            self._lessons, self._learn_ms, self._learnt = [], 0, False
        if now_ms >= self._learn_ms:
            self._learn_ms = now_ms + LEARN_EVERY_MS
            self._lessons = kinds_of(self._fleet, now_ms).singly()
        start_ms = now_ms - now_ms % self._step_ms
        if self._learnt and start_ms > self._told_ms and self._heard_or_waited(now_ms, start_ms):
            self._told_ms = start_ms
            self._ask(WorthJob(now_ms, self._ear.unsent, self._ear.areas[0]), TOLD_AFTER_S)
        elif self._lessons:
            lesson = self._lessons.pop(0)
            self._ask(WorthJob(now_ms, self._ear.unsent, kinds=lesson), LEARNT_AFTER_S)

    def _heard_or_waited(self, now_ms: int, start_ms: int) -> bool:
        newest = self._ear.newest
        heard = newest is not None and newest.start_ms >= start_ms
        return heard or now_ms - start_ms >= WAIT_S * MS_PER_S

    def _ask(self, job: WorthJob, after_s: int) -> None:
        if self._errands.give(job, job.now_ms, after_s):
            self._ear.sent()

    def _take(self, now_ms: int) -> list[Frame]:
        """The answer of the job under way, when it is there."""
        done = self._errands.take(now_ms)
        if done is None or done.failed:
            return []
        if done.job.kinds is not None:
            self._learnt = True
            return []
        told = done.answer
        if told is None or not told.serves(now_ms):
            return []
        topics = self._ear.topics
        return [
            Frame(topics.price_worth(area), encode(structs.replace(told, area=area)), now_ms)
            for area in self._ear.areas
        ]
