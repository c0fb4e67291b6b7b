"""Settings of boosted trees, and the trees made with them: one place for forecasts and worths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Boosting:
    """Settings of boosted trees. These defaults were fixed on 2015-17 of the New York zones.

    Args:
        rounds: trees.
        rate: learning rate.
        leaves: most leaves of a tree.
        leaf_rows: fewest rows in a leaf.
        ridge: penalty of large leaves.
    """

    rounds: int = 150
    rate: float = 0.06
    leaves: int = 16
    leaf_rows: int = 60
    ridge: float = 1.0


def regressor(settings: Boosting, loss: str = "squared_error") -> Any:
    """Trees that have learnt nothing yet; the same data always give the same trees.

    Args:
        settings: of the trees.
        loss: what they minimise, as scikit-learn names it.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(
        loss=loss,
        max_iter=settings.rounds,
        learning_rate=settings.rate,
        max_leaf_nodes=settings.leaves,
        min_samples_leaf=settings.leaf_rows,
        l2_regularization=settings.ridge,
        early_stopping=False,
        random_state=0,
    )
