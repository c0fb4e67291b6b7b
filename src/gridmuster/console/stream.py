"""Server-sent events of the feed to one client, at the client's own pace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gridmuster.console.feed import Feed, Reader
from gridmuster.console.messages import HEARTBEAT_S
from gridmuster.console.sessions import Session, Sessions

#: A client that takes nothing for so long is dropped, s.
SEND_TIMEOUT_S: Final = 30.0
#: Streams open at once; one more is answered with 503.
MAX_STREAMS: Final = 256
RETRY_MS: Final = 2000


class Hold:
    """What keeps a stream open besides its client: a session that lasts.

    Args:
        session: whose stream it is.
        sessions: where it lasts.
    """

    def __init__(self, session: Session, sessions: Sessions) -> None:
        self._session = session
        self._sessions = sessions

    @property
    def lasts(self) -> bool:
        """Whether the session still lasts."""
        return self._sessions.alive(self._session)

    @contextmanager
    def ending(self, end: Callable[[], None]) -> Iterator[None]:
        """Have something called when the session ends, for the length of a with statement."""
        self._session.endings.add(end)
        try:
            yield
        finally:
            self._session.endings.discard(end)


class EventStream(Response):
    """The answer that never ends: editions until the client leaves or the center stops.

    At most one message is in flight. While the client is slow the feed goes on, and what it gets
    next is the difference to the edition it has.

    Args:
        feed: what to send.
        topics: which topics of it.
        after: the edition the client has, or None.
        every_s: shortest time between two editions for this client, s of real time.
        heartbeat_s: longest silence, s.
        hold: ends the stream with the session that asked for it; None: a token did.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        feed: Feed,
        topics: Sequence[str],
        after: int | None,
        every_s: float = 0.0,
        heartbeat_s: float = HEARTBEAT_S,
        hold: Hold | None = None,
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._feed = feed
        self._topics = topics
        self._after = after
        self._every_s = every_s
        self._heartbeat_s = heartbeat_s
        self._hold = hold

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one client."""
        start = {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self.raw_headers,
        }
        await send(start)
        with self._feed.reader() as reader, self._held(reader):
            watcher = asyncio.ensure_future(_close_on_disconnect(receive, reader))
            try:
                await self._send_editions(reader, send)
            except TimeoutError:
                return
            finally:
                watcher.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _held(self, reader: Reader) -> AbstractContextManager[None]:
        return nullcontext() if self._hold is None else self._hold.ending(reader.close)

    async def _send_editions(self, reader: Reader, send: Send) -> None:
        body = b"retry: %d\n\n" % RETRY_MS
        while not reader.end.is_set() and (self._hold is None or self._hold.lasts):
            reader.wake.clear()
            if self._after != self._feed.edition:
                body += self._feed.events(self._topics, self._after)
                self._after = self._feed.edition
            if body:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await send({"type": "http.response.body", "body": body, "more_body": True})
                body = b""
                await self._pause(reader)
            if not reader.wake.is_set():
                body = await self._quiet(reader)

    async def _pause(self, reader: Reader) -> None:
        """Keep the client's own pace, unless it is the end."""
        if self._every_s > 0.0:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await reader.end.wait()

    async def _quiet(self, reader: Reader) -> bytes:
        """Wait for news; a heartbeat when there is none in time."""
        try:
            async with asyncio.timeout(self._heartbeat_s):
                await reader.wake.wait()
        except TimeoutError:
            return b": alive\n\n"
        return b""


async def _close_on_disconnect(receive: Receive, reader: Reader) -> None:
    """End a reader when its client leaves."""
    while (await receive())["type"] != "http.disconnect":
        continue
    reader.close()
