"""Links between areas and emission caps: ids that are there twice, areas that are not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gridmuster.errors import Fault
from gridmuster.fleet.book import Book
from gridmuster.fleet.place import did_you_mean, listed, shown
from gridmuster.fleet.ties import EmissionCap, Link, unused_links


def faults(book: Book) -> Iterator[Fault]:
    """All faults of this kind."""
    yield from _twice(book, "links", book.links)
    yield from _twice(book, "emission_caps", book.emission_caps)
    for k, link in enumerate(book.links):
        for field in ("from_area", "to_area"):
            yield from _unknown(book, ("links", k, field), getattr(link, field))
        if link.from_area == link.to_area:
            yield book.top.fault(
                *("links", k, "to_area"),
                value=shown(link.to_area),
                limit="a link joins two areas",
                expected="an area other than from_area",
            )
    for k, cap in enumerate(book.emission_caps):
        for number, area in enumerate(cap.areas):
            yield from _unknown(book, ("emission_caps", k, "areas", number), area)


def warnings(book: Book) -> Iterator[Fault]:
    """All warnings of this kind."""
    words = unused_links(book.links)
    if words:
        yield book.top.fault(
            "links",
            value=shown([link.id for link in book.links]),
            limit=words,
            expected="areas that can do without, or links for plans alone",
        )


def _twice(book: Book, kind: str, parts: Sequence[Link | EmissionCap]) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for k, one in enumerate(parts):
        known = first.setdefault(one.id, k)
        if known != k:
            yield book.top.fault(
                *(kind, k, "id"),
                value=shown(one.id),
                limit=f"{kind}[{known}] has that id already",
                expected=f"an id that no other of the {kind} has",
            )


def _unknown(book: Book, parts: tuple[str | int, ...], area: str) -> Iterator[Fault]:
    known = book.ids["areas"]
    if "areas" in book.unread or area in known:
        return
    yield book.top.fault(
        *parts,
        value=shown(area),
        limit=f"there is no such area{did_you_mean(area, known)}",
        expected=f"one of {listed(sorted(known))}",
    )
