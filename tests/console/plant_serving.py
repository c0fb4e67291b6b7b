"""A center's board of views behind the real API on a real socket."""

import asyncio
import hashlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from fastapi import FastAPI
from msgspec import structs

from gridmuster.center.view import AuditEntry, PlantView, Rejected, Submitted
from gridmuster.console.api import create_app
from gridmuster.console.auth import Auth
from gridmuster.console.idempotency import Answers
from gridmuster.console.server import ApiServer, serve
from gridmuster.console.tokens import Role, TokenRecord
from gridmuster.signals import OperatorRequest

DEADLINE_S = 20.0
TOKENS = {role: f"gm-{role.word}-token-for-tests" for role in Role}


def known_auth() -> Auth:
    """The three roles with known tokens."""
    return Auth(
        [
            TokenRecord(role.word, role.word, hashlib.sha256(token.encode()).hexdigest())
            for role, token in TOKENS.items()
        ]
    )


def bearer(role: Role | None) -> dict[str, str]:
    """The headers of a role's holder; none for nobody."""
    return {} if role is None else {"Authorization": f"Bearer {TOKENS[role]}"}


class Board:
    """A plant whose views a test puts up; takes any command whose reason does not say no."""

    def __init__(self, view: PlantView) -> None:
        self._view = view
        self._next: asyncio.Future[PlantView] | None = None
        self.requests: list[OperatorRequest] = []
        self.entries: list[AuditEntry] = []
        self.gate: asyncio.Event | None = None

    def view(self) -> PlantView:
        return self._view

    async def changed(self) -> PlantView:
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._next)

    def put(self, view: PlantView) -> None:
        """Put up a view; on the server's loop."""
        self._view = view
        if self._next is not None:
            self._next.set_result(view)
            self._next = None

    def fail(self, error: Exception) -> None:
        """Let whoever waits for the next view get an error; on the server's loop."""
        assert self._next is not None
        self._next.set_exception(error)
        self._next = None

    async def submit(self, request: OperatorRequest) -> Submitted | Rejected:
        if request.reason == "crash":
            raise RuntimeError("crashed on purpose")
        if self.gate is not None:
            await self.gate.wait()
        self.requests.append(request)
        refused = request.reason == "no"
        text = "the fence is lost" if refused else f"{request.action.value} of {request.target}"
        self.entries.append(
            AuditEntry(
                len(self.entries) + 1,
                request.at_ms,
                request.id,
                request.actor,
                request.role,
                request.action.value,
                request.scope.value,
                request.target,
                request.power_kw,
                request.until_ms,
                request.reason,
                not refused,
                text,
            )
        )
        if refused:
            return Rejected(request.id, self._view.at_ms, text)
        return Submitted(request.id, self._view.at_ms, text)

    async def audit(self, after: int, limit: int) -> list[AuditEntry]:
        return [entry for entry in self.entries if entry.number > after][:limit]


class Center:
    """A served board, seen from the test's own thread."""

    def __init__(
        self, board: Board, app: FastAPI, server: ApiServer, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.board = board
        self.app = app
        self.server = server
        self.url = server.url
        self._loop = loop

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function on the server's loop and wait for its result."""

        async def run() -> Any:
            return function(*args)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(DEADLINE_S)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on the server's loop and wait for its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(DEADLINE_S)

    def forget(self) -> None:
        """Start anew: no command was ever given."""
        self.board.requests.clear()
        self.board.entries.clear()
        self.board.gate = None
        self.app.state.answers = Answers()

    def put(self, view: PlantView) -> None:
        """Put up a view."""
        self.call(self.board.put, view)

    def advance(self, **changes: Any) -> PlantView:
        """Put up the current view, one cycle on, with changes."""
        old = self.board.view()
        moved = {"at_ms": old.at_ms + 4000, "cycle": old.cycle + 1, **changes}
        view = structs.replace(old, **moved)
        self.put(view)
        return view

    def until(self, done: Callable[[], bool]) -> None:
        """Wait until something is so, as seen on the server's loop."""

        async def wait() -> None:
            async with asyncio.timeout(DEADLINE_S):
                while not done():
                    await asyncio.sleep(0.001)

        self.run(wait())

    def client(self, role: Role | None = Role.VIEWER) -> httpx.Client:
        """A client of a role."""
        return httpx.Client(base_url=self.url, headers=bearer(role), timeout=DEADLINE_S)


@contextmanager
def serving(
    view: PlantView,
    auth: Auth | None = None,
    port: int = 0,
    board: Board | None = None,
    **options: Any,
) -> Iterator[Center]:
    """Serve a view on loopback, on a thread of its own, for the length of a with statement."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    board = board or Board(view)

    app = create_app(board, auth or known_auth(), **{"min_interval_s": 0.0, **options})

    async def start() -> ApiServer:
        return await serve(app, port=port)

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(DEADLINE_S)
    try:
        yield Center(board, app, server, loop)
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(DEADLINE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(DEADLINE_S)
        loop.close()
