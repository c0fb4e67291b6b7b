"""The solver behind the model: HiGHS, with every status looked at.

Runs are repeatable: fixed seed, fixed number of threads. A time limit is the one thing that is
not; a node limit is.
"""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np

from gridmuster.planning.linear import INF, Floats, Ints, LinearArrays

SEED = 7


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run gave.

    ``values`` is None when there is no feasible point; ``bound`` is below every feasible value
    (-inf when the run proved none). ``row_duals`` only from `linear`.
    """

    values: Floats | None
    objective: float
    bound: float
    proved: bool
    nodes: int = 0
    row_duals: Floats | None = None
    reduced_costs: Floats | None = None
    message: str = ""


def mixed_integer(
    arrays: LinearArrays,
    *,
    gap: float,
    absolute_gap: float,
    time_limit_s: float,
    node_limit: int | None,
    threads: int,
    start: tuple[Ints, Floats] | None = None,
) -> Outcome:
    """Solve with integers.

    Args:
        arrays: the model.
        gap: relative gap at which to stop.
        absolute_gap: gap in USD at which to stop.
        time_limit_s: most wall time, s.
        node_limit: most nodes, or None.
        threads: threads to use.
        start: columns and values of a known plan, or of its integers only.
    """
    solver = _solver(arrays, time_limit_s, threads, integers=True)
    solver.setOptionValue("mip_rel_gap", gap)
    solver.setOptionValue("mip_abs_gap", absolute_gap)
    if node_limit is not None:
        solver.setOptionValue("mip_max_nodes", node_limit)
    if start is not None:
        columns, values = start
        solver.setSolution(len(columns), columns.astype(np.int32), values)
    status = solver.run()
    model_status = solver.getModelStatus()
    message = str(solver.modelStatusToString(model_status))
    if status == highspy.HighsStatus.kError:
        return Outcome(None, INF, -INF, False, message=message)
    info = solver.getInfo()
    bound = float(info.mip_dual_bound)
    feasible = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    found: Floats | None = np.array(solver.getSolution().col_value) if feasible else None
    objective = float(info.objective_function_value) if feasible else INF
    return Outcome(
        values=found,
        objective=objective,
        bound=bound if np.isfinite(bound) else -INF,
        proved=model_status == highspy.HighsModelStatus.kOptimal,
        nodes=int(info.mip_node_count),
        message=message,
    )


def linear(
    arrays: LinearArrays,
    time_limit_s: float,
    threads: int,
    lower: Floats | None = None,
    upper: Floats | None = None,
) -> Outcome:
    """Solve without integers, with other column bounds if given. Gives duals and reduced costs."""
    solver = _solver(arrays, time_limit_s, threads, integers=False, lower=lower, upper=upper)
    status = solver.run()
    model_status = solver.getModelStatus()
    message = str(solver.modelStatusToString(model_status))
    optimal = model_status == highspy.HighsModelStatus.kOptimal
    if status == highspy.HighsStatus.kError or not optimal:
        return Outcome(None, INF, -INF, False, message=message)
    solution = solver.getSolution()
    objective = float(solver.getInfo().objective_function_value)
    return Outcome(
        values=np.array(solution.col_value),
        objective=objective,
        bound=objective,
        proved=True,
        row_duals=np.array(solution.row_dual),
        reduced_costs=np.array(solution.col_dual),
        message=message,
    )


def _solver(
    arrays: LinearArrays,
    time_limit_s: float,
    threads: int,
    *,
    integers: bool,
    lower: Floats | None = None,
    upper: Floats | None = None,
) -> highspy.Highs:
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", threads)
    solver.setOptionValue("parallel", "off" if threads == 1 else "on")
    solver.setOptionValue("random_seed", SEED)
    solver.setOptionValue("time_limit", max(time_limit_s, 1e-3))
    model = highspy.HighsLp()
    model.num_col_ = len(arrays.cost)
    model.num_row_ = len(arrays.row_lower)
    model.col_cost_ = arrays.cost
    model.col_lower_ = arrays.lower if lower is None else lower
    model.col_upper_ = arrays.upper if upper is None else upper
    model.row_lower_ = arrays.row_lower
    model.row_upper_ = arrays.row_upper
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.num_col_ = model.num_col_
    model.a_matrix_.num_row_ = model.num_row_
    model.a_matrix_.start_ = arrays.start.astype(np.int32)
    model.a_matrix_.index_ = arrays.index.astype(np.int32)
    model.a_matrix_.value_ = arrays.value
    if integers:
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        model.integrality_ = [kinds[int(flag)] for flag in arrays.integer]
    solver.passModel(model)
    return solver
