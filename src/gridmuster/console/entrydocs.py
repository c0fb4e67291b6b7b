"""The documents of signing in; apart from the routes, so that the terminal starts quickly."""

from __future__ import annotations

from msgspec import Struct


class SessionDocument(Struct, frozen=True):
    """Who is signed in, the secret that commands must carry, and how long it lasts unused, s.

    A caller by token has no session: an empty secret, and no end.
    """

    name: str
    role: str
    csrf: str
    expires_s: float | None


class SignInCode(Struct, frozen=True):
    """A code that signs in once: put it behind the page's address as ``#token=CODE``."""

    code: str
    expires_s: float


class SessionRow(Struct, frozen=True):
    """A session that lasts."""

    id: str
    name: str
    role: str
    address: str
    begun_age_s: float
    used_age_s: float
    expires_s: float
    yours: bool


class SessionList(Struct, frozen=True):
    """Who is signed in in all, the one used last at the end."""

    sessions: list[SessionRow]


class SignedOut(Struct, frozen=True):
    """How many sessions ended."""

    ended: int


class Ways(Struct, frozen=True):
    """How a person may sign in: always by token; ``oidc`` names the company's own way, if any.

    ``signed_in`` tells a browser whether its cookie stands for a session that lasts.
    """

    oidc: str
    signed_in: bool
