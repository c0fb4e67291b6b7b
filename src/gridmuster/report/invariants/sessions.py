"""Checks of who commands: invariant 16, and of fencing between centers (8)."""

from __future__ import annotations

from gridmuster.report.invariants.breaches import Breaches
from gridmuster.report.invariants.plant import Plant
from gridmuster.signals import Lease, SiteCommand
from gridmuster.units import MS_PER_S


class SessionChecks:
    """Follows the center's sessions and every fence that was heard of.

    Args:
        plant: what is known.
        breaches: where breaches go.
    """

    def __init__(self, plant: Plant, breaches: Breaches) -> None:
        self._plant = plant
        self._breaches = breaches
        self._began_ms: int | None = None
        self._silent: set[str] = set()
        self._highest = 0
        self._rival_fence = 0
        self._rival = ""

    def forget(self) -> None:
        """Plant time went back: a new run begins."""
        self._began_ms = None
        self._highest = self._rival_fence = 0
        self._rival = ""

    def begin(self, center_id: str, at_ms: int) -> None:
        """A center's process began, ms; it has to hear every site before it commands."""
        self._plant.center_id = center_id
        self._began_ms = at_ms
        self._silent = {
            name
            for name, site in self._plant.sites.items()
            if site.arrived_ms is None or site.at_ms < at_ms
        }
        self._rival_fence = 0

    def heard(self, site: str, at_ms: int) -> None:
        """A site reported at a moment, ms."""
        if self._began_ms is not None and at_ms >= self._began_ms:
            self._silent.discard(site)

    def fence(self, fence: int, holder: str) -> None:
        """A fence was heard of, in a report, an answer or a lease."""
        self._highest = max(self._highest, fence)
        if holder and holder != self._plant.center_id and fence > self._rival_fence:
            self._rival_fence, self._rival = fence, holder

    def claims(self, now_ms: int, claims: list[Lease], commands: list[SiteCommand]) -> None:
        """16: the first claim or command of a session waits for the sites and tops every fence."""
        if not claims and not commands:
            return
        fence = claims[0].fence if claims else commands[0].fence
        if self._began_ms is not None:
            self._first(now_ms, fence)
            self._began_ms = None
        elif self._rival_fence > fence:
            self._breaches.note(
                8,
                "rival",
                now_ms,
                self._plant.center_id,
                f"commands under fence {fence} though {self._rival} holds {self._rival_fence}",
            )
        self._highest = max(self._highest, fence, *(command.fence for command in commands))

    def _first(self, now_ms: int, fence: int) -> None:
        waited_s = (now_ms - (self._began_ms or 0)) / MS_PER_S
        recovery_s = self._plant.settings.recovery_s
        if self._silent and waited_s < recovery_s:
            self._breaches.note(
                16,
                "early",
                now_ms,
                self._plant.center_id,
                f"commands {waited_s:.0f} s after its start with {len(self._silent)} site(s) not "
                f"heard; it must wait for them or {recovery_s:.0f} s",
            )
        if fence <= self._highest:
            self._breaches.note(
                16,
                "fence",
                now_ms,
                self._plant.center_id,
                f"begins under fence {fence}; {self._highest} was seen before",
            )
