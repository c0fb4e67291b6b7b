"""A line between browser and center that can stall or be cut, and mended."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

DEADLINE_S = 20.0


class Relay:
    """Passes bytes on between a port of its own and a center's, while the line is whole.

    Args:
        url: of the center.
    """

    def __init__(self, url: str) -> None:
        self._port = urlsplit(url).port
        self._open = asyncio.Event()
        self._refusing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay")
        self._thread.start()
        self._loop.call_soon_threadsafe(self._open.set)
        begun = asyncio.start_server(self._take, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(begun, self._loop).result(DEADLINE_S)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def stall(self) -> None:
        """Hold all bytes back; nobody is told, as when a line goes dead."""
        self._run(self._stall())

    def cut(self) -> None:
        """End every connection and refuse new ones."""
        self._run(self._cut())

    def mend(self) -> None:
        """Let bytes through again."""
        self._run(self._mend())

    def close(self) -> None:
        """End everything."""
        self._run(self._cut())
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE_S)
        self._loop.close()

    def _run(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(DEADLINE_S)

    async def _stall(self) -> None:
        self._open.clear()

    async def _mend(self) -> None:
        self._refusing = False
        self._open.set()

    async def _cut(self) -> None:
        self._refusing = True
        ending = list(self._tasks)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if not self._refusing:
                await self._join(reader, writer)
        except (asyncio.CancelledError, OSError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._open.wait()
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            ways = (self._pass_on(reader, far_writer), self._pass_on(far_reader, writer))
            pair: set[asyncio.Task[Any]] = {asyncio.create_task(way) for way in ways}
            try:
                await asyncio.wait(pair, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in pair:
                    one.cancel()
                await asyncio.gather(*pair, return_exceptions=True)
        finally:
            far_writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while content := await reader.read(65_536):
            await self._open.wait()
            writer.write(content)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof()


@contextmanager
def relayed(url: str) -> Iterator[Relay]:
    """A relay for the length of a with statement."""
    relay = Relay(url)
    try:
        yield relay
    finally:
        relay.close()
