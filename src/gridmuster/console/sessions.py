"""Browsers that signed in: a random id in a cookie stands for a token that was shown once.

The cookie is ``HttpOnly`` and ``SameSite=Strict``, so that neither a script nor another site can
use it; a command by cookie must also carry the session's second secret in a header of its own,
which only this page can read (OWASP, Cross-Site Request Forgery Prevention, synchroniser token).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request

from gridmuster.clock import monotonic_s
from gridmuster.console.auth import Caller
from gridmuster.console.problems import Problem

COOKIE: Final = "gridmuster_session"
CSRF_HEADER: Final = "X-CSRF-Token"
#: Tells a page, with each answer, how long its session still lasts without another request, s.
LEFT_HEADER: Final = "Session-Expires-S"
#: With this header a page says that it asks by itself and nobody has touched it for a while; such
#: a request does not keep the session alive.
UNATTENDED_HEADER: Final = "X-Unattended"
#: A session ends so long after it began, s: a shift.
LIFETIME_S: Final = 12 * 3600.0
#: And so long after its last request, s.
IDLE_S: Final = 2 * 3600.0
#: Sessions at once; the one used longest ago ends first.
MAX_SESSIONS: Final = 4096
#: A code to sign in with once is good for so long, s: the time a browser takes to start.
CODE_LIFETIME_S: Final = 120.0
MAX_CODES: Final = 256
CODE_PREFIX: Final = "once-"


def cookie_name(request: Request) -> str:
    """The cookie's name at the address of a request.

    Browsers do not tell ports apart (RFC 6265 section 8.5), so that the port is in the name: two
    centers on one machine do not end each other's sessions. Over HTTPS the prefix makes browsers
    refuse a cookie that another host of the domain sets (RFC 6265bis section 4.1.3.2).
    """
    server = request.scope.get("server") or ("", 0)
    name = f"{COOKIE}_{server[1]}"
    return f"__Host-{name}" if request.url.scheme == "https" else name


@dataclass(slots=True)
class Session:
    """One browser.

    Args:
        id: what the cookie holds.
        csrf: what a command must carry besides.
        caller: who signed in.
        begun_s: reading of a monotonic clock at its start, s.
        used_s: the same at its last use, s.
        address: where it signed in from.
        endings: called once when it ends.
    """

    id: str
    csrf: str
    caller: Caller
    begun_s: float
    used_s: float
    address: str = ""
    endings: set[Callable[[], None]] = field(default_factory=set)

    @property
    def mark(self) -> str:
        """A name for the session that is of no use as a cookie."""
        return hashlib.sha256(self.id.encode()).hexdigest()[:16]


class Sessions:
    """The sessions of one running center; a restart ends them all.

    Args:
        now_s: reading of a monotonic clock, s.
        lifetime_s: a session ends so long after it began, s.
        idle_s: and so long after its last request, s.
    """

    def __init__(
        self,
        now_s: Callable[[], float] = monotonic_s,
        lifetime_s: float = LIFETIME_S,
        idle_s: float = IDLE_S,
    ) -> None:
        self._now_s = now_s
        self._lifetime_s = lifetime_s
        self._idle_s = idle_s
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._codes: OrderedDict[bytes, tuple[Caller, float]] = OrderedDict()

    def begin(self, caller: Caller, address: str = "") -> Session:
        """Make a session for somebody who showed who they are."""
        now_s = self._now_s()
        session = Session(
            secrets.token_urlsafe(32), secrets.token_urlsafe(24), caller, now_s, now_s, address
        )
        self._sessions[session.id] = session
        while len(self._sessions) > MAX_SESSIONS:
            self.end(next(iter(self._sessions)))
        return session

    def find(self, session_id: str, attended: bool = True) -> Session:
        """The session of a cookie.

        Args:
            session_id: what the cookie holds.
            attended: whether a person asks, which keeps the session alive.

        Raises:
            Problem: 401 when there is none, or it is over.
        """
        session = self._sessions.get(session_id)
        if session is None or self.left_s(session) <= 0.0:
            self.end(session_id)
            raise Problem(
                401,
                "session-over",
                "Nobody is signed in here, or the session is over; sign in again.",
                {"WWW-Authenticate": "Bearer"},
            )
        if attended:
            session.used_s = self._now_s()
            self._sessions.move_to_end(session_id)
        return session

    def lasts(self, session_id: str) -> bool:
        """Whether a cookie stands for a session that lasts; does not keep it alive."""
        session = self._sessions.get(session_id)
        return session is not None and self.left_s(session) > 0.0

    def left_s(self, session: Session) -> float:
        """How long a session still lasts without another request, s."""
        end_s = min(session.begun_s + self._lifetime_s, session.used_s + self._idle_s)
        return end_s - self._now_s()

    def age_s(self, session: Session) -> float:
        """How long ago a session began, s."""
        return self._now_s() - session.begun_s

    def idle_s(self, session: Session) -> float:
        """How long ago a session was last used, s."""
        return self._now_s() - session.used_s

    def alive(self, session: Session) -> bool:
        """Whether a session still lasts; does not keep it alive."""
        return session.id in self._sessions and self.left_s(session) > 0.0

    def all(self) -> list[Session]:
        """The sessions that last, the one used last at the end."""
        return [session for session in self._sessions.values() if self.left_s(session) > 0.0]

    def end(self, session_id: str) -> None:
        """End a session, and what hangs on it; one that is not there is over already."""
        session = self._sessions.pop(session_id, None)
        if session is not None:
            for ending in tuple(session.endings):
                ending()

    def end_where(self, wanted: Callable[[Session], bool]) -> int:
        """End the sessions that are wanted ended; returns how many."""
        found = [session.id for session in self._sessions.values() if wanted(session)]
        for session_id in found:
            self.end(session_id)
        return len(found)

    def new_code(self, caller: Caller) -> str:
        """A code that signs somebody in, once and soon; only its hash is kept."""
        code = CODE_PREFIX + secrets.token_urlsafe(24)
        self._codes[_hash(code)] = (caller, self._now_s() + CODE_LIFETIME_S)
        while len(self._codes) > MAX_CODES:
            self._codes.popitem(last=False)
        return code

    def redeem(self, code: str) -> Caller | None:
        """Whom a code signs in; None when it is unknown, used or too old."""
        caller, until_s = self._codes.pop(_hash(code), (None, 0.0))
        return caller if self._now_s() < until_s else None

    @staticmethod
    def check_csrf(session: Session, sent: str | None) -> None:
        """Hold a command against the session's second secret.

        Raises:
            Problem: 403 when it is missing or wrong.
        """
        if not hmac.compare_digest(session.csrf.encode(), (sent or "").encode("utf-8", "replace")):
            raise Problem(
                403,
                "forged-request",
                f"A command from a browser must carry its session's secret in {CSRF_HEADER}; "
                "GET /api/v1/session tells it.",
            )


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.encode("utf-8", "replace")).digest()
