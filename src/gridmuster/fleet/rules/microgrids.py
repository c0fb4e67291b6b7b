"""Microgrids of areas: a coupling, formers that can form, steps that can be told apart and shed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gridmuster.errors import Fault
from gridmuster.fleet.book import Book
from gridmuster.fleet.devices import Device, EmergencyGenerator, Engine, Generator, Store
from gridmuster.fleet.microgrid import Microgrid
from gridmuster.fleet.model import Area, EndUser, Site
from gridmuster.fleet.place import Place, did_you_mean, shown

Report = Callable[..., Fault]


def faults(book: Book) -> Iterator[Fault]:
    """All faults of this kind."""
    couplings: dict[str, str] = {}
    for area, place in book.areas:
        grid = area.microgrid
        if grid is None or not book.whole_area(area):
            continue

        def report(*parts: Any, place: Place = place, **words: str) -> Fault:
            return place.fault("microgrid", *parts, **words)

        yield from _coupling(area, grid, book, couplings, report)
        yield from _formers(area, grid, book, report)
        yield from _steps(area, grid, book, report)
        yield from _kept(area, grid, book, report)


def kept_kw(grid: Microgrid, users: list[EndUser], sites: list[Site]) -> float:
    """Load that an island must carry whatever is shed, kW.

    Args:
        grid: the area's microgrid.
        users: the area's end-users.
        sites: the area's sites, whose protected load comes back to the bus when it lives.
    """
    if grid.kept_kw is not None:
        return grid.kept_kw
    shed = {user for step in grid.steps for user in step.end_users}
    kept = sum(u.peak_kw for u in users if u.id not in shed and not u.behind_transfer)
    for site in sites:
        own = sum(u.peak_kw for u in users if u.site == site.id and u.behind_transfer)
        kept += max(own, site.backup_load_kw)
    return kept


def _coupling(
    area: Area, grid: Microgrid, book: Book, couplings: dict[str, str], report: Report
) -> Iterator[Fault]:
    """A coupling needs a utility behind it and a site of the area that reads it."""
    if area.connection is None:
        yield report(
            value=f"area {area.id} without a connection",
            limit="an area that is always an island has nothing to couple to",
            expected="a connection, or no microgrid",
        )
    own = [entry.part.id for entry in book.sites_of.get(area.id, ())]
    if grid.site not in own:
        yield report(
            "site",
            value=shown(grid.site),
            limit=f"area {area.id} has no such site{did_you_mean(grid.site, own)}",
            expected="a site of the area, at the point of common coupling",
        )
        return
    if grid.site in couplings:
        yield report(
            "site",
            value=shown(grid.site),
            limit=f"area {couplings[grid.site]} has its switchgear there",
            expected="a site for each area's switchgear",
        )
    couplings.setdefault(grid.site, area.id)
    site = book.site_by_id[grid.site]
    behind = [u.part.id for u in book.end_users_of.get(site.id, ()) if u.part.behind_transfer]
    if site.backup_load_kw > 0.0 or behind:
        yield report(
            "site",
            value=shown(site.id),
            limit=f"it has a protected load of its own ({site.backup_load_kw:g} kW), and its sets "
            "cannot serve that and form the area's grid",
            expected="the load at a site of its own, fed from the area",
        )


def _formers(area: Area, grid: Microgrid, book: Book, report: Report) -> Iterator[Fault]:
    """At least one former, each once, at the switchgear's site, of a kind that forms a grid."""
    if not grid.formers:
        yield report(
            "formers",
            value="none",
            limit="without a grid former the island stays dead",
            expected="engines with paralleling gear or stores with grid-forming inverters",
        )
    devices = {entry.part.id: entry.part for entry in book.devices}
    for k, name in enumerate(grid.formers):
        device = devices.get(name)
        limit = ""
        if device is None:
            limit = f"there is no such device{did_you_mean(name, devices)}"
        elif name in grid.formers[:k]:
            limit = "it is listed before"
        else:
            limit = _why_no_former(device, grid, book)
        if limit:
            yield report(
                "formers",
                k,
                value=shown(name),
                limit=limit,
                expected="a grid-forming engine or store at the switchgear's site, once",
            )


def _why_no_former(device: Device, grid: Microgrid, book: Book) -> str:
    site = book.site_by_id.get(device.site)
    if not isinstance(device, Generator | Store) or not device.grid_forming:
        return f"a {device.type.value.replace('_', ' ')} follows a grid; it cannot form one"
    if grid.site in book.site_by_id and device.site != grid.site:
        return (
            f"it stands at {device.site}, whose gateway does not see the coupling breaker; there "
            "it can only join a live bus"
        )
    behind = site is not None and not site.transfer.engine_may_export
    if behind and isinstance(device, EmergencyGenerator | Engine):
        return "behind a transfer switch it can only carry its own site; forming needs paralleling"
    return ""


def _steps(area: Area, grid: Microgrid, book: Book, report: Report) -> Iterator[Fault]:
    """Steps with an id and a priority of their own, over end-users that are there to be shed."""
    users = {user.id: user for user in book.end_users_in(area.id)}
    ids: set[str] = set()
    priorities: dict[int, str] = {}
    owner: dict[str, str] = {}
    for k, step in enumerate(grid.steps):
        if step.id in ids:
            yield report(
                "steps",
                k,
                "id",
                value=shown(step.id),
                limit="another step has that id",
                expected="an id that no other step of the area has",
            )
        ids.add(step.id)
        if step.priority in priorities:
            yield report(
                "steps",
                k,
                "priority",
                value=shown(step.priority),
                limit=f"step {priorities[step.priority]} has that priority",
                expected="a priority of its own, so that the order of shedding is known",
            )
        priorities.setdefault(step.priority, step.id)
        for j, name in enumerate(step.end_users):
            limit = _why_not_shed(name, users, owner)
            owner.setdefault(name, step.id)
            if limit:
                yield report(
                    "steps",
                    k,
                    "end_users",
                    j,
                    value=shown(name),
                    limit=limit,
                    expected="an end-user of the area outside transfer arrangements, on one step",
                )
        peak_kw = sum(users[name].peak_kw for name in step.end_users if name in users)
        if peak_kw and step.power_kw > peak_kw:
            yield report(
                "steps",
                k,
                "power_kw",
                value=f"{step.power_kw:g} kW",
                limit=f"its end-users draw {peak_kw:g} kW at most; more cannot be shed",
                expected=f"at most {peak_kw:g}",
            )


def _why_not_shed(name: str, users: dict[str, EndUser], owner: dict[str, str]) -> str:
    if name not in users:
        return f"the area has no such end-user{did_you_mean(name, users)}"
    if name in owner:
        return f"it is on step {owner[name]} already"
    if users[name].behind_transfer:
        return "it is a site's protected load, which is never shed"
    return ""


def _kept(area: Area, grid: Microgrid, book: Book, report: Report) -> Iterator[Fault]:
    """The first former takes all that cannot be shed in one block, so one must be able to."""
    devices = {entry.part.id: entry.part for entry in book.devices}
    listed = [devices[name] for name in grid.formers if name in devices]
    usable = [device for device in listed if not _why_no_former(device, grid, book)]
    largest_kw = max((device.rated_kw for device in usable), default=0.0)
    sites = [entry.part for entry in book.sites_of.get(area.id, ())]
    load_kw = kept_kw(grid, book.end_users_in(area.id), sites)
    if largest_kw and load_kw > largest_kw:
        yield report(
            "kept_kw",
            value=f"{load_kw:g} kW",
            limit=f"the largest former gives {largest_kw:g} kW and must take it in one block",
            expected="a larger former, or more load on steps",
        )
