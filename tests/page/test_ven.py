"""A VEN against a VTN on a real socket: events start sets, change, end, and are reported back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_plant import LivePlant
from lockstep_plant import today
from toy_vtn import CLIENT, SECRET, ToyVtn, event

from gridmuster.center.view import RequestView
from gridmuster.clock import iso
from gridmuster.comms.openadr import Vtn
from gridmuster.errors import LinkError
from gridmuster.fleet.generate import generate
from gridmuster.fleet.model import Area
from gridmuster.fleet.programs import OpenAdr, Programs
from gridmuster.runtime.ven import Ven

SETPOINT = {"type": "DISPATCH_SETPOINT", "values": [300.0]}
ENVIRONMENT = {"VTN_SECRET": SECRET}
SETTINGS = OpenAdr(
    id="north-adr",
    power_kw=400.0,
    vtn_url="http://127.0.0.1",
    ven_name="gridmuster-north",
    vtn_program="peaks",
    client_id=CLIENT,
    secret_env="VTN_SECRET",
    price_above_usd_per_mwh=500.0,
)


class Plant:
    """A live plant whose area north follows a VTN; it may have areas more."""

    def __init__(self, folder: Path, more: tuple[Area, ...] = ()) -> None:
        fleet = generate(12, 1)
        areas = tuple(
            area.model_copy(update={"programs": Programs(openadr=(SETTINGS,))})
            if area.id == "north"
            else area
            for area in fleet.areas
        )
        fleet = fleet.model_copy(update={"areas": (*areas, *more)})
        self.live = LivePlant(folder, start="14:00", fleet=fleet)
        self.vtn = ToyVtn()
        self.live.run(self.vtn.start())
        self.settings = SETTINGS.model_copy(update={"vtn_url": self.vtn.url})
        self.ven = self.new_ven()
        self.live.advance(2)

    def new_ven(self) -> Ven:
        client = Vtn(self.settings, ENVIRONMENT)
        return Ven("north", self.settings, self.live.center, self.live.clock, client)

    def poll(self, minutes: float = 0.2) -> None:
        """One poll while the plant goes on, and one more to report what came of it."""
        work = asyncio.run_coroutine_threadsafe(self.ven.poll(), self.live._loop)
        while not work.done():
            self.live.advance(0.1)
        work.result()
        self.live.advance(minutes)
        self.live.run(self.ven.poll())

    def requests(self) -> dict[str, RequestView]:
        (one,) = self.live.call(self.live.center.programs)
        return {r.key: r for r in one.requests if r.state != "over"}

    def close(self) -> None:
        self.live.run(self.vtn.stop())
        self.live.close()


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    made = Plant(tmp_path)
    yield made
    made.close()


def at(clock: str) -> str:
    return iso(today(clock))


def test_an_event_starts_sets_is_changed_withdrawn_and_reported(plant: Plant) -> None:
    plant.vtn.events = [event("e1", at("14:03"), SETPOINT, priority=0)]
    plant.poll(6)
    found = plant.requests()["north-adr/e1.0"]
    assert (found.state, found.granted_kw, found.purpose) == ("called", 300.0, "demand")
    assert found.reason == "event e1.0 of VTN of north-adr: event e1"
    assert plant.vtn.states("e1") == ["RUNNING_NORMAL"]
    (given_kw,) = plant.vtn.reported("e1", "READING")
    assert 300.0 <= given_kw <= 310.0
    assert plant.vtn.fetched == 1
    smaller = {"type": "DISPATCH_SETPOINT", "values": [0.2]}
    units = [{"payloadType": "DISPATCH_SETPOINT", "units": "MW"}]
    plant.vtn.events = [event("e1", at("14:03"), smaller, payloadDescriptors=units)]
    plant.vtn.tokens.clear()
    plant.poll(1)
    assert plant.vtn.fetched == 2, "a token that is refused is fetched anew"
    assert plant.requests()["north-adr/e1.0"].granted_kw == 200.0
    plant.vtn.events = []
    plant.poll(0.5)
    assert plant.requests() == {}
    assert len(plant.vtn.reports) == 1


def test_every_part_of_an_event_that_is_not_taken_is_told_of(plant: Plant) -> None:
    simple = {"type": "SIMPLE", "values": [2]}
    odd = {"type": "CTA2045_REBOOT", "values": [1]}
    plant.vtn.events = [
        event("past", at("12:00"), SETPOINT),
        event("open", at("14:30"), simple),
        event("odd", at("14:10"), odd),
        event("other", at("14:10"), SETPOINT, targets=[{"type": "VEN_NAME", "values": ["bob"]}]),
        {"id": "bad", "programID": "p-1", "intervals": "none"},
    ]
    plant.vtn.events[1]["intervalPeriod"]["duration"] = "P9999Y"
    plant.poll()
    assert set(plant.requests()) == {"north-adr/open.0"}
    assert plant.vtn.states("past") == ["IDLE_OPTED_OUT"]
    assert "was over at" in plant.vtn.reported("past", "PRIVATE_ANSWER")[0]
    (said,) = plant.vtn.reported("odd", "PRIVATE_REMARK")
    assert "CTA2045_REBOOT" in said and "left out" in said
    taken = plant.ven.followed["open"].answers["open.0"]
    assert "267 kW" not in taken and "has no end: it counts until" in taken
    assert {one["eventID"] for one in plant.vtn.reports.values()} == {"past", "open", "odd"}


def test_what_was_heard_goes_on_while_the_vtn_is_away_and_after_a_restart(plant: Plant) -> None:
    plant.vtn.events = [
        event("e1", at("14:20"), SETPOINT),
        event("e2", at("15:20"), {"type": "SIMPLE", "values": [3]}),
    ]
    plant.poll()
    plant.vtn.broken = True
    with pytest.raises(LinkError, match="503"):
        plant.live.run(plant.ven.poll())
    assert set(plant.requests()) == {"north-adr/e1.0", "north-adr/e2.0"}
    plant.vtn.broken = False
    plant.vtn.events.pop(0)
    plant.ven = plant.new_ven()
    plant.poll()
    assert set(plant.requests()) == {"north-adr/e2.0"}


def test_a_secret_that_is_not_there_is_said() -> None:
    with pytest.raises(LinkError, match="VTN_SECRET is not set"):
        Vtn(SETTINGS, {})
