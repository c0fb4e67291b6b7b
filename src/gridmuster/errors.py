"""The one tree of errors a user or caller can meet.

    GridmusterError
      + FleetError          a fleet, map or configuration file is wrong; carries every fault at once
      + SignalError         a payload that crossed the wire cannot be understood
      + JournalError        the journal cannot be read or, worse, written
      + PlanningError       a planning problem is malformed (never: infeasible)
      + LinkError           a controller or broker cannot be reached or answers wrongly

Every message names the thing, the value, the limit and the way out.
"""

from __future__ import annotations

from dataclasses import dataclass


class GridmusterError(Exception):
    """Base of every error that Gridmuster raises on purpose."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a file.

    Args:
        file: the file's path as the user gave it.
        path: where inside the file, like ``devices[3].rated_kw`` or ``row 17, column rated_kw``;
            empty when the file as a whole is meant.
        value: the offending value, as text.
        limit: the limit or rule that it breaks.
        expected: what to write instead.
        line: line of the file, counted from 1; 0 when it is not known.
    """

    file: str
    path: str
    value: str
    limit: str
    expected: str
    line: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        inside = f"{self.path}: " if self.path else ""
        return f"{place}: {inside}got {self.value}; {self.limit}; expected {self.expected}"


class FleetError(GridmusterError):
    """A fleet or configuration file has one or more faults; nothing was started."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in faults))


class SignalError(GridmusterError):
    """A payload is malformed, oversized, of an unknown version or on the wrong topic."""


class JournalError(GridmusterError):
    """The journal cannot be opened, read, verified or appended to."""


class PlanningError(GridmusterError):
    """A planning problem is malformed: wrong shapes, not-a-number, contradictory limits."""


class LinkError(GridmusterError):
    """A controller, meter or broker cannot be reached or answers wrongly."""
