"""Who must be on: the plan followed, failures replaced in the same cycle, minimum times held."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmuster.dispatch.commitment import (
    DEAF_S,
    SETTLED_S,
    TOLERANCE_FRACTION,
    CommitmentMemory,
    Deaf,
    Extra,
    Failure,
    Need,
    Standing,
    Unit,
    decide,
    drop_extras,
    forgive_deaf,
)
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.generate import generate

T0 = 1_700_000_000_000
LONG_S = 1e9
SETS = [
    device
    for device in generate(60, 1).devices
    if isinstance(device, Generator) and not device.must_run
]


def unit(k: int, **more: object) -> Unit:
    known = {name: more.pop(name) for name in ("in_state_s", "blocked") if name in more}
    standing = Standing(**{"in_state_s": LONG_S, **known})  # type: ignore[arg-type]
    one = Unit(SETS[k], False, 100.0, 0.0, 0.2 + 0.01 * k, lambda: standing, False)
    return replace(one, **more)  # type: ignore[arg-type]


def running(k: int, power_kw: float = 80.0, **more: object) -> Unit:
    return unit(k, on=True, power_kw=power_kw, planned=True, **more)


def need(
    need_kw: float, import_kw: float = 0.0, firm_kw: float = 0.0, other_kw: float = 0.0
) -> Need:
    return Need(need_kw, import_kw, firm_kw, other_kw, 0.06)


def test_follows_the_plan_when_that_is_enough() -> None:
    units = [running(0), unit(1), unit(2, planned=True)]
    answer = decide(T0, units, need(100.0), CommitmentMemory())
    assert list(answer.wanted.values()) == [True, False, True]
    assert answer.starts == [] and answer.deficit_kw == 0.0


def test_a_failure_is_replaced_in_the_same_cycle_by_the_next_in_merit() -> None:
    memory = CommitmentMemory(failures={SETS[0].id: Failure(T0, "failed to start")})
    units = [unit(0, planned=True), unit(2), unit(1)]
    answer = decide(T0, units, need(90.0), memory)
    assert [(s.device, s.replaces) for s in answer.starts] == [(SETS[1].id, SETS[0].id)]
    assert answer.starts[0].runner_up == SETS[2].id
    assert memory.failures[SETS[0].id].replaced
    assert not answer.wanted[SETS[0].id]
    assert "failed to start" in answer.refused[SETS[0].id]


def test_a_big_one_is_replaced_by_as_many_as_it_takes() -> None:
    memory = CommitmentMemory(failures={SETS[0].id: Failure(T0, "tripped")})
    units = [unit(0, planned=True, limit_kw=250.0), unit(1), unit(2), unit(3), unit(4)]
    answer = decide(T0, units, need(250.0), memory)
    assert [start.replaces for start in answer.starts] == [SETS[0].id] * 3


def test_a_start_long_after_a_failure_is_no_replacement() -> None:
    memory = CommitmentMemory(failures={SETS[0].id: Failure(T0, "tripped")})
    units = [unit(0), unit(1)]
    assert decide(T0, units, need(0.0), memory).starts == []
    assert not memory.failures[SETS[0].id].replaced
    later_ms = T0 + SETTLED_S * 1000
    assert decide(later_ms, units, need(0.0), memory).starts == []
    (start,) = decide(later_ms + 4000, units, need(90.0), memory).starts
    assert start.replaces == ""


def test_the_loss_of_the_largest_is_covered() -> None:
    units = [running(0, 100.0), running(1, 60.0), unit(2)]
    answer = decide(T0, units, need(150.0), CommitmentMemory())
    assert (answer.largest, answer.largest_kw) == (SETS[0].id, 100.0)
    assert [start.device for start in answer.starts] == [SETS[2].id]
    assert "would not be covered" in answer.starts[0].cause


def test_what_is_missing_is_named() -> None:
    units = [running(0, 100.0), unit(1, blocked="fuel 10 against a reserve of 20")]
    answer = decide(T0, units, need(150.0), CommitmentMemory())
    assert answer.deficit_kw == pytest.approx(50.0)
    assert answer.reserve_deficit_kw == pytest.approx(100.0)
    assert answer.refused == {SETS[1].id: "fuel 10 against a reserve of 20"}


def test_minimum_times_hold() -> None:
    stays = running(0, in_state_s=10.0)
    stays = replace(stays, planned=False)
    rests = unit(1, planned=True, in_state_s=10.0)
    answer = decide(T0, [stays, rests], need(0.0), CommitmentMemory())
    assert list(answer.wanted.values()) == [True, False]
    over = replace(running(0, in_state_s=SETS[0].min_up_s), planned=False)
    rested = unit(1, planned=True, in_state_s=SETS[1].min_down_s)
    answer = decide(T0, [over, rested], need(0.0), CommitmentMemory())
    assert list(answer.wanted.values()) == [False, True]


def test_an_operator_may_stop_and_start() -> None:
    off = replace(running(0, in_state_s=10.0), override="off")
    on = unit(1, override="on")
    answer = decide(T0, [off, on], need(0.0), CommitmentMemory())
    assert list(answer.wanted.values()) == [False, True]
    answer = decide(T0, [off], need(500.0), CommitmentMemory())
    assert answer.starts == [] and answer.refused[SETS[0].id] == "held off by the operator"


def test_extras_stay_until_a_plan_could_take_them_over() -> None:
    memory = CommitmentMemory()
    assert decide(T0, [unit(0)], need(90.0), memory).starts
    assert decide(T0 + 4000, [unit(0)], need(10.0), memory).wanted[SETS[0].id]
    drop_extras(memory, T0)
    assert SETS[0].id in memory.extras
    drop_extras(memory, T0 + 1)
    assert memory.extras == {}


def test_the_deaf_are_asked_again_after_a_while() -> None:
    memory = CommitmentMemory(deaf={"a": Deaf(T0, "x")})
    forgive_deaf(memory, T0 + DEAF_S * 1000 - 1)
    assert memory.deaf
    forgive_deaf(memory, T0 + DEAF_S * 1000)
    assert memory.deaf == {}


UNITS = st.lists(
    st.builds(
        lambda on, power, limit, age, blocked, planned, override, failed: (
            (on, power, limit, age, blocked, planned, override),
            failed,
        ),
        st.booleans(),
        st.floats(0, 300),
        st.floats(0, 300),
        st.sampled_from([0.0, 10.0, LONG_S]),
        st.sampled_from(["", "", "blocked"]),
        st.booleans(),
        st.sampled_from([None, None, "on", "off"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


@given(UNITS, st.floats(0, 2000), st.floats(0, 1000), st.floats(0, 300), st.booleans())
def test_what_holds_always(
    drawn: list, need_kw: float, import_kw: float, other_kw: float, extra: bool
) -> None:
    memory = CommitmentMemory()
    units = []
    for k, (values, failed) in enumerate(drawn):
        on, power, limit, age, blocked, planned, override = values
        units.append(
            unit(
                k,
                on=on,
                power_kw=power if on else 0.0,
                limit_kw=limit,
                in_state_s=age,
                blocked=blocked,
                planned=planned,
                override=override,
            )
        )
        if failed:
            memory.failures[SETS[k].id] = Failure(T0, "x")
    if extra:
        memory.extras[SETS[0].id] = Extra(T0, "x")
    before = set(memory.failures)
    answer = decide(T0, units, need(need_kw, import_kw, other_kw), memory)
    started = {start.device for start in answer.starts}
    assert answer.wanted.keys() == {u.device.id for u in units}
    for u in units:
        device, wanted = u.device.id, answer.wanted[u.device.id]
        if device in before:
            assert not wanted
            continue
        if u.override is not None:
            assert wanted == (u.override == "on") or device in started
            assert device not in started or u.override != "off"
            continue
        if wanted and not u.on:
            assert not u.standing().blocked and u.standing().in_state_s >= u.device.min_down_s
        if not wanted and u.on and not u.planned:
            assert u.standing().in_state_s >= u.device.min_up_s
    left = [u for u in units if not answer.wanted[u.device.id]]
    able = [u for u in left if u.device.id not in answer.refused]
    short = need_kw - answer.capacity_kw + answer.largest_kw > TOLERANCE_FRACTION * need_kw + 1e-6
    assert not (short and able), "somebody could have been started"
    assert answer.deficit_kw == max(need_kw - answer.capacity_kw, 0.0)
    again = decide(T0 + 4000, units, need(need_kw, import_kw, other_kw), memory)
    assert again.starts == [] or set(s.device for s in again.starts).isdisjoint(started)
