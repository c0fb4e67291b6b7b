"""What the core knows of one device beyond its view: permit hours, starts, calls and failures."""

from __future__ import annotations

from msgspec import Struct

from gridmuster.center.memory import CoreState
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.hours import today_of
from gridmuster.fleet.model import Fleet
from gridmuster.programs.drills import Drills
from gridmuster.programs.exercise import bank_due_ms, due_ms
from gridmuster.programs.ledger import Account
from gridmuster.safety import permits
from gridmuster.signals import Purpose
from gridmuster.units import Fuel


class LimitAccount(Struct, frozen=True):
    """A further limit of a permit, in words, and its use, h.

    Runs end at ``stop_h`` of ``used_h``; ``past_h`` is what the years before it in a mean of years
    ran.
    """

    limit: str
    stop_h: float
    used_h: float
    past_h: float


class PermitAccount(Struct, frozen=True):
    """An engine's permit and how much of it is used this calendar year, h.

    ``cap_h`` is what the permit allows outside real outages, ``stop_h`` the hours at which runs
    end and starts are refused, both null without a cap. ``used_h`` counts against them,
    ``before_h`` of it from before the center saw the engine; ``by_purpose_h`` is what it ran since
    in this year. ``left_h`` is what the tightest limit leaves, ``limits`` are those beside the cap.
    """

    permit_class: str
    purposes: list[str]
    cap_h: float | None
    stop_h: float | None
    used_h: float
    before_h: float
    left_h: float | None
    by_purpose_h: dict[str, float]
    limits: list[LimitAccount] = []


class StartView(Struct, frozen=True):
    """Why a device was started or stopped, as recorded: trigger, legal basis, what came second."""

    at_ms: int
    order: str
    trigger: str
    legal_basis: str
    binding: str
    runner_up: str
    text: str


class ExerciseAccount(Struct, frozen=True):
    """An engine's schedule of exercise, when it is due, and where its program placed it.

    ``last_ms``: end of the last run that counts, null when there was none since ``since_ms``, from
    which the center has seen the engine. ``program`` exercises it, empty when none does;
    ``placed_ms`` is the begin of its next run, null while none is placed. ``bank_due_ms``: by when
    a load-bank run is due, null when none is.
    """

    every: str
    minutes: float
    load_share: float
    last_ms: int | None
    since_ms: int
    due_ms: int
    program: str = ""
    placed_ms: int | None = None
    bank_due_ms: int | None = None


class DeviceAccount(Struct, frozen=True):
    """What the core keeps about one device.

    ``on_since_ms`` is when it was seen to come on or go off last (``on`` says which), null when
    that was before it was seen. ``called_ms``: since when it is asked to run. ``failure``: why it
    is left alone, until ``retry_ms`` or a reset.
    """

    device: str
    permit: PermitAccount | None
    starts_24h: int
    max_starts_per_day: int | None
    on: bool | None
    on_since_ms: int | None
    called_ms: int | None
    failure: str
    failed_ms: int | None
    retry_ms: int | None
    exercise: ExerciseAccount | None = None


def account_of(fleet: Fleet, state: CoreState, device_id: str, now_ms: int) -> DeviceAccount:
    """What the core keeps about a device.

    Args:
        fleet: the fleet.
        state: the core's memory.
        now_ms: plant time now, ms.
        device_id: one of the fleet's devices.

    Raises:
        KeyError: when the fleet has no such device.
    """
    device = fleet.device_by_id[device_id]
    life = state.calls.lives.get(device_id)
    call = state.calls.calls.get(device_id)
    failure = state.commitment.failures.get(device_id)
    return DeviceAccount(
        device=device_id,
        permit=_permit(device, fleet, state, now_ms) if isinstance(device, Generator) else None,
        starts_24h=state.ledger.starts_24h(device_id),
        max_starts_per_day=device.max_starts_per_day if isinstance(device, Generator) else None,
        on=None if life is None else life.on,
        on_since_ms=None if life is None or life.since_ms == 0 else life.since_ms,
        called_ms=None if call is None else call.since_ms,
        failure="" if failure is None else failure.cause,
        failed_ms=None if failure is None else failure.at_ms,
        retry_ms=None if failure is None or failure.until_ms <= 0 else failure.until_ms,
        exercise=_exercise(device, fleet, state) if isinstance(device, Generator) else None,
    )


def _exercise(device: Generator, fleet: Fleet, state: CoreState) -> ExerciseAccount | None:
    schedule, known = device.exercise, state.ledger.exercised.get(device.id)
    if schedule is None or known is None:
        return None
    from_ms = known.since_ms if known.done_ms < 0 else known.done_ms
    site = fleet.site_by_id[device.site]
    program = program_of(fleet, device)
    drills = Drills()
    if program in state.programs.watches:
        drills = state.programs.watches[program].drills
    placed = drills.placed.get(device.id)
    bank_ms = None
    if device.fuel is Fuel.DIESEL:
        bank_ms = bank_due_ms(known, drills.missed.get(device.id, -1), site.time_zone)
    return ExerciseAccount(
        every=schedule.every.value,
        minutes=schedule.minutes,
        load_share=schedule.load_share,
        last_ms=None if known.done_ms < 0 else known.done_ms,
        since_ms=known.since_ms,
        due_ms=due_ms(schedule, from_ms, site.time_zone),
        program=program,
        placed_ms=None if placed is None else placed.from_ms,
        bank_due_ms=bank_ms,
    )


def program_of(fleet: Fleet, device: Generator) -> str:
    """Id of the program that exercises an engine: the first of its area that reaches it.

    Args:
        fleet: the fleet.
        device: the engine.
    """
    site = fleet.site_by_id[device.site]
    for program in fleet.area_by_id[site.area].programs.exercise:
        if program.reaches(site.feeder, site.tags):
            return program.id
    return ""


def _permit(device: Generator, fleet: Fleet, state: CoreState, now_ms: int) -> PermitAccount:
    permit = device.permit
    counted = state.ledger.accounts.get(device.id)
    today = today_of(now_ms, fleet.site_by_id[device.site].time_zone)
    used_h = state.ledger.used_h(device, today)
    left_h = permits.hours_left_h(permit, used_h)
    uses = [state.ledger.use(device, limit, today) for limit in permits.windows(permit)]
    limits = [
        LimitAccount(use.limit.words(), permits.use_stop_h(use), use.used_h, use.past_h)
        for use in uses
    ]
    lefts = [max(one.stop_h - one.used_h, 0.0) for one in limits]
    allowed = permits.rule_of(permit).purposes
    return PermitAccount(
        permit_class=permits.name_of(permit),
        purposes=[purpose.value for purpose in Purpose if purpose in allowed],
        cap_h=permits.cap_h(permit),
        stop_h=permits.stop_h(permit),
        used_h=used_h,
        before_h=used_h - _seen_h(counted, today.year),
        left_h=min([*lefts, *([] if left_h is None else [left_h])], default=None),
        by_purpose_h={} if counted is None else dict(counted.book.years.get(today.year, {})),
        limits=limits,
    )


def _seen_h(account: Account | None, year: int) -> float:
    """Hours outside outages that the center saw an engine run in a calendar year, h."""
    booked = {} if account is None else account.book.years.get(year, {})
    return sum(h for purpose, h in booked.items() if purpose != Purpose.OUTAGE)
