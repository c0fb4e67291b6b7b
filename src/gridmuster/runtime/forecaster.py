"""The forecaster beside the deciding core: hears prices, has models taught, and tells the core.

It never holds a cycle back: models live in a process of their own, and what they say enters the
inbox as a `PriceForecast` when it is there. In lockstep an answer is taken in at a stated plant
time after its job, however fast it came, so that runs repeat.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Final

import structlog
from msgspec import structs

from gridmuster.clock import iso
from gridmuster.errors import GridmusterError, SignalError
from gridmuster.fleet.model import Fleet
from gridmuster.forecast.market.heard import Heard
from gridmuster.forecast.told import PriceForecast
from gridmuster.runtime.forecasting import ForecastRoom, Job, MarketBase, do
from gridmuster.runtime.solving import stand_back
from gridmuster.signals import Frame, Price, decode, encode
from gridmuster.topics import Topics
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
#: Most prices kept for a process that must begin anew: more than a year of five minutes.
MOST_HEARD: Final = 120_000
log = structlog.get_logger()

#: The one room of a forecaster's own process.
_rooms: list[ForecastRoom] = []


def _enter(parent: int, base: bytes) -> None:
    """Begin in the forecaster's process."""
    stand_back(parent)
    _rooms.append(ForecastRoom(pickle.loads(base)))


def _do(job: Job) -> PriceForecast | None:
    return do(_rooms[0], job)


class ForecastProcess:
    """A process with the history and the models in it; it is started with the first job.

    Args:
        base: what it goes on from.
        processes: 1, or 0 to do the jobs in this process, at once.
    """

    def __init__(self, base: MarketBase, processes: int = 1) -> None:
        self.base = base
        self._body = pickle.dumps(base) if processes else b""
        self._here = None if processes else ForecastRoom(base)
        self._pool: ProcessPoolExecutor | None = None

    def ask(self, job: Job) -> Future[PriceForecast | None]:
        """Have a job done.

        Raises:
            BrokenProcessPool: when the process has died; the next job begins with a new one.
        """
        if self._here is not None:
            future: Future[PriceForecast | None] = Future()
            try:
                future.set_result(do(self._here, job))
            except GridmusterError as error:
                future.set_exception(error)
            return future
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                1,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_enter,
                initargs=(os.getpid(), self._body),
            )
        return self._pool.submit(_do, job)

    def close(self) -> None:
        """Stop the process; a job under way is dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


@dataclass(slots=True)
class Pending:
    """A job under way: when it was given, and when its answer is taken in lockstep, ms."""

    job: Job
    future: Future[PriceForecast | None]
    due_ms: int


class Forecaster:
    """Tells the core of a center what models say of prices.

    Args:
        fleet: the fleet; all its areas with a connection hear the same market.
        process: where the models are.
        lockstep: whether answers are taken in at stated plant times.
    """

    def __init__(self, fleet: Fleet, process: ForecastProcess, *, lockstep: bool) -> None:
        self._topics = Topics(fleet.id)
        self._areas = [area.id for area in fleet.areas if area.connection is not None]
        self._process = process
        self._lockstep = lockstep
        self._heard: list[Heard] = []
        self._sent = 0
        self._pending: Pending | None = None
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
            Forecasts, one frame an area, when there are new ones.
        """
        self.hear(arrived)
        frames = self._take(now_ms)
        if self._pending is None and self._areas:
            self._give(now_ms)
        return frames

    def hear(self, arrived: Sequence[Frame]) -> None:
        """Note the prices in some frames; those of the first area with a connection."""
        if not self._areas:
            return
        topic = self._topics.price(self._areas[0])
        for frame in arrived:
            if frame.topic != topic:
                continue
            try:
                price = decode(frame.payload, Price)
            except SignalError:
                continue
            if price.area == self._areas[0] and price.duration_s > 0:
                self._heard.append(_heard(price, frame.at_ms))
        if len(self._heard) > MOST_HEARD:
            old = min(MOST_HEARD // 10, self._sent)
            del self._heard[:old]
            self._sent -= old

    def close(self) -> None:
        """Stop the process."""
        self._process.close()

    def _give(self, now_ms: int) -> None:
        """Give the process its next job, when one is due."""
        if now_ms >= self._teach_ms:
            self._teach_ms = now_ms + TEACH_EVERY_MS
            self._ask(Job(now_ms, self._unsent()), TAUGHT_AFTER_S)
        elif self._taught and (now_ms >= self._tell_ms or self._surprised(now_ms)):
            before_ms = BEFORE_S * MS_PER_S
            self._tell_ms = (now_ms + before_ms) // QUARTER_MS * QUARTER_MS + QUARTER_MS - before_ms
            self._ask(Job(now_ms, self._unsent(), self._areas[0]), TOLD_AFTER_S)

    def _unsent(self) -> tuple[Heard, ...]:
        return tuple(self._heard[self._sent :])

    def _ask(self, job: Job, after_s: int) -> None:
        try:
            future = self._process.ask(job)
        except BrokenProcessPool as error:
            self._anew(error)
            return
        self._sent = len(self._heard)
        self._pending = Pending(job, future, job.now_ms + after_s * MS_PER_S)

    def _anew(self, error: BaseException) -> None:
        """The process died: the next job starts another, which hears everything again."""
        log.error("forecaster", error=str(error), action="started anew")
        self._process.close()
        self._sent = self._teach_ms = 0
        self._taught = False

    def _take(self, now_ms: int) -> list[Frame]:
        """The answer of the job under way, when it is there."""
        pending = self._pending
        if pending is None:
            return []
        if now_ms < pending.due_ms if self._lockstep else not pending.future.done():
            return []
        self._pending = None
        try:
            told = pending.future.result()
        except BrokenProcessPool as error:
            self._anew(error)
            return []
        except GridmusterError as error:
            log.warning("price forecast", at=iso(pending.job.now_ms), error=str(error))
            return []
        except Exception as error:
            # A fault in a library must not stop the center, which has forecasts of its own.
            if self._lockstep:
                raise
            log.error("price forecast", error=f"{type(error).__name__}: {error}")
            return []
        if not pending.job.area:
            self._taught = True
            self._tell_ms = 0
            return []
        if told is None or now_ms - told.issued_at_ms > LATE_S * MS_PER_S:
            self._tell_ms = 0
            return []
        self._told = told
        return [
            Frame(
                self._topics.price_forecast(area), encode(structs.replace(told, area=area)), now_ms
            )
            for area in self._areas
        ]

    def _surprised(self, now_ms: int) -> bool:
        """Whether the price heard last lies outside the band that was told for it."""
        told, heard = self._told, self._heard[-1] if self._heard else None
        if told is None or heard is None or heard.known_ms <= told.issued_at_ms:
            return False
        if now_ms - told.issued_at_ms < SURPRISED_EVERY_S * MS_PER_S:
            return False
        low, high = told.at(heard.start_ms, 0.05), told.at(heard.start_ms, 0.95)
        return low is None or high is None or not low <= heard.usd_per_mwh <= high


def _heard(price: Price, at_ms: int) -> Heard:
    return Heard(
        at_ms,
        price.start_ms,
        price.duration_s,
        price.price_usd_per_mwh,
        price.ahead_usd_per_mwh,
    )
