"""Keeps the collector of reference cycles from stopping a program that has deadlines."""

from __future__ import annotations

import gc

#: New objects, and rounds of the younger generation, between two collections of each generation.
#: Messages are born and die by reference counts; what only the collector frees is rare here.
THRESHOLDS = (5_000, 20, 50)


def settle_heap() -> None:
    """Take all that was built at the start out of the collector's sight.

    A full collection walks every container that lives, some 100 ms for a gateway program of sixty
    sites, many times a minute, and finds next to nothing. After this it walks what came since.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


def release_heap() -> None:
    """Let the collector see everything again, so that a process leaves nothing behind at its end.

    Compiled libraries look for objects of theirs that outlive the interpreter and complain.
    """
    gc.unfreeze()
