"""Checks of an area's coupling to the utility: invariant 2 as asked and as measured."""

from __future__ import annotations

from typing import Final

from gridmuster.report.invariants.breaches import Breaches
from gridmuster.signals import SiteCommand, SiteReport
from gridmuster.switching import Contact, Liveness, SwitchgearReading
from gridmuster.units import MS_PER_S

#: A report older than this is no proof of an open breaker, s (three heartbeats of a site).
PROOF_S: Final = 60.0
#: A permission that outlasts an open coupling this long was not taken back, s.
PERMITTED_S: Final = 10.0


class CouplingChecks:
    """Looks at every report and command of the sites beside switchgear.

    Args:
        breaches: where breaches go.
    """

    def __init__(self, breaches: Breaches) -> None:
        self._breaches = breaches
        self._seen: dict[str, tuple[int, SwitchgearReading]] = {}
        self._permitted_ms: dict[str, int] = {}

    def forget(self) -> None:
        """A new run begins."""
        self._seen.clear()
        self._permitted_ms.clear()

    def report(self, now_ms: int, at_ms: int, report: SiteReport) -> None:
        """Look at what the switchgear shows.

        Args:
            now_ms: when the center heard it, ms.
            at_ms: when it was made, ms.
            report: the report.
        """
        gear = report.switchgear
        if gear is None:
            return
        self._seen[report.site] = now_ms, gear
        if (gear.coupling, gear.utility, gear.bus) == (
            Contact.CLOSED,
            Liveness.DEAD,
            Liveness.LIVE,
        ):
            self._note(at_ms, gear, "alive", "the dead utility's line is alive from the area")
        if not gear.permitted or gear.coupling is Contact.OPEN:
            self._permitted_ms.pop(report.site, None)
            return
        since_ms = self._permitted_ms.setdefault(report.site, at_ms)
        if at_ms - since_ms >= PERMITTED_S * MS_PER_S:
            self._note(
                at_ms, gear, "permitted", f"{gear.permitted} may close; breaker {gear.coupling}"
            )

    def command(self, now_ms: int, command: SiteCommand) -> None:
        """Look at what a switchgear is asked, against what the center had heard of it.

        Args:
            now_ms: when it went out, ms.
            command: the command.
        """
        wish = command.switching
        if wish is None or not (wish.former or wish.resynchronise):
            return
        heard_ms, gear = self._seen.get(command.site, (0, SwitchgearReading(command.site)))
        fresh = now_ms - heard_ms <= PROOF_S * MS_PER_S
        open_dead = (gear.coupling, gear.bus) == (Contact.OPEN, Liveness.DEAD)
        if wish.former and not (fresh and open_dead):
            what = (
                f"breaker {gear.coupling}, bus {gear.bus}, {(now_ms - heard_ms) / 1000:.0f} s ago"
            )
            self._note(now_ms, gear, "former", f"{wish.former} is to form the bus: {what}")
        if wish.resynchronise and not (fresh and gear.utility is Liveness.LIVE):
            self._note(now_ms, gear, "resync", f"asked to close onto a {gear.utility} utility")

    def _note(self, at_ms: int, gear: SwitchgearReading, kind: str, text: str) -> None:
        self._breaches.note(2, f"coupling {kind}", at_ms, gear.breaker, text)
