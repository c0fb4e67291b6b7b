"""Boosted trees for several numbers at once: means, because what is decided on is money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gridmuster.forecast.market.history import Floats
from gridmuster.planning.worth.inputs import Matrix


@dataclass(frozen=True, slots=True)
class Boosting:
    """Settings of the trees. Fixed on New York's 2016, tried on 2017.

    Args:
        rounds: trees.
        rate: learning rate.
        leaves: most leaves of a tree.
        leaf_rows: fewest rows in a leaf.
        ridge: penalty of large leaves.
    """

    rounds: int = 90
    rate: float = 0.09
    leaves: int = 24
    leaf_rows: int = 150
    ridge: float = 5.0


@dataclass(frozen=True, slots=True)
class Trees:
    """Fitted trees, one lot for each number."""

    lots: tuple[Any, ...]

    def say(self, matrix: Matrix) -> Floats:
        """Means given inputs, ``(rows, numbers)``."""
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            return np.column_stack([lot.predict(matrix) for lot in self.lots])


def grow(matrix: Matrix, outcomes: Floats, settings: Boosting | None = None) -> Trees:
    """Fit the means of some numbers.

    Args:
        matrix: ``(rows, columns)``.
        outcomes: ``(rows, numbers)``.
        settings: of the trees; None: the usual.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    own = settings or Boosting()
    # A leaf is a fiftieth of the rows at most, so that short histories teach something as well.
    leaf_rows = max(10, min(own.leaf_rows, len(matrix) // 50))
    lots = []
    with threadpool_limits(1):
        for number in range(outcomes.shape[1]):
            lot = HistGradientBoostingRegressor(
                max_iter=own.rounds,
                learning_rate=own.rate,
                max_leaf_nodes=own.leaves,
                min_samples_leaf=leaf_rows,
                l2_regularization=own.ridge,
                early_stopping=False,
                random_state=0,
            )
            lots.append(lot.fit(matrix, outcomes[:, number]))
    return Trees(tuple(lots))
