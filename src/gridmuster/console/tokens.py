"""The files that hold tokens: hashes for the center, the tokens themselves for people.

A folder holds ``tokens.json`` (name, role and SHA-256 of each token, nothing else) and, for people
on this machine, one file a role with the token itself: ``viewer.token``, ``operator.token``,
``admin.token``. All are readable by their owner only. The center reads ``tokens.json`` alone; the
other files may be moved to where they are used, or deleted.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from enum import IntEnum
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from gridmuster.errors import Fault, FleetError
from gridmuster.signals import Action

TOKENS_FILE: Final = "tokens.json"
TOKEN_BYTES: Final = 32
OWNER_ONLY: Final = 0o600


class Role(IntEnum):
    """What a token's holder may do; each role may do all that those below it may.

    ``viewer`` reads. ``operator`` overrides, releases and stops. ``admin`` also lifts an
    emergency stop.
    """

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """The role's name as written in files and messages."""
        return self.name.lower()


#: The least role each action needs; also the whole list of actions.
ROLES: Final[dict[Action, Role]] = {
    Action.OVERRIDE: Role.OPERATOR,
    Action.RELEASE: Role.OPERATOR,
    Action.EMERGENCY_STOP: Role.OPERATOR,
    Action.RESET: Role.ADMIN,
    Action.ACKNOWLEDGE: Role.OPERATOR,
    Action.ACTIVATE: Role.OPERATOR,
    Action.CANCEL: Role.OPERATOR,
    Action.SIGNAL: Role.OPERATOR,
}


class TokenRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """What the center keeps of a token."""

    name: str
    role: str
    sha256: str


def default_folder() -> Path:
    """The folder of tokens when none is named: ``gridmuster`` in the user's configuration."""
    base = os.environ.get("APPDATA") if os.name == "nt" else os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "gridmuster"


def token_path(folder: Path, role: Role) -> Path:
    """The file that holds a role's token in plain text."""
    return folder / f"{role.word}.token"


def create_tokens(folder: Path) -> None:
    """Make one random token a role, and write hashes and tokens to files of their own."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    records = []
    for role in Role:
        token = f"gm-{role.word}-{secrets.token_urlsafe(TOKEN_BYTES)}"
        write_private(token_path(folder, role), token.encode() + b"\n")
        records.append(
            TokenRecord(role.word, role.word, hashlib.sha256(token.encode()).hexdigest())
        )
    document = msgspec.json.format(msgspec.json.encode({"tokens": records}))
    write_private(folder / TOKENS_FILE, document + b"\n")


def read_tokens(path: Path) -> list[TokenRecord]:
    """The records of a ``tokens.json``.

    Raises:
        FleetError: one fault for each thing wrong in the file.
    """
    faults = []
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name != "nt" and mode & 0o077:
        faults.append(
            Fault(str(path), "mode", f"{mode:04o}", "readable by its owner only", "chmod 600")
        )
    try:
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, list[TokenRecord]])
    except msgspec.DecodeError as error:
        expected = '{"tokens": [{"name": ..., "role": ..., "sha256": ...}]}'
        faults.append(Fault(str(path), "$", "unreadable", str(error), expected))
        raise FleetError(faults) from error
    records = found.get("tokens", [])
    roles = [role.word for role in Role]
    for number, record in enumerate(records):
        where = f"tokens[{number}]"
        if record.role not in roles:
            faults.append(
                Fault(str(path), f"{where}.role", record.role, "a known role", ", ".join(roles))
            )
        if len(record.sha256) != 64 or set(record.sha256) - set("0123456789abcdef"):
            faults.append(
                Fault(str(path), f"{where}.sha256", record.sha256, "a SHA-256", "64 hex digits")
            )
    if not records:
        faults.append(Fault(str(path), "tokens", "none", "at least one", "a record for each token"))
    if faults:
        raise FleetError(faults)
    return records


def read_token(path: Path) -> str:
    """The token in a file of one line.

    Raises:
        FleetError: when the file is missing, unreadable or holds no token.
    """
    try:
        token = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        fault = Fault(str(path), "token file", "unreadable", str(error), "a file with one token")
        raise FleetError([fault]) from error
    if not token or len(token.split()) != 1 or not token.isascii():
        raise FleetError(
            [Fault(str(path), "token file", f"{len(token)} characters", "one token", "one line")]
        )
    return token


def find_token(path: Path | None, role: Role, folder: Path | None = None) -> str:
    """The token to use for something that needs a role.

    Args:
        path: a file with a token; None: look in the folder.
        role: the least role that will do.
        folder: where the center on this machine wrote its tokens; None: `default_folder`.

    Raises:
        FleetError: when there is none.
    """
    if path is not None:
        return read_token(path)
    place = folder or default_folder()
    for enough in Role:
        if enough >= role and token_path(place, enough).exists():
            return read_token(token_path(place, enough))
    raise FleetError(
        [
            Fault(
                str(token_path(place, role)),
                "token file",
                "none",
                f"this needs a token of the role {role.word}",
                "a center that has run on this machine, or --token-file FILE",
            )
        ]
    )


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, from its first moment; replaces what was there."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    draft.replace(path)
