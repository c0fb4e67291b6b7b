"""What every controller shares as an instrument: it answers or not, and a sensor may be stuck."""

from __future__ import annotations

from collections.abc import Mapping


class Instrument:
    """Base of devices, panels and meters; satisfies `ControllerModel` with `order`."""

    def __init__(self) -> None:
        self.reachable = True
        self._silences = 0
        self._stuck: dict[str, float] | None = None

    def hush(self, begins: bool) -> None:
        """A reason not to answer begins or ends; it answers when none is left."""
        self._silences += 1 if begins else -1
        self.reachable = self._silences <= 0

    def measure(self) -> Mapping[str, float]:
        """Canonical points as they truly are."""
        raise NotImplementedError

    def points(self) -> Mapping[str, float]:
        """Canonical points as shown; the same object while nothing changes."""
        points = self.measure()
        return points if self._stuck is None else {**points, **self._stuck}

    def stick(self, point: str) -> None:
        """Let a point keep its present value."""
        value = self.measure().get(point)
        if value is not None:
            self._stuck = {**(self._stuck or {}), point: value}

    def unstick(self, point: str) -> None:
        """Let a point show the truth again."""
        left = {name: value for name, value in (self._stuck or {}).items() if name != point}
        self._stuck = left or None
