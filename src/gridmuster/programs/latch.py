"""A measured value that asks for a call: with a delay, a way back, and a least length.

What is unknown is not zero: while nothing fresh is heard neither the delay nor the way back goes
on, and after `LOST_S` without a word the call ends as if the value had come back.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, structs

from gridmuster.units import MS_PER_S

#: Without a fresh value for so long a call ends, s.
LOST_S: Final = 900
#: A call whose end is not known is asked for by steps of this length, s.
EXTEND_S: Final = 900


class Trip(Struct, frozen=True):
    """When a value asks.

    Args:
        on_at: it asks beyond this.
        off_at: it ends when back here.
        delay_s: how long it must be beyond, s.
        recover_s: how long it must be back, s.
        run_s: least length of a call, s.
        below: whether beyond means below.
    """

    on_at: float
    off_at: float
    delay_s: float
    recover_s: float
    run_s: int
    below: bool = False


class Latch(Struct, frozen=True):
    """What is remembered of a value.

    Args:
        on: whether it asks.
        from_ms: begin of the last call, ms.
        until_ms: end of the last call as far as it is known, ms.
        side_ms: since when the value is on the other side, ms; -1: it is not.
        heard_ms: when it was heard last, ms.
        value: the last one that was not back.
    """

    on: bool = False
    from_ms: int = -1
    until_ms: int = -1
    side_ms: int = -1
    heard_ms: int = -1
    value: float = 0.0

    def asks(self, now_ms: int) -> bool:
        """Whether a call is to go on at this moment, ms."""
        return self.on or now_ms < self.until_ms


def step(latch: Latch, trip: Trip, now_ms: int, value: float | None) -> Latch:
    """What is remembered with one more value.

    Args:
        latch: what was remembered.
        trip: when it asks.
        now_ms: now, ms; never earlier than before.
        value: the value; None: not known now.
    """
    if value is None:
        lost = latch.on and now_ms - latch.heard_ms >= LOST_S * MS_PER_S
        return _off(latch, trip, now_ms) if lost else structs.replace(latch, side_ms=-1)
    sign = -1.0 if trip.below else 1.0
    beyond = sign * (value - trip.on_at) > 0.0
    back = sign * (value - trip.off_at) <= 0.0
    other_side = back if latch.on else beyond
    since_ms = (now_ms if latch.side_ms < 0 else latch.side_ms) if other_side else -1
    latch = structs.replace(
        latch, side_ms=since_ms, heard_ms=now_ms, value=latch.value if back else value
    )
    wait_s = trip.recover_s if latch.on else trip.delay_s
    if other_side and now_ms - since_ms >= wait_s * MS_PER_S:
        return _off(latch, trip, now_ms) if latch.on else _on(latch, trip, now_ms)
    if latch.on and latch.until_ms - now_ms < EXTEND_S * MS_PER_S // 2:
        return structs.replace(latch, until_ms=latch.until_ms + EXTEND_S * MS_PER_S)
    return latch


def _on(latch: Latch, trip: Trip, now_ms: int) -> Latch:
    goes_on = now_ms < latch.until_ms
    until_ms = now_ms + max(trip.run_s, EXTEND_S) * MS_PER_S
    return structs.replace(
        latch,
        on=True,
        from_ms=latch.from_ms if goes_on else now_ms,
        until_ms=max(until_ms, latch.until_ms),
        side_ms=-1,
    )


def _off(latch: Latch, trip: Trip, now_ms: int) -> Latch:
    least_ms = latch.from_ms + trip.run_s * MS_PER_S
    return structs.replace(latch, on=False, until_ms=max(now_ms, least_ms), side_ms=-1)
