"""Permits that are missing a class, contradict it, or are used up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gridmuster.errors import Fault
from gridmuster.fleet.book import Book
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.permits import (
    MEANS,
    PERMIT_CAP_H,
    Permit,
    PermitClass,
    PermitRules,
    Window,
)
from gridmuster.fleet.place import Place, did_you_mean, listed, shown
from gridmuster.signals import Purpose

#: Share of the permit's hours at which an engine is stopped (invariant 4).
PERMIT_STOP: Final = 0.9
#: Classes whose engines may only be tested beside real outages (and alerts).
EMERGENCY_CLASSES: Final = (
    PermitClass.EPA_EMERGENCY,
    PermitClass.CALIFORNIA_EMERGENCY,
    PermitClass.UK_BACKUP,
)


def faults(book: Book) -> Iterator[Fault]:
    """All faults of this kind."""
    rules = {one.id: one for one in book.permit_rules or ()}
    yield from _twice(book)
    for device, place in book.devices:
        if isinstance(device, Generator):
            if book.permit_rules is not None:
                yield from class_of_its_own(device.permit, place, rules)
            yield from hours(device.permit, place, rules)
            yield from must_run(device, place, rules)


def warnings(book: Book) -> Iterator[Fault]:
    """All warnings of this kind."""
    rules = {one.id: one for one in book.permit_rules or ()}
    for device, place in book.devices:
        if isinstance(device, Generator):
            yield from nearly_used(device.permit, place, rules)


def _twice(book: Book) -> Iterator[Fault]:
    seen: set[str] = set()
    for k, one in enumerate(book.permit_rules or ()):
        if one.id in seen:
            yield book.top.fault(
                "permit_rules",
                k,
                "id",
                value=shown(one.id),
                limit="permit_rules has that id already",
                expected="an id that no other of the permit_rules has",
            )
        seen.add(one.id)


def class_of_its_own(
    permit: Permit, place: Place, rules: dict[str, PermitRules]
) -> Iterator[Fault]:
    """A custom class that is not said which, or is not in the file; rules with another class."""
    custom = permit.permit_class is PermitClass.CUSTOM
    named = listed(rules) if rules else "permit_rules in this file, with an entry of that id"
    if custom and permit.rules is None:
        yield place.fault(
            "permit",
            "rules",
            value="nothing",
            limit="class custom does not say by itself what an engine may do",
            expected=f"one of {named}" if rules else named,
        )
    elif custom and permit.rules not in rules:
        yield place.fault(
            "permit",
            "rules",
            value=shown(permit.rules),
            limit=f"no permit class of that name is known{did_you_mean(str(permit.rules), rules)}",
            expected=f"one of {named}" if rules else named,
        )
    elif not custom and permit.rules is not None:
        yield place.fault(
            "permit",
            "rules",
            value=shown(permit.rules),
            limit=f"class {permit.permit_class} has rules of its own",
            expected="permit_class: custom, or no rules",
        )


def year_cap_h(permit: Permit, rules: dict[str, PermitRules]) -> float | None:
    """Hours outside real outages that a permit allows this calendar year, h; None: no cap.

    Args:
        permit: the permit.
        rules: the file's own classes by id.
    """
    caps = [PERMIT_CAP_H[permit.permit_class], permit.hours_cap_h]
    mean = MEANS.get(permit.permit_class)
    if mean is not None:
        past = (*permit.hours_past_years_h, *(mean.hours_h for _ in range(mean.length)))
        caps.append(max(mean.total_h - sum(past[: mean.length - 1]), 0.0))
    if permit.rules in rules:
        caps += [
            one.hours_h
            for one in rules[permit.rules].limits
            if one.window is Window.CALENDAR_YEAR and not one.purposes
        ]
    return min((cap for cap in caps if cap is not None), default=None)


def hours(permit: Permit, place: Place, rules: dict[str, PermitRules]) -> Iterator[Fault]:
    """A permit that is used up or is looser than its class, or hours below zero."""
    kind, own_cap_h = permit.permit_class, permit.hours_cap_h
    class_cap_h = PERMIT_CAP_H[kind]
    if class_cap_h is not None and own_cap_h is not None and own_cap_h > class_cap_h:
        yield place.fault(
            "permit",
            "hours_cap_h",
            value=f"{own_cap_h:g} h",
            limit=f"class {kind} allows {class_cap_h:g} h a calendar year; "
            "an engine's own cap can only be lower",
            expected=f"at most {class_cap_h:g}, or another permit_class",
        )
    for k, past_h in enumerate(permit.hours_past_years_h):
        if past_h < 0.0:
            yield place.fault(
                "permit",
                "hours_past_years_h",
                k,
                value=f"{past_h:g} h",
                limit="an hour meter never runs backwards",
                expected="0 or more",
            )
    cap_h = year_cap_h(permit, rules)
    if cap_h is not None and permit.hours_used_h > cap_h:
        yield place.fault(
            "permit",
            "hours_used_h",
            value=f"{permit.hours_used_h:g} h",
            limit=f"the permit ({permit.rules or kind}) allows {cap_h:g} h a calendar year",
            expected=f"0 to {cap_h:g}, without the hours of real outages",
        )


def must_run(device: Generator, place: Place, rules: dict[str, PermitRules]) -> Iterator[Fault]:
    """An engine that is to run always and may not."""
    kind, own = device.permit.permit_class, rules.get(device.permit.rules or "")
    barred = kind in EMERGENCY_CLASSES or (own is not None and Purpose.DEMAND not in own.purposes)
    if device.must_run and barred:
        yield place.fault(
            "must_run",
            value="true",
            limit=f"an engine of class {device.permit.rules or kind} may not run without an "
            "emergency",
            expected="false, or another permit_class",
        )


def nearly_used(permit: Permit, place: Place, rules: dict[str, PermitRules]) -> Iterator[Fault]:
    """A warning for a permit of which nothing may be used any more: 90 % are the stop."""
    cap_h, used_h = year_cap_h(permit, rules), permit.hours_used_h
    if cap_h is not None and PERMIT_STOP * cap_h <= used_h <= cap_h:
        yield place.fault(
            "permit",
            "hours_used_h",
            value=f"{used_h:g} h",
            limit=f"runs end at 90 % of {cap_h:g} h, so only an outage can start it this year",
            expected=f"below {PERMIT_STOP * cap_h:g}",
        )
