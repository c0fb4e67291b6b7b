"""The prices that a center hears, kept for whoever learns from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gridmuster.errors import SignalError
from gridmuster.fleet.model import Fleet
from gridmuster.forecast.market.heard import Heard
from gridmuster.signals import Frame, Price, decode
from gridmuster.topics import Topics

#: Most prices kept for a process that must begin anew: more than a year of five minutes.
MOST_HEARD: Final = 120_000


class Ear:
    """Hears the prices of the first area with a connection; all hear the same market.

    Args:
        fleet: the fleet.
    """

    def __init__(self, fleet: Fleet) -> None:
        self.topics = Topics(fleet.id)
        self.areas = [area.id for area in fleet.areas if area.connection is not None]
        self._heard: list[Heard] = []
        self._sent = 0

    def hear(self, arrived: Sequence[Frame]) -> None:
        """Note the prices in some frames."""
        if not self.areas:
            return
        topic = self.topics.price(self.areas[0])
        for frame in arrived:
            if frame.topic != topic:
                continue
            try:
                price = decode(frame.payload, Price)
            except SignalError:
                continue
            if price.area == self.areas[0] and price.duration_s > 0:
                self._heard.append(
                    Heard(
                        frame.at_ms,
                        price.start_ms,
                        price.duration_s,
                        price.price_usd_per_mwh,
                        price.ahead_usd_per_mwh,
                    )
                )
        if len(self._heard) > MOST_HEARD:
            old = min(MOST_HEARD // 10, self._sent)
            del self._heard[:old]
            self._sent -= old

    @property
    def newest(self) -> Heard | None:
        """The price heard last."""
        return self._heard[-1] if self._heard else None

    @property
    def unsent(self) -> tuple[Heard, ...]:
        """What was heard since the last job."""
        return tuple(self._heard[self._sent :])

    def sent(self) -> None:
        """All that was heard went with a job."""
        self._sent = len(self._heard)

    def again(self) -> None:
        """A process began anew: it is to hear everything again."""
        self._sent = 0
