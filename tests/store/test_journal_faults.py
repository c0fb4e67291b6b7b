"""The journal when things go wrong: killed writers, full disks, two writers."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gridmuster.errors import JournalError
from gridmuster.signals import Frame
from gridmuster.store.journal import Journal
from gridmuster.store.records import Intact, Kind

WRITER = """
import sys
from gridmuster.signals import Frame
from gridmuster.store.journal import Journal

journal = Journal.open(sys.argv[1], durable=sys.argv[2] == "durable")
journal.append_header(b"h")
k = 0
while True:
    journal.append_cycle(k, [Frame("t", str(k).encode() * 500, k)], [])
    if k % 10 == 0:
        journal.append_checkpoint(k, b"s" * 20_000)
    print(k, flush=True)
    k += 1
"""

FILLER = """
import resource, signal, sys
from gridmuster.errors import JournalError
from gridmuster.signals import Frame
from gridmuster.store.journal import Journal
from gridmuster.store.records import Intact

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
journal = Journal.open(sys.argv[1])
journal.append_header(b"h")
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
import random
dice = random.Random(1)
written = 1
refused = ""
for k in range(1000):
    try:
        journal.append_cycle(k, [Frame("t", dice.randbytes(5000), k)], [])
        written += 1
    except JournalError as error:
        refused = str(error)
        break
print(refused)
for _ in range(3):
    try:
        journal.append_cycle(k, [Frame("t", dice.randbytes(5000), k)], [])
        print("written after all")
    except JournalError:
        pass
assert len(list(journal.records())) == written, "still readable"
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
journal.append_cycle(k, [Frame("t", b"space again", k)], [])
assert journal.verify() == Intact(written + 1, journal.tail(1)[0].chain)
print("ok", written)
"""


def start(program: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("durable", ["durable", "quick"])
@pytest.mark.parametrize("cycles", [1, 37, 150])
def test_a_killed_writer_leaves_all_it_reported_and_a_whole_chain(
    tmp_path: Path, durable: str, cycles: int
) -> None:
    path = str(tmp_path / "j")
    with start(WRITER, path, durable) as writer:
        assert writer.stdout is not None
        reported = -1
        while reported < cycles:
            reported = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read().splitlines()
    reported = int(rest[-1]) if rest and rest[-1].isdigit() else reported
    with Journal.open(path) as journal:
        found = [record.now_ms for record in journal.records(kind=Kind.CYCLE)]
        # The one being written when the kill came may be there or not, whole in either case.
        assert found in (list(range(reported + 1)), list(range(reported + 2)))
        assert isinstance(journal.verify(), Intact)
        journal.append_header(b"next session")
        assert isinstance(journal.verify(), Intact)


def test_a_torn_write_ahead_log_loses_its_end_only(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with start(WRITER, str(path), "quick") as writer:
        assert writer.stdout is not None
        while int(writer.stdout.readline()) < 20:
            pass
        writer.send_signal(signal.SIGKILL)
    log = tmp_path / "j-wal"
    whole = log.stat().st_size
    os.truncate(log, whole - 5000)
    with Journal.open(str(path)) as journal:
        found = [record.now_ms for record in journal.records(kind=Kind.CYCLE)]
        assert found == list(range(len(found)))
        assert len(found) >= 15
        assert isinstance(journal.verify(), Intact)
        journal.append_cycle(99, [], [])
        assert isinstance(journal.verify(), Intact)


def noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


def test_a_full_quota_refuses_keeps_what_there_is_and_goes_on_with_more(tmp_path: Path) -> None:
    path = str(tmp_path / "j")
    with Journal.open(path, limit_bytes=200_000) as journal:
        journal.append_header(b"h")
        written = 1
        with pytest.raises(JournalError, match=r"cannot be written.*full"):
            for k in range(1000):
                journal.append_cycle(k, [Frame("t", noise(5000, k), k)], [])
                written += 1
        assert 20 < written < 60
        with pytest.raises(JournalError, match="full"):
            journal.append_cycle(k, [Frame("t", noise(5000, 0), k)], [])
        assert len(list(journal.records())) == written
        assert journal.verify() == Intact(written, journal.tail(1)[0].chain)
    with Journal.open(path, limit_bytes=300_000) as journal:
        journal.append_cycle(k, [Frame("t", noise(5000, k), k)], [])
        assert journal.verify() == Intact(written + 1, journal.tail(1)[0].chain)


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a POSIX thing")
def test_a_file_system_that_takes_no_more_is_a_journal_error_and_space_heals_it(
    tmp_path: Path,
) -> None:
    with start(FILLER, str(tmp_path / "j")) as filler:
        said, _ = filler.communicate(timeout=60)
    assert filler.returncode == 0, said
    lines = said.splitlines()
    assert "cannot be written" in lines[0]
    assert "written after all" not in lines
    assert lines[-1].startswith("ok") and int(lines[-1].split()[1]) > 10


def test_a_second_writer_is_kept_out_and_told_who_is_in(tmp_path: Path) -> None:
    path = str(tmp_path / "j")
    with start(WRITER, path, "quick") as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(JournalError, match=f"process {writer.pid} is writing"):
            Journal.open(path)
        link = tmp_path / "link"
        link.symlink_to(path)
        with pytest.raises(JournalError, match=f"process {writer.pid} is writing"):
            Journal.open(str(link))
        with Journal.open(path, read_only=True) as reader:
            assert reader.tail(1)
        writer.send_signal(signal.SIGKILL)
    with Journal.open(path) as journal:
        assert isinstance(journal.verify(), Intact)
        with pytest.raises(JournalError, match=f"process {os.getpid()} is writing"):
            Journal.open(path)
