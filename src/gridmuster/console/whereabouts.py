"""Where on this machine a center runs, so that the terminal finds it without being told.

A center that serves its API notes its address and its folder of tokens (not the tokens) in one
file of its owner, unless a center that still answers is noted there already. The note is taken
back when the center stops; one that a killed center left behind is replaced by the next.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
import structlog
from msgspec import Struct

from gridmuster.console.tokens import default_folder, write_private

NOTE_FILE: Final = "center.json"
DEFAULT_URL: Final = "http://127.0.0.1:8420"
#: Longest wait for a center that may be gone, s; on one machine the answer comes at once.
PROBE_TIMEOUT_S: Final = 0.2


class Whereabouts(Struct, frozen=True):
    """Where a center answers, and the folder of its tokens."""

    url: str
    tokens: str
    process: int = 0


def note_file() -> Path:
    """The file with the note."""
    return default_folder() / NOTE_FILE


def announce(url: str, tokens: Path) -> Whereabouts | None:
    """Note where this process serves a center.

    Args:
        url: the API's address.
        tokens: folder of its tokens.

    Returns:
        The note, or None when another center is noted, or when the note could not be written:
        neither must keep a center from running.
    """
    other = _noted()
    if other is not None and _answers(other.url):
        return None
    note = Whereabouts(url, str(tokens.resolve()), os.getpid())
    path = note_file()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, msgspec.json.encode(note) + b"\n")
    except OSError as error:
        log = structlog.get_logger(__name__)
        log.warning("the terminal will need --url", file=str(path), error=str(error))
        return None
    return note


def withdraw(note: Whereabouts | None) -> None:
    """Take a note back, unless another center has written its own since."""
    if note is not None and _noted() == note:
        note_file().unlink(missing_ok=True)


def find(url: str | None) -> tuple[str, Path]:
    """Where to look for a center: its address and the folder of its tokens.

    Args:
        url: the address that was asked for; None: the center noted on this machine.
    """
    note = _noted()
    if note is not None and url in (None, note.url):
        return note.url, Path(note.tokens)
    return url or DEFAULT_URL, default_folder()


def _answers(url: str) -> bool:
    """Whether something listens at an address."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 0), PROBE_TIMEOUT_S):
            return True
    except OSError:
        return False


def _noted() -> Whereabouts | None:
    try:
        return msgspec.json.decode(note_file().read_bytes(), type=Whereabouts)
    except (OSError, msgspec.DecodeError):
        return None
