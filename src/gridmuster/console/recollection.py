"""Brings back from the journal what devices did before this process, a stretch at a time.

It begins when somebody first looks at a device, reads from the newest back to what the console
keeps, and leaves the reading to whoever reads the journal beside the center.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from typing import Final

import msgspec
import structlog

from gridmuster.console.pastdocs import PastReader, PastRequest, PastStretch
from gridmuster.console.plant import Plant
from gridmuster.console.traces import KEPT_H, Traces
from gridmuster.errors import JournalError
from gridmuster.units import MS_PER_HOUR

#: Plant time of one stretch, ms; of a large plant a few hundred thousand numbers.
STRETCH_MS: Final = MS_PER_HOUR // 2
#: Longest wait for one stretch, s of real time; then the rest is let be.
PATIENCE_S: Final = 900.0
#: A center at one of its first cycles has no past.
FRESH_CYCLES: Final = 60
_log = structlog.get_logger(__name__)


class Recollection:
    """Fills traces and logs with what was before this process.

    Args:
        plant: whose past it is; without a reader of its journal nothing is brought back.
        traces: what devices did.
        take: what else takes a stretch.
    """

    def __init__(self, plant: Plant, traces: Traces, take: Callable[[PastStretch], None]) -> None:
        self._plant = plant
        self._traces = traces
        self._take = take
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start reading unless it was started, or there is nothing to read."""
        reader: PastReader | None = getattr(self._plant, "history", None)
        if self._task is not None or reader is None or not self._traces.back_to_ms:
            return
        if self._traces.began_cycle > FRESH_CYCLES:
            self._traces.reading_back = True
            self._task = asyncio.create_task(self._run(reader), name="recollection")

    def close(self) -> None:
        """End the reading."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self, reader: PastReader) -> None:
        try:
            await self._read(reader)
        except JournalError as error:
            # The day before stays empty; the history's own page tells the same fault.
            _log.warning("what devices did before cannot be read", error=str(error))
        except Exception:
            _log.error("reading back stopped", trace=traceback.format_exc())
        finally:
            self._traces.reading_back = False

    async def _read(self, reader: PastReader) -> None:
        oldest_ms = self._traces.back_to_ms - KEPT_H * MS_PER_HOUR
        while self._traces.back_to_ms > oldest_ms:
            until_ms = self._traces.back_to_ms - 1
            from_ms = max(oldest_ms, until_ms + 1 - STRETCH_MS)
            step_s = self._traces.step_s
            asked = PastRequest("stretch", "console-devices", from_ms, until_ms, step_s=step_s)
            body = await reader.ask(asked, PATIENCE_S)
            if not body:
                return
            past = msgspec.json.decode(body, type=PastStretch)
            self._traces.recall(past)
            self._take(past)
            if not past.older:
                return
