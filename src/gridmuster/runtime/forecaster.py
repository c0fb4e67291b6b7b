"""The forecaster beside the deciding core: hears prices, has models taught, and tells the core.

It never holds a cycle back: models live in a process of their own, and what they say enters the
inbox as a `PriceForecast` when it is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import structs

from gridmuster.fleet.model import Fleet
from gridmuster.forecast.told import PriceForecast
from gridmuster.runtime.appraiser import Appraiser
from gridmuster.runtime.errands import Errands, RoomProcess
from gridmuster.runtime.forecasting import Job
from gridmuster.runtime.hearing import Ear
from gridmuster.signals import Frame, encode
from gridmuster.units import MS_PER_HOUR, MS_PER_S

#: A forecast is told so long before each quarter of an hour, s: a minute before plans are asked.
BEFORE_S: Final = 240
QUARTER_MS: Final = 900 * MS_PER_S
#: Models are taught anew after this, ms.
TEACH_EVERY_MS: Final = 24 * MS_PER_HOUR
#: Shortest time between two forecasts that a price outside its band called for, s.
SURPRISED_EVERY_S: Final = 300
#: Plant time after which an answer is taken in lockstep, s: what was told, what was taught.
TOLD_AFTER_S: Final = 8
TAUGHT_AFTER_S: Final = 300
#: A forecast older than this when it is there is not handed on, s: the next is made at once.
LATE_S: Final = 1800

ForecastProcess = RoomProcess[Job, PriceForecast | None]


class Forecaster:
    """Tells the core of a center what models say of prices.

    Args:
        fleet: the fleet; all its areas with a connection hear the same market.
        process: where the models are.
        lockstep: whether answers are taken in at stated plant times.
        appraiser: tells beside it what energy and starts are worth; None: nobody does.
    """

    def __init__(
        self,
        fleet: Fleet,
        process: ForecastProcess,
        *,
        lockstep: bool,
        appraiser: Appraiser | None = None,
    ) -> None:
        self._ear = Ear(fleet)
        self._errands = Errands("price forecast", process, lockstep=lockstep)
        self._appraiser = appraiser
        self._teach_ms = 0
        self._tell_ms = 0
        self._told: PriceForecast | None = None
        self._taught = False

    def turn(self, now_ms: int, arrived: Sequence[Frame]) -> list[Frame]:
        """What a cycle hands to its inbox.

        Args:
            now_ms: plant time, ms.
            arrived: what arrived for this cycle; prices are heard.

        Returns:
            Forecasts and worths, one frame an area each, when there are new ones.
        """
        self._ear.hear(arrived)
        frames = self._take(now_ms)
        if not self._errands.busy and self._ear.areas:
            self._give(now_ms)
        if self._appraiser is not None:
            frames += self._appraiser.turn(now_ms, arrived)
        return frames

    def hear(self, arrived: Sequence[Frame]) -> None:
        """Note the prices in some frames; those of the first area with a connection."""
        self._ear.hear(arrived)
        if self._appraiser is not None:
            self._appraiser.hear(arrived)

    def close(self) -> None:
        """Stop the processes."""
        self._errands.close()
        if self._appraiser is not None:
            self._appraiser.close()

    def _give(self, now_ms: int) -> None:
        """Give the process its next job, when one is due."""
        if self._errands.begun_anew:
            self._errands.begun_anew = False
            self._ear.again()
            self._teach_ms, self._taught = 0, False
        if now_ms >= self._teach_ms:
            self._teach_ms = now_ms + TEACH_EVERY_MS
            self._ask(Job(now_ms, self._ear.unsent), TAUGHT_AFTER_S)
        elif self._taught and (now_ms >= self._tell_ms or self._surprised(now_ms)):
            before_ms = BEFORE_S * MS_PER_S
            self._tell_ms = (now_ms + before_ms) // QUARTER_MS * QUARTER_MS + QUARTER_MS - before_ms
            self._ask(Job(now_ms, self._ear.unsent, self._ear.areas[0]), TOLD_AFTER_S)

    def _ask(self, job: Job, after_s: int) -> None:
        if self._errands.give(job, job.now_ms, after_s):
            self._ear.sent()

    def _take(self, now_ms: int) -> list[Frame]:
        """The answer of the job under way, when it is there."""
        done = self._errands.take(now_ms)
        if done is None or done.failed:
            return []
        if not done.job.area:
            self._taught = True
            self._tell_ms = 0
            return []
        told = done.answer
        if told is None or now_ms - told.issued_at_ms > LATE_S * MS_PER_S:
            self._tell_ms = 0
            return []
        self._told = told
        topics = self._ear.topics
        return [
            Frame(topics.price_forecast(area), encode(structs.replace(told, area=area)), now_ms)
            for area in self._ear.areas
        ]

    def _surprised(self, now_ms: int) -> bool:
        """Whether the price heard last lies outside the band that was told for it."""
        told, heard = self._told, self._ear.newest
        if told is None or heard is None or heard.known_ms <= told.issued_at_ms:
            return False
        if now_ms - told.issued_at_ms < SURPRISED_EVERY_S * MS_PER_S:
            return False
        low, high = told.at(heard.start_ms, 0.05), told.at(heard.start_ms, 0.95)
        return low is None or high is None or not low <= heard.usd_per_mwh <= high
