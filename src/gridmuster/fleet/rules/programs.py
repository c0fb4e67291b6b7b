"""Programs of areas: ids, the feeders they name, and thresholds that have a way back."""

from __future__ import annotations

from collections.abc import Iterator

from gridmuster.clock import zone
from gridmuster.errors import Fault
from gridmuster.fleet.book import Book
from gridmuster.fleet.model import Area, limit_of
from gridmuster.fleet.place import Place, did_you_mean, listed, shown
from gridmuster.fleet.programs import CoincidentPeak, Peak, PriceClass, Program, Programs


def faults(book: Book) -> Iterator[Fault]:
    """All faults of this kind."""
    first: dict[str, str] = {}
    for area, place in book.areas:
        for kind in Programs.model_fields:
            for k, program in enumerate(getattr(area.programs, kind)):
                at = ("programs", kind, k)
                if program.id in first:
                    yield place.fault(
                        *at,
                        "id",
                        value=shown(program.id),
                        limit=f"area {first[program.id]} has a program of that id already",
                        expected="an id that no other program of the fleet has",
                    )
                first.setdefault(program.id, area.id)
                yield from _feeder(area, place, program, at)
                yield from _way_back(place, program, at)
                for j, one in enumerate(getattr(program, "classes", ())):
                    yield from _way_back(place, one, (*at, "classes", j))
                if isinstance(program, CoincidentPeak):
                    yield from _hours(place, program, at)
                if isinstance(program, Peak):
                    yield from _limit(area, place, program, at)


def _feeder(
    area: Area, place: Place, program: Program, at: tuple[str | int, ...]
) -> Iterator[Fault]:
    own = [feeder.id for feeder in area.feeders]
    if program.feeder is not None and program.feeder not in own:
        yield place.fault(
            *at,
            "feeder",
            value=shown(program.feeder),
            limit=f"area {area.id} has no such feeder{did_you_mean(program.feeder, own)}",
            expected=f"one of {listed(own)}" if own else f"a feeder listed under area {area.id}",
        )


def _way_back(
    place: Place, program: Program | PriceClass, at: tuple[str | int, ...]
) -> Iterator[Fault]:
    """A threshold whose way back lies on its wrong side: the call would never end, or flutter."""
    for asks, ends, below in program.thresholds:
        low, high = (asks, ends) if below else (ends, asks)
        if getattr(program, low) > getattr(program, high):
            side = "at least" if below else "at most"
            yield place.fault(
                *at,
                ends,
                value=shown(getattr(program, ends)),
                limit=f"{asks} is {getattr(program, asks):g}; the call would not end",
                expected=f"{side} {getattr(program, asks):g}",
            )


def _limit(area: Area, place: Place, program: Peak, at: tuple[str | int, ...]) -> Iterator[Fault]:
    """A peak without anything to come near to."""
    if limit_of(area, program) is None:
        yield place.fault(
            *at,
            "limit_kw",
            value="nothing",
            limit="neither its feeder nor the area's connection has a limit",
            expected="a limit, kW",
        )


def _hours(place: Place, program: CoincidentPeak, at: tuple[str | int, ...]) -> Iterator[Fault]:
    """Hours that end before they begin, and a zone that is none."""
    if program.until_hour <= program.from_hour:
        yield place.fault(
            *at,
            "until_hour",
            value=shown(program.until_hour),
            limit=f"from_hour is {program.from_hour}",
            expected="an hour after it, at most 24",
        )
    try:
        zone(program.time_zone)
    except (ValueError, KeyError):
        yield place.fault(
            *at,
            "time_zone",
            value=shown(program.time_zone),
            limit="there is no such IANA time zone",
            expected="a name like America/Chicago or UTC",
        )
