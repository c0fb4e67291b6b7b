"""Programs as people see them."""

from __future__ import annotations

from gridmuster.center.programmemory import Asked, ProgramMemory
from gridmuster.center.view import ProgramView, RequestView
from gridmuster.fleet.model import Fleet
from gridmuster.programs.events import hears


def program_views(fleet: Fleet, memory: ProgramMemory) -> list[ProgramView]:
    """The programs of all areas, each with its requests, the latest first.

    Args:
        fleet: the fleet.
        memory: what is remembered of its programs.
    """
    by_program: dict[str, list[Asked]] = {}
    for asked in [*reversed(memory.asked.values()), *reversed(memory.past)]:
        by_program.setdefault(asked.request.program, []).append(asked)
    return [
        ProgramView(
            program.id,
            program.kind,
            area.id,
            program.priority,
            not hears(program),
            len(memory.watches[program.id].events) if program.id in memory.watches else 0,
            [_request(asked) for asked in by_program.get(program.id, ())],
        )
        for area, program in fleet.program_by_id.values()
    ]


def _request(asked: Asked) -> RequestView:
    request = asked.request
    return RequestView(
        request.key,
        _state(asked),
        request.power_kw,
        asked.granted_kw,
        list(asked.covered_by),
        request.from_ms,
        request.until_ms if asked.over_ms is None else asked.over_ms,
        request.purpose.value,
        request.reason,
        asked.activation,
        asked.answer,
    )


def _state(asked: Asked) -> str:
    if asked.over_ms is not None:
        return "over"
    if asked.cancelled_by:
        return "ended"
    if asked.activation:
        return "called"
    if asked.answer.startswith("refused"):
        return "refused"
    return "covered" if asked.covered_by else "ahead"
