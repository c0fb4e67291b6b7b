"""What activations delivered by the generators' own meters, against what was asked for.

    for event in report_settlement("plant.journal").events:
        print(event.activation, event.delivered_kwh, event.mean_kw, event.asked_kw)

Activations are those that the center remembers in the journal's last checkpoint: all that are
under way and the last fifty that are over. Each is measured by generation meter output (NAESB
WEQ-015): the sum of its sets' own counters, interval by interval; and, where one is asked for,
against a baseline of the loads of its sites (`loadbaseline`).
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from gridmuster.clock import iso
from gridmuster.errors import JournalError
from gridmuster.report.baselines import Event, MeterSeries, generation_meter_output, named
from gridmuster.report.loadbaseline import (
    Against,
    CalledEvent,
    EventBaseline,
    against_baseline,
    kept_hours,
)
from gridmuster.report.metered import metered
from gridmuster.report.siteload import SiteLoads
from gridmuster.report.source import Progress
from gridmuster.store.journal import Journal
from gridmuster.units import MS_PER_HOUR, MS_PER_S

#: An interval counts as short when less than this share of what was asked is delivered.
SHORT_SHARE: Final = 0.98
#: Decimals of amounts.
DIGITS: Final = 3


class SetDelivery(Struct, frozen=True):
    """What one set delivered in an event; ``missing`` counts its intervals without a reading."""

    device: str
    kwh: float
    mean_kw: float | None
    missing: int


class EventSettlement(Struct, frozen=True):
    """One activation and what its sets delivered in its whole intervals.

    ``mean_kw`` and ``least_kw`` are over the intervals, None where the event has none;
    ``short_intervals`` count those below 98 % of ``asked_kw``. A set that was lost earns nothing,
    and an interval without a reading of a set earns nothing for it (``missing_intervals``).
    """

    activation: str
    asked_by: str
    program: str
    purpose: str
    target: str
    from_: str
    until: str
    asked_kw: float
    probability: float
    method: str
    delivered_kwh: float
    asked_kwh: float
    mean_kw: float | None
    least_kw: float | None
    intervals: int
    short_intervals: int
    missing_intervals: int
    lost: tuple[str, ...]
    sets: tuple[SetDelivery, ...]


class Settlement(Struct, frozen=True):
    """All activations that the center remembers, by their begin; the same against a baseline."""

    step_s: int
    events: tuple[EventSettlement, ...]
    baselines: tuple[EventBaseline, ...] = ()


class _Wish(Struct, frozen=True):
    power_kw: float
    from_ms: int
    until_ms: int
    purpose: str = "demand"
    probability: float = 0.95


class _Called(Struct, frozen=True):
    device: str
    site: str = ""
    lost: str = ""


class _Running(Struct, frozen=True):
    id: str
    actor: str
    target: str
    wish: _Wish
    sets: tuple[_Called, ...] = ()
    program: str = ""


class _Activations(Struct, frozen=True):
    running: dict[str, _Running] = {}
    past: tuple[_Running, ...] = ()


class _State(Struct, frozen=True):
    """What a settlement reads of a checkpoint."""

    activations: _Activations = _Activations()


def report_settlement(
    path_or_url: str,
    step_s: int = 300,
    progress: Progress | None = None,
    against: Against | None = None,
) -> Settlement:
    """What the activations of a journal delivered.

    Args:
        path_or_url: path of an SQLite journal, or a database URL.
        step_s: length of an interval, s; divides an hour.
        progress: told records read and records in all.
        against: also measure against this baseline.

    Raises:
        JournalError: when there is no journal, it cannot be read, or has no checkpoint yet.
        BaselineError: for a step that does not divide an hour, or a baseline that is none.
    """
    if against is not None:
        named(against.name)
    with Journal.open(path_or_url, read_only=True) as journal:
        checkpoint = journal.last_checkpoint()
    if checkpoint is None or checkpoint.body is None:
        raise JournalError(
            f"{path_or_url}: no checkpoint yet, so no activations are known; a center writes one "
            "each quarter of an hour"
        )
    try:
        known = msgspec.msgpack.decode(checkpoint.body, type=_State).activations
    except msgspec.DecodeError as error:
        raise JournalError(f"{path_or_url}: a checkpoint of another version: {error}") from error
    called = [*known.past, *known.running.values()]
    names = sorted({one.device for activation in called for one in activation.sets})
    windows = sorted(
        (_window(one, step_s) for one in called), key=lambda one: (one.from_ms, one.activation)
    )
    sites = {site for window in windows for site in window.sets}
    loads = None if against is None else SiteLoads(sites, step_s, kept_hours(windows))
    watch = None if loads is None else loads.watch
    series = metered(path_or_url, names, step_s, "UTC", progress, watch)
    events = sorted(
        (_event(one, series, step_s) for one in called), key=lambda one: (one.from_, one.activation)
    )
    baselines = (
        ()
        if against is None or loads is None
        else tuple(against_baseline(against, window, loads) for window in windows)
    )
    return Settlement(step_s, tuple(events), baselines)


def _window(one: _Running, step_s: int) -> CalledEvent:
    """An activation's whole intervals, and its sets by site."""
    step_ms = step_s * MS_PER_S
    from_ms = -(-one.wish.from_ms // step_ms) * step_ms
    until_ms = max(one.wish.until_ms // step_ms * step_ms, from_ms)
    sets: dict[str, list[str]] = {}
    for called in one.sets:
        sets.setdefault(called.site, []).append(called.device)
    return CalledEvent(one.id, from_ms, until_ms, sets)


def _event(one: _Running, series: dict[str, MeterSeries], step_s: int) -> EventSettlement:
    wish, step_ms = one.wish, step_s * MS_PER_S
    window = _window(one, step_s)
    from_ms, until_ms = window.from_ms, window.until_ms
    count = (until_ms - from_ms) // step_ms
    sums = [0.0] * count
    sets, missing = [], 0
    for called in one.sets:
        if called.lost or not count:
            continue
        found = generation_meter_output(series[called.device], Event(from_ms, until_ms))
        sums = [kw + (given or 0.0) for kw, given in zip(sums, found.power_kw, strict=True)]
        mean_kw = None if found.mean_kw is None else round(found.mean_kw, DIGITS)
        gaps = len(found.missing_ms)
        sets.append(SetDelivery(called.device, round(found.kwh, DIGITS), mean_kw, gaps))
        missing += gaps
    hours = step_ms / MS_PER_HOUR
    return EventSettlement(
        activation=one.id,
        asked_by=one.actor,
        program=one.program,
        purpose=wish.purpose,
        target=one.target,
        from_=iso(wish.from_ms),
        until=iso(wish.until_ms),
        asked_kw=wish.power_kw,
        probability=wish.probability,
        method="generation meter output",
        delivered_kwh=round(sum(sums) * hours, DIGITS),
        asked_kwh=round(wish.power_kw * count * hours, DIGITS),
        mean_kw=round(sum(sums) / count, DIGITS) if count else None,
        least_kw=round(min(sums), DIGITS) if count else None,
        intervals=count,
        short_intervals=sum(kw < SHORT_SHARE * wish.power_kw for kw in sums),
        missing_intervals=missing,
        lost=tuple(called.device for called in one.sets if called.lost),
        sets=tuple(sets),
    )
