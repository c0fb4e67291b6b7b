"""No herding: many sites must not move at the same moment (invariant 12).

Delays are drawn from ids, so that every part of the plant works out the same one without asking
and a replay gives the same moves.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Final

#: Widest spread of starts and returns, s (domain.md, invariant 12).
SPREAD_S: Final = 120.0
_STEPS: Final = 4096


def stagger_s(name: str, spread_s: float = SPREAD_S, salt: str = "") -> float:
    """A delay that belongs to a name, even over the spread.

    Args:
        name: site or device id.
        spread_s: width of the spread, s.
        salt: what the delay is for, so that one site is not last every time.

    Returns:
        Delay, s, 0 <= delay < spread_s.
    """
    return zlib.crc32(f"{salt}/{name}".encode()) % _STEPS / _STEPS * spread_s


def retry_s(name: str, attempt: int, base_s: float = 1.0, most_s: float = 60.0) -> float:
    """How long to wait before a further try: doubling, with half of it spread by name.

    Args:
        name: who retries.
        attempt: 0 for the first retry.
        base_s: delay of the first retry, s.
        most_s: longest delay, s.
    """
    full_s = min(base_s * 2.0 ** min(attempt, 32), most_s)
    return full_s / 2.0 + stagger_s(name, full_s / 2.0, salt=str(attempt))


def cap_ramp(moves: Mapping[str, tuple[float, float]], most_kw: float) -> dict[str, float]:
    """Targets whose moves together stay within a cap, each shortened by the same share.

    Moves up and moves down are capped apart, because a cap on their sum would let a thousand
    sites fall while a thousand rise.

    Args:
        moves: present and wished power by id, kW.
        most_kw: most that all may rise, and most that all may fall, together, kW, >= 0.

    Returns:
        Target by id, kW, each between its present and its wished power.
    """
    up_kw = sum(max(wished - now, 0.0) for now, wished in moves.values())
    down_kw = sum(max(now - wished, 0.0) for now, wished in moves.values())
    up_share = 1.0 if up_kw <= most_kw else most_kw / up_kw
    down_share = 1.0 if down_kw <= most_kw else most_kw / down_kw
    return {
        key: now + (wished - now) * (up_share if wished > now else down_share)
        for key, (now, wished) in moves.items()
    }
