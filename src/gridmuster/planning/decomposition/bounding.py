"""The search for the prices that prove most: ask, learn, ask again, inside a box that shrinks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gridmuster.errors import PlanningError
from gridmuster.planning.decomposition.fleet import System
from gridmuster.planning.decomposition.master import Master, Mixed
from gridmuster.planning.decomposition.pricing import Answers, Ordered
from gridmuster.planning.decomposition.system import Prices, clipped, system_bound
from gridmuster.planning.linear import Floats, Ints

#: Largest relative error of a sum of float64 terms allowed for in the bound. A device's value is a
#: sum of at most a few hundred terms, each a few roundings of 2^-53 off, and sums over devices are
#: blocked: (terms + roundings + blocks) * 2^-53 stays below this for any horizon of up to 10,000
#: intervals (Higham, "Accuracy and stability of numerical algorithms", 2nd ed., section 4.2).
ROUNDING = 2.0**-38
#: Relative difference at which two ways of adding up one plan's cost count as agreeing.
AGREED = 1e-9
#: First half-width of the box as a share of the mean price, and how it shrinks.
FIRST_WIDTH = 0.4
SHRINK, GROW = 0.7, 1.3
#: How much the box grows when it alone keeps the mix from being cheap.
OPEN = 3.0
#: A step counts as good when it brings this share of what the master promised.
GOOD = 0.3


@dataclass(frozen=True, slots=True)
class Asked:
    """One price vector, and the groups' answers to it."""

    prices: Prices
    answers: Answers


@dataclass(frozen=True, slots=True)
class Known:
    """Answers of groups from ``first_group`` on; from 0 on they are everybody's, and a bound."""

    asked: Sequence[Asked]
    first_group: int = 0


@dataclass(frozen=True, slots=True)
class Raised:
    """What the search found: the best bound and its prices, all that was asked, the last mix."""

    bound_usd: float
    best: Prices
    asked: list[Asked]
    mixed: Mixed
    width: float


@dataclass(frozen=True, slots=True)
class Search:
    """How long to search.

    ``tolerance`` is the share of the bound by which the model may still promise more; ``width`` is
    the box's first half-width, USD/kWh (None: from the prices). With
    ``balanced`` the last mix is made without the box, so that it covers the rows by itself.
    """

    tolerance: float
    passes: int
    width: float | None = None
    balanced: bool = False


class Asks(Protocol):
    """Whatever answers price vectors group by group."""

    order: Ordered

    def at(self, energy: Floats, reserve: Floats) -> Answers:
        """Everybody's answer; see `Pricer.at`."""
        ...


def fleet_bound(pricer: Asks, system: System, prices: Prices) -> tuple[float, Answers]:
    """A lower bound on the cost of any plan, USD, and the answers behind it.

    Weak duality: at any prices, the least of cost less earnings of every device and of the system
    adds up to no more than any plan costs. What rounding could add is taken off.
    """
    answers = pricer.at(prices.energy, prices.reserve)
    return bound_of(answers, system, prices, pricer.order.fleet.step_h), answers


def bound_of(answers: Answers, system: System, prices: Prices, step_h: float) -> float:
    """The bound behind every device's answers to prices, USD; see `fleet_bound`.

    Answers are the devices' own: they hold whatever the system asks of them.
    """
    rest, size = system_bound(system, prices, step_h)
    total = float(answers.bound_usd.sum()) + rest
    return total - ROUNDING * (answers.magnitude_usd + size)


def proven(bound_usd: float, cost_usd: float) -> float:
    """A bound beside the cost of a plan; they meet where only rounding parts them.

    Args:
        bound_usd: what no plan should cost less than.
        cost_usd: what a plan was found to cost.

    Raises:
        PlanningError: when the plan disproves the bound.
    """
    if bound_usd - cost_usd > AGREED * max(abs(cost_usd), 1.0):
        raise PlanningError(
            f"decomposition: its bound of {bound_usd:.6f} USD is above the {cost_usd:.6f} USD of "
            "its own plan, so that neither can be trusted; plan with method milp and report this"
        )
    return min(bound_usd, cost_usd)


def raise_bound(
    pricer: Asks,
    first: Prices,
    search: Search,
    left_s: Callable[[], float],
    known: Known | None = None,
) -> Raised:
    """Look for the prices of the greatest bound.

    Args:
        pricer: asks the fleet (or a sample of it).
        first: prices to begin with.
        search: how long.
        left_s: seconds left.
        known: what has been answered already; not asked again.
    """
    fleet = pricer.order.fleet
    system = fleet.system
    master = Master(system, fleet.step_h, pricer.order.groups)
    asked = [] if known is None else list(known.asked)
    for one in asked:
        master.learn(one.answers, 0 if known is None else known.first_group)
    if known is not None and known.first_group == 0:
        bounds = [bound_of(one.answers, system, one.prices, fleet.step_h) for one in asked]
        bound, best = max(bounds), asked[int(np.argmax(bounds))].prices
    else:
        best = clipped(system, first)
        bound, answers = fleet_bound(pricer, system, best)
        master.learn(answers)
        asked.append(Asked(best, answers))
    level = float(np.abs(best.energy).mean())
    width = max(FIRST_WIDTH * level, 1e-4) if search.width is None else search.width
    most = search.passes + (0 if known is None else len(known.asked))
    while len(asked) < most and left_s() > 0.0:
        master.box(best, width, width)
        mixed = master.solve(left_s())
        if mixed is None:
            break
        promised = mixed.model_usd - bound
        if promised <= search.tolerance * abs(bound):
            if not search.balanced:
                break
            master.box(None, width, width)
            balanced = master.solve(left_s())
            if balanced is None:
                break
            promised = balanced.model_usd - bound
            if promised <= search.tolerance * abs(bound):
                break
            width *= OPEN
            mixed = balanced
        prices = within(clipped(system, mixed.prices), best, width)
        value, answers = fleet_bound(pricer, system, prices)
        master.learn(answers)
        asked.append(Asked(prices, answers))
        if value > bound:
            width *= GROW if value - bound > GOOD * promised else 1.0
            bound, best = value, prices
        else:
            width *= SHRINK
    master.box(None if search.balanced else best, width, width)
    mixed = master.solve(max(left_s(), 1.0))
    return Raised(bound, best, asked, mixed or _alone(asked, best), width)


def within(prices: Prices, center: Prices, width: float) -> Prices:
    """The nearest prices inside a box."""
    return Prices(
        np.clip(prices.energy, center.energy - width, center.energy + width),
        np.clip(prices.reserve, center.reserve - width, center.reserve + width),
    )


def _alone(asked: list[Asked], best: Prices) -> Mixed:
    """The answers to the best prices alone, for when the master gave no mix."""
    number = next(k for k, one in enumerate(asked) if one.prices is best)
    answers = asked[number].answers
    weight = np.zeros((len(answers.cost_usd), len(asked)))
    weight[:, number] = 1.0
    power, headroom = answers.power_kw.sum(axis=0), answers.headroom_kw.sum(axis=0)
    return Mixed(best, float("inf"), weight, power, headroom)


def first_prices(system: System) -> Prices:
    """Prices to begin with when nothing is known: those of the connection, no price on reserve."""
    return clipped(system, Prices(system.import_usd.copy(), np.zeros(system.count)))


def table(asked: list[Prices]) -> Floats:
    """Price vectors as the kernels read them: (price vectors, 2, intervals)."""
    return np.stack([np.stack([one.energy, one.reserve]) for one in asked])


def active_vectors(raised: Raised, most: int) -> Ints:
    """Numbers of the price vectors that carry weight, then the last ones asked, up to ``most``."""
    weight = raised.mixed.weight.sum(axis=0)
    carrying = np.flatnonzero(weight > 0.0)
    order = carrying[np.argsort(-weight[carrying], kind="stable")][:most]
    taken = set(order.tolist())
    later = [k for k in range(len(weight) - 1, -1, -1) if k not in taken]
    return np.sort(np.concatenate([order, later[: most - len(order)]]).astype(np.int64))
