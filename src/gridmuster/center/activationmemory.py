"""What is remembered of activations; plain data for the checkpoint."""

from __future__ import annotations

from msgspec import Struct, field

from gridmuster.signals import Activation, Purpose


class Called(Struct):
    """A set of an activation: what it is counted on for, and when it is held on (ms).

    ``ours``: it did not run before it was called.
    """

    device: str
    site: str
    kw: float
    odds: float
    start_ms: int
    end_ms: int
    replaces: str = ""
    lost: str = ""
    ours: bool = True


class Running(Struct):
    """An activation under way, or over when ``phase`` says so.

    ``lost`` sets stay in ``sets`` with the reason; ``failed`` ones are not called again.
    ``delivered_kwh`` counts from the window's begin. ``program`` asked for it; empty: a person.
    """

    id: str
    actor: str
    reason: str
    scope: str
    target: str
    wish: Activation
    asked_ms: int
    sets: list[Called] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    in_line: tuple[str, ...] = ()
    firm_kw: float = 0.0
    missing_kw: float = 0.0
    delivered_kw: float = 0.0
    delivered_kwh: float = 0.0
    looked_ms: int = 0
    searched_ms: int = 0
    counted_ms: int = 0
    cancelled_by: str = ""
    program: str = ""

    def live(self) -> list[Called]:
        """Its sets that are not lost."""
        return [one for one in self.sets if not one.lost]


class Hold(Struct):
    """A set held on now for an activation; without a power the dispatch decides it."""

    activation: str
    power_kw: float | None
    purpose: Purpose
    text: str
    replaces: str = ""
    ours: bool = True


class ActivationMemory(Struct):
    """Activations and what they hold; plain data for the checkpoint.

    ``released`` says of sets let go what held them; ``freed`` are those that run on after it.
    """

    running: dict[str, Running] = field(default_factory=dict)
    past: list[Running] = field(default_factory=list)
    holds: dict[str, Hold] = field(default_factory=dict)
    released: dict[str, str] = field(default_factory=dict)
    freed: list[str] = field(default_factory=list)
