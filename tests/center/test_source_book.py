"""What is kept of sites at rest from cycle to cycle equals what is made anew."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from gridmuster.center.calls import CallBook, CallMemory
from gridmuster.center.config import CenterConfig
from gridmuster.center.contexts import ContextMaker
from gridmuster.center.operator import OperatorMemory, Override
from gridmuster.center.sources import AreaSources, PlanNow, SourceBook
from gridmuster.dispatch.commitment import CommitmentMemory
from gridmuster.fleet.generate import generate
from gridmuster.fleet.towers import generate_towers
from gridmuster.programs.ledger import Ledger
from gridmuster.safety import Context
from gridmuster.signals import DeviceReading, DeviceState, SiteReport, Supply
from gridmuster.state.keeper import StateKeeper
from gridmuster.state.snapshot import Snapshot

START_MS = 1_760_000_000_000
FLEETS = (generate_towers(6, 1), generate(6, 2))
STATES = (DeviceState.IDLE, DeviceState.IDLE, DeviceState.RUNNING, DeviceState.FAULT)


def told(sources: AreaSources) -> tuple[object, ...]:
    units = [
        (u.device.id, u.on, u.limit_kw, u.power_kw, u.planned, u.override, u.standing())
        for u in sources.units
    ]
    return units, sources.offers, sources.fixed_kw, sources.firm_kw, sources.largest_other


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(FLEETS))
def test_kept_is_as_made_anew(seed: int, fleet) -> None:  # type: ignore[no-untyped-def]
    dice = Random(seed)
    config = CenterConfig()
    keeper, kept = StateKeeper(fleet, 20.0), SourceBook(fleet)
    contexts, ledger = ContextMaker(fleet, config), Ledger()
    calls = CallBook(CallMemory(), CommitmentMemory(), 30.0)
    operator = OperatorMemory()
    ids = [device.id for device in fleet.devices]
    for step in range(25):
        now_ms = START_MS + step * dice.choice((4_000, 60_000))
        for site in dice.sample(fleet.sites, dice.randint(0, 3)):
            readings = tuple(
                DeviceReading(device.id, dice.choice(STATES), dice.choice((0.0, 9.0)), 15.0)
                for device in fleet.devices_of_site[site.id]
                if dice.random() < 0.9
            )
            load_kw = dice.choice((None, 5.0, 9.0))
            away = dice.random() < 0.1
            report = SiteReport(
                site.id,
                now_ms,
                step + 1,
                Supply.UTILITY,
                not away,
                60.0,
                1.0,
                0.0,
                readings,
                load_kw,
            )
            keeper.take_report(report, now_ms)
        if dice.random() < 0.2:
            operator.overrides = {dice.choice(ids): Override(None, now_ms, "somebody")}
        elif dice.random() < 0.4:
            operator.overrides = {}
        plan = PlanNow({one: dice.random() < 0.1 for one in ids}, {})
        snapshot = keeper.freeze(now_ms, lambda _: 0.0)

        def context_of(device: str, snapshot: Snapshot = snapshot) -> Context:
            return contexts.context(snapshot, device, ledger, calls, False, False)

        for area in fleet.areas:
            both = [
                told(book.area(area.id, snapshot, plan, operator, (), context_of))
                for book in (kept, SourceBook(fleet))
            ]
            assert both[0] == both[1]
