"""Objectives in words: names, blends and orders, for all or for one area or device."""

from __future__ import annotations

import pytest
from test_objectives import fleet

from gridmuster.errors import PlanningError
from gridmuster.planning import PlanLimits, Weights
from gridmuster.planning.asking import answer, read
from gridmuster.planning.checker import violations
from gridmuster.planning.explain import Explainer
from gridmuster.planning.order import Mark, value

LIMITS = PlanLimits(gap=1e-3, time_limit_s=20.0)


def test_words_for_all_replace_every_objective_and_words_for_one_only_its_own() -> None:
    case = fleet(objectives={"cheap": Weights(), "area": Weights()})
    asked, order = read(case, ["steady=reliability", "efficiency:3, expense:1"])
    assert order == []
    assert asked.weights == Weights(0.25, 0.0, 0.75, 0.0)
    assert asked.objectives == {"steady": Weights(0.0, 0.0, 0.0, 1.0)}
    asked, _ = read(case, ["area=cost"])
    assert asked.weights == case.weights
    assert asked.objectives["cheap"] == Weights()
    assert asked.objectives["area"] == Weights(0.0, 1.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("text", "marks", "then", "where"),
    [
        ("reliability>expense", [Mark("reliability")], "operating-expense", ""),
        ("reliability:lolp=0.001 > cost", [Mark("reliability", lolp=0.001)], "production-cost", ""),
        ("area=efficiency:2%>expense", [Mark("efficiency", 0.02)], "operating-expense", "area"),
        (
            "reliability:lolp=0.001>efficiency:2%>expense",
            [Mark("reliability", lolp=0.001), Mark("efficiency", 0.02)],
            "operating-expense",
            "",
        ),
        (
            "cheap=expense:0.05>reliability",
            [Mark("operating-expense", 0.05)],
            "reliability",
            "cheap",
        ),
    ],
)
def test_orders_are_read(text: str, marks: list[Mark], then: str, where: str) -> None:
    _, (order,) = read(fleet(), [text])
    assert (list(order.marks), order.then, order.where) == (marks, then, where)


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["nowhere=efficiency"], ["'nowhere'", "no area"]),
        (["beauty"], ["'beauty'", "reliability"]),
        (["efficiency>beauty"], ["'beauty'", "expected like"]),
        (["expense>operating-expense"], ["there twice"]),
        (["efficiency:lolp=0.1>expense"], ["no mark for efficiency"]),
        (["reliability:lolp=2>expense"], ["no mark for reliability"]),
        (["reliability:soon>expense"], ["'soon'"]),
        (["efficiency>expense>beauty"], ["'beauty'", "expected like"]),
        (["efficiency>cost>efficiency"], ["there twice"]),
        (["reliability>expense", "efficiency>expense"], ["second order for all"]),
        (["area=reliability>expense", "area=efficiency>cost"], ["second order for area"]),
    ],
)
def test_words_that_say_nothing_are_refused_by_name(texts: list[str], words: list[str]) -> None:
    with pytest.raises(PlanningError) as caught:
        read(fleet(), texts)
    assert all(word in str(caught.value) for word in words)


def test_an_order_for_one_device_leaves_the_others_objectives() -> None:
    found = answer(fleet("efficiency"), ["cheap=reliability:20%>expense"], LIMITS)
    assert violations(found.problem, found.solution) == []
    (ordered,) = found.ordered
    assert found.problem.weights == Weights(0.0, 0.0, 1.0, 0.0)
    assert set(found.problem.objectives) == {"cheap"}
    assert ordered.met == (ordered.marks[0].figure <= ordered.marks[0].most)


def test_orders_for_all_and_for_one_device_are_both_judged_on_the_last_plan() -> None:
    wishes = ["cheap=efficiency:20%>expense", "steady=cost", "cost:3%>expense"]
    found = answer(fleet(), wishes, LIMITS)
    assert violations(found.problem, found.solution) == []
    assert [one.where for one in found.ordered] == ["", "cheap"]
    assert set(found.problem.objectives) == {"cheap", "steady"}
    for one in found.ordered:
        for kept in one.marks:
            assert kept.figure == value(fleet(), found.solution, kept.mark.objective)


def test_the_answered_question_explains_its_plan() -> None:
    found = answer(fleet(), ["efficiency:5%>expense"], LIMITS)
    assert found.ordered[0].met
    why = Explainer(found.problem, found.solution).why("efficient", 10)
    assert why.sentences
    plain = answer(fleet(), [], LIMITS)
    assert plain.ordered == ()
    assert plain.problem == fleet()
