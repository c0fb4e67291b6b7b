"""The program of exercises: places due engines' runs and asks for each of them apart.

Placing is looked over each hour until a run is about to begin. A run that counted,
whatever it was for, makes its engine no longer due; one that did not is tried again after a rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from gridmuster.clock import iso
from gridmuster.fleet.devices import Exercise
from gridmuster.fleet.programs import Exercising
from gridmuster.programs.exercise import (
    BANK_MS,
    MS_PER_MINUTE,
    Exercised,
    bank_due_ms,
    due_ms,
)
from gridmuster.programs.placing import (
    DAY_MS,
    MOST_DAYS,
    Due,
    Placer,
    Shape,
    Worth,
    best_of_day,
    slots,
)
from gridmuster.units import MS_PER_HOUR, MS_PER_S

#: A run is longer than what must be at load by this, ms: ramp, and readings a minute apart.
SLACK_MS: Final = 300 * MS_PER_S
#: A run that begins within this time stays where it was placed, ms.
FIXED_MS: Final = 1800 * MS_PER_S
#: Power asked of a set that may send out, over the least that counts.
POWER_SHARE: Final = 1.15
#: Load of a load-bank run, share of the rating: above three quarters throughout.
BANK_LOAD: Final = 0.8
#: Rest after a run that did not count, share of the period and at most, ms.
REST_SHARE: Final = 0.04
REST_MS: Final = 20 * MS_PER_HOUR
#: Quarters of an hour that a window offers at least, where its period has as many.
LEAST_SLOTS: Final = 4
#: A period shorter than this may lie in a curfew as a whole, ms.
SHORT_MS: Final = 3 * DAY_MS
#: A load-bank run may come this long before its date, and is kept this long for further tries, ms.
BANK_EARLY_MS: Final = 60 * DAY_MS
BANK_SPARE_MS: Final = 10 * DAY_MS


class Drill(Struct, frozen=True):
    """A run that is placed: when, at what power, why, and what its energy is worth there."""

    site: str
    from_ms: int
    until_ms: int
    power_kw: float
    text: str
    usd_per_kwh: float | None = None
    bank: bool = False


class Drills(Struct):
    """What is remembered of a program of exercises; instants in ms.

    ``placed`` by engine, ``tried`` when the last run ended that did not count, ``missed`` the end
    of the first period missed since the last load-bank run, ``best`` the worth of the best run of
    each of the last days, USD/kWh; ``later`` until when an engine need not be looked at, by engine;
    ``hour`` and ``day`` count the times that were looked over.
    """

    placed: dict[str, Drill] = field(default_factory=dict)
    tried: dict[str, int] = field(default_factory=dict)
    missed: dict[str, int] = field(default_factory=dict)
    best: list[float] = field(default_factory=list)
    later: dict[str, int] = field(default_factory=dict)
    hour: int = -1
    day: int = -1


class Engine(Struct, frozen=True):
    """An engine with a schedule, as it stands now.

    Args:
        device: its id.
        site: its site.
        zone: IANA zone of the site.
        exercise: its schedule.
        known: its runs.
        rated_kw: its rating, kW.
        most_kw: what it can give where it stands, kW.
        free: whether its power is chosen, not its site's load.
        before_ms: from an order to full power, ms.
        after_ms: its cool-down, ms.
        lost_usd_per_kwh: what a run costs for each kWh, USD.
        diesel: whether the rule of load banks is for it.
        first_share: where in its first period its first run may begin, 0 to 1; spreads them.
    """

    device: str
    site: str
    zone: str
    exercise: Exercise
    known: Exercised
    rated_kw: float
    most_kw: float
    free: bool
    before_ms: int
    after_ms: int
    lost_usd_per_kwh: float
    diesel: bool
    first_share: float = 0.0


def looks(drills: Drills, now_ms: int) -> bool:
    """Whether placing is to be looked over at this moment, ms."""
    return now_ms // MS_PER_HOUR != drills.hour


def keep(drills: Drills, exercised: Mapping[str, Exercised], now_ms: int) -> None:
    """Drop runs that counted and those whose time is over.

    Args:
        drills: what is remembered.
        exercised: runs by engine.
        now_ms: now, ms.
    """
    for name, drill in list(drills.placed.items()):
        known = exercised.get(name)
        done_ms = -1 if known is None else (known.bank_ms if drill.bank else known.done_ms)
        if done_ms >= drill.from_ms:
            del drills.placed[name]
            drills.tried.pop(name, None)
        elif now_ms >= drill.until_ms:
            del drills.placed[name]
            drills.tried[name] = drill.until_ms


def look(
    program: Exercising,
    drills: Drills,
    engines: Sequence[Engine],
    worth: Worth | None,
    now_ms: int,
) -> None:
    """Place the runs of the coming day.

    Args:
        program: its settings.
        drills: what is remembered; brought up to date.
        engines: those that the program reaches and that are to be looked at (``later``).
        worth: what energy is worth; None: nothing is known.
        now_ms: now, ms.
    """
    drills.hour = now_ms // MS_PER_HOUR
    _learn(program, drills, engines, worth, now_ms)
    fixed = {n: one for n, one in drills.placed.items() if one.from_ms - now_ms <= FIXED_MS}
    drills.placed = fixed
    placer = Placer(
        program.curfews,
        program.most_at_once,
        program.apart_s * MS_PER_S,
        worth,
        drills.best,
        now_ms,
    )
    for one in fixed.values():
        placer.take(one.from_ms)
    dues: list[tuple[Due, bool]] = []
    for engine in engines:
        if engine.device in fixed:
            continue
        found = _dues(program, drills, engine, now_ms)
        opens_ms = min(due.opens_ms for due, _ in found)
        if opens_ms > now_ms + DAY_MS:
            drills.later[engine.device] = opens_ms - DAY_MS
        dues += [one for one in found if one[0].opens_ms < now_ms + DAY_MS]
    for due, bank in sorted(dues, key=lambda one: (one[0].closes_ms, one[0].device)):
        at = None if due.device in drills.placed else placer.place(due)
        if at is not None:
            drills.placed[due.device] = Drill(
                due.site,
                at.from_ms,
                at.from_ms + due.shape.run_ms,
                due.power_kw,
                _words(due.text, at.usd_per_kwh),
                at.usd_per_kwh,
                bank,
            )


def _words(text: str, usd_per_kwh: float | None) -> str:
    if usd_per_kwh is None:
        return f"{text}; no price of then is known"
    return f"{text}; energy is worth {usd_per_kwh:.3f} USD/kWh then"


def _learn(
    program: Exercising,
    drills: Drills,
    engines: Sequence[Engine],
    worth: Worth | None,
    now_ms: int,
) -> None:
    """Once a day, remember what the best run of the coming day is worth."""
    if worth is None or not engines or now_ms // DAY_MS == drills.day:
        return
    drills.day = now_ms // DAY_MS
    usd = best_of_day(program.curfews, _shape(engines[0], engines[0].exercise), worth, now_ms)
    if usd is not None:
        drills.best = [*drills.best, usd][-MOST_DAYS:]


def _shape(engine: Engine, exercise: Exercise) -> Shape:
    run_ms = int(exercise.minutes * MS_PER_MINUTE) + SLACK_MS
    return Shape(engine.zone, run_ms, engine.before_ms, engine.after_ms)


def _dues(
    program: Exercising, drills: Drills, engine: Engine, now_ms: int
) -> list[tuple[Due, bool]]:
    """What an engine is due for: its exercise, and a load-bank run, with whether it is one."""
    exercise, known = engine.exercise, engine.known
    least_kw = exercise.load_share * engine.rated_kw
    reaches = engine.most_kw >= least_kw
    last_ms = known.done_ms if reaches else max(known.done_ms, known.light_ms)
    from_ms = known.since_ms if last_ms < 0 else last_ms
    due = due_ms(exercise, from_ms, engine.zone)
    _note_miss(drills, engine, now_ms)
    period_ms = due - from_ms
    shape = _shape(engine, exercise)
    latest_ms = due - shape.run_ms
    closes_ms = latest_ms - int(program.spare_share * period_ms)
    opens_ms = due - int(program.early_share * period_ms)
    if last_ms < 0:
        # All are first seen at one time: their first runs are spread over the period.
        opens_ms = from_ms + int(engine.first_share * max(closes_ms - from_ms, 0))
        closes_ms = min(opens_ms + int(program.early_share * period_ms), closes_ms)
    if period_ms < SHORT_MS:
        opens_ms = _open_enough(program, shape, (from_ms, opens_ms, closes_ms))
    rest_ms = min(int(REST_SHARE * period_ms), REST_MS)
    tried_ms = drills.tried.get(engine.device, -rest_ms)
    words = f"exercise due {iso(due)}"
    if not reaches:
        words += f", with the load there is ({engine.most_kw / engine.rated_kw:.0%} of its rating)"
    power_kw = least_kw * POWER_SHARE if engine.free and reaches else engine.most_kw
    found = Due(
        engine.device,
        engine.site,
        shape,
        min(power_kw, engine.most_kw),
        max(opens_ms, tried_ms + rest_ms),
        closes_ms,
        latest_ms,
        _saved(drills, engine, period_ms),
        words,
    )
    bank = _bank(drills, engine, shape)
    return [(found, False)] if bank is None else [(bank, True), (found, False)]


def _saved(drills: Drills, engine: Engine, period_ms: int) -> float:
    """What a day of waiting saves of what runs lose, USD for each kWh of a run."""
    if not drills.best:
        return 0.0
    lost = engine.lost_usd_per_kwh - sum(drills.best) / len(drills.best)
    return max(lost, 0.0) * DAY_MS / period_ms


def _open_enough(program: Exercising, shape: Shape, window: tuple[int, int, int]) -> int:
    """When a short window opens so that curfews leave enough of it, ms."""
    from_ms, opens_ms, closes_ms = window
    earliest_ms = from_ms + (closes_ms - from_ms) // 6
    while (
        opens_ms > earliest_ms
        and len(slots(program.curfews, shape, opens_ms, closes_ms)) < LEAST_SLOTS
    ):
        opens_ms -= MS_PER_HOUR
    return opens_ms


def _note_miss(drills: Drills, engine: Engine, now_ms: int) -> None:
    """Remember the first period without a run that counts since the last load-bank run."""
    known = engine.known
    from_ms = known.since_ms if known.done_ms < 0 else known.done_ms
    due = due_ms(engine.exercise, from_ms, engine.zone)
    missed_ms = drills.missed.get(engine.device, -1)
    if missed_ms >= 0 and known.bank_ms > missed_ms and known.done_ms > missed_ms:
        del drills.missed[engine.device]
    elif missed_ms < 0 and due <= now_ms:
        drills.missed[engine.device] = due


def _bank(drills: Drills, engine: Engine, shape: Shape) -> Due | None:
    """The load-bank run that is due, where the engine can give the load without a load bank."""
    missed_ms = drills.missed.get(engine.device, -1)
    due = bank_due_ms(engine.known, missed_ms, engine.zone) if engine.diesel else None
    power_kw = BANK_LOAD * engine.rated_kw
    if due is None or engine.most_kw < power_kw:
        return None
    run_ms = BANK_MS + SLACK_MS
    tried_ms = drills.tried.get(engine.device, -REST_MS)
    return Due(
        engine.device,
        engine.site,
        Shape(shape.zone, run_ms, shape.before_ms, shape.after_ms),
        power_kw if engine.free else engine.most_kw,
        max(due - BANK_EARLY_MS, tried_ms + REST_MS),
        due - BANK_SPARE_MS,
        due - run_ms,
        0.0,
        f"load-bank run due {iso(due)}, for an exercise missed by {iso(missed_ms)}",
    )
