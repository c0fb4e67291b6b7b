"""Exponential tilting: the same units with larger outages made likelier, and what undoes it.

With ``w_s = p_s exp(t c_s) / Z``, ``Z = sum p_s exp(t c_s)``, the odds of a total outage ``k`` are
``exp(sum log Z - t k)`` times its tilted odds. Where the tilted mean is near ``k`` nothing small
has to be found beside something large (Daniels, Annals of Mathematical Statistics 25, 1954).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.planning.reliability.lattice import LatticeUnits
from gridmuster.planning.reliability.outages import Floats
from gridmuster.planning.reliability.presence import Presence

#: Iterations of a search for a tilt; any tilt gives the right odds, a near one the most digits.
SEARCHES = 60
#: A tilt is near enough within this many tilted standard deviations.
NEAR = 0.05
#: Exponents of Chernoff's bound that are tried, in standard deviations.
EXPONENTS = (5.0, 10.5, 20.0)


@dataclass(frozen=True, slots=True)
class Tilted:
    """Units under a tilt.

    Args:
        tilt: the exponent, per step.
        odds: tilted probability of each state, shape (states,).
        log_z: logarithm of ``Z`` of all units of a row, shape (units,).
        mean: tilted mean of what a row loses, steps, shape (units,).
        variance: its variance, shape (units,).
    """

    tilt: float
    odds: Floats
    log_z: Floats
    mean: Floats
    variance: Floats


def tilted(units: LatticeUnits, tilt: float) -> Tilted:
    """The units under a tilt.

    Args:
        units: the units.
        tilt: per step; negative tilts make small outages likelier.
    """
    owner = units.owner()
    exponent = np.where(units.probability > 0.0, tilt * units.lost, -np.inf)
    peak = np.maximum.reduceat(exponent, units.first[:-1])
    raised = units.probability * np.exp(exponent - peak[owner])
    z = np.bincount(owner, raised, units.size)
    odds = raised / z[owner]
    mean = np.asarray(np.bincount(owner, odds * units.lost, units.size), dtype=float)
    spread = (units.lost - mean[owner]) ** 2
    variance = np.asarray(np.bincount(owner, odds * spread, units.size), dtype=float)
    log_z = np.log(z) + peak
    return Tilted(tilt, odds, units.count * log_z, units.count * mean, units.count * variance)


def tilt_towards(units: LatticeUnits, target: float, offset: float) -> float:
    """A tilt of at least 0 whose mean lies so many standard deviations above a target.

    Where no tilt does, the one whose mean is at the target, or nearly.

    Args:
        units: units that are there.
        target: steps.
        offset: standard deviations.
    """
    for wanted in (offset, 0.0):
        low, high = 0.0, 1.0 / max(float(units.most().max(initial=1)), 1.0)
        for _ in range(SEARCHES):
            gap = _gap(units, high, target, wanted)
            if gap > 0.0:
                break
            low, high = high, 2.0 * high
        else:
            continue
        if _gap(units, 0.0, target, wanted) >= 0.0:
            return 0.0
        for _ in range(SEARCHES):
            middle = 0.5 * (low + high)
            gap = _gap(units, middle, target, wanted)
            if abs(gap) <= NEAR:
                return middle
            low, high = (middle, high) if gap < 0.0 else (low, middle)
        return 0.5 * (low + high)
    return low


def _gap(units: LatticeUnits, tilt: float, target: float, offset: float) -> float:
    """How far the mean is above where it is wanted, standard deviations."""
    found = tilted(units, tilt)
    deviation = float(np.sqrt(found.variance.sum()))
    return (float(found.mean.sum()) - target) / max(deviation, 1e-9) - offset


@dataclass(frozen=True, slots=True)
class Reach:
    """Sums over the units there, by period, and outages hardly ever left.

    Args:
        log_z: shape (periods,).
        mean: steps, shape (periods,).
        deviation: steps, shape (periods,).
        low: less is lost with at most the odds asked for, steps, shape (periods,).
        high: more is lost with at most the odds asked for, steps, shape (periods,).
    """

    log_z: Floats
    mean: Floats
    deviation: Floats
    low: Floats
    high: Floats


def reach(units: LatticeUnits, tilt: Tilted, presence: Presence, log_odds: float) -> Reach:
    """Bounds of Chernoff for the tilted total: P(X >= x) <= exp(K(t + e) - K(t) - e x).

    Args:
        units: the units.
        tilt: the units under a tilt.
        presence: when which are there.
        log_odds: logarithm of the odds with which the total may be outside, on either side.
    """
    log_z = presence.summed(tilt.log_z)
    mean = presence.summed(tilt.mean)
    deviation = np.sqrt(np.maximum(presence.summed(tilt.variance), 1e-12))
    high = presence.summed(units.count * units.most().astype(float))
    low = np.zeros_like(high)
    scale = float(np.median(deviation))
    for exponent in EXPONENTS:
        step = exponent / scale
        above = presence.summed(tilted(units, tilt.tilt + step).log_z) - log_z
        high = np.minimum(high, np.ceil((above - log_odds) / step))
        below = presence.summed(tilted(units, tilt.tilt - step).log_z) - log_z
        low = np.maximum(low, np.floor((log_odds - below) / step))
    return Reach(log_z, mean, deviation, low, np.maximum(high, low))
