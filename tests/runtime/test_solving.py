"""The solver beside the center: same plans, and it survives a kill."""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures.process import BrokenProcessPool

import pytest
from lockstep_plant import COARSE

from gridmuster.center.first_look import first_problem
from gridmuster.center.planmemory import PlanRequest
from gridmuster.fleet.generate import generate
from gridmuster.planning.problem import PlanLimits, PlanSolution
from gridmuster.runtime.solving import Solver
from gridmuster.signals import decode
from gridmuster.simulator.scenario import DEFAULT_START_MS

PROBLEM = first_problem(generate(4, 1), DEFAULT_START_MS, COARSE)
REQUEST = PlanRequest(PROBLEM, PlanLimits(0.01, 10.0))


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process by signal")
def test_the_solver_beside_plans_alike_and_survives_bad_requests_and_a_kill() -> None:
    solver = Solver(1)
    told: list[bytes] = []
    inside = decode(Solver(0).ask(REQUEST).result(), PlanSolution)
    try:
        broken = PlanRequest("no problem", PlanLimits())  # type: ignore[arg-type]
        assert solver.ask(broken, told.append).exception(120) is not None
        beside = decode(solver.ask(REQUEST, told.append).result(120), PlanSolution)
        assert (beside.power_kw, beside.commitment) == (inside.power_kw, inside.commitment)
        assert solver._pool is not None
        (pid,) = solver._pool._processes
        os.kill(pid, signal.SIGKILL)
        lost = solver.ask(REQUEST, told.append)
        if isinstance(lost.exception(120), BrokenProcessPool):
            lost = solver.ask(REQUEST, told.append)
        again = decode(lost.result(120), PlanSolution)
        assert again.commitment == inside.commitment
        assert len(told) == 2
    finally:
        solver.close()
