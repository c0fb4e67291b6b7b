"""Who sends a request, and the limit on attempts without a valid token.

A token is 32 random bytes, so it cannot be guessed; its plain SHA-256 is as strong as a slow hash
would be (RFC 9106 is for passwords). That is also why a valid token always passes, however many
wrong ones came from the same address: nobody may lock an operator out of the emergency stop. The
limit on attempts spares the log and shows an attacker in it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict, deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from gridmuster.clock import monotonic_s
from gridmuster.console.problems import Problem
from gridmuster.console.tokens import (
    TOKENS_FILE,
    Role,
    TokenRecord,
    create_tokens,
    default_folder,
    read_tokens,
    token_path,
)

__all__ = ["Auth", "Caller", "Role", "default_folder", "token_path"]

#: Attempts without a valid token that one address may make in `WINDOW_S` before it gets 429.
MAX_ATTEMPTS: Final = 10
WINDOW_S: Final = 60.0
#: Addresses remembered; the one heard of longest ago is forgotten first.
MAX_ADDRESSES: Final = 1024


class Caller(Struct, frozen=True):
    """Who sent a request: the token's name and role."""

    name: str
    role: Role


class Auth:
    """Knows the tokens, by their hashes, and counts attempts without a valid one.

    Args:
        records: the tokens that may enter.
        folder: where they are from; None: not from a folder.
        now_s: reading of a monotonic clock, s.
    """

    def __init__(
        self,
        records: list[TokenRecord],
        folder: Path | None = None,
        now_s: Callable[[], float] = monotonic_s,
    ) -> None:
        self.folder = folder
        self._known = [
            (bytes.fromhex(record.sha256), Caller(record.name, Role[record.role.upper()]))
            for record in records
        ]
        self._now_s = now_s
        self._attempts: OrderedDict[str, deque[float]] = OrderedDict()

    @classmethod
    def open(cls, folder: Path) -> Auth:
        """The tokens of a folder, made with one random token a role when there are none.

        Args:
            folder: where ``tokens.json`` is or will be.

        Raises:
            FleetError: when the file is malformed or readable by others.
        """
        path = folder / TOKENS_FILE
        if not path.exists():
            create_tokens(folder)
        return cls(read_tokens(path), folder)

    def require(self, authorization: str | None, role: Role, address: str) -> Caller:
        """Who sends this request.

        Args:
            authorization: the header of that name.
            role: the least role that may pass.
            address: where the request came from.

        Raises:
            Problem: 401 without a valid token, 429 after too many of those, 403 below the role.
        """
        scheme, _, token = (authorization or "").partition(" ")
        given = token.strip() if scheme.lower() == "bearer" else ""
        caller = self._find(given) if given else None
        if caller is None:
            self._count(address)
            if given:
                raise Problem(
                    401,
                    "wrong-token",
                    "The center does not know this token. Its tokens are in the folder that it "
                    "named when it started.",
                    {"WWW-Authenticate": 'Bearer error="invalid_token"'},
                )
            raise Problem(
                401,
                "no-token",
                "Send the header 'Authorization: Bearer TOKEN'.",
                {"WWW-Authenticate": "Bearer"},
            )
        self.permit(caller, role)
        return caller

    @staticmethod
    def permit(caller: Caller, role: Role) -> None:
        """Hold a caller's role against the one that a request needs.

        Args:
            caller: who asks.
            role: the least role that may pass.

        Raises:
            Problem: 403 below the role.
        """
        if caller.role < role:
            raise Problem(
                403,
                "role-too-low",
                f"{caller.name} is {caller.role.word}; this needs {role.word}.",
                {"WWW-Authenticate": 'Bearer error="insufficient_scope"'},
                needed=role.word,
                role=caller.role.word,
                actor=caller.name,
            )

    def _find(self, token: str) -> Caller | None:
        """The token's holder; compares with every record, so that time tells nothing."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        found = None
        for known, caller in self._known:
            if hmac.compare_digest(known, digest):
                found = caller
        return found

    def _count(self, address: str) -> None:
        """Note an attempt without a valid token.

        Raises:
            Problem: 429 when the address made too many.
        """
        now_s = self._now_s()
        attempts = self._attempts.setdefault(address, deque(maxlen=MAX_ATTEMPTS))
        self._attempts.move_to_end(address)
        while len(self._attempts) > MAX_ADDRESSES:
            self._attempts.popitem(last=False)
        while attempts and now_s - attempts[0] >= WINDOW_S:
            attempts.popleft()
        if len(attempts) == MAX_ATTEMPTS:
            wait_s = max(1, round(WINDOW_S - (now_s - attempts[0])))
            raise Problem(
                429,
                "too-many-attempts",
                f"{MAX_ATTEMPTS} attempts without a valid token within {WINDOW_S:g} s; the next "
                f"is answered in {wait_s} s. A valid token is not held up.",
                {"Retry-After": str(wait_s)},
            )
        attempts.append(now_s)
