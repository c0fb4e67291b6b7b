"""Simulated controllers: they show their model, obey it is given to obey, refuse the rest."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmuster.gateway.links import LocalLink, Sent
from gridmuster.registers import load_map
from gridmuster.simulator.controllers import Refusal, TwinController


class Model:
    """Physics reduced to what it shows and what it was told."""

    def __init__(self, **points: float) -> None:
        self.reachable = True
        self.shown: Mapping[str, float] = points
        self.told: list[tuple[str, float]] = []
        self.asked = 0

    def points(self) -> Mapping[str, float]:
        self.asked += 1
        return self.shown

    def order(self, name: str, value: float) -> None:
        self.told.append((name, value))


def genset(**points: float) -> tuple[Model, TwinController]:
    model = Model(**{"mode": 2.0, "state": 0.0, "power_kw": 0.0, **points})
    return model, TwinController(model, load_map("deepsea-gencomm", {"rated_kw": 500.0}))


def inverter(**points: float) -> tuple[Model, TwinController]:
    model = Model(**{"mode": 2.0, "state": 3.0, "power_kw": 10.0, **points})
    return model, TwinController(model, load_map("sunspec-der", {"rated_kw": 500.0}))


def test_a_read_shows_the_model_as_it_is_at_that_moment() -> None:
    model, twin = genset(power_kw=100.0)
    assert twin.read(1536, 2) == [1, 34464]
    model.shown = {"mode": 2.0, "state": 3.0, "power_kw": -1.0}
    assert twin.read(1536, 2) == [0xFFFF, 0x10000 - 1000]


def test_nothing_is_coded_before_someone_asks() -> None:
    model, twin = genset()
    assert model.asked == 0
    twin.read(1536, 2)
    assert model.asked == 1


def test_out_of_reach_it_neither_answers_nor_obeys() -> None:
    model, twin = genset()
    model.reachable = False
    assert twin.read(1536, 2) is None
    assert twin.glance() is None
    assert not twin.write(4104, (35732, 65535 - 35732))
    assert model.told == []
    link = LocalLink(twin, twin.register_map)
    assert link.scan() is None
    assert link.send("start", 1.0) is Sent.SILENT


@pytest.mark.parametrize("mode", [0.0, 1.0, 3.0])
def test_a_telemetry_start_is_refused_unless_in_auto(mode: float) -> None:
    model, twin = genset(mode=mode)
    assert not twin.write(4104, (35732, 65535 - 35732))
    assert model.told == []
    assert twin.write(4104, (35733, 65535 - 35733))
    assert model.told == [("stop", 1.0)]


def test_every_order_arrives_as_it_was_given() -> None:
    for model, twin in (genset(), inverter()):
        link = LocalLink(twin, twin.register_map)
        for order in ("start", "stop", "reset"):
            assert link.send(order, 1.0) is Sent.DONE
        assert link.send("set_power_kw", 123.25) is Sent.DONE
        assert model.told == [
            ("start", 1.0),
            ("stop", 1.0),
            ("reset", 1.0),
            ("set_power_kw", 123.25),
        ]
        model.told.clear()
        assert link.send("emergency_stop", 1.0) is Sent.DONE
        assert model.told[0] == ("emergency_stop", 1.0)
        assert link.send("transfer_to_local", 1.0) is Sent.UNKNOWN


def test_a_refused_order_is_told_as_refused_and_goes_no_further() -> None:
    model, twin = genset(mode=1.0)
    link = LocalLink(twin, twin.register_map)
    assert link.send("start", 1.0) is Sent.REFUSED
    assert model.told == []


@pytest.mark.parametrize(
    ("address", "count", "answer"),
    [
        (0, 1, Refusal.ILLEGAL_ADDRESS),
        (767, 2, Refusal.ILLEGAL_ADDRESS),
        (1080, 20, Refusal.ILLEGAL_ADDRESS),
        (65_535, 2, Refusal.ILLEGAL_ADDRESS),
        (1024, 0, Refusal.ILLEGAL_VALUE),
        (1024, 126, Refusal.ILLEGAL_VALUE),
    ],
)
def test_reads_of_what_is_not_there_are_refused(address: int, count: int, answer: Refusal) -> None:
    _, twin = genset()
    assert twin.answer_read(address, count) is answer
    assert twin.read(address, count) is None


@pytest.mark.parametrize(
    ("address", "values", "answer"),
    [
        (1024, (5,), Refusal.ILLEGAL_ADDRESS),
        (4103, (1, 35732, 29803), Refusal.ILLEGAL_ADDRESS),
        (4104, (35732,), Refusal.ILLEGAL_VALUE),
        (4104, (35732, 1), Refusal.ILLEGAL_VALUE),
        (4104, (), Refusal.ILLEGAL_VALUE),
        (4104, (70_000, 1), Refusal.ILLEGAL_VALUE),
    ],
)
def test_writes_of_what_is_no_command_are_refused(
    address: int, values: tuple[int, ...], answer: Refusal
) -> None:
    model, twin = genset()
    assert twin.answer_write(address, values) is answer
    assert model.told == []


def test_a_written_register_reads_back_and_outlives_the_next_look() -> None:
    model, twin = inverter()
    (write,) = twin.register_map.writes("set_power_kw", 77.5)
    assert twin.write(write.address, write.values)
    model.shown = {"power_kw": 77.5, "state": 3.0, "mode": 2.0}
    assert twin.read(write.address, 4) == list(write.values)


def test_an_enumeration_takes_only_its_own_codes() -> None:
    model, twin = inverter()
    (write,) = twin.register_map.writes("start", 1.0)
    assert twin.answer_write(write.address, (7,)) is Refusal.ILLEGAL_VALUE
    assert twin.write(write.address, (0,))
    assert model.told == [("stop", 1.0)]


def test_a_limit_that_is_taken_off_frees_the_device() -> None:
    model, twin = inverter()
    enable = 40_310
    assert twin.write(enable, (1, 2_500))
    assert twin.write(enable, (0,))
    assert model.told == [("set_power_kw", 125.0), ("set_power_kw", 500.0)]


@given(st.integers(0, 65_535), st.lists(st.integers(0, 65_535), max_size=6))
def test_no_write_breaks_it(address: int, values: list[int]) -> None:
    for _, twin in (genset(), inverter()):
        taken = twin.answer_write(address, values)
        assert taken is None or isinstance(taken, Refusal)
        if taken is None:
            assert twin.read(address, len(values)) is not None


def test_the_same_registers_give_the_same_points_object() -> None:
    model, twin = genset()
    link = LocalLink(twin, twin.register_map)
    first = link.scan()
    assert link.scan() is first
    model.shown = dict(model.shown) | {"power_kw": 50.0}
    second = link.scan()
    assert second is not first
    assert second is not None
    assert second["power_kw"] == 50.0
