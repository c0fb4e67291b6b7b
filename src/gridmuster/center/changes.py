"""What people change of a running center beside commanding it: its fleet and its history.

A new fleet comes with a head in the journal, so that a replay or a restart goes on with it from
that cycle; a `FleetNotice` in the cycle before lets go of what leaves, one in the cycle after says
what joined. Past demand and prices come as `History`, a frame for each series.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from gridmuster.signals import VERSION, Id, InstantMs

#: Values of one taught day: at most one in five minutes.
MAX_DAY = 288
#: Days that one frame teaches at most.
MAX_DAYS = 60


class DataChange(Struct, frozen=True, omit_defaults=True):
    """Who changed the center's data, when, and what came of it; goes to the audit log.

    Args:
        id: of the request.
        actor: name of the token.
        role: its role.
        at_ms: plant time, ms.
        action: apply_fleet, teach_demand or teach_prices.
        target: the fleet's id.
        text: what was done, in words.
        reason: why, in the person's words.
    """

    id: str
    actor: str
    role: str
    at_ms: int
    action: str
    target: str
    text: str
    reason: str = ""


class FleetNotice(Struct, frozen=True, omit_defaults=True, tag="fleet", tag_field="kind"):
    """The fleet changes: before, what leaves and is to be let go; after, which sites are new."""

    at_ms: InstantMs
    text: str
    leaving: tuple[Id, ...] = ()
    joined: tuple[Id, ...] = ()
    changed: bool = False
    v: int = VERSION


class TaughtDay(Struct, frozen=True, array_like=True):
    """A local day (proleptic ordinal) and its means in equal slots; None: not known."""

    ordinal: Annotated[int, Meta(ge=1, le=3_652_059)]
    values: Annotated[tuple[float | None, ...], Meta(max_length=MAX_DAY)]


class History(Struct, frozen=True, omit_defaults=True, tag="history", tag_field="kind"):
    """Past days of one series: an end-user's demand (kW) or an area's price (USD/kWh)."""

    at_ms: InstantMs
    series: str
    key: Id
    days: Annotated[tuple[TaughtDay, ...], Meta(max_length=MAX_DAYS)]
    change: DataChange | None = None
    v: int = VERSION
