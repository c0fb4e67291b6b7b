"""What stands between a caller and the API: sessions, pace, and the company's own sign-in."""

from __future__ import annotations

from dataclasses import dataclass, field

from gridmuster.console.oidc import Oidc
from gridmuster.console.pacing import Pace
from gridmuster.console.sessions import Sessions


@dataclass(slots=True)
class Entry:
    """How callers come in.

    Args:
        sessions: of browsers.
        pace: bound on commands.
        oidc: the company's own way to sign in; None: by token only.
    """

    sessions: Sessions = field(default_factory=Sessions)
    pace: Pace = field(default_factory=Pace)
    oidc: Oidc | None = None
