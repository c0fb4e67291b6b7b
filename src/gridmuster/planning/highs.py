"""The solver behind the model: HiGHS, with every status looked at.

Runs are repeatable: fixed seed, fixed number of threads. A time limit is the one thing that is
not; a node limit is.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import highspy
import numpy as np

from gridmuster.planning.linear import INF, Floats, Ints, LinearArrays

SEED = 7
#: Least time given to a run, s; HiGHS takes 0 for no limit at all in places.
LEAST_S = 1e-3


@dataclass(frozen=True, slots=True)
class Cut:
    """A row  values . x[columns] >= lower  that every plan with whole numbers keeps."""

    columns: Ints
    values: Floats
    lower: float


@dataclass(frozen=True, slots=True)
class Start:
    """Values of some columns of a known plan; the solver finds the others."""

    columns: Ints
    values: Floats


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run with integers gave.

    ``values`` is None when there is no feasible point; ``bound`` is below every feasible value
    (-inf when the run proved none).
    """

    values: Floats | None
    objective: float
    bound: float
    proved: bool
    nodes: int
    message: str


@dataclass(frozen=True, slots=True)
class Point:
    """An optimum of a relaxation: values, objective, duals of the model's own rows."""

    values: Floats
    objective: float
    row_duals: Floats


def with_cuts(arrays: LinearArrays, cuts: list[Cut]) -> LinearArrays:
    """The same model with more rows."""
    if not cuts:
        return arrays
    sizes = np.array([len(cut.columns) for cut in cuts])
    return replace(
        arrays,
        row_lower=np.concatenate([arrays.row_lower, [cut.lower for cut in cuts]]),
        row_upper=np.concatenate([arrays.row_upper, np.full(len(cuts), INF)]),
        start=np.concatenate([arrays.start, arrays.start[-1] + np.cumsum(sizes)]),
        index=np.concatenate([arrays.index, *(cut.columns for cut in cuts)]),
        value=np.concatenate([arrays.value, *(cut.values for cut in cuts)]),
    )


def mixed_integer(
    arrays: LinearArrays,
    *,
    absolute_gap: float,
    time_limit_s: float,
    node_limit: int | None,
    threads: int,
    start: Floats | Start | None,
    improve: bool = False,
) -> Outcome:
    """Solve with integers.

    Args:
        arrays: the model.
        absolute_gap: gap in USD at which to stop.
        time_limit_s: most wall time, s.
        node_limit: most nodes, or None.
        threads: threads to use.
        start: values of a known plan, of all columns or of some, or None.
        improve: whether to look for better plans than the known one, not only to prove it.
    """
    solver = loaded_solver(arrays, threads)
    solver.setOptionValue("time_limit", max(time_limit_s, LEAST_S))
    solver.setOptionValue("mip_rel_gap", 0.0)
    solver.setOptionValue("mip_abs_gap", absolute_gap)
    if node_limit is not None:
        solver.setOptionValue("mip_max_nodes", node_limit)
    if start is not None:
        # A good plan is known: what is left to do is to prove it, not to look for others.
        if not improve:
            solver.setOptionValue("mip_heuristic_effort", 0.0)
        known = start if isinstance(start, Start) else Start(np.arange(len(start)), start)
        solver.setSolution(len(known.columns), known.columns.astype(np.int32), known.values)
    numbers = np.flatnonzero(arrays.integer).astype(np.int32)
    integer = np.full(len(numbers), int(highspy.HighsVarType.kInteger), dtype=np.uint8)
    solver.changeColsIntegrality(len(numbers), numbers, integer)
    status = solver.run()
    model_status = solver.getModelStatus()
    message = str(solver.modelStatusToString(model_status))
    if status == highspy.HighsStatus.kError:
        return Outcome(None, INF, -INF, False, 0, message)
    info = solver.getInfo()
    bound = float(info.mip_dual_bound)
    feasible = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    return Outcome(
        values=np.array(solver.getSolution().col_value) if feasible else None,
        objective=float(info.objective_function_value) if feasible else INF,
        bound=bound if np.isfinite(bound) else -INF,
        proved=model_status == highspy.HighsModelStatus.kOptimal,
        nodes=int(info.mip_node_count),
        message=message,
    )


def relaxed(arrays: LinearArrays, threads: int, time_limit_s: float) -> Point | None:
    """The optimum without whole numbers, once; None when there is none or time is out.

    Args:
        arrays: the model.
        threads: threads to use.
        time_limit_s: most wall time, s.
    """
    solver = loaded_solver(arrays, threads)
    solver.setOptionValue("time_limit", max(time_limit_s, LEAST_S))
    status = solver.run()
    optimal = solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
    if status == highspy.HighsStatus.kError or not optimal:
        return None
    solution = solver.getSolution()
    objective = float(solver.getInfo().objective_function_value)
    return Point(np.array(solution.col_value), objective, np.array(solution.row_dual))


class Relaxation:
    """The model without whole numbers, kept warm while bounds move and cuts come in.

    Columns that are fixed from the start, and rows left without any other, never reach the solver.

    ``infeasible`` tells whether the last run proved that no point keeps all rows.

    Args:
        arrays: the model.
        threads: threads to use.
    """

    def __init__(self, arrays: LinearArrays, threads: int) -> None:
        self.arrays = arrays
        self.lower = arrays.lower.copy()
        self.upper = arrays.upper.copy()
        self.solves = 0
        self.infeasible = False
        self._active = np.flatnonzero(arrays.lower < arrays.upper)
        self._number = np.full(len(arrays.cost), -1, dtype=np.int64)
        self._number[self._active] = np.arange(len(self._active))
        self._fixed = np.where(arrays.lower < arrays.upper, 0.0, arrays.lower)
        self._offset = float(np.dot(arrays.cost, self._fixed))
        small, self._rows = self._reduced()
        self._solver = loaded_solver(small, threads)
        # Warm starts need the model as it is; presolve would throw the basis away.
        self._solver.setOptionValue("presolve", "off")

    def _reduced(self) -> tuple[LinearArrays, Ints]:
        arrays = self.arrays
        row_of_entry = np.repeat(np.arange(len(arrays.row_lower)), np.diff(arrays.start))
        live = self._number[arrays.index] >= 0
        counts = np.bincount(row_of_entry[live], minlength=len(arrays.row_lower))
        rows = np.flatnonzero(counts)
        given = arrays.activity(self._fixed)
        kept = self._active
        return LinearArrays(
            cost=arrays.cost[kept],
            lower=arrays.lower[kept],
            upper=arrays.upper[kept],
            integer=arrays.integer[kept],
            row_lower=(arrays.row_lower - given)[rows],
            row_upper=(arrays.row_upper - given)[rows],
            start=np.concatenate(([0], np.cumsum(counts[rows]))),
            index=self._number[arrays.index[live]],
            value=arrays.value[live],
        ), rows

    def solve(self, time_limit_s: float) -> Point | None:
        """The optimum at the present bounds; None when there is none or time is out."""
        self.solves += 1
        # The limit is on the time of all runs of this solver together.
        spent_s = float(self._solver.getRunTime())
        self._solver.setOptionValue("time_limit", spent_s + max(time_limit_s, LEAST_S))
        status = self._solver.run()
        ended = self._solver.getModelStatus()
        self.infeasible = ended == highspy.HighsModelStatus.kInfeasible
        if status == highspy.HighsStatus.kError or ended != highspy.HighsModelStatus.kOptimal:
            return None
        solution = self._solver.getSolution()
        values = self._fixed.copy()
        values[self._active] = solution.col_value
        duals = np.zeros(len(self.arrays.row_lower))
        duals[self._rows] = np.array(solution.row_dual)[: len(self._rows)]
        objective = float(self._solver.getInfo().objective_function_value) + self._offset
        return Point(values, objective, duals)

    def bound(self, columns: Ints, lower: Floats, upper: Floats) -> None:
        """Set bounds of some columns (those fixed from the start stay as they are)."""
        numbers = self._number[columns]
        live = numbers >= 0
        self.lower[columns[live]], self.upper[columns[live]] = lower[live], upper[live]
        numbers = numbers[live].astype(np.int32)
        self._solver.changeColsBounds(len(numbers), numbers, lower[live], upper[live])

    def reset(self, columns: Ints) -> None:
        """Put back the model's own bounds of some columns."""
        self.bound(columns, self.arrays.lower[columns], self.arrays.upper[columns])

    def add(self, cuts: list[Cut]) -> None:
        """Add rows."""
        if not cuts:
            return
        lowers, starts, indices, values, filled = [], [], [], [], 0
        for cut in cuts:
            numbers = self._number[cut.columns]
            live = numbers >= 0
            given = float(np.dot(cut.values[~live], self._fixed[cut.columns[~live]]))
            lowers.append(cut.lower - given)
            starts.append(filled)
            indices.append(numbers[live])
            values.append(cut.values[live])
            filled += int(live.sum())
        self._solver.addRows(
            len(cuts),
            np.array(lowers),
            np.full(len(cuts), INF),
            filled,
            np.array(starts, dtype=np.int32),
            np.concatenate(indices).astype(np.int32),
            np.concatenate(values),
        )


class _Threads(threading.local):
    """How many threads HiGHS runs for this thread; it refuses another number until told."""

    _count: int | None = None

    def use(self, count: int) -> None:
        """Have the next runs use so many threads."""
        if self._count not in (None, count):
            highspy.Highs.resetGlobalScheduler(True)
        self._count = count


_THREADS = _Threads()


def quiet_solver(threads: int) -> highspy.Highs:
    """An empty solver that prints nothing and does the same every time.

    Args:
        threads: threads to use.
    """
    _THREADS.use(threads)
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", threads)
    solver.setOptionValue("parallel", "off" if threads == 1 else "on")
    solver.setOptionValue("random_seed", SEED)
    return solver


def loaded_solver(arrays: LinearArrays, threads: int) -> highspy.Highs:
    """A solver with a model, its whole numbers not yet told.

    Args:
        arrays: the model.
        threads: threads to use.
    """
    solver = quiet_solver(threads)
    model = highspy.HighsLp()
    model.num_col_ = len(arrays.cost)
    model.num_row_ = len(arrays.row_lower)
    model.col_cost_ = arrays.cost
    model.col_lower_ = arrays.lower
    model.col_upper_ = arrays.upper
    model.row_lower_ = arrays.row_lower
    model.row_upper_ = arrays.row_upper
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.num_col_ = model.num_col_
    model.a_matrix_.num_row_ = model.num_row_
    model.a_matrix_.start_ = arrays.start.astype(np.int32)
    model.a_matrix_.index_ = arrays.index.astype(np.int32)
    model.a_matrix_.value_ = arrays.value
    solver.passModel(model)
    return solver
