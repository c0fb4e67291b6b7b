"""A new fleet for a running center: let go of what leaves, note the head, go on with a new core.

The head is the change: once it is in the journal the new fleet is in force, and a replay or a
restart goes on with it from there. What comes before (letting devices go) is harmless without it,
and what comes after (listening to new sites) is done again by any start of a session.
"""

from __future__ import annotations

from dataclasses import dataclass

from gridmuster.center.changes import DataChange, FleetNotice
from gridmuster.center.config import CenterConfig
from gridmuster.center.core import Core
from gridmuster.fleet.model import Fleet
from gridmuster.runtime.header import Header, make_header


@dataclass(frozen=True, slots=True)
class PreparedChange:
    """A new fleet with its head and the notices around it.

    Args:
        header: the head that puts it in force.
        fleet: the fleet as the head holds it.
        before: goes into the last cycle of the old core.
        after: goes into the first cycle of the new core.
    """

    header: Header
    fleet: Fleet
    before: FleetNotice
    after: FleetNotice


def prepare_change(
    old: Fleet, new: Fleet, config: CenterConfig, change: DataChange, given: str
) -> PreparedChange:
    """Make all that a change needs before the cycle in which it happens.

    Args:
        old: the fleet in force.
        new: a fleet without faults and with the same id.
        config: the core's settings.
        change: who wants it and why.
        given: digest of the fleet that this process was started with.
    """
    header = make_header(new, config, change.at_ms, given=given, change=change)
    fleet = header.fleet()
    places = {device.id: device.site for device in fleet.devices}
    # One that moved to another site leaves the first.
    leaving = tuple(d.id for d in old.devices if places.get(d.id) != d.site)
    joined = tuple(s.id for s in fleet.sites if s.id not in old.site_by_id)
    text = f"{change.actor} changed the fleet: {change.text}"
    return PreparedChange(
        header,
        fleet,
        FleetNotice(change.at_ms, text, leaving=leaving),
        FleetNotice(change.at_ms, text, joined=joined, changed=True),
    )


def new_core(change: PreparedChange, old: Core) -> Core:
    """The core that goes on with a new fleet, with all that the old one remembers.

    Args:
        change: the new fleet.
        old: the core after its last cycle.
    """
    return Core(change.fleet, old.config, old.state_bytes())
