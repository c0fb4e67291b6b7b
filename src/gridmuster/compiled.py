"""Compile numeric kernels to machine code, keeping their types for the reader and the checker."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def compiled(kernel: Kernel) -> Kernel:
    """Compile a function of numbers and arrays on its first call, and keep the code on disk.

    The code runs without the interpreter's lock, so that threads can share out a fleet. Order of
    additions is as written: the same input gives the same bits on the same machine.

    Args:
        kernel: a function that uses only what numba compiles; ``.py_func`` of the result is the
            function itself.
    """
    return cast(Kernel, njit(cache=True, nogil=True, error_model="numpy")(kernel))
