"""Child processes of a plant on one machine, each with a log file."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from gridmuster.clock import monotonic_s
from gridmuster.errors import LinkError

#: Longest wait for a program to be ready, s of real time.
READY_TIMEOUT_S = 120.0
#: Longest wait for a program to end when asked to, s.
END_TIMEOUT_S = 15.0


class Programs:
    """Child processes of the demo, with a log file each.

    Args:
        folder: for the logs.
        clock_text: the shared clock, as the hidden option takes it.
    """

    def __init__(self, folder: Path, clock_text: str) -> None:
        self._folder = folder
        self._clock_text = clock_text
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._view: subprocess.Popen[bytes] | None = None

    def start(self, name: str, *arguments: str, env: dict[str, str] | None = None) -> None:
        """Start ``gridmuster NAME ARGUMENTS``; secrets go by environment, not by argument."""
        command = [sys.executable, "-m", "gridmuster.cli.main", name, *arguments]
        command += ["--clock", self._clock_text]
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **(env or {})},
            )

    def watch(self, arguments: Sequence[str]) -> None:
        """Show the plant in this terminal: ``gridmuster watch ARGUMENTS``."""
        command = [sys.executable, "-m", "gridmuster.cli.main", "watch", *arguments]
        self._view = subprocess.Popen(command)

    def kill(self, name: str) -> None:
        """End a program as a power cut would, without a last word."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    @property
    def watched(self) -> bool:
        """False once the person left the view."""
        return self._view is None or self._view.poll() is None

    def check(self) -> None:
        """See that all programs run.

        Raises:
            LinkError: with the last words of one that ended.
        """
        for name, process in self._running.items():
            if process.poll() is not None:
                raise LinkError(
                    f"{name} ended with status {process.returncode}: {self._last_words(name)}"
                )

    async def wait_for(self, file: Path) -> None:
        """Wait until a program has written a file.

        Raises:
            LinkError: when a program ended or the wait was too long.
        """
        deadline_s = monotonic_s() + READY_TIMEOUT_S
        while not (file.exists() and file.stat().st_size):
            self.check()
            if monotonic_s() > deadline_s:
                raise LinkError(f"{file.name} was not written within {READY_TIMEOUT_S:.0f} s")
            await asyncio.sleep(0.05)

    def stop(self) -> None:
        """End all programs, the last started first."""
        if self._view is not None and self._view.poll() is None:
            self._view.send_signal(signal.SIGINT)
            self._view.wait()
        for process in reversed(self._running.values()):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(END_TIMEOUT_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _last_words(self, name: str) -> str:
        lines = (self._folder / f"{name}.log").read_text(errors="replace").strip().splitlines()
        return " | ".join(lines[-3:]) or "nothing said"
