"""What became of every command: answered, refused, or run out unanswered."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from gridmuster.report.tally import Sample
from gridmuster.signals import Ack, Outcome, SiteCommand
from gridmuster.units import MS_PER_S

#: Final answers remembered, so that a message delivered twice counts once.
REMEMBERED: Final = 4096
FINAL: Final = frozenset({Outcome.DONE, Outcome.FAILED})


class OrderBook:
    """Follows commands by id until their first answer or their expiry."""

    def __init__(self) -> None:
        self.commands = 0
        self.setpoints = 0
        self.acknowledged = 0
        self.refused = 0
        self.expired = 0
        self.expired_at_site = 0
        self.done = 0
        self.failed = 0
        self.setpoints_refused = 0
        self.answer_s = Sample()
        self._open: OrderedDict[str, SiteCommand] = OrderedDict()
        self._finals: OrderedDict[tuple[str, Outcome], None] = OrderedDict()

    @property
    def open(self) -> int:
        """Commands that still wait for an answer."""
        return len(self._open)

    def command(self, command: SiteCommand) -> None:
        """A command left."""
        self.commands += 1
        self.setpoints += len(command.setpoints)
        self._open[command.id] = command

    def ack(self, ack: Ack) -> None:
        """A site answered."""
        if ack.outcome in FINAL:
            self._final(ack)
        command = self._open.pop(ack.command_id, None)
        if command is None:
            return
        self.answer_s.add(max(ack.at_ms - command.issued_at_ms, 0) / MS_PER_S)
        if ack.outcome is Outcome.REFUSED:
            self.refused += 1
            self.setpoints_refused += len(command.setpoints)
        elif ack.outcome is Outcome.EXPIRED:
            self.expired += 1
            self.expired_at_site += 1
        else:
            self.acknowledged += 1
            self.setpoints_refused += sum(
                answer.outcome is Outcome.REFUSED for answer in ack.devices
            )

    def run_out(self, now_ms: int) -> None:
        """Count what has expired unanswered by now, ms."""
        while self._open:
            oldest = next(iter(self._open.values()))
            if oldest.expires_at_ms > now_ms:
                return
            self._open.popitem(last=False)
            self.expired += 1

    def _final(self, ack: Ack) -> None:
        key = (ack.command_id, ack.outcome)
        if key in self._finals:
            return
        self._finals[key] = None
        if len(self._finals) > REMEMBERED:
            self._finals.popitem(last=False)
        if ack.outcome is Outcome.DONE:
            self.done += 1
        else:
            self.failed += 1
