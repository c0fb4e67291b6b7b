"""Where breaches are noted: one for each episode, however many messages it lasts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

#: A breach of the same kind and subject within this time of the last is the same episode, ms.
EPISODE_MS: Final = 60_000
#: Breaches kept in full; what is beyond is only counted.
KEEP: Final = 1000
#: Episodes remembered at once.
MAX_OPEN: Final = 20_000


@dataclass(frozen=True, slots=True)
class Breach:
    """One breach: the invariant's number, when (ms), whose, and what happened."""

    invariant: int
    at_ms: int
    subject: str
    text: str


class Breaches:
    """The list of breaches."""

    def __init__(self) -> None:
        self.found: list[Breach] = []
        self.counts: Counter[int] = Counter()
        self._last: dict[tuple[int, str, str], int] = {}

    def note(self, invariant: int, kind: str, at_ms: int, subject: str, text: str) -> None:
        """Note a breach.

        Args:
            invariant: its number in `domain.md` section 6.
            kind: which of the invariant's checks found it; with the subject it names the episode.
            at_ms: when, ms.
            subject: the device, site, area or center.
            text: what happened, with the value and the limit.
        """
        key = (invariant, kind, subject)
        last_ms = self._last.get(key)
        self._last[key] = at_ms
        if last_ms is not None and abs(at_ms - last_ms) <= EPISODE_MS:
            return
        if len(self._last) > MAX_OPEN:
            self._last = {key: at_ms}
        self.counts[invariant] += 1
        if len(self.found) < KEEP:
            self.found.append(Breach(invariant, at_ms, subject, text))
