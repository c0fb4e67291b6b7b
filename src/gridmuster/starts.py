"""What goes on record beside a start: what an operator asserted, and what took whose place."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from gridmuster.codec import Id, InstantMs


class LocalNeed(Struct, frozen=True, omit_defaults=True):
    """The five conditions of an emergency engine's 50 paid hours, as the operator asserts them.

    40 CFR 63.6640(f)(4)(ii), (A) to (E), and 60.4211(f)(3)(i): ``dispatched_by`` the local
    balancing authority or transmission and distribution operator; ``averts`` which voltage
    collapse or line overload; ``protocol`` which reliability standard or guideline is followed;
    ``serves`` the site itself or which part of the local network; ``recorded_by`` who keeps the
    record of who dispatched it and under which standard.
    """

    dispatched_by: Annotated[str, Meta(max_length=200)] = ""
    averts: Annotated[str, Meta(max_length=200)] = ""
    protocol: Annotated[str, Meta(max_length=200)] = ""
    serves: Annotated[str, Meta(max_length=200)] = ""
    recorded_by: Annotated[str, Meta(max_length=200)] = ""

    def missing(self) -> tuple[str, ...]:
        """Names of the conditions that are not asserted."""
        return tuple(n for n in self.__struct_fields__ if not getattr(self, n).strip())


class Substitution(Struct, frozen=True, omit_defaults=True):
    """A failed or lost device and what took its place."""

    failed: Id
    failed_at_ms: InstantMs
    replacements: tuple[str, ...] = ()
    cause: str = ""
