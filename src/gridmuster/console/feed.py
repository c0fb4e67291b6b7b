"""The plant's views as editions: encoded once, whoever reads and however many.

An edition is a view with a number. Nothing is compared or encoded before somebody asks, and what
was encoded is kept until the next edition. A reader that is late gets the rows that changed since
the edition it knows, in one message: the latest wins, nothing queues up.
"""

from __future__ import annotations

import asyncio
import secrets
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
import structlog
from msgspec import Struct

from gridmuster.center.view import PlantView
from gridmuster.console.layout import Charts
from gridmuster.console.messages import MESSAGES, plant_message, rows_by_key
from gridmuster.console.plant import Plant
from gridmuster.console.sitestates import SITES_TOPIC, SiteTable

#: Shortest time between two editions, s of real time: nobody reads faster than that.
MIN_INTERVAL_S: Final = 0.1
#: A reader that is more editions behind gets everything anew. Bounds what is kept about rows
#: that are gone, and how many different messages one edition may need.
MAX_BEHIND: Final = 64

_log = structlog.get_logger(__name__)


class _Table:
    """One topic's rows, and the edition in which each last changed or left."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self._message = MESSAGES[topic]
        self._rows: dict[str, Struct] = {}
        self._changed_in: dict[str, int] = {}
        self._gone_in: dict[str, int] = {}
        self._events: dict[int | None, bytes] = {}
        self._edition = 0

    def _update(self, view: PlantView, edition: int) -> None:
        """Take over a view's rows."""
        rows = rows_by_key(view, self.topic)
        old = self._rows
        for key, row in rows.items():
            if old.get(key) != row:
                self._changed_in[key] = edition
                self._gone_in.pop(key, None)
        if len(old) > len(rows) or old.keys() - rows.keys():
            for key in old.keys() - rows.keys():
                del self._changed_in[key]
                self._gone_in[key] = edition
        for key in [k for k, number in self._gone_in.items() if number < edition - MAX_BEHIND]:
            del self._gone_in[key]
        self._rows = rows
        self._events.clear()

    def event(
        self, view: PlantView, edition: int, after: int | None, encoder: msgspec.json.Encoder
    ) -> bytes:
        """The server-sent event for a reader of edition ``after``; empty when nothing changed.

        Rows are compared when the first reader of an edition asks for the topic: one that nobody
        follows costs nothing, and what changed meanwhile counts as changed when it is asked for.

        Args:
            view: the current edition's view.
            edition: its number.
            after: the edition the reader has, or None for everything.
            encoder: writes the message.
        """
        if edition != self._edition:
            self._update(view, edition)
            self._edition = edition
        event = self._events.get(after)
        if event is None:
            event = self._events[after] = self._encode(after, encoder)
        return event

    def _encode(self, after: int | None, encoder: msgspec.json.Encoder) -> bytes:
        if after is None:
            changed = list(self._rows.values())
            gone = []
        else:
            numbers = self._changed_in
            changed = [row for key, row in self._rows.items() if numbers[key] > after]
            gone = [key for key, number in self._gone_in.items() if number > after]
            if not changed and not gone:
                return b""
        data = encoder.encode(self._message(after is None, changed, gone))
        return b"event: %b\ndata: %b\n\n" % (self.topic.encode(), data)


class Reader:
    """Somebody who follows the feed; woken by each edition and by the end."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self.end = asyncio.Event()

    def close(self) -> None:
        """Let the reader come to its end."""
        self.end.set()
        self.wake.set()


class Feed:
    """Turns a plant's views into editions.

    Args:
        plant: where the views come from.
        min_interval_s: shortest time between two editions, s of real time.
        charts: the order of the plant's sites; None: made here.
    """

    def __init__(
        self,
        plant: Plant,
        min_interval_s: float = MIN_INTERVAL_S,
        charts: Charts | None = None,
    ) -> None:
        self._plant = plant
        self._min_interval_s = min_interval_s
        self._encoder = msgspec.json.Encoder()
        self._tables = {topic: _Table(topic) for topic in MESSAGES}
        self._sites = SiteTable(charts or Charts(plant))
        self._tables_edition = 0
        self._view_json: bytes | None = None
        self._head = b""
        self._readers: set[Reader] = set()
        self._followers: list[Callable[[PlantView], None]] = []
        self._closed = False
        #: Tells this feed's event ids from those of a center that ran before.
        self.name = secrets.token_hex(4)
        self.view = plant.view()
        self.edition = 1
        self.failure = ""

    async def run(self) -> None:
        """Follow the plant until cancelled; a failure is logged, shown by health, and the end."""
        try:
            while True:
                self.publish(await self._plant.changed())
                await asyncio.sleep(self._min_interval_s)
        except Exception as error:
            _log.error("the plant's view stopped", trace=traceback.format_exc())
            self.failure = f"{type(error).__name__}: {error}"
            self.close()

    def publish(self, view: PlantView) -> None:
        """Make a view the current edition and wake the readers."""
        self.view = view
        self.edition += 1
        self._view_json = None
        for follow in self._followers:
            follow(view)
        for reader in self._readers:
            reader.wake.set()

    def follow(self, follower: Callable[[PlantView], None]) -> None:
        """Hand every edition from now on to a function, which must be quick."""
        self._followers.append(follower)

    def close(self) -> None:
        """End all readers; no new one is let in."""
        self._closed = True
        for reader in self._readers:
            reader.close()

    @property
    def readers(self) -> int:
        """How many follow now."""
        return len(self._readers)

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """Follow the feed for the length of a with statement."""
        reader = Reader()
        if self._closed:
            reader.close()
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)

    def view_json(self) -> bytes:
        """The whole current view."""
        if self._view_json is None:
            self._view_json = self._encoder.encode(self.view)
        return self._view_json

    def event_id(self) -> str:
        """Id of the current edition's last event."""
        return f"{self.name}-{self.edition}"

    def after(self, event_id: str | None) -> int | None:
        """The edition an event id stands for, or None when everything must be sent anew."""
        name, _, number = (event_id or "").rpartition("-")
        if name != self.name or not number.isascii() or not number.isdigit():
            return None
        edition = int(number[:18])
        return edition if self.edition - MAX_BEHIND <= edition <= self.edition else None

    def events(self, topics: Iterable[str], after: int | None) -> bytes:
        """All events that bring a reader from one edition to the current one.

        Args:
            topics: which topics to send; the event ``plant`` comes last and alone carries an id,
                so that a connection cut in between is repeated from its start.
            after: the edition the reader has, or None for everything.
        """
        if after is not None and after < self.edition - MAX_BEHIND:
            after = None
        if self._tables_edition != self.edition:
            self._tables_edition = self.edition
            head = self._encoder.encode(plant_message(self.view, self.edition))
            self._head = b"event: plant\nid: %b\ndata: %b\n\n" % (self.event_id().encode(), head)
        parts = [
            self._table(topic).event(self.view, self.edition, after, self._encoder)
            for topic in topics
        ]
        return b"".join([*parts, self._head])

    def _table(self, topic: str) -> _Table | SiteTable:
        return self._sites if topic == SITES_TOPIC else self._tables[topic]
