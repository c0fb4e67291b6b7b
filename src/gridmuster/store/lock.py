"""One writer at a time: a lock file beside the journal; the system lets go when the owner dies."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import BinaryIO

from gridmuster.errors import JournalError

if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: BinaryIO) -> None:
        # Beyond the text, so that others can still read who holds it.
        file.seek(1024)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(file: BinaryIO) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


class WriterLock:
    """The right to write to a journal file, held until `release` or the end of the process.

    Args:
        journal: path of the journal; the lock is the file beside it ending in ``.lock``.

    Raises:
        JournalError: when another process holds it, naming that process, or when the lock file
            cannot be written.
    """

    def __init__(self, journal: Path) -> None:
        resolved = journal.resolve()
        path = resolved.with_name(resolved.name + ".lock")
        try:
            self._file = path.open("a+b")
        except OSError as error:
            raise JournalError(f"journal {journal}: cannot be locked: {error}") from error
        try:
            _try_lock(self._file)
        except OSError as error:
            self._file.seek(0)
            owner = self._file.read(32).decode("ascii", "replace").strip() or "unknown"
            self._file.close()
            raise JournalError(
                f"journal {journal}: process {owner} is writing to it; stop that one first, or "
                "open the journal for reading only"
            ) from error
        self._file.truncate(0)
        self._file.seek(0)
        self._file.write(f"{os.getpid()}\n".encode())
        self._file.flush()

    def release(self) -> None:
        """Let another writer in."""
        self._file.close()
