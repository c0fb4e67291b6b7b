"""asyncio around a site's agent: reads the links, writes the orders, speaks on a bus.

One task a site. A scan reads all controllers of the site at once, hands the image to the agent,
writes its orders and publishes its frames. A command is taken and written as soon as it arrives,
and the site is scanned again shortly after, so that its effect is acknowledged when measured.

Named policies: an overrun skips the missed scans and counts them (`skip missed`); a link that
does not answer is a silent controller, never zero; while the bus is down frames wait in the
outbox and are replayed at a bounded rate; more commands than `MAX_WAITING` waiting at once push
out the oldest, which the center sends again.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import structlog

from gridmuster.clock import Clock
from gridmuster.errors import LinkError, SignalError
from gridmuster.gateway.agent import AgentOutput, SiteAgent
from gridmuster.gateway.outbox import MemoryOutbox, Outbox
from gridmuster.signals import Frame
from gridmuster.units import MS_PER_S

#: Commands that may wait for the site's task at once.
MAX_WAITING: Final = 64

log = structlog.get_logger(__name__)

Points = Mapping[str, float]


class Link(Protocol):
    """How one controller is reached; both calls may be plain or coroutines."""

    def scan(self) -> Points | Awaitable[Points | None] | None:
        """Canonical points; None when the controller does not answer."""
        ...

    def send(self, order: str, value: float) -> Any | Awaitable[Any]:
        """Give an order; what became of it."""
        ...


class Publisher(Protocol):
    """What the shell needs of a bus; see `comms.bus.Bus`."""

    @property
    def connected(self) -> bool:
        """Whether messages flow now."""
        ...

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Hand over one message; never blocks."""
        ...

    def subscribe(self, pattern: str, handler: Any) -> None:
        """Have a handler called with each frame that matches."""
        ...


@dataclass(frozen=True, slots=True)
class ShellConfig:
    """How a site's shell runs. Times are seconds of plant time.

    Args:
        scan_s: time between scans.
        follow_up_s: scans after a command, counted from it, while its effect is not yet measured.
        save_every_s: time between saves of the memory; the fence and latches are saved at once.
        replay_per_scan: frames replayed from the outbox in one scan.
    """

    scan_s: float = 0.5
    follow_up_s: tuple[float, ...] = (0.1, 0.25)
    save_every_s: float = 10.0
    replay_per_scan: int = 100


@dataclass(slots=True)
class ShellStats:
    """What one site's shell did; counts since the start."""

    scans: int = 0
    missed_scans: int = 0
    silent_reads: int = 0
    failed_orders: int = 0
    published: int = 0
    stored: int = 0
    replayed: int = 0
    pushed_out: int = 0
    failed_saves: int = 0


class SiteShell:
    """Runs one site.

    Args:
        agent: the site's agent.
        links: link by controller key; a key without a link is a silent controller.
        bus: the site's connection; started and stopped by the caller.
        clock: plant time.
        config: how often and how much.
        memory_path: where the agent's memory is kept; None: nowhere.
        outbox: where frames wait while the bus is down.
        limit: bounds the reads under way at once in the whole process; None: no bound.
    """

    def __init__(
        self,
        agent: SiteAgent,
        links: Mapping[str, Link],
        bus: Publisher,
        clock: Clock,
        config: ShellConfig | None = None,
        *,
        memory_path: Path | None = None,
        outbox: Outbox | None = None,
        limit: asyncio.Semaphore | None = None,
    ) -> None:
        self.agent = agent
        self.stats = ShellStats()
        self._links = [(key, links[key]) for key in agent.controller_keys if key in links]
        self._link_by_key = dict(links)
        self._bus = bus
        self._clock = clock
        self._config = config or ShellConfig()
        self._memory_path = memory_path
        self._saved = b""
        self._saved_ms = 0
        self._saved_urgent = 0
        self._outbox: Outbox = outbox if outbox is not None else MemoryOutbox()
        self._limit = limit
        self._inbox: deque[Frame] = deque(maxlen=MAX_WAITING)
        self._wake = asyncio.Event()
        self._was_connected = False
        self._restore()
        bus.subscribe(agent.topics.command(agent.site), self.deliver)
        bus.subscribe(agent.topics.lease, self.deliver)

    def deliver(self, frame: Frame) -> None:
        """Take a message from the bus; it is acted on by the site's own task."""
        if len(self._inbox) == MAX_WAITING:
            self.stats.pushed_out += 1
        self._inbox.append(frame)
        self._wake.set()

    async def run(self) -> None:
        """Scan until cancelled."""
        period_ms = max(int(self._config.scan_s * MS_PER_S), 1)
        next_ms = self._clock.now_ms()
        try:
            while True:
                await self.scan()
                next_ms += period_ms
                late_ms = self._clock.now_ms() - next_ms
                if late_ms >= 0:
                    missed = late_ms // period_ms + 1
                    self.stats.missed_scans += missed
                    next_ms += missed * period_ms
                await self._wait(next_ms)
        finally:
            self._save(durable=True)
            self._outbox.close()

    async def scan(self) -> None:
        """Read every controller, let the agent decide, write and publish."""
        image = await self._read()
        now_ms = self._clock.now_ms()
        self.stats.scans += 1
        await self._carry_out(self.agent.scan(now_ms, image))
        self._replay()
        if now_ms - self._saved_ms >= self._config.save_every_s * MS_PER_S:
            self._save(durable=False)

    async def _wait(self, until_ms: int) -> None:
        """Wait for the next scan; commands are served as they come, each with its follow-ups."""
        follow_ups: list[int] = []
        while True:
            if self._inbox:
                await self._serve()
                now_ms = self._clock.now_ms()
                follow_ups = [
                    now_ms + int(after_s * MS_PER_S) for after_s in self._config.follow_up_s
                ]
            now_ms = self._clock.now_ms()
            if now_ms >= until_ms:
                return
            if follow_ups and not self.agent.waiting:
                follow_ups = []
            if follow_ups and now_ms >= follow_ups[0]:
                follow_ups.pop(0)
                await self.scan()
                continue
            await self._sleep(min([until_ms, *follow_ups[:1]]))

    async def _sleep(self, until_ms: int) -> None:
        """Sleep until an instant or the next message, whichever is first."""
        self._wake.clear()
        if self._inbox:
            return
        tick = asyncio.ensure_future(self._clock.sleep_until(until_ms))
        message = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait((tick, message), return_when=asyncio.FIRST_COMPLETED)
        finally:
            tick.cancel()
            message.cancel()

    async def _serve(self) -> None:
        while self._inbox:
            output = self.agent.receive(self._clock.now_ms(), self._inbox.popleft())
            if self.agent.urgent_changes != self._saved_urgent:
                self._save(durable=True)
            await self._carry_out(output)

    async def _carry_out(self, output: AgentOutput) -> None:
        """Publish, and write the orders: one controller's in order, controllers at once."""
        self._publish(output.frames)
        if not output.orders:
            return
        by_key: dict[str, list[tuple[str, float]]] = {}
        for key, order, value in output.orders:
            by_key.setdefault(key, []).append((order, value))
        await asyncio.gather(*(self._write(key, orders) for key, orders in by_key.items()))

    async def _write(self, key: str, orders: Sequence[tuple[str, float]]) -> None:
        link = self._link_by_key.get(key)
        if link is None:
            self.stats.failed_orders += len(orders)
            return
        for order, value in orders:
            sent = link.send(order, value)
            if isinstance(sent, Awaitable):
                sent = await sent
            if getattr(sent, "value", sent) != "done":
                # The agent measures; what has no effect is ordered again and then reported.
                self.stats.failed_orders += 1

    async def _read(self) -> dict[str, Points | None]:
        image: dict[str, Points | None] = {}
        waiting: list[Awaitable[None]] = []
        for key, link in self._links:
            answer = link.scan()
            if isinstance(answer, Awaitable):
                waiting.append(self._collect(key, answer, image))
            else:
                image[key] = answer
        if waiting:
            await asyncio.gather(*waiting)
        self.stats.silent_reads += sum(points is None for points in image.values())
        return image

    async def _collect(
        self, key: str, answer: Awaitable[Points | None], image: dict[str, Points | None]
    ) -> None:
        try:
            if self._limit is None:
                image[key] = await answer
            else:
                async with self._limit:
                    image[key] = await answer
        except LinkError:
            image[key] = None

    def _publish(self, frames: Sequence[Frame]) -> None:
        if not frames:
            return
        if self._bus.connected:
            for frame in frames:
                self._bus.publish(frame.topic, frame.payload)
            self.stats.published += len(frames)
            return
        try:
            self._outbox.put(frames)
            self.stats.stored += len(frames)
        except LinkError as error:
            self._outbox_failed(error)

    def _replay(self) -> None:
        connected = self._bus.connected
        if connected is not self._was_connected:
            self._was_connected = connected
            log.info("link", site=self.agent.site, up=connected, waiting=len(self._outbox))
        if not connected or not len(self._outbox):
            return
        try:
            frames = self._outbox.peek(self._config.replay_per_scan)
            self._outbox.drop(len(frames))
        except LinkError as error:
            self._outbox_failed(error)
            return
        for frame in frames:
            self._bus.publish(frame.topic, frame.payload)
        self.stats.replayed += len(frames)

    def _outbox_failed(self, error: LinkError) -> None:
        log.error("outbox", site=self.agent.site, error=str(error))
        self.agent.alarm("outbox_failed", self._clock.now_ms())

    def _restore(self) -> None:
        path = self._memory_path
        if path is None or not path.exists():
            return
        data = path.read_bytes()
        try:
            self.agent.restore(data)
        except SignalError as error:
            raise LinkError(
                f"{path}: {error}; move the file away to start without the site's memory"
            ) from error
        self._saved = data

    def _save(self, *, durable: bool) -> None:
        """Write the memory beside its file and swap it in, so that a crash leaves one whole."""
        self._saved_ms = self._clock.now_ms()
        self._saved_urgent = self.agent.urgent_changes
        path = self._memory_path
        if path is None:
            return
        data = self.agent.memory()
        if data == self._saved:
            return
        try:
            save_atomically(path, data, durable=durable)
            self._saved = data
        except OSError as error:
            self.stats.failed_saves += 1
            log.error("memory", site=self.agent.site, path=str(path), error=str(error))
            self.agent.alarm("memory_not_saved", self._saved_ms)


def save_atomically(path: Path, data: bytes, *, durable: bool) -> None:
    """Replace a file's content as a whole.

    Args:
        path: the file; its folder is made when absent.
        data: the new content.
        durable: wait until it is on the disk.

    Raises:
        OSError: when it cannot be written; the old content then stands.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    beside.replace(path)


async def run_sites(shells: Iterable[SiteShell]) -> None:
    """Run many sites in this process until cancelled; the first that breaks ends them all.

    Args:
        shells: the sites.
    """
    async with asyncio.TaskGroup() as group:
        for shell in shells:
            group.create_task(shell.run(), name=f"site {shell.agent.site}")
