"""The price at which convex pieces together give what is asked, exact to the marginal piece.

A sample of the rows gives two prices that very likely hold the answer between them; one pass over
all rows sums both and a secant comes close; a second pass, between two prices closer together,
lists the few rows that bend between them, and on these alone the search ends exactly (`narrow`).
A third pass writes the powers. Whatever the sample says, every step keeps two proven ends, and
from some step on they are halved: the answer never rests on luck.

Ties need no case of their own. The search ends with two prices between which no piece bends, or
which are one to the resolution of prices (`RESOLUTION`); every piece goes the same share of the way
between its two answers. So alike pieces get alike powers, in whatever order they stand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import sqrt

import numpy as np

from gridmuster.planning.interval.kernels import (
    CHUNK,
    LISTED,
    Column,
    Floats,
    Rows,
    narrow,
    place,
    total_and_list,
    total_at,
)

#: Prices closer together than this share of the largest price are one.
RESOLUTION = 2.0**-50
#: Rows of a sample, in runs of `RUN` neighbours (a cache line of 32-bit numbers).
SAMPLE, RUN = 4_096, 16
#: Standard deviations of the sample's error on either side of its answer.
DEVIATIONS = 3.0
#: The second pair of prices lies this much closer together than the first.
CLOSER = 64.0
#: Chunks from which on it pays to wake another thread.
WORTH_SHARING = 24
#: After so many passes the ends are halved.
PATIENCE = 4


@dataclass(frozen=True, slots=True)
class Part:
    """Columns of pieces that stand under one price.

    Args:
        price_usd_per_kwh: marginal cost at zero power, [n].
        gain: kW per USD/kWh, [n]; `STEEP` where the marginal cost is constant.
        low_kw: least power, [n].
        high_kw: most power, [n].
        below_usd_per_kwh: how far under the search's price these pieces' price lies.
    """

    price_usd_per_kwh: Column
    gain: Column
    low_kw: Column
    high_kw: Column
    below_usd_per_kwh: float = 0.0

    @property
    def columns(self) -> tuple[Column, Column, Column, Column]:
        """The four columns as the kernels take them."""
        return self.price_usd_per_kwh, self.gain, self.low_kw, self.high_kw

    @property
    def count(self) -> int:
        """Number of pieces."""
        return int(self.low_kw.shape[0])


@dataclass(frozen=True, slots=True)
class Found:
    """Where a search ended.

    Args:
        low_usd_per_kwh: the lower price.
        high_usd_per_kwh: the higher price; between the two no piece bends.
        low_kw: sum at the lower price.
        high_kw: sum at the higher price.
        share: of the way from the one to the other that gives what was asked; 0 to 1.
        passes: over all rows.
    """

    low_usd_per_kwh: float
    high_usd_per_kwh: float
    low_kw: float
    high_kw: float
    share: float
    passes: int

    @property
    def price_usd_per_kwh(self) -> float:
        """The price itself."""
        return self.low_usd_per_kwh + self.share * (self.high_usd_per_kwh - self.low_usd_per_kwh)

    @property
    def given_kw(self) -> float:
        """What the pieces give at it."""
        return self.low_kw + self.share * (self.high_kw - self.low_kw)


#: Does chunks, from which to before which.
Work = Callable[[tuple[int, int]], None]


class Crew:
    """Threads that share out chunks; the caller's own thread is one of them.

    How the chunks are shared out changes no result.

    Args:
        threads: how many, the caller included.
    """

    def __init__(self, threads: int = 1) -> None:
        self._others = ThreadPoolExecutor(threads - 1) if threads > 1 else None
        self._threads = threads

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        if self._others is not None:
            self._others.shutdown()

    def run(self, chunks: int, work: Work) -> None:
        """Do chunks 0 to before ``chunks``, a run of neighbours to each thread."""
        if self._others is None or chunks < WORTH_SHARING:
            work((0, chunks))
            return
        edges = [chunks * k // self._threads for k in range(self._threads + 1)]
        waiting = [
            self._others.submit(work, (edges[k], edges[k + 1])) for k in range(1, self._threads)
        ]
        work((edges[0], edges[1]))
        for one in waiting:
            one.result()


def chunks_of(count: int) -> int:
    """Number of chunks of so many rows."""
    return -(-count // CHUNK)


class PriceSearch:
    """Searches one price for some parts together.

    Args:
        parts: the pieces.
        ends: lowest and highest price that may be the answer, USD/kWh.
        crew: threads.
    """

    def __init__(self, parts: Sequence[Part], ends: tuple[float, float], crew: Crew) -> None:
        self._all = parts
        self._parts = [part for part in parts if part.count]
        self._ends = ends
        under = [part.below_usd_per_kwh for part in parts]
        self._fine = RESOLUTION * max(abs(ends[0]), abs(ends[1]), *under, 0.0)
        self._crew = crew
        self._passes = 0

    def find(self, target_kw: float) -> Found:
        """The price at which the pieces give a target.

        Args:
            target_kw: their sum, kW.

        Returns:
            The price; at one of the ends when not even that price gives the target, and
            ``given_kw`` then says what it gives.
        """
        rows = sum(part.count for part in self._parts)
        lowest, highest = self._ends
        if rows <= SAMPLE:
            return self._finish(_gathered(self._parts, None), (0.0, 0.0), self._ends, target_kw)
        left, right = self._guess(target_kw)
        while True:
            found = self._sums(left, right, listing=self._passes > 0 or rows <= 8 * SAMPLE)
            if found.sum_a > target_kw and left > lowest:
                highest = left
                left, right = max(left - 4.0 * (right - left) - self._fine, lowest), left
            elif found.sum_b < target_kw and right < highest:
                lowest = right
                left, right = right, min(right + 4.0 * (right - left) + self._fine, highest)
            elif found.sum_a >= target_kw or found.sum_b <= target_kw:
                at, sum_kw = (left, found.sum_a) if left <= lowest else (right, found.sum_b)
                if found.sum_a < target_kw:
                    at, sum_kw = right, found.sum_b
                return Found(at, at, sum_kw, sum_kw, 0.0, self._passes)
            elif found.complete:
                return self._finish(found.bending, found.fixed_kw, (left, right), target_kw)
            elif right - left <= 2.5 * self._fine:
                way = (target_kw - found.sum_a) / (found.sum_b - found.sum_a)
                return Found(left, right, found.sum_a, found.sum_b, way, self._passes)
            else:
                lowest, highest = left, right
                way = (target_kw - found.sum_a) / (found.sum_b - found.sum_a)
                middle, reach = left + (right - left) * way, (right - left) / (2.0 * CLOSER)
                left, right = max(middle - reach, left), min(middle + reach, right)
            if self._passes >= PATIENCE:
                left, right = self._halved(lowest, highest, found.bending)

    def _halved(self, lowest: float, highest: float, bending: Floats) -> tuple[float, float]:
        """The next two prices when guesses did not help.

        In turn: all that is left, to list what bends there; the middle one of the prices at which
        the listed bend, which is where alike pieces tie; and half of what is left.
        """
        turn = (self._passes - PATIENCE) % 3
        if turn == 0 or highest - lowest <= 2.5 * self._fine:
            return lowest, highest
        middle = 0.5 * (lowest + highest)
        if turn == 1 and bending.size:
            at = np.sort((bending[0] + bending[2:] / bending[1]).ravel())
            at = at[(at > lowest + self._fine) & (at < highest - self._fine)]
            middle = float(at[at.size // 2]) if at.size else middle
        return max(middle - self._fine, lowest), min(middle + self._fine, highest)

    def place(self, found: Found, powers: Sequence[Column]) -> list[tuple[float, float]]:
        """Write the powers of all pieces.

        Args:
            found: the price.
            powers: one column a part, written, kW.

        Returns:
            For each part the sum of the powers as written and of the highest ones, kW.
        """
        totals = []
        for part, power in zip(self._all, powers, strict=True):
            sums = np.zeros((chunks_of(part.count), 2))
            work = _placing(part, found, sums, power)
            self._crew.run(len(sums), work)
            totals.append((float(sums[:, 0].sum()), float(sums[:, 1].sum())))
        return totals

    def _sums(self, left: float, right: float, *, listing: bool) -> _Sums:
        """One pass over all rows between two prices."""
        self._passes += 1
        sum_a = sum_b = fixed_a = fixed_b = 0.0
        rows: list[Rows] = []
        complete = listing
        for part in self._parts:
            ends = left - part.below_usd_per_kwh, right - part.below_usd_per_kwh
            chunks = chunks_of(part.count)
            sums = np.zeros((chunks, 5))
            listed = np.empty((chunks if listing else 0, LISTED), dtype=np.int64)
            work = _listing(part, ends, sums, listed) if listing else _summing(part, ends, sums)
            self._crew.run(chunks, work)
            totals = sums.sum(axis=0)
            sum_a, sum_b = sum_a + float(totals[0]), sum_b + float(totals[1])
            fixed_a += float(totals[0] - totals[2])
            fixed_b += float(totals[1] - totals[3])
            if listing:
                counts = sums[:, 4].astype(np.int64)
                rows.append(
                    np.concatenate(
                        [row[:count] for row, count in zip(listed, counts, strict=True) if count]
                        or [listed[0, :0]]
                    )
                )
                complete = complete and bool(counts.max() <= LISTED)
        bending = _gathered(self._parts, rows) if listing else np.empty((4, 0))
        return _Sums(sum_a, sum_b, bending, complete, (fixed_a, fixed_b))

    def _finish(
        self,
        bending: Floats,
        fixed_kw: tuple[float, float],
        ends: tuple[float, float],
        target_kw: float,
    ) -> Found:
        low, high, sum_a, sum_b = narrow(bending, *fixed_kw, (*ends, self._fine), target_kw)
        share = (target_kw - sum_a) / (sum_b - sum_a) if sum_b > sum_a else 0.0
        return Found(low, high, sum_a, sum_b, min(max(share, 0.0), 1.0), self._passes)

    def _guess(self, target_kw: float) -> tuple[float, float]:
        """Two prices that very likely hold the answer between them, from a sample of the rows."""
        variance = 0.0
        sampled = [(part, _sampled(part.count)) for part in self._parts]
        pieces = _gathered([part for part, _ in sampled], [rows for _, rows in sampled])
        weights = np.concatenate(
            [np.full(len(rows), part.count / len(rows)) for part, rows in sampled]
        )
        pieces[1:] *= weights
        ends = (*self._ends, self._fine)
        price = narrow(pieces.copy(), 0.0, 0.0, ends, target_kw)[0]
        power = np.clip((price - pieces[0]) * pieces[1], pieces[2], pieces[3])
        first = 0
        for part, rows in sampled:
            here = power[first : first + len(rows)]
            first += len(rows)
            if part.count > len(rows):
                variance += len(rows) * float(here.var())
        reach_kw = DEVIATIONS * sqrt(variance)
        left = narrow(pieces.copy(), 0.0, 0.0, ends, target_kw - reach_kw)[0]
        right = narrow(pieces.copy(), 0.0, 0.0, ends, target_kw + reach_kw)[1]
        return left, max(right, min(left + self._fine, self._ends[1]))


@dataclass(frozen=True, slots=True)
class _Sums:
    """What a pass found: both sums, the pieces that bend, whether those are all, and the rest."""

    sum_a: float
    sum_b: float
    bending: Floats
    complete: bool
    fixed_kw: tuple[float, float]


def _summing(part: Part, ends: tuple[float, float], sums: Floats) -> Work:
    return lambda chunks: total_at(part.columns, ends[0], ends[1], chunks, sums)


def _listing(part: Part, ends: tuple[float, float], sums: Floats, listed: Rows) -> Work:
    return lambda chunks: total_and_list(part.columns, ends[0], ends[1], chunks, sums, listed)


def _placing(part: Part, found: Found, sums: Floats, power_kw: Column) -> Work:
    low = found.low_usd_per_kwh - part.below_usd_per_kwh
    high = found.high_usd_per_kwh - part.below_usd_per_kwh
    return lambda chunks: place(part.columns, low, high, found.share, chunks, sums, power_kw)


def _sampled(count: int) -> Rows:
    """Rows of a sample: all of few, evenly spread runs of many."""
    if count <= SAMPLE:
        return np.arange(count)
    runs = np.arange(SAMPLE // RUN) * (count // RUN) // (SAMPLE // RUN) * RUN
    return (runs[:, None] + np.arange(RUN)).ravel()


def _gathered(parts: Sequence[Part], rows: Sequence[Rows] | None) -> Floats:
    """Price, gain, low and high of some rows of each part, [4, m]; of all without a choice."""
    found = []
    for number, part in enumerate(parts):
        chosen = slice(None) if rows is None else rows[number]
        piece = np.array([column[chosen] for column in part.columns], dtype=np.float64)
        piece[0] += part.below_usd_per_kwh
        found.append(piece)
    return np.concatenate(found, axis=1) if found else np.empty((4, 0))
