"""What every program asks for, in one shape, and how requests at one time become one.

The rule of the merge, at any instant:

1. Requests are taken by priority, the highest first; of equal ones by rank, then by which began
   first, then by key.
2. Power that a request before it gives within its own reach counts for it; it is granted only
   what is left. Power of a narrower reach counts for a wider one (a feeder's for its area), not
   the other way round.

So overlapping requests of one area are never added up: together they are granted the largest of
them, and the highest priority gives its legal basis to as much as it asks for. Runs that are
wanted for their own sake (exercise) stand apart and take nothing from others.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from gridmuster.signals import Purpose
from gridmuster.starts import LocalNeed

#: Priority of what a person activated: before every program's.
PERSON_PRIORITY = 100
#: Less than this is not asked for, kW.
LEAST_KW = 0.5


class Request(Struct, frozen=True):
    """An activation that a program asks for.

    Args:
        key: stable as long as it is the same request.
        program: id of the program.
        area: id of the area.
        power_kw: power to be there, kW.
        from_ms: when it begins, ms.
        until_ms: when it ends, ms; may be put off later.
        priority: the highest comes first.
        purpose: legal basis of its starts.
        reason: why, in words.
        rank: order among requests of equal priority, the smallest first.
        local_need: the conditions of an emergency alert that are on record; None: they are not.
        feeder: only sites on this feeder; empty: all.
        tag: only sites with this tag; empty: all.
        sites: only these sites; empty: all.
        probability: how sure the power must be, 0 to 1.
        light_load: whether sets may run below their least load.
        apart: wanted for the run's own sake; neither counts for others nor others for it.
        device: only this device; empty: all.
    """

    key: str
    program: str
    area: str
    power_kw: float
    from_ms: int
    until_ms: int
    priority: int
    purpose: Purpose
    reason: str
    rank: int = 0
    local_need: LocalNeed | None = None
    feeder: str = ""
    tag: str = ""
    sites: tuple[str, ...] = ()
    probability: float = 0.95
    light_load: bool = True
    apart: bool = False
    device: str = ""


class Grant(Struct, frozen=True):
    """What is left of a request, kW, and the keys of those that give the rest."""

    request: Request
    power_kw: float
    covered_by: tuple[str, ...] = ()


def order_of(request: Request) -> tuple[int, int, int, str]:
    """Sort key of the merge; the smallest is taken first."""
    return (-request.priority, request.rank, request.from_ms, request.key)


def counts_for(given: Request, wanted: Request) -> bool:
    """Whether power given within one request's reach is also within another's.

    Args:
        given: whose power it is.
        wanted: whose reach is asked about.
    """
    if given.apart or wanted.apart or given.area != wanted.area:
        return False
    return (
        wanted.feeder in ("", given.feeder)
        and wanted.tag in ("", given.tag)
        and (not wanted.sites or (bool(given.sites) and set(given.sites) <= set(wanted.sites)))
    )


def merge(requests: Sequence[Request], at_ms: int) -> list[Grant]:
    """What each request is granted at an instant.

    Args:
        requests: any number, of any areas; those whose window does not hold the instant are
            left out.
        at_ms: the instant, ms.

    Returns:
        A grant for each request in force, in the order in which they were taken.
    """
    grants: list[Grant] = []
    for request in sorted(requests, key=order_of):
        if not request.from_ms <= at_ms < request.until_ms:
            continue
        before = [one for one in grants if one.power_kw > 0.0 and counts_for(one.request, request)]
        left_kw = request.power_kw - sum(one.power_kw for one in before)
        granted_kw = left_kw if left_kw >= LEAST_KW else 0.0
        grants.append(Grant(request, granted_kw, tuple(one.request.key for one in before)))
    return grants


def ahead(requests: Sequence[Request], now_ms: int, lead_ms: int) -> list[Grant]:
    """What each request is granted now or, when it begins within the lead, at its begin.

    Args:
        requests: any number, of any areas.
        now_ms: now, ms.
        lead_ms: how long before its begin a request is looked at, ms.

    Returns:
        A grant for each request in force or about to be, the highest first.
    """
    soon = [r for r in requests if r.from_ms - lead_ms <= now_ms < r.until_ms]
    at = {max(r.from_ms, now_ms) for r in soon}
    merged = {at_ms: {g.request.key: g for g in merge(soon, at_ms)} for at_ms in at}
    return [merged[max(r.from_ms, now_ms)][r.key] for r in sorted(soon, key=order_of)]
