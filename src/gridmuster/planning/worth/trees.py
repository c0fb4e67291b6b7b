"""Boosted trees for several numbers at once: means, because what is decided on is money."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gridmuster.forecast.market.boosting import Boosting, regressor
from gridmuster.forecast.market.history import Floats
from gridmuster.planning.worth.inputs import Matrix

#: The usual settings. Fixed on New York's 2016, tried on 2017.
USUAL = Boosting(rounds=90, rate=0.09, leaves=24, leaf_rows=150, ridge=5.0)


@dataclass(frozen=True, slots=True)
class Trees:
    """Fitted trees, one lot for each number."""

    lots: tuple[Any, ...]

    def say(self, matrix: Matrix) -> Floats:
        """Means given inputs, ``(rows, numbers)``."""
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            return np.column_stack([lot.predict(matrix) for lot in self.lots])


def grow(matrix: Matrix, outcomes: Floats, settings: Boosting = USUAL) -> Trees:
    """Fit the means of some numbers.

    Args:
        matrix: ``(rows, columns)``.
        outcomes: ``(rows, numbers)``.
        settings: of the trees.
    """
    from threadpoolctl import threadpool_limits

    # A leaf is a fiftieth of the rows at most, so that short histories teach something as well.
    leaf_rows = max(10, min(settings.leaf_rows, len(matrix) // 50))
    own = replace(settings, leaf_rows=leaf_rows)
    with threadpool_limits(1):
        lots = [regressor(own).fit(matrix, outcomes[:, k]) for k in range(outcomes.shape[1])]
    return Trees(tuple(lots))
