"""Long lessons kept from run to run, so that a benchmark goes on where one before it ended.

`GRIDMUSTER_BENCH_KEEP` names a directory outside the tree; without it everything is learnt anew.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import gridmuster
from gridmuster.planning.worth.backtest import Keep

CORE = Path(gridmuster.__file__).parent
Learnt = TypeVar("Learnt")


def keeper(subject: str, packages: Sequence[str], without: frozenset[str] = frozenset()) -> Keep:
    """What keeps the lessons of a subject, under a digest of the modules they are made with.

    Args:
        subject: all that lessons depend on but their names and those modules.
        packages: directories of modules, below the core.
        without: modules there that only use what was learnt.
    """
    folder = os.environ.get("GRIDMUSTER_BENCH_KEEP")
    made_with = [
        path for part in packages for path in (CORE / part).glob("*.py") if path.stem not in without
    ]
    text = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(made_with)))

    def keep(name: str, make: Callable[[], Learnt]) -> Learnt:
        if folder is None:
            return make()
        own = text.copy()
        own.update(f"{subject} {name}".encode())
        path = Path(folder) / f"{own.hexdigest()}.pickle"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            found = make()
            path.with_suffix(".part").write_bytes(pickle.dumps(found))
            path.with_suffix(".part").rename(path)
        kept: Learnt = pickle.loads(path.read_bytes())
        return kept

    return keep
