"""Reads files that people send, in a process of its own, so that no cycle waits for a parser.

    python -m gridmuster.console.incoming    # terms and file on standard input, findings out

Reading a large YAML file keeps the interpreter for seconds, and a file that was made to harm may
keep it for longer; here it meets limits of time and memory and nothing else dies of it.
"""

from __future__ import annotations

import asyncio
import os
import struct
import sys
from typing import Final

import msgspec
from msgspec import Struct

from gridmuster.console.problems import Problem
from gridmuster.console.series import MAX_FAULTS, Findings, Terms, read_series
from gridmuster.errors import Fault
from gridmuster.fleet.load import inspect_upload

#: Longest a file may take to be read, s of real time, and most memory it may take, bytes.
READ_TIMEOUT_S: Final = 180.0
MAX_MEMORY: Final = 6 * 2**30
#: How much the reader yields to the processes that have deadlines.
NICENESS: Final = 5
_LENGTH: Final = struct.Struct("<I")


class FleetFindings(Struct, frozen=True):
    """What came of reading a fleet file: the fleet as JSON, or its faults."""

    fleet_json: str
    faults: list[Fault]
    fault_count: int
    warnings: list[Fault]


def read_fleet(body: bytes, name: str) -> FleetFindings:
    """Read a fleet file.

    Args:
        body: YAML or JSON.
        name: how to call it in faults.
    """
    found = inspect_upload(body, name)
    text = "" if found.fleet is None else found.fleet.model_dump_json(exclude_defaults=True)
    return FleetFindings(
        text, list(found.faults[:MAX_FAULTS]), len(found.faults), list(found.warnings[:MAX_FAULTS])
    )


async def _ask(terms: Terms, body: bytes) -> bytes:
    """Let a process of its own read a file."""
    head = msgspec.json.encode(terms)
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gridmuster.console.incoming",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            out, _ = await child.communicate(_LENGTH.pack(len(head)) + head + body)
    except TimeoutError as error:
        raise Problem(
            422, "invalid", f"{terms.name} could not be read within {READ_TIMEOUT_S:g} s."
        ) from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        raise Problem(
            422,
            "invalid",
            f"{terms.name} could not be read within {MAX_MEMORY >> 30} GiB of memory.",
        )
    return out


async def fleet_file(body: bytes, name: str) -> FleetFindings:
    """Read a fleet file in a process of its own.

    Args:
        body: YAML or JSON.
        name: how to call it in faults.

    Raises:
        Problem: when it takes too long or too much.
    """
    out = await _ask(Terms("fleet", name, {}, 0), body)
    return msgspec.json.decode(out, type=FleetFindings)


async def series_file(body: bytes, terms: Terms) -> Findings:
    """Read a meter or price file in a process of its own.

    Args:
        body: CSV.
        terms: what it is read against.

    Raises:
        Problem: when it takes too long or too much.
    """
    return msgspec.json.decode(await _ask(terms, body), type=Findings)


def main() -> None:
    """Read terms and a file from standard input and write what was found."""
    if os.name == "posix":
        import resource

        os.nice(NICENESS)
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    whole = sys.stdin.buffer.read()
    start = _LENGTH.size + _LENGTH.unpack_from(whole)[0]
    terms = msgspec.json.decode(whole[_LENGTH.size : start], type=Terms)
    body = whole[start:]
    fleet = terms.kind == "fleet"
    found = read_fleet(body, terms.name) if fleet else read_series(body, terms)
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main()
