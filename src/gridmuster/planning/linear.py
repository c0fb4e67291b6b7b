"""A mixed-integer linear model as arrays: blocks of columns, rows and entries, then one freeze."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

INF = float("inf")


@dataclass(frozen=True, slots=True)
class LinearArrays:
    """minimise cost.x subject to row_lower <= A x <= row_upper, lower <= x <= upper.

    ``A`` is stored by rows: entries of row r are ``start[r]:start[r + 1]``.
    """

    cost: Floats
    lower: Floats
    upper: Floats
    integer: NDArray[np.bool_]
    row_lower: Floats
    row_upper: Floats
    start: Ints
    index: Ints
    value: Floats

    def activity(self, values: Floats) -> Floats:
        """A x, row by row."""
        rows = len(self.row_lower)
        row_of_entry = np.repeat(np.arange(rows), np.diff(self.start))
        weights = self.value * values[self.index]
        return np.asarray(np.bincount(row_of_entry, weights=weights, minlength=rows))


class LinearModel:
    """Collects columns, rows and entries in blocks."""

    def __init__(self) -> None:
        self.columns_made = 0
        self.rows_made = 0
        self._lower: list[Floats] = []
        self._upper: list[Floats] = []
        self._cost: list[Floats] = []
        self._integer: list[NDArray[np.bool_]] = []
        self._row_lower: list[Floats] = []
        self._row_upper: list[Floats] = []
        self._rows: list[Ints] = []
        self._cols: list[Ints] = []
        self._values: list[Floats] = []

    def columns(
        self, count: int, lower: ArrayLike, upper: ArrayLike, cost: ArrayLike, integer: bool = False
    ) -> Ints:
        """Add a block of columns; bounds and costs are broadcast over it. Returns their numbers."""
        first = self.columns_made
        self.columns_made += count
        self._lower.append(_spread(lower, count))
        self._upper.append(_spread(upper, count))
        self._cost.append(_spread(cost, count))
        self._integer.append(np.full(count, integer))
        return np.arange(first, first + count)

    def rows(self, count: int, lower: ArrayLike, upper: ArrayLike) -> Ints:
        """Add a block of rows; limits are broadcast over it. Returns their numbers."""
        first = self.rows_made
        self.rows_made += count
        self._row_lower.append(_spread(lower, count))
        self._row_upper.append(_spread(upper, count))
        return np.arange(first, first + count)

    def entries(self, rows: Ints, cols: Ints, values: ArrayLike) -> None:
        """Add coefficients; rows, columns and values are broadcast against each other."""
        shape = np.broadcast_shapes(rows.shape, cols.shape, np.shape(values))
        self._rows.append(np.broadcast_to(rows, shape).ravel())
        self._cols.append(np.broadcast_to(cols, shape).ravel())
        self._values.append(np.broadcast_to(np.asarray(values, dtype=float), shape).ravel())

    def freeze(self) -> LinearArrays:
        """The model as arrays, entries by row; entries that meet in one place are added."""
        width = max(self.columns_made, 1)
        key: Ints = _join(self._rows).astype(np.int64) * width + _join(self._cols).astype(np.int64)
        values = _join(self._values)
        if key.size:
            order = np.argsort(key, kind="stable")
            key, values = key[order], values[order]
            first = np.flatnonzero(np.diff(key, prepend=-1))
            key, values = key[first], np.add.reduceat(values, first)
            keep = values != 0.0
            key, values = key[keep], values[keep]
        rows, cols = np.divmod(key, width)
        counts = np.bincount(rows, minlength=self.rows_made)
        return LinearArrays(
            cost=_join(self._cost),
            lower=_join(self._lower),
            upper=_join(self._upper),
            integer=_join(self._integer).astype(bool),
            row_lower=_join(self._row_lower),
            row_upper=_join(self._row_upper),
            start=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
            index=cols,
            value=values,
        )


def _spread(values: ArrayLike, count: int) -> Floats:
    return np.broadcast_to(np.asarray(values, dtype=float), (count,))


def _join(parts: list[NDArray[np.float64]] | list[Ints] | list[NDArray[np.bool_]]) -> Floats:
    return np.concatenate(parts) if parts else np.zeros(0)
