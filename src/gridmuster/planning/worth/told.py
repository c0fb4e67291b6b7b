"""What energy and starts are worth, as it is told to a center: one message, whole in itself.

Models that must be learnt cannot live in the deciding core. Whoever runs them tells the core, for
the interval that is running, what they say for each kind of store and engine; the choices of single
devices are made by the core with the functions that a backtest uses. The message is journaled like
any other, and a replay needs no model.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

from gridmuster.clock import iso
from gridmuster.codec import VERSION, Id, InstantMs
from gridmuster.forecast.market.history import Floats
from gridmuster.planning.worth.runterms import RunTerms
from gridmuster.planning.worth.storeterms import StoreTerms
from gridmuster.signals import PriceUsd
from gridmuster.units import MS_PER_S

#: How far the clock of who tells it may run before the center's, s.
AHEAD_S = 5
#: A choice stands so long beyond its interval when nothing newer was told, s.
GRACE_S = 90

Finite = Annotated[float, Meta(ge=-1e18, le=1e18)]


class StoreWorth(Struct, frozen=True):
    """What a kind of store acts on in an interval.

    Args:
        terms: of the kind.
        acted_usd_per_mwh: the interval's price, known or expected; None: no price is known.
        worth_usd_per_mwh: of energy after the interval at the middles of equal parts of the store,
            never rising.
    """

    terms: StoreTerms
    acted_usd_per_mwh: PriceUsd | None
    worth_usd_per_mwh: Annotated[tuple[Finite, ...], Meta(min_length=1, max_length=64)]

    @property
    def price(self) -> float:
        """The price acted on; not-a-number: none is known."""
        return float("nan") if self.acted_usd_per_mwh is None else self.acted_usd_per_mwh

    def worth(self) -> Floats:
        """The worth as kernels take it."""
        return np.array(self.worth_usd_per_mwh)


class RunWorth(Struct, frozen=True):
    """What a kind of engine acts on in an interval.

    Args:
        terms: of the kind.
        begin_usd_per_mw: expected gain of a start beyond its margin.
        further_usd_per_mw: expected gain of one more interval.
        left_h: hours that may still be run, rising; empty: they are not scarce.
        hour_usd_per_mw: what an hour is worth kept with so many left.
    """

    terms: RunTerms
    begin_usd_per_mw: Finite
    further_usd_per_mw: Finite
    left_h: tuple[float, ...] = ()
    hour_usd_per_mw: tuple[float, ...] = ()

    def hour_worth(self, left_h: float) -> float:
        """Worth of an hour kept when so many are left, USD/MW."""
        if not self.left_h:
            return 0.0
        return float(np.interp(left_h, self.left_h, self.hour_usd_per_mw))


class PriceWorth(Struct, frozen=True, omit_defaults=True, tag="price_worth", tag_field="kind"):
    """What is worth what in an area in one interval of its market.

    ``start_ms`` and ``step_s`` are of the interval it holds for, ``learnt_at_ms`` when the models
    were last taught, ``delay_s`` how late prices are known.

    Raises:
        ValueError: when the rows of an engine's hours differ, or a worth rises with the energy; a
            reader sees it as a malformed message.
    """

    area: Id
    issued_at_ms: InstantMs
    start_ms: InstantMs
    step_s: Annotated[int, Meta(ge=60, le=3600)]
    learnt_at_ms: InstantMs
    delay_s: Annotated[int, Meta(ge=0, le=86_400)]
    stores: Annotated[tuple[StoreWorth, ...], Meta(max_length=64)] = ()
    engines: Annotated[tuple[RunWorth, ...], Meta(max_length=256)] = ()
    v: int = VERSION

    def __post_init__(self) -> None:
        for store in self.stores:
            worth = store.worth_usd_per_mwh
            if any(more > less for less, more in pairwise(worth)):
                raise ValueError("the worth of energy rises with the energy held")
        for engine in self.engines:
            if len(engine.left_h) != len(engine.hour_usd_per_mw):
                raise ValueError(
                    f"{len(engine.left_h)} numbers of hours, {len(engine.hour_usd_per_mw)} worths"
                )
        if self.learnt_at_ms > self.issued_at_ms:
            raise ValueError("it was taught after it was issued")

    @property
    def end_ms(self) -> int:
        """End of its interval, ms."""
        return self.start_ms + self.step_s * MS_PER_S

    def serves(self, now_ms: int) -> bool:
        """Whether choices may still rest on it."""
        return self.start_ms <= now_ms < self.end_ms + (self.step_s + GRACE_S) * MS_PER_S

    def refused(self, now_ms: int, held: PriceWorth | None) -> str:
        """Why it is not taken in; empty when it is.

        Args:
            now_ms: when it arrived, ms.
            held: the one in force before it.
        """
        if self.issued_at_ms > now_ms + AHEAD_S * MS_PER_S:
            return f"worth issued at {iso(self.issued_at_ms)}, ahead of now"
        if not self.serves(now_ms):
            return f"worth for the interval from {iso(self.start_ms)} comes too late or too early"
        if held is not None and self.start_ms < held.start_ms:
            return f"worth for {iso(self.start_ms)} comes after that for {iso(held.start_ms)}"
        return ""

    def of_store(self, terms: StoreTerms) -> StoreWorth | None:
        """What stores of some terms act on; None: their kind is not told of."""
        kind = terms.kind()
        return next((one for one in self.stores if one.terms == kind), None)

    def of_engine(self, terms: RunTerms, *, capped: bool) -> RunWorth | None:
        """What engines of some terms act on; None: their kind is not told of.

        Args:
            terms: of the engine.
            capped: whether a permit caps its hours.
        """
        kind = terms.kind()
        found = [one for one in self.engines if one.terms == kind]
        return next((one for one in found if bool(one.left_h) is capped), None)
