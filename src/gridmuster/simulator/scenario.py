"""What goes wrong, and when: a frozen description of faults and events."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scenario:
    """Events of one run."""

    name: str = "calm"
