"""What each field of an area's island means."""

from __future__ import annotations

from typing import Final

#: By ``Type.field``.
ISLAND_FIELDS: Final[dict[str, str]] = {
    "island": "its coupling to the utility and its life as an island; null: it cannot island",
    "IslandView.state": "connected, dead, islanded, resynchronising; unknown: not believed",
    "IslandView.since_ms": "since when it is so, ms since 1970-01-01T00:00:00Z",
    "IslandView.coupling": "breaker at the point of common coupling: open, closed, unknown",
    "IslandView.utility": "the utility's side of it: live, dead, unhealthy, unknown",
    "IslandView.bus": "the area's side of it: live, dead, unhealthy, unknown",
    "IslandView.synchroniser": "the site's synchroniser: off, seeking, blocked, unknown",
    "IslandView.former": "the device that forms or last formed the bus; empty: none",
    "IslandView.sets": "formers that are asked to run",
    "IslandView.steps": "load steps, the highest priority first",
    "IslandView.load_kw": "what the formers carry, kW",
    "IslandView.able_kw": "what the formers on the bus can carry, kW",
    "IslandView.reserve_kw": "what must be free before a load step is taken up, kW",
    "IslandView.text": "what was decided last, in words",
    "IslandView.trouble": "what a person must see to, in words; empty: nothing",
    "IslandStep.priority": "the lowest is shed first, the highest restored first",
    "IslandStep.power_kw": "most it draws when it comes back, kW",
    "IslandStep.contact": "its switch as measured: open, closed, unknown",
    "IslandStep.load_kw": "what flows through it, kW; null: not measured",
    "IslandStep.wanted": "whether it is wished closed",
}
