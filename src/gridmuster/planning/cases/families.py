"""Alike units counted together: a smaller model whose optimum bounds the case from below.

Units that differ in nothing but their names and that a ramp can bind may not be summed without
loss: what a sum of ramps keeps, one of them may not. So their sum is a relaxation. It has none of
the many orders in which alike units can do the same, which branch and bound would try one after
the other (Knueven, Ostrowski and Watson, "Exploiting identical generators in unit commitment",
IEEE Trans. Power Systems 33(4), 2018).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gridmuster.planning.cases.case import Case, Group, Thermal
from gridmuster.planning.cases.partial import Classes
from gridmuster.planning.cases.plans import assigned
from gridmuster.planning.cases.tight import TightModel
from gridmuster.planning.highs import Start
from gridmuster.planning.linear import Floats, Ints, LinearArrays

#: Shares of a unit that rounding may take off what the room to the best plan allows.
SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class Families:
    """A case with its alike units together.

    Args:
        case: the case; each of its groups is a family.
        of: the family of each group of the case that it is made from.
        exact: whether no family has several units that a ramp can bind.
    """

    case: Case
    of: Ints
    exact: bool


def families_of(case: Case) -> Families:
    """Put alike units of a case together, also those that a ramp can bind."""
    number: dict[Thermal, int] = {}
    of = [number.setdefault(replace(group.unit, name=""), len(number)) for group in case.thermal]
    names: list[list[str]] = [[] for _ in number]
    for family, group in zip(of, case.thermal, strict=True):
        names[family].extend(group.names)
    groups = tuple(Group(unit, tuple(names[k])) for unit, k in number.items())
    exact = all(group.count == 1 or group.unit.free for group in groups)
    return Families(replace(case, thermal=groups), np.array(of, dtype=np.int64), exact)


def as_start(families: Families, model: TightModel, plan: Classes) -> Start:
    """A plan of the case as whole numbers of the model of its families."""
    hours = families.case.hours
    columns: list[Ints] = []
    values: list[Floats] = []
    family = families.of[plan.group]
    for number, (group, made) in enumerate(zip(families.case.thermal, model.groups, strict=True)):
        rows = np.flatnonzero(family == number)
        on, count = plan.on[rows], plan.count[rows]
        before = np.full((len(on), 1), int(group.unit.on_before))
        change = np.diff(np.concatenate([before, on.reshape(-1, hours)], axis=1), axis=1)
        columns += [made.on, made.start, made.stop]
        values += [count @ on, count @ np.maximum(change, 0), count @ np.maximum(-change, 0)]
    return Start(np.concatenate(columns), np.concatenate(values).astype(float))


def as_plan(case: Case, families: Families, model: TightModel, values: Floats) -> Classes:
    """A plan of the case from a solution of the model of its families.

    Args:
        case: the case that the families are of.
        families: of `families_of`.
        model: their model.
        values: its solution; what its sums keep single units may not, so look before you trust.
    """
    members: list[list[int]] = [[] for _ in families.case.thermal]
    for group, family in enumerate(families.of.tolist()):
        members[family] += [group] * case.thermal[group].count
    rows = [
        assigned(units.unit, units.count, np.round(values[made.on]).astype(np.int64))
        for units, made in zip(families.case.thermal, model.groups, strict=True)
    ]
    of_row = np.array([one for family in members for one in family], dtype=np.int64)
    on = np.concatenate([np.zeros((0, case.hours), dtype=np.int64), *rows])
    return Classes(of_row, on, np.ones(len(of_row)))


def narrowed(
    families: Families, model: TightModel, regret: tuple[Floats, Floats], room: float
) -> LinearArrays:
    """The model without what no plan better than the best one known can have.

    With prices of a Lagrangian bound, k units of a family on in an hour cost at least k times
    what one of them loses by it; so many can only be on as the room up to the best plan pays for.

    Args:
        families: of `families_of`.
        model: their model.
        regret: what being off, and on, costs a unit of each group above its best, by hour.
        room: cost of the best plan less the bound at the prices of the regrets.
    """
    lower, upper = model.arrays.lower.copy(), model.arrays.upper.copy()
    if_off, if_on = regret
    for number, (group, made) in enumerate(zip(families.case.thermal, model.groups, strict=True)):
        any_one = int(np.flatnonzero(families.of == number)[0])
        most = _affordable(if_on[any_one], room, group.count)
        fewest = group.count - _affordable(if_off[any_one], room, group.count)
        upper[made.on] = np.maximum(np.minimum(upper[made.on], most), lower[made.on])
        lower[made.on] = np.minimum(np.maximum(lower[made.on], fewest), upper[made.on])
    return replace(model.arrays, lower=lower, upper=upper)


def _affordable(each: Floats, room: float, count: int) -> Floats:
    """How many of a family may lose so much each before the room is spent, by hour."""
    number = np.floor(room / np.maximum(each, 1e-12) + SLACK)
    return np.asarray(np.clip(number, 0.0, float(count)))
