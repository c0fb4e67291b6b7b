"""Browsers that signed in: a random id in a cookie stands for a token that was shown once.

The cookie is ``HttpOnly`` and ``SameSite=Strict``, so that neither a script nor another site can
use it; a command by cookie must also carry the session's second secret in a header of its own,
which only this page can read (OWASP, Cross-Site Request Forgery Prevention, signed double submit
in its stateful form).
"""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gridmuster.clock import monotonic_s
from gridmuster.console.auth import Caller
from gridmuster.console.problems import Problem

COOKIE: Final = "gridmuster_session"
CSRF_HEADER: Final = "X-CSRF-Token"
#: A session ends so long after it began, s: a shift.
LIFETIME_S: Final = 12 * 3600.0
#: And so long after its last request, s.
IDLE_S: Final = 2 * 3600.0
#: Sessions at once; the one used longest ago ends first.
MAX_SESSIONS: Final = 4096


@dataclass(slots=True)
class Session:
    """One browser.

    Args:
        id: what the cookie holds.
        csrf: what a command must carry besides.
        caller: who signed in.
        begun_s: reading of a monotonic clock at its start, s.
        used_s: the same at its last use, s.
    """

    id: str
    csrf: str
    caller: Caller
    begun_s: float
    used_s: float


class Sessions:
    """The sessions of one running center; a restart ends them all.

    Args:
        now_s: reading of a monotonic clock, s.
    """

    def __init__(self, now_s: Callable[[], float] = monotonic_s) -> None:
        self._now_s = now_s
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def begin(self, caller: Caller) -> Session:
        """Make a session for somebody who showed a valid token."""
        now_s = self._now_s()
        session = Session(
            secrets.token_urlsafe(32), secrets.token_urlsafe(24), caller, now_s, now_s
        )
        self._sessions[session.id] = session
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return session

    def find(self, session_id: str) -> Session:
        """The session of a cookie; using it keeps it alive.

        Raises:
            Problem: 401 when there is none, or it is over.
        """
        session = self._sessions.get(session_id)
        if session is None or self.left_s(session) <= 0.0:
            self._sessions.pop(session_id, None)
            raise Problem(
                401,
                "session-over",
                "Nobody is signed in here, or the session is over; sign in again.",
                {"WWW-Authenticate": "Bearer"},
            )
        session.used_s = self._now_s()
        self._sessions.move_to_end(session_id)
        return session

    def left_s(self, session: Session) -> float:
        """How long a session still lasts without another request, s."""
        now_s = self._now_s()
        return min(session.begun_s + LIFETIME_S, session.used_s + IDLE_S) - now_s

    def end(self, session_id: str) -> None:
        """End a session; one that is not there is over already."""
        self._sessions.pop(session_id, None)

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
