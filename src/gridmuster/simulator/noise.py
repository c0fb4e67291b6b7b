"""Repeatable noise: every entity has its own stream, so that adding one changes no other.

Values are counter-based: the draw of entity e at knot k depends on (seed, e, k) alone
(SplitMix64, Steele, Lea & Flood 2014, then Box-Muller).
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Words = NDArray[np.uint64]

_GOLDEN: Final = 0x9E3779B97F4A7C15
_MASK: Final = 0xFFFFFFFFFFFFFFFF


def entity_seed(seed: int, *path: str) -> int:
    """A 64-bit seed for one entity's stream.

    Args:
        seed: the world's seed.
        path: what the stream is for, like ("wind", device id).
    """
    text = "/".join((str(seed), *path))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def stream(seed: int, *path: str) -> random.Random:
    """A generator of single draws for one entity."""
    return random.Random(entity_seed(seed, *path))


def _mix(words: Words) -> Words:
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def normals(seeds: Words, first: int, count: int) -> Floats:
    """Standard normal draws of several entities at consecutive knots.

    Args:
        seeds: one 64-bit seed an entity.
        first: number of the first knot, may be negative.
        count: how many knots.

    Returns:
        Array (count, entities).
    """
    counters = np.array([((first + k) * 2 * _GOLDEN) & _MASK for k in range(count)], np.uint64)
    base = seeds[np.newaxis, :] + counters[:, np.newaxis]
    first_word = _mix(base + np.uint64(_GOLDEN))
    second_word = _mix(base + np.uint64(2 * _GOLDEN & _MASK))
    scale = 2.0**-53
    u = ((first_word >> np.uint64(11)).astype(np.float64) + 0.5) * scale
    v = (second_word >> np.uint64(11)).astype(np.float64) * scale
    return np.asarray(np.sqrt(-2.0 * np.log(u)) * np.cos(2.0 * math.pi * v))


class OrnsteinUhlenbeck:
    """Stationary Gaussian processes with exponential memory, one an entity, unit variance.

    dx = -x/tau dt + sqrt(2/tau) dW, sampled exactly at knots: x' = a x + sqrt(1 - a^2) g with
    a = exp(-knot/tau) (Uhlenbeck & Ornstein 1930; Gillespie 1996).

    Args:
        seeds: one 64-bit seed an entity.
        knot_s: time between knots, s.
        tau_s: memory, s.
        first_ms: instant from which rows are asked for, ms.
    """

    def __init__(self, seeds: Sequence[int], knot_s: int, tau_s: float, first_ms: int) -> None:
        self._seeds = np.array(list(seeds), np.uint64)
        self._knot_ms = knot_s * 1000
        self._keep = math.exp(-knot_s / tau_s)
        self._kick = math.sqrt(1.0 - self._keep * self._keep)
        self._next = first_ms // self._knot_ms
        self._last = normals(self._seeds, self._next, 1)[0]
        self._next += 1

    def advance(self, end_ms: int) -> Floats:
        """Values at the knots from the last one returned up to ``end_ms``, both included.

        Args:
            end_ms: a multiple of the knot, after the last one asked for.

        Returns:
            Array (knots, entities); its first row is the last row of the call before.
        """
        last = end_ms // self._knot_ms
        draws = normals(self._seeds, self._next, last - self._next + 1)
        rows = np.empty((draws.shape[0] + 1, draws.shape[1]))
        rows[0] = value = self._last
        for k in range(draws.shape[0]):
            value = self._keep * value + self._kick * draws[k]
            rows[k + 1] = value
        self._last = value
        self._next = last + 1
        return rows


def refine(knots: Floats, parts: int) -> Floats:
    """Straight lines between knots, ``parts`` points a knot, both ends included."""
    steps = (np.arange(parts) / parts)[np.newaxis, :, np.newaxis]
    lines = knots[:-1, np.newaxis, :] + steps * (knots[1:] - knots[:-1])[:, np.newaxis, :]
    body = lines.reshape((knots.shape[0] - 1) * parts, knots.shape[1])
    return np.concatenate([body, knots[-1:]])
