"""What people ask: overrides that end, stops that latch, resets by admins only, ids that count."""

from __future__ import annotations

import pytest

from gridmuster.center.config import CenterConfig
from gridmuster.center.operator import RESET_S, OperatorDesk, OperatorMemory
from gridmuster.fleet.generate import generate
from gridmuster.signals import Action, OperatorRequest, Order, Scope

T0 = 1_700_000_000_000
FLEET = generate(12, 1)
GEN = "north-pump-01-gen-1"
PUMP = "north-pump-01"
#: Devices at the pump.
COUNT = len(FLEET.devices_of_site[PUMP])


def desk() -> OperatorDesk:
    return OperatorDesk(FLEET, CenterConfig(), OperatorMemory())


def ask(
    one: OperatorDesk,
    action: Action,
    target: str = GEN,
    scope: Scope = Scope.DEVICE,
    number: int = 0,
    role: str = "operator",
    power_kw: float | None = None,
    until_ms: int | None = None,
    at_ms: int = T0,
) -> str:
    asked = number or len(one.memory.answers) + 1
    request = OperatorRequest(
        f"r{asked}", "ann", role, action, scope, target, at_ms, power_kw, until_ms
    )
    return one.take(request, at_ms)


def test_an_override_holds_until_its_time() -> None:
    one = desk()
    assert "override to 100 kW" in ask(one, Action.OVERRIDE, power_kw=100.0, until_ms=T0 + 60_000)
    assert one.memory.overrides[GEN].power_kw == 100.0
    assert one.expire(T0 + 59_999) == []
    assert one.expire(T0 + 60_000) == [GEN]
    assert one.memory.overrides == {}


def test_an_override_without_end_ends_all_the_same() -> None:
    one = desk()
    ask(one, Action.OVERRIDE)
    assert one.memory.overrides[GEN].power_kw is None
    assert one.memory.overrides[GEN].until_ms == T0 + 3_600_000


@pytest.mark.parametrize(
    ("power_kw", "until_ms", "why"),
    [(1e5, None, "beyond the rating"), (10.0, T0, "already have ended")],
)
def test_an_override_that_cannot_be_is_refused(
    power_kw: float, until_ms: int | None, why: str
) -> None:
    one = desk()
    answer = ask(one, Action.OVERRIDE, power_kw=power_kw, until_ms=until_ms)
    assert answer.startswith("refused:") and why in answer
    assert one.memory.overrides == {}


def test_release_gives_back_what_was_held() -> None:
    one = desk()
    ask(one, Action.OVERRIDE, PUMP, Scope.SITE)
    assert len(one.memory.overrides) == COUNT
    assert ask(one, Action.RELEASE, PUMP, Scope.SITE) == f"released {COUNT} device(s)"


@pytest.mark.parametrize(
    ("scope", "target", "count"),
    [
        (Scope.DEVICE, GEN, 1),
        (Scope.SITE, PUMP, COUNT),
        (
            Scope.AREA,
            "north",
            sum(FLEET.site_by_id[device.site].area == "north" for device in FLEET.devices),
        ),
        (Scope.FLEET, FLEET.id, len(FLEET.devices)),
    ],
)
def test_an_emergency_stop_latches_over_its_scope(scope: Scope, target: str, count: int) -> None:
    one = desk()
    ask(one, Action.OVERRIDE, power_kw=10.0)
    ask(one, Action.EMERGENCY_STOP, target, scope)
    assert len(one.memory.stopped) == count
    assert GEN not in one.memory.overrides
    assert one.expire(T0 + 10**9) == [] and len(one.memory.stopped) == count
    ask(one, Action.RELEASE, target, scope)
    assert len(one.memory.stopped) == count
    assert ask(one, Action.OVERRIDE, power_kw=10.0).startswith("refused: emergency stop")
    assert len(one.orders(T0)) == count
    assert {order for _, order in one.orders(T0)} == {Order.EMERGENCY_STOP}


@pytest.mark.parametrize("role", ["operator", "viewer", ""])
def test_only_an_admin_resets(role: str) -> None:
    one = desk()
    ask(one, Action.EMERGENCY_STOP)
    assert ask(one, Action.RESET, role=role).startswith("refused: only an admin")
    assert GEN in one.memory.stopped
    assert ask(one, Action.RESET, role="admin") == "reset asked of 1 device(s)"
    assert GEN not in one.memory.stopped


def test_a_reset_is_asked_until_answered_but_not_for_ever() -> None:
    one = desk()
    ask(one, Action.RESET, role="admin")
    for at_s in (0, 4, RESET_S):
        assert one.orders(T0 + at_s * 1000) == [(GEN, Order.RESET)]
    assert one.orders(T0 + RESET_S * 1000 + 1) == []


def test_a_stop_after_a_reset_wins() -> None:
    one = desk()
    ask(one, Action.RESET, role="admin")
    ask(one, Action.EMERGENCY_STOP)
    assert one.orders(T0) == [(GEN, Order.EMERGENCY_STOP)]


def test_a_request_acts_once_however_often_it_comes() -> None:
    one = desk()
    first = ask(one, Action.OVERRIDE, number=7, power_kw=100.0)
    ask(one, Action.RELEASE, number=8)
    assert ask(one, Action.OVERRIDE, number=7, power_kw=100.0) == first
    assert one.memory.overrides == {}


@pytest.mark.parametrize("scope", list(Scope))
def test_a_target_that_does_not_exist_is_refused(scope: Scope) -> None:
    one = desk()
    answer = ask(one, Action.EMERGENCY_STOP, "nowhere", scope)
    assert answer.startswith("refused: no device")


def test_answers_are_kept_within_bounds() -> None:
    one = desk()
    for k in range(1, 1200):
        ask(one, Action.RELEASE, number=k)
    assert len(one.memory.answers) == 1000
