"""When to order fuel: early enough that the promise to the site outlasts the lorry's way."""

from __future__ import annotations

from msgspec import Struct


class Advice(Struct, frozen=True):
    """An order of fuel that is due: how much fits, and how long the tank may wait.

    ``amount`` is in l or m3; ``spare`` is what is above the site's reserve, below zero when the
    promise is not covered now.
    """

    amount: float
    spare: float


def advise(
    level: float, floor: float, capacity: float, run_per_h: float, routine_h: float
) -> Advice | None:
    """Whether to order now.

    Fuel is ordered when what is above the reserve would not carry the routine runs that may come
    before the lorry; the reserve itself is never counted on for them.

    Args:
        level: fuel in the tank, l or m3.
        floor: what is kept for the site (`safety.fuel.fuel_floor`), l or m3.
        capacity: of the tank, l or m3.
        run_per_h: fuel rate in a routine run, per hour.
        routine_h: hours of routine runs that may come before the lorry, h.

    Returns:
        The order, or None when there is enough.
    """
    spare = level - floor
    if spare > run_per_h * routine_h or capacity <= level:
        return None
    return Advice(capacity - level, spare)
