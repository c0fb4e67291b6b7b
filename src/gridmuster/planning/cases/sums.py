"""Branch and bound on how many of much the same units are on, with a relaxation at every node.

Units of one size and the same minimum times stand in for each other: to hold one of them on or off
hardly moves the relaxation when another takes its place at almost the same cost. How many of them
are on cannot be evaded so; holding that number raises the bound at once. A column for each sum is
added to the model, and it is branched on before single families are (constraint branching: Ryan
and Foster, "An integer programming approach to scheduling", 1981).
Which sum comes next follows from what each has gained so far (pseudocosts: Benichou et al., Math.
Programming 1, 1971), tried out on both sides where nothing is known yet.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gridmuster.planning.cases.case import Case, Thermal
from gridmuster.planning.cases.tight import TightModel
from gridmuster.planning.highs import Relaxation
from gridmuster.planning.linear import INF, Floats, Ints, LinearArrays

#: A value this near to a whole number is one.
WHOLE = 1e-5
#: Candidates that are tried out at a node when nothing is known of them.
TRIED = 3
#: Nodes kept open at most; then the tree stands still.
MOST_NODES = 20_000
#: Least gain in a score, as a share of the root's bound.
LEAST_GAIN = 1e-7


def with_sums(case: Case, model: TightModel) -> tuple[LinearArrays, Ints]:
    """The model with a column for the number on among much the same units, hour by hour.

    Args:
        case: the case, a group a family.
        model: its model.

    Returns:
        The model, and the numbers of the new columns.
    """
    alike: dict[tuple[float, ...], list[int]] = {}
    for number, group in enumerate(case.thermal):
        alike.setdefault(_kind(group.unit), []).append(number)
    arrays = model.arrays
    blocks = [
        np.array([model.groups[number].on for number in members])
        for members in alike.values()
        if len(members) > 1
    ]
    none = np.zeros((0, 0), dtype=np.int64)
    some = [column for block in blocks for column in block.T] or list(none)
    some = [on for on in some if arrays.upper[on].sum() - arrays.lower[on].sum() > 0.5]
    first, number = len(arrays.cost), len(some)
    sizes = np.array([len(on) + 1 for on in some], dtype=np.int64)
    index = [np.append(on, first + k) for k, on in enumerate(some)]
    value = [np.append(np.ones(len(on)), -1.0) for on in some]
    nothing = np.zeros(number)
    return replace(
        arrays,
        cost=np.concatenate([arrays.cost, nothing]),
        lower=np.concatenate([arrays.lower, [arrays.lower[on].sum() for on in some]]),
        upper=np.concatenate([arrays.upper, [arrays.upper[on].sum() for on in some]]),
        integer=np.concatenate([arrays.integer, np.ones(number, dtype=bool)]),
        row_lower=np.concatenate([arrays.row_lower, nothing]),
        row_upper=np.concatenate([arrays.row_upper, nothing]),
        start=np.concatenate([arrays.start, arrays.start[-1] + np.cumsum(sizes)]),
        index=np.concatenate([arrays.index, *index]),
        value=np.concatenate([arrays.value, *value]),
    ), np.arange(first, first + number)


def _kind(unit: Thermal) -> tuple[float, ...]:
    return (round(unit.min_mw), round(unit.max_mw), unit.up_h, unit.down_h)


def proved_by(arrays: LinearArrays, bounds: tuple[Floats, Floats], duals: Floats) -> float:
    """The bound that duals prove, whatever their rounding: each column at its cheaper end.

    Args:
        arrays: the model.
        bounds: lower and upper bounds of its columns.
        duals: any price of each row; of a sign that its sides do not bear it counts as nothing.
    """
    side = np.where(duals > 0.0, arrays.row_lower, arrays.row_upper)
    price = np.where(np.isfinite(side), duals, 0.0)
    rows = np.repeat(np.arange(len(price)), np.diff(arrays.start))
    worth = np.bincount(
        arrays.index, weights=arrays.value * price[rows], minlength=len(arrays.cost)
    )
    reduced = arrays.cost - worth
    lower, upper = bounds
    ends = np.where(reduced > 0.0, lower, upper)
    return float(price @ np.where(np.isfinite(side), side, 0.0) + reduced @ ends)


@dataclass(frozen=True, slots=True)
class Node:
    """A part of the tree: what is held, its bound, and the relaxation's values to branch on."""

    bound: float
    columns: Ints
    lower: Floats
    upper: Floats
    values: Floats


class SumTree:
    """Best-first branch and bound on sums; several threads may work on it.

    Args:
        arrays: the model with sums, of `with_sums`.
        sums: columns of sums, branched on first.
        singles: other whole columns, branched on when every sum is whole.
        cost: cost of the best plan known, at the time of asking.
        left_s: time left, s.
    """

    def __init__(
        self,
        arrays: LinearArrays,
        sums: Ints,
        singles: Ints,
        cost: Callable[[], float],
        left_s: Callable[[], float],
    ) -> None:
        self._arrays = arrays
        self._columns = np.concatenate([sums, singles])
        self._sums = len(sums)
        self._cost = cost
        self._left_s = left_s
        self._lock = threading.Lock()
        self._idle: list[Relaxation] = []
        self._heap: list[tuple[float, int, Node]] = []
        self._made = 0
        self._busy: dict[int, float] = {}
        self._closed = INF
        self._best = -INF
        self._root = 0.0
        self._gain = np.zeros((2, len(self._columns)))
        self._seen = np.zeros((2, len(self._columns)))
        self._begun = self._ended = False

    def bound(self) -> float:
        """No plan better than the best one known costs less than this."""
        with self._lock:
            if not self._begun:
                return -INF
            open_ = self._heap[0][0] if self._heap else INF
            now = min(open_, self._closed, *self._busy.values(), INF)
            self._best = max(self._best, min(now, self._cost()))
            return self._best

    def finished(self) -> bool:
        """Whether nothing is left to branch on, or it was stopped."""
        with self._lock:
            return self._ended or (self._begun and not self._heap and not self._busy)

    def stop(self) -> None:
        """Have all who work on it stop after the relaxation they are at."""
        with self._lock:
            self._ended = True

    def point(self) -> Floats | None:
        """Values of all columns where the lowest open node has them; others are not a number."""
        with self._lock:
            if not self._heap:
                return None
            node = self._heap[0][2]
        found = np.full(len(self._arrays.cost), np.nan)
        found[self._columns] = node.values
        return found

    def work(self) -> bool:
        """Branch on one node; False when there is none to take now."""
        with self._lock:
            if self._ended or (self._begun and not self._heap):
                return False
            node = heapq.heappop(self._heap)[2] if self._begun else None
            if node is None and self._busy:
                return False
            me = threading.get_ident()
            self._busy[me] = -INF if node is None else node.bound
            solver = self._idle.pop() if self._idle else None
        solver = Relaxation(self._arrays, 1) if solver is None else solver
        made = self._first(solver) if node is None else self._branched(solver, node)
        with self._lock:
            for child in made:
                self._made += 1
                heapq.heappush(self._heap, (child.bound, self._made, child))
            if node is None:
                self._begun, self._root = bool(made), made[0].bound if made else -INF
                self._ended = self._ended or not made
            del self._busy[me]
            self._idle.append(solver)
            self._ended = self._ended or len(self._heap) > MOST_NODES
        return True

    def _first(self, solver: Relaxation) -> list[Node]:
        none = np.zeros(0)
        root = self._solved(solver, Node(-INF, np.zeros(0, dtype=np.int64), none, none, none))
        return [] if root is None else [root]

    def _solved(self, solver: Relaxation, node: Node) -> Node | None:
        """A node with its relaxation solved; None when it has no point at all.

        Where the solver gives up, the bound stays that of the node above.
        """
        solver.reset(self._columns)
        solver.bound(node.columns, node.lower, node.upper)
        point = solver.solve(max(self._left_s(), 0.01))
        if point is None:
            return None if solver.infeasible else node
        bound = proved_by(self._arrays, (solver.lower, solver.upper), point.row_duals)
        return replace(node, bound=max(bound, node.bound), values=point.values[self._columns])

    def _branched(self, solver: Relaxation, node: Node) -> list[Node]:
        """Children of a node, none of them dearer than the best plan."""
        if node.bound >= self._cost():
            return []
        order = self._candidates(node)
        if not len(order):
            with self._lock:
                self._closed = min(self._closed, node.bound)
            return []
        best: list[Node | None] | None = None
        top = -1.0
        tried = 0
        for at in order.tolist():
            known = self._seen[:, at].min() > 0
            if best is not None and (known or tried >= TRIED):
                continue
            tried += not known
            children = self._split(solver, node, at)
            gains = [INF if one is None else one.bound - node.bound for one in children]
            floor = LEAST_GAIN * abs(self._root)
            score = float(np.prod([min(max(gain, floor), 1e15) for gain in gains]))
            if score > top:
                best, top = children, score
            if known or self._left_s() <= 0.0 or self._ended:
                break
        assert best is not None
        cost = self._cost()
        return [one for one in best if one is not None and one.bound < cost]

    def _candidates(self, node: Node) -> Ints:
        """What may be branched on, best first."""
        values = node.values
        if not len(values):
            return np.zeros(0, dtype=np.int64)
        down = values - np.floor(values)
        broken = np.minimum(down, 1.0 - down) > WHOLE
        if broken[: self._sums].any():
            broken[self._sums :] = False
        at = np.flatnonzero(broken)
        if not len(at):
            return at
        known = self._seen > 0
        mean = np.where(
            known.any(axis=1),
            np.divide(self._gain, np.maximum(self._seen, 1.0)).sum(axis=1)
            / np.maximum(known.sum(axis=1), 1),
            1.0,
        )
        each = np.where(known, self._gain / np.maximum(self._seen, 1.0), mean[:, None])
        floor = LEAST_GAIN * abs(self._root)
        score = np.maximum(each[0, at] * down[at], floor) * np.maximum(
            each[1, at] * (1.0 - down[at]), floor
        )
        return at[np.argsort(-score, kind="stable")]

    def _split(self, solver: Relaxation, node: Node, at: int) -> list[Node | None]:
        """Both sides of a value, solved."""
        column, value = self._columns[at], float(node.values[at])
        found: list[Node | None] = []
        held = np.flatnonzero(node.columns == column)
        low, high = float(self._arrays.lower[column]), float(self._arrays.upper[column])
        if len(held):
            low, high = float(node.lower[held[0]]), float(node.upper[held[0]])
        kept = node.columns != column
        for side, ends in enumerate(((low, np.floor(value)), (np.ceil(value), high))):
            child = Node(
                node.bound,
                np.append(node.columns[kept], column),
                np.append(node.lower[kept], ends[0]),
                np.append(node.upper[kept], ends[1]),
                node.values,
            )
            solved = self._solved(solver, child)
            if solved is not None:
                step = abs((ends[1] if side == 0 else ends[0]) - value)
                self._gain[side, at] += (solved.bound - node.bound) / max(step, 1e-6)
                self._seen[side, at] += 1
            found.append(solved)
        return found
