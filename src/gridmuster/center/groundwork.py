"""What a core makes of its fleet alone, so that it can be made before the core is wanted.

A fleet of thousands of sites takes a while to lay out. When it replaces another under way, that
is done beside the cycles; the change itself only hands the memory over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gridmuster.center.config import CenterConfig
from gridmuster.center.contexts import ContextMaker
from gridmuster.center.inbox import Router
from gridmuster.center.sources import SourceBook
from gridmuster.clock import IntervalGrid, floor_to
from gridmuster.fleet.model import EndUser, Fleet
from gridmuster.forecast.similar_day import LEVELS, Base, DemandForecast, DemandMemory


@dataclass(frozen=True, slots=True)
class Groundwork:
    """The parts of a core that rest on its fleet and settings and remember nothing.

    Args:
        fleet: the fleet.
        config: the settings.
        router: knows the fleet's topics.
        contexts: knows its devices' limits.
        sources: knows their costs.
        made: what is forecast of end-users of whom nothing is known yet, by id.
    """

    fleet: Fleet
    config: CenterConfig
    router: Router
    contexts: ContextMaker
    sources: SourceBook
    made: Mapping[str, Base] = field(default_factory=dict)


def lay(fleet: Fleet, config: CenterConfig) -> Groundwork:
    """Make the groundwork of a core.

    Args:
        fleet: the fleet.
        config: the settings.
    """
    return Groundwork(fleet, config, Router(fleet), ContextMaker(fleet, config), SourceBook(fleet))


def first_days(
    fleet: Fleet, users: list[EndUser], config: CenterConfig, now_ms: int
) -> Mapping[str, Base]:
    """What is made of the coming day of end-users that nobody has measured yet.

    Args:
        fleet: the fleet they are in.
        users: who joins.
        config: step and count of a plan.
        now_ms: plant time, ms.

    Returns:
        By id what a forecast would make when first asked.
    """
    forecast = DemandForecast(DemandMemory())
    step_s = config.plan_step_s
    grid = IntervalGrid(floor_to(now_ms, step_s), step_s, config.plan_count)
    for user in users:
        zone = fleet.site_by_id[user.site].time_zone
        forecast.declare(user.id, zone, user.peak_kw, user.load_class)
        for levels in (LEVELS, (0.5,)):
            forecast.quantiles(user.id, grid, levels)
    return forecast.made
