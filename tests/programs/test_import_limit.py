"""A limit of import calls sets for what is above it, and lets them go only well below it."""

from __future__ import annotations

from gridmuster.fleet.programs import OpenAdr
from gridmuster.programs.asking import LIMIT_HELD_KW, Sensed, Watch, asks
from gridmuster.programs.events import Event
from gridmuster.signals import ProgramSignal

PROGRAM = OpenAdr(id="adr", power_kw=400.0, vtn_url="https://vtn.example", ven_name="us")
SIGNAL = ProgramSignal("adr", "cap", import_limit_kw=1000.0)


def asked(nets_kw: list[float], step_s: int = 60) -> list[float]:
    """What is asked when the area's import, called sets aside, takes these values."""
    watch = Watch(events={"cap": Event(SIGNAL, 0, 10**9, "vtn", 0)})
    found = []
    for k, net_kw in enumerate(nets_kw):
        requests = asks(PROGRAM, watch, Sensed("north", k * step_s * 1000, net_kw=net_kw))
        found.append(sum(one.power_kw for one in requests))
    return found


def test_what_is_above_the_limit_is_asked_for_up_to_what_the_program_gives() -> None:
    assert asked([900.0, 1100.0, 1300.0, 1900.0]) == [0.0, 100.0, 300.0, 400.0]


def test_an_import_about_the_limit_does_not_start_and_stop_sets() -> None:
    found = asked([1001.0, 999.0, 1001.0, 980.0, 1002.0, 960.0, 1001.0])
    assert min(found) >= LIMIT_HELD_KW


def test_it_ends_when_the_import_has_been_well_below_for_ten_minutes() -> None:
    found = asked([1100.0, *[900.0] * 12, 990.0])
    assert found[:11] == [100.0, *[LIMIT_HELD_KW] * 10]
    assert found[11:] == [0.0, 0.0, 0.0]


def test_an_event_that_is_over_leaves_nothing_behind() -> None:
    watch = Watch(events={"cap": Event(SIGNAL, 0, 5000, "vtn", 0)})
    asks(PROGRAM, watch, Sensed("north", 0, net_kw=1100.0))
    assert asks(PROGRAM, watch, Sensed("north", 6000, net_kw=1100.0)) == []
    assert watch.classes == {}
