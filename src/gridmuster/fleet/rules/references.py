"""Ids, what refers to them, and names that must mean something elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from typing import Final

from gridmuster.errors import Fault
from gridmuster.fleet.book import KIND_WORDS, KINDS, Book
from gridmuster.fleet.place import Place, did_you_mean, listed, nearest, shown
from gridmuster.fleet.rules import microgrids, programs

#: The objectives that may be named (mission A5), alone or in a blend.
OBJECTIVES: Final = ("operating-expense", "production-cost", "efficiency", "reliability")
BLEND_EXAMPLE: Final = "operating-expense:0.7,efficiency:0.3"
#: Controllers of sites and meters are called by these prefixes and an id, beside the devices.
RESERVED_PREFIXES: Final = ("panel.", "meter.", "switchgear.")


def faults(book: Book) -> Iterator[Fault]:
    """All faults of this kind."""
    yield from duplicate_ids(book)
    yield from unknown_references(book)
    yield from feeders(book)
    yield from programs.faults(book)
    yield from microgrids.faults(book)
    yield from reserved_ids(book)
    yield from shared_controllers(book)
    yield from unknown_maps(book)
    yield from objectives(book)
    yield from currency(book)


def duplicate_ids(book: Book) -> Iterator[Fault]:
    """An id that another of the same kind has already."""
    for kind in KINDS:
        first: dict[str, Place] = {}
        area_of: dict[str, str] = {}
        for part, place in getattr(book, kind):
            if kind == "sites":
                area_of.setdefault(part.id, part.area)
            known = first.setdefault(part.id, place)
            if known is not place:
                where = known.path()
                if known.source is not place.source:
                    where = f"{known.source.file}, {where}"
                limit = f"{where} has that id already"
                if kind == "sites" and area_of[part.id] != part.area:
                    limit += f", in area {area_of[part.id]}; a site lies in one area"
                yield place.fault(
                    "id",
                    value=shown(part.id),
                    limit=limit,
                    expected=f"an id that no other {KIND_WORDS[kind]} has",
                )


def unknown_references(book: Book) -> Iterator[Fault]:
    """A site in an area that is not there, a device or end-user at a site that is not there."""
    for kind, field, target in (
        ("sites", "area", "areas"),
        ("end_users", "site", "sites"),
        ("devices", "site", "sites"),
    ):
        if target in book.unread:
            continue
        known = book.ids[target]
        for part, place in getattr(book, kind):
            name = getattr(part, field)
            if name not in known:
                # What was meant for a site or area does not make it seem to lack that as well.
                book.unsure.add(nearest(name, known))
                yield place.fault(
                    field,
                    value=shown(name),
                    limit=f"there is no such {field}{did_you_mean(name, known)}",
                    expected=f"the id of one of the {len(known)} {target}",
                )


def feeders(book: Book) -> Iterator[Fault]:
    """A feeder's id that another has already, and a site on one that its area does not have."""
    area_of: dict[str, str] = {}
    for area, place in book.areas:
        for k, feeder in enumerate(area.feeders):
            holder = area_of.setdefault(feeder.id, area.id)
            if holder != area.id or feeder.id in {one.id for one in area.feeders[:k]}:
                yield place.fault(
                    "feeders",
                    k,
                    "id",
                    value=shown(feeder.id),
                    limit=f"area {holder} has a feeder of that id already",
                    expected="an id that no other feeder of the fleet has",
                )
    for site, place in book.sites:
        known = book.area_by_id.get(site.area)
        if site.feeder is None or known is None or area_of.get(site.feeder) == site.area:
            continue
        own = [feeder.id for feeder in known.feeders]
        limit = f"area {site.area} has no such feeder{did_you_mean(site.feeder, own)}"
        if site.feeder in area_of:
            limit = f"that feeder is of area {area_of[site.feeder]}, the site of {site.area}"
        yield place.fault(
            "feeder",
            value=shown(site.feeder),
            limit=limit,
            expected=f"one of {listed(own)}" if own else f"a feeder listed under area {site.area}",
        )


def reserved_ids(book: Book) -> Iterator[Fault]:
    """A device whose id could be taken for that of a site's panel or an end-user's meter."""
    for device, place in book.devices:
        if device.id.startswith(RESERVED_PREFIXES):
            yield place.fault(
                "id",
                value=shown(device.id),
                limit="panel. and meter. begin the names of other controllers",
                expected="an id that begins otherwise",
            )


def shared_controllers(book: Book) -> Iterator[Fault]:
    """Two devices of a site on one controller; port 0 is chosen later and never shared."""
    first: dict[tuple[str, str, int, int], str] = {}
    for device, place in book.devices:
        controller = device.controller
        if controller is None or controller.port == 0:
            continue
        key = (device.site, controller.host, controller.port, controller.unit)
        holder = first.setdefault(key, device.id)
        if holder != device.id:
            yield place.fault(
                "controller",
                value=f"{controller.host}:{controller.port} unit {controller.unit}",
                limit=f"device {holder} of the same site has that controller",
                expected="a host, port and unit of its own",
            )


@lru_cache(maxsize=1)
def map_names() -> tuple[str, ...]:
    """Names of the register maps that ship with the package."""
    folder = resources.files("gridmuster").joinpath("registers", "maps")
    if not folder.is_dir():
        return ()
    names = (entry.name for entry in folder.iterdir())
    return tuple(sorted(name[: -len(".yaml")] for name in names if name.endswith(".yaml")))


def unknown_maps(book: Book) -> Iterator[Fault]:
    """A controller whose register map does not ship with the package."""
    known = map_names()
    for device, place in book.devices:
        controller = device.controller
        if controller is not None and known and controller.map not in known:
            yield place.fault(
                "controller",
                "map",
                value=shown(controller.map),
                limit=f"there is no such register map{did_you_mean(controller.map, known)}",
                expected=f"one of {listed(known)}",
            )


def objectives(book: Book) -> Iterator[Fault]:
    """An objective or blend that cannot be understood, of the fleet, an area or a device."""
    if book.objective is not None:
        yield from _objective(book.objective, book.top)
    for entries in (book.areas, book.devices):
        for part, place in entries:
            if part.objective is not None:
                yield from _objective(part.objective, place)


def _objective(text: str, place: Place) -> Iterator[Fault]:
    limit = objective_limit(text)
    if limit:
        yield place.fault(
            "objective",
            value=shown(text),
            limit=limit,
            expected=f"one of {listed(OBJECTIVES)}, or a blend like {BLEND_EXAMPLE}",
        )


def objective_limit(text: str) -> str:
    """What is wrong with an objective or blend; empty when nothing is.

    Args:
        text: a name, or names with weights above 0: ``operating-expense:0.7,efficiency:0.3``.
    """
    seen = set()
    parts = text.split(",")
    for part in parts:
        name, colon, weight = (piece.strip() for piece in part.partition(":"))
        if name not in OBJECTIVES:
            return f"{shown(name)} is no objective{did_you_mean(name, OBJECTIVES)}"
        if name in seen:
            return f"{name} is there twice"
        seen.add(name)
        if not colon and len(parts) > 1:
            return f"in a blend, {name} needs a weight"
        if colon and not _is_weight(weight):
            return f"the weight of {name} must be a number above 0"
    return ""


def _is_weight(text: str) -> bool:
    try:
        return 0.0 < float(text) < float("inf")
    except ValueError:
        return False


def currency(book: Book) -> Iterator[Fault]:
    """A currency that is no ISO 4217 code."""
    if book.currency is not None and not re.fullmatch("[A-Z]{3}", book.currency):
        yield book.top.fault(
            "currency",
            value=shown(book.currency),
            limit="a currency is three capital letters (ISO 4217)",
            expected="a code like USD or EUR",
        )
