"""What is said of an area's coupling to the utility: what its switchgear shows, what it is asked.

There is no order that closes the coupling breaker. A center asks for resynchronisation, and the
synchroniser at the site decides whether and when (`domain.md` section 6, invariant 11).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct

from gridmuster.codec import Id

#: Most formers and most load steps of one area's switchgear.
MOST_FORMERS: Final = 8
MOST_STEPS: Final = 8

Measured = Annotated[float, Meta(ge=0.0)] | None


class Contact(StrEnum):
    """Position of a switch; ``unknown`` where its two contacts do not say one and the same."""

    OPEN = "open"
    CLOSED = "closed"
    UNKNOWN = "unknown"


class Liveness(StrEnum):
    """Whether a bus is alive: ``unhealthy`` is neither dead nor within its limits."""

    LIVE = "live"
    DEAD = "dead"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


class Synchroniser(StrEnum):
    """What the site's synchroniser does; ``blocked`` when its own relay forbids closing."""

    OFF = "off"
    SEEKING = "seeking"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


class StepReading(Struct, frozen=True, omit_defaults=True):
    """One load step's switch; ``load_kw`` is what flows through it, None when not measured."""

    step: Id
    contact: Contact
    load_kw: Measured = None


class SwitchgearReading(Struct, frozen=True, omit_defaults=True):
    """What an area's switchgear shows; None and ``unknown`` where it does not say.

    ``coupling`` is the breaker ``breaker`` at the point of common coupling, ``utility`` and
    ``bus`` the liveness on its two sides. ``permitted`` is the former that may close onto a dead
    bus, empty for none. ``bus_hz`` and ``utility_hz`` are the frequencies of the two sides.
    """

    breaker: Id
    coupling: Contact = Contact.UNKNOWN
    utility: Liveness = Liveness.UNKNOWN
    bus: Liveness = Liveness.UNKNOWN
    synchroniser: Synchroniser = Synchroniser.UNKNOWN
    permitted: str = ""
    steps: tuple[StepReading, ...] = ()
    utility_hz: Measured = None
    bus_hz: Measured = None
    bus_pu: Measured = None


class Switching(Struct, frozen=True, omit_defaults=True):
    """What an area's switchgear is asked: a wished state, so that repeating it changes nothing.

    ``island`` asks for the coupling breaker to be open while the utility is away. ``former`` may
    close onto the bus while it is dead, ``sets`` run while the area is an island. ``steps`` are the
    load steps that shall be closed, all others open. ``resynchronise`` asks the synchroniser to
    close when it sees fit.
    """

    island: bool = False
    former: str = ""
    sets: tuple[Id, ...] = ()
    steps: tuple[Id, ...] = ()
    resynchronise: bool = False
