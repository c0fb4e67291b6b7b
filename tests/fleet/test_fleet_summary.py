"""The summary's sums and its firm power, against enumeration and the facts of the trade."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
from fleet_samples import changed
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gridmuster.fleet.generate import generate
from gridmuster.fleet.load import Inspection
from gridmuster.fleet.summary import deliverable_kw, firm_kw, summarise


def by_enumeration(units: list[tuple[float, float]]) -> float:
    """The largest power that at least 99 % of all up-and-down patterns reach."""
    outcomes = []
    for pattern in itertools.product((True, False), repeat=len(units)):
        odds = math.prod(p if up else 1.0 - p for up, (_, p) in zip(pattern, units, strict=True))
        power = sum(kw for up, (kw, _) in zip(pattern, units, strict=True) if up)
        outcomes.append((power, odds))
    reached = 0.0
    for power, odds in sorted(outcomes, reverse=True):
        reached += odds
        if reached >= 0.99 - 1e-12:
            return power
    return 0.0


@settings(max_examples=60)
@example([(10.0, 0.9), (10.0, 0.95), (25.0, 0.9), (40.0, 0.9)])
@given(
    st.lists(
        st.tuples(st.sampled_from((10.0, 25.0, 40.0, 100.0)), st.sampled_from((0.9, 0.95, 0.98))),
        min_size=1,
        max_size=8,
    )
)
def test_firm_power_is_that_of_the_outage_table(units: list[tuple[float, float]]) -> None:
    total_kw = sum(kw for kw, _ in units)
    assert firm_kw(units) == pytest.approx(by_enumeration(units), abs=len(units) * total_kw / 5e4)


@pytest.mark.parametrize(("count", "share"), [(10, 0.80), (100, 0.95), (1000, 0.97)])
def test_firm_share_of_small_engines_is_the_known_one(count: int, share: float) -> None:
    """`domain.md`, fact 5: 80 % of 10, 95 % of 100, 97 % of 1,000 units for a 4 h call."""
    p = 0.995 * (1.0 - 0.0094) * math.exp(-4.0 / 1100.0)
    assert p == pytest.approx(0.982, abs=5e-4)
    firm = firm_kw([(25.0, p)] * count) / (25.0 * count)
    assert firm == pytest.approx(share, abs=0.011)


def test_many_units_are_as_good_as_normal() -> None:
    units = [(25.0, 0.982)] * 1000
    assert firm_kw([*units, (1e-9, 0.982)]) == pytest.approx(firm_kw(units), rel=2e-3)


def test_a_transfer_switch_lets_through_the_sites_own_load_only(
    inspect: Callable[[Any], Inspection],
) -> None:
    fleet = inspect(changed()).fleet
    assert fleet is not None
    through = deliverable_kw(fleet)
    assert through["tower-gen"] == 6.0
    assert through["pump-gen"] == 100.0
    tight = inspect(changed(("sites[1].transfer.export_limit_kw", 85.0))).fleet
    assert tight is not None
    through = deliverable_kw(tight)
    assert through["pump-gen"] + through["store"] + through["wind"] == pytest.approx(85.0 + 40.0)


@pytest.mark.parametrize("sites", [1, 12, 60, 500])
def test_sums_add_up(sites: int) -> None:
    fleet = generate(sites, 1)
    summary = summarise(fleet)
    assert summary.rated_kw == pytest.approx(sum(device.rated_kw for device in fleet.devices))
    assert sum(area.sites for area in summary.areas) == summary.sites == sites
    assert sum(area.devices for area in summary.areas) == summary.devices
    assert sum(area.end_users for area in summary.areas) == summary.end_users
    assert sum(kind.count for kind in summary.types) == summary.devices
    assert sum(kind.sites for kind in summary.transfers) == sites
    assert sum(kind.deliverable_kw for kind in summary.types) == pytest.approx(
        summary.deliverable_kw
    )
    assert summary.firm_kw <= summary.deliverable_kw
    assert all(kind.firm_kw <= kind.deliverable_kw + 1e-6 for kind in summary.types)
    for promise in summary.promises:
        assert promise.least_held_now_h is None or promise.least_held_now_h >= promise.autonomy_h
