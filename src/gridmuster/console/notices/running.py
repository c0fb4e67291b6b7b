"""Follows a plant's alarms and sees that they are told, without ever holding the plant back."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from gridmuster.center.view import AlarmView
from gridmuster.clock import monotonic_s
from gridmuster.console.notices.ledger import Ledger
from gridmuster.console.notices.senders import NotSentError, Sender, sender_for
from gridmuster.console.notices.settings import NoticeSettings
from gridmuster.console.notices.wording import Letter, write
from gridmuster.console.plant import Plant

#: Letters that may wait for one recipient; beyond, the oldest is let go and counted.
MAX_WAITING: Final = 100
#: Attempts at one letter, the first included, before it is given up and counted.
MAX_TRIES: Final = 8
FIRST_RETRY_S: Final = 2.0
LAST_RETRY_S: Final = 120.0
#: Time between two looks at what is due, s.
LOOK_EVERY_S: Final = 1.0

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Tally:
    """What became of one recipient's letters."""

    sent: int = 0
    failed: int = 0
    dropped: int = 0
    retries: int = 0
    last_error: str = ""


class Post:
    """Letters to one recipient, in order, each repeated until it arrives or is given up.

    Args:
        name: of the recipient.
        sender: carries them.
        first_retry_s: wait before the second attempt, s; doubles with each one.
    """

    def __init__(self, name: str, sender: Sender, first_retry_s: float = FIRST_RETRY_S) -> None:
        self.name = name
        self.tally = Tally()
        self._sender = sender
        self._first_retry_s = first_retry_s
        self._letters: deque[Letter] = deque()
        self._news = asyncio.Event()

    def put(self, letter: Letter) -> None:
        """Have a letter sent; never waits."""
        if len(self._letters) >= MAX_WAITING:
            self._letters.popleft()
            self.tally.dropped += 1
            _log.error("notice dropped", recipient=self.name, waiting=MAX_WAITING)
        self._letters.append(letter)
        self._news.set()

    @property
    def waiting(self) -> int:
        """How many letters wait."""
        return len(self._letters)

    async def run(self) -> None:
        """Send letters until cancelled."""
        while True:
            while self._letters:
                await self._carry(self._letters.popleft())
            self._news.clear()
            await self._news.wait()

    async def _carry(self, letter: Letter) -> None:
        wait_s = self._first_retry_s
        for attempt in range(1, MAX_TRIES + 1):
            try:
                await self._sender.send(letter)
            except NotSentError as error:
                self.tally.last_error = str(error)
                if error.lasting or attempt == MAX_TRIES:
                    self.tally.failed += 1
                    _log.error("notice not told", recipient=self.name, why=str(error), n=attempt)
                    return
                self.tally.retries += 1
                await asyncio.sleep(wait_s)
                wait_s = min(2.0 * wait_s, LAST_RETRY_S)
            else:
                self.tally.sent += 1
                return


class Notices:
    """Tells a plant's alarms.

    Args:
        settings: whom to tell of what.
        acknowledged: whether somebody has seen to an alarm.
        now_s: reading of a monotonic clock, s.
        first_retry_s: wait before the second attempt at a letter, s.

    Raises:
        FleetError: when a certificate cannot be read.
    """

    def __init__(
        self,
        settings: NoticeSettings,
        acknowledged: Callable[[AlarmView], bool],
        now_s: Callable[[], float] = monotonic_s,
        first_retry_s: float = FIRST_RETRY_S,
    ) -> None:
        self._settings = settings
        self._acknowledged = acknowledged
        self._now_s = now_s
        self._ledger = Ledger(settings.file)
        self.posts = {
            recipient.name: Post(recipient.name, sender_for(settings, recipient), first_retry_s)
            for recipient in settings.file.recipients
        }

    def way(self, name: str) -> str:
        """How a recipient is told: ``webhook`` or ``email``; its address is not shown."""
        return "webhook" if self._settings.recipient(name).webhook is not None else "email"

    async def run(self, plant: Plant, refresh: Callable[[], Awaitable[None]]) -> None:
        """Follow a plant until cancelled.

        Args:
            plant: whose alarms to tell.
            refresh: learns of new acknowledgements.
        """
        async with asyncio.TaskGroup() as group:
            for post in self.posts.values():
                group.create_task(post.run(), name=f"notices-{post.name}")
            while True:
                await refresh()
                self.look(plant)
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY_S):
                        await plant.changed()
                # News come several times a second in a fast demo; people read slower.
                await asyncio.sleep(LOOK_EVERY_S / 4.0)

    def look(self, plant: Plant) -> None:
        """Take the alarms that stand now, and have told what is due."""
        view = plant.view()
        for notice in self._ledger.update(self._now_s(), view.alarms, self._acknowledged):
            letter_id = secrets.token_hex(12)
            page = self._settings.file.page or ""
            letter = write(notice, letter_id, view.fleet, view.time_zone, view.at_ms, page)
            self.posts[notice.recipient].put(letter)
            _log.info("notice", recipient=notice.recipient, id=letter_id, n=len(notice.raised))
