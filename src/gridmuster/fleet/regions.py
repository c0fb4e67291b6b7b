"""Areas that share nothing: each such group of a fleet is a fleet of its own."""

from __future__ import annotations

from gridmuster.fleet.model import Fleet


def changed(fleet: Fleet, **parts: object) -> Fleet:
    """The same fleet with some of its parts replaced.

    A copied model would keep what was looked up in the old one; this one is made anew.

    Args:
        fleet: the fleet.
        **parts: fields with their new values.

    Raises:
        ValidationError: when a new value is none.
    """
    kept = {name: getattr(fleet, name) for name in Fleet.model_fields}
    return Fleet.model_validate({**kept, **parts})


def regions(fleet: Fleet) -> list[Fleet]:
    """The fleet as fleets that share nothing but their market, in the order of their first areas.

    Links tie areas together; so do emission caps, which are counted over areas by one clock, and
    causes that strike sets everywhere at once. A fleet with either of the latter stays whole.

    Args:
        fleet: the fleet.

    Returns:
        The fleet itself when it is one; else a fleet for each group of areas, named by its first.
    """
    number = {area.id: n for n, area in enumerate(fleet.areas)}
    leader = list(range(len(fleet.areas)))
    for link in fleet.links:
        low, high = sorted((leader[number[link.from_area]], leader[number[link.to_area]]))
        leader = [low if one == high else one for one in leader]
    if fleet.emission_caps or fleet.common_causes or len(set(leader)) == 1:
        return [fleet]
    groups: dict[int, list[str]] = {}
    for area, one in zip(fleet.areas, leader, strict=True):
        groups.setdefault(one, []).append(area.id)
    return [_part(fleet, frozenset(ids), ids[0]) for ids in groups.values()]


def _part(fleet: Fleet, areas: frozenset[str], first: str) -> Fleet:
    sites = tuple(site for site in fleet.sites if site.area in areas)
    ids = frozenset(site.id for site in sites)
    return changed(
        fleet,
        id=f"{fleet.id}.{first}"[:128],
        areas=tuple(area for area in fleet.areas if area.id in areas),
        sites=sites,
        end_users=tuple(user for user in fleet.end_users if user.site in ids),
        devices=tuple(device for device in fleet.devices if device.site in ids),
        links=tuple(link for link in fleet.links if link.from_area in areas),
    )
