"""Plan a fleet: bound, choice, dispatch, until the gap or the time is reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gridmuster.clock import stopwatch_s
from gridmuster.planning.decomposition.bounding import (
    Asked,
    Known,
    Raised,
    Search,
    active_vectors,
    first_prices,
    proven,
    raise_bound,
)
from gridmuster.planning.decomposition.choosing import Chooser
from gridmuster.planning.decomposition.dispatching import Dispatcher
from gridmuster.planning.decomposition.fleet import Flags, Fleet, same
from gridmuster.planning.decomposition.plan import FleetPlan, as_given
from gridmuster.planning.decomposition.polish import Effort, Rest, rechosen, stores_answers
from gridmuster.planning.decomposition.pricing import Ordered, Pricer, Workers, ordered, sampled
from gridmuster.planning.decomposition.system import Prices

#: Groups of engines and of stores.
ENGINE_GROUPS, STORE_GROUPS = 10, 15
#: Fleets larger than twice this get their first prices from a sample of it.
SAMPLE = 6000
#: Most passes over a small fleet, and over a large one, whose prices a sample has found.
PASSES, LARGE_PASSES = 60, 14
#: First box about prices of an earlier plan, as a share, and about a sample's, in its last boxes.
WARM, WIDER = 0.05, 4.0
#: Answers that a large fleet's mix is made of at least: one for every so many intervals beyond the
#: first ones, as long as this share of the time is left.
FIRST_INTERVALS, EACH_INTERVALS, LEFT = 24, 4, 0.6
#: What mending a kWh off balance costs, as a share of the mean price: what that mix may count on.
MENDING = 0.01
#: Share of the time that is kept for making plans once prices are known.
FOR_PLAN = 0.4
#: Most choices tried.
TRIES, LARGE_TRIES = 3, 3
#: Most small exact models after them; time of one, s, doubled after each that closes less than this
#: share of the gap; how many may do so in a row.
POLISHES, POLISH_S, WORTHWHILE, FAILURES = 12, 4.0, 0.05, 2
#: Share of the gap asked for to which each is solved.
CLOSER = 0.6
#: Step between the offsets of tries: the square of 1 / the golden ratio.
OFFSET = 0.3819660112501051
#: Most price vectors whose answers are kept for the next plan.
KEPT = 40
#: Share of the gap asked for that the rows of a choice may miss.
ENOUGH = 0.1


@dataclass(frozen=True, slots=True)
class FleetLimits:
    """How well and how long: relative gap, wall time, threads."""

    gap: float = 1e-3
    time_limit_s: float = 60.0
    threads: int = 2


@dataclass(frozen=True, slots=True)
class Memory:
    """What a plan leaves to the next one of the same devices.

    Args:
        fleet: the fleet as it was given.
        order: the same in groups.
        asked: price vectors that matter, with all devices' answers.
        marks: the plan's on and off as bits (engines in order, bytes).
    """

    fleet: Fleet
    order: Ordered
    asked: list[Asked]
    marks: Flags

    def fits(self, fleet: Fleet) -> bool:
        """Whether the devices are the same; what the system asks of them may have changed."""
        old, new = self.fleet, fleet
        if (old.count, old.step_h) != (new.count, new.step_h):
            return False
        return same(old.engines, new.engines) and same(old.stores, new.stores)


@dataclass(frozen=True, slots=True)
class FleetAnswer:
    """The best plan found and what is proven: no plan costs less than ``bound_usd``."""

    plan: FleetPlan
    bound_usd: float
    prices: Prices
    seconds: float
    passes: int
    memory: Memory

    @property
    def gap(self) -> float:
        """Share of its cost by which the plan may be above the optimum."""
        above = max(0.0, self.plan.cost_usd - self.bound_usd)
        return above / max(abs(self.plan.cost_usd), 1e-9) if above > 1e-9 else 0.0


def solve_fleet(
    fleet: Fleet,
    limits: FleetLimits,
    first: Prices | None = None,
    previous: FleetAnswer | None = None,
) -> FleetAnswer:
    """Plan a fleet.

    Args:
        fleet: the fleet.
        limits: when to stop.
        first: prices of an earlier plan of about the same fleet.
        previous: an earlier answer. If the devices are the same, what they answered then is not
            asked again and the plan begins with who was on; else its prices are the first ones.
    """
    began_s = stopwatch_s()

    def left_s() -> float:
        return limits.time_limit_s - (stopwatch_s() - began_s)

    def for_bound_s() -> float:
        return left_s() - FOR_PLAN * limits.time_limit_s

    workers = Workers(limits.threads)
    try:
        memory = previous.memory if previous is not None else None
        if memory is not None and not memory.fits(fleet):
            memory = None
        if first is None and previous is not None and len(previous.prices.energy) == fleet.count:
            first = previous.prices
        order = _ordered(fleet, memory)
        pricer, dispatcher = Pricer(order, workers), Dispatcher(order, workers)
        raised = _raised(pricer, workers, limits.gap, first, memory, for_bound_s)
        asked = len(raised.asked) - (0 if memory is None else len(memory.asked))
        chooser = Chooser(pricer, dispatcher, raised, workers)
        best: FleetPlan | None = None
        enough_usd = ENOUGH * limits.gap * abs(raised.bound_usd)
        firsts: list[float | Flags] = [] if memory is None else [memory.marks]
        large = fleet.devices > 2 * SAMPLE
        firsts += [number * OFFSET for number in range(LARGE_TRIES if large else TRIES)]
        for start in firsts:
            choice = chooser.choose(start, enough_usd, left_s)
            plan = dispatcher.plan(choice.on, raised, left_s)
            if best is None or plan.cost_usd < best.cost_usd:
                best = plan
            done = best.cost_usd - raised.bound_usd <= limits.gap * abs(best.cost_usd)
            if done or left_s() <= 0.0:
                break
        assert best is not None
        best = _polished(best, chooser, dispatcher, raised, limits.gap, left_s)
        bound = proven(raised.bound_usd, best.cost_usd)
        kept = [raised.asked[k] for k in active_vectors(raised, KEPT)]
        marks = np.packbits(best.on, axis=1, bitorder="little")
        plan = as_given(best, order)
    finally:
        workers.close()
    seconds = stopwatch_s() - began_s
    return FleetAnswer(plan, bound, raised.best, seconds, asked, Memory(fleet, order, kept, marks))


def _ordered(fleet: Fleet, memory: Memory | None) -> Ordered:
    if memory is None:
        return ordered(fleet, ENGINE_GROUPS, STORE_GROUPS)
    return replace(memory.order, fleet=replace(memory.order.fleet, system=fleet.system))


def _raised(
    pricer: Pricer,
    workers: Workers,
    gap: float,
    first: Prices | None,
    memory: Memory | None,
    left_s: Callable[[], float],
) -> Raised:
    """The bound, from what is known on."""
    fleet = pricer.order.fleet
    prices = first_prices(fleet.system) if first is None else first
    width = None if first is None else WARM * max(float(np.abs(first.energy).mean()), 1e-3)
    large = fleet.devices > 2 * SAMPLE
    small: Raised | None = None
    if first is None and large:
        small = _on_sample(pricer.order, workers, prices, left_s)
        prices, width = small.best, WIDER * small.width
    search = Search(0.05 * gap, LARGE_PASSES if large else PASSES, width)
    known = None if memory is None else Known(memory.asked)
    raised = raise_bound(pricer, prices, search, left_s, known)
    return raised if small is None else _spanned(pricer, raised, small, left_s)


def _spanned(pricer: Pricer, raised: Raised, small: Raised, left_s: Callable[[], float]) -> Raised:
    """A mix of more answers: prices carry over from a sample, but not what each device does."""
    beyond = pricer.order.fleet.count - FIRST_INTERVALS
    lacking = beyond // EACH_INTERVALS - len(raised.asked)
    if lacking <= 0:
        return raised
    asked, enough_s = list(raised.asked), LEFT * left_s()
    for number in active_vectors(small, lacking):
        if left_s() <= enough_s:
            break
        prices = small.asked[number].prices
        asked.append(Asked(prices, pricer.at(prices.energy, prices.reserve)))
    level = float(np.abs(raised.best.energy).mean())
    search = Search(0.0, 0, max(raised.width, MENDING * level))
    return raise_bound(pricer, raised.best, search, left_s, Known(asked))


def _on_sample(order: Ordered, workers: Workers, prices: Prices, left_s: object) -> Raised:
    taken, stands_for = sampled(order, SAMPLE)
    assert callable(left_s)
    return raise_bound(
        Pricer(taken, workers, np.asarray(stands_for)), prices, Search(3e-6, 80), left_s
    )


def _polished(
    best: FleetPlan,
    chooser: Chooser,
    dispatcher: Dispatcher,
    raised: Raised,
    gap: float,
    left_s: Callable[[], float],
) -> FleetPlan:
    """The plan after a few small exact models, each about the best one so far."""
    stores = stores_answers(raised, dispatcher.order)
    failed = 0
    for number in range(POLISHES):
        above = best.cost_usd - raised.bound_usd
        aim = gap * abs(best.cost_usd)
        if above <= aim or left_s() <= 0.0 or failed > FAILURES:
            break
        given = chooser.hesitant(best.on, number, above)
        if given is None:
            break
        rest = Rest(*dispatcher.closed(best, given.rows, raised.best), *stores)
        effort = Effort(CLOSER * aim, min(POLISH_S * 2.0**failed, left_s()))
        found = rechosen(given, rest, raised.best, effort)
        failed += 1
        if found is None:
            continue
        on = best.on.copy()
        on[given.rows] = given.on[found]
        plan = dispatcher.plan(on, raised, left_s)
        if best.cost_usd - plan.cost_usd > WORTHWHILE * above:
            failed = 0
        if plan.cost_usd < best.cost_usd:
            best = plan
    return best
