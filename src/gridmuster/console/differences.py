"""What a new fleet changes, row by row with units, and what that means for the plant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from msgspec import Meta, Struct
from pydantic import BaseModel

from gridmuster.center.view import PlantView
from gridmuster.fleet.book import KINDS
from gridmuster.fleet.model import Fleet
from gridmuster.fleet.summary import summarise

#: Rows of a difference that are shown; all are counted.
MAX_ROWS: Final = 1_000
#: Names listed in one sentence.
MAX_NAMES: Final = 5
ONE: Final = {"areas": "area", "sites": "site", "end_users": "end-user", "devices": "device"}
#: How the end of a field's name says its unit; the longest that fits counts.
UNITS: Final[dict[str, str]] = {
    "_usd_per_kwh": "USD/kWh",
    "_usd_per_mwh": "USD/MWh",
    "_usd_per_l": "USD/l",
    "_usd_per_m3": "USD/m3",
    "_usd": "USD",
    "_kwh": "kWh",
    "_kw": "kW",
    "_m_per_s": "m/s",
    "_fraction_per_s": "1/s",
    "_per_k": "1/K",
    "_per_h": "1/h",
    "fuel_per_h": "l/h or m3/h",
    "_fraction": "share",
    "_efficiency": "share",
    "availability": "share",
    "fail_to_start": "share",
    "inverter_efficiency": "share",
    "tank.capacity": "l or m3",
    "tank.level": "l or m3",
    "latitude": "degrees",
    "longitude": "degrees",
    "_s": "s",
    "_h": "h",
}
_BY_LENGTH: Final = sorted(UNITS.items(), key=lambda item: -len(item[0]))


class Change(Struct, frozen=True):
    """One thing that differs between the fleet in force and the new one."""

    kind: Annotated[str, Meta(description="fleet, area, site, end-user or device")]
    id: Annotated[str, Meta(description="id of the thing; empty: the fleet itself")]
    what: Annotated[str, Meta(description="added, removed or changed")]
    path: Annotated[str, Meta(description="the field that changed; empty: the whole thing")]
    old: Annotated[str, Meta(description="value in force; empty: none")]
    new: Annotated[str, Meta(description="value after; empty: none")]
    unit: Annotated[str, Meta(description="unit of both values; empty: none")]


class Capacity(Struct, frozen=True):
    """Devices of one type before and after, kW."""

    type: Annotated[str, Meta(description="device type; total: all of them")]
    count_before: Annotated[int, Meta(description="devices now")]
    count_after: Annotated[int, Meta(description="devices after")]
    rated_before_kw: Annotated[float, Meta(description="nameplate power now, kW")]
    rated_after_kw: Annotated[float, Meta(description="nameplate power after, kW")]
    deliverable_before_kw: Annotated[float, Meta(description="of it deliverable now, kW")]
    deliverable_after_kw: Annotated[float, Meta(description="of it deliverable after, kW")]
    firm_before_kw: Annotated[float, Meta(description="firm for 4 h with 99 % now, kW")]
    firm_after_kw: Annotated[float, Meta(description="firm for 4 h with 99 % after, kW")]


class Counts(Struct, frozen=True):
    """How many things of a kind are added, removed and changed."""

    kind: Annotated[str, Meta(description="area, site, end-user, device or fleet")]
    added: Annotated[int, Meta(description="things that are new")]
    removed: Annotated[int, Meta(description="things that are gone after")]
    changed: Annotated[int, Meta(description="things that stay and differ")]


class Difference(Struct, frozen=True):
    """A new fleet against the one in force."""

    rows: Annotated[list[Change], Meta(description="what differs, at most 1,000 rows")]
    total: Annotated[int, Meta(description="rows in all")]
    counts: Annotated[list[Counts], Meta(description="how much differs, by kind")]
    capacity: Annotated[list[Capacity], Meta(description="capacity by type before and after")]
    lines: Annotated[list[str], Meta(description="what it means, in words")]


def unit_of(path: str) -> str:
    """Unit of a field, judged by its name; empty when it has none.

    Args:
        path: of the field inside its thing, like ``permit.hours_cap_h``.
    """
    bare = re.sub(r"\[\d+\]", "", path)
    return next((unit for end, unit in _BY_LENGTH if bare.endswith(end)), "")


def difference(old: Fleet, new: Fleet, view: PlantView, recovery_s: float) -> Difference:
    """What a new fleet changes.

    Args:
        old: the fleet in force.
        new: a fleet without faults.
        view: what the plant does now.
        recovery_s: how long the center listens to new sites at the most, s.
    """
    rows: list[Change] = []
    counts: list[Counts] = []
    top = list(_changed("fleet", "", _top(old), _top(new)))
    rows += top
    if top:
        counts.append(Counts("fleet", 0, 0, 1))
    for kind in KINDS:
        before = {part.id: part for part in getattr(old, kind)}
        after = {part.id: part for part in getattr(new, kind)}
        found = list(_kind(ONE[kind], before, after))
        rows += found
        one = Counts(
            ONE[kind],
            len(after.keys() - before.keys()),
            len(before.keys() - after.keys()),
            len({row.id for row in found if row.what == "changed"}),
        )
        if found:
            counts.append(one)
    return Difference(
        rows[:MAX_ROWS],
        len(rows),
        counts,
        _capacity(old, new) if rows else [],
        list(_lines(old, new, rows, view, recovery_s)),
    )


def in_words(found: Difference) -> str:
    """A difference in a line, for the audit log."""
    parts = []
    for one in found.counts:
        numbers = [
            f"{number} {word}"
            for number, word in (
                (one.added, "added"),
                (one.removed, "removed"),
                (one.changed, "changed"),
            )
            if number
        ]
        many = one.kind if one.kind == "fleet" else one.kind + "s"
        parts.append(f"{many}: {', '.join(numbers)}")
    few = [
        f"{row.id or 'fleet'} {row.path} {row.old or 'none'} -> {row.new or 'none'} {row.unit}"
        for row in found.rows
        if row.what == "changed"
    ][:3]
    return "; ".join([*parts, *(text.rstrip() for text in few)])


def _top(fleet: Fleet) -> dict[str, Any]:
    return {
        name: getattr(fleet, name)
        for name in type(fleet).model_fields
        if name not in KINDS and name != "id"
    }


def _kind(
    kind: str, before: Mapping[str, BaseModel], after: Mapping[str, BaseModel]
) -> Iterator[Change]:
    for name, part in before.items():
        if name not in after:
            yield Change(kind, name, "removed", "", _summary(part), "", "")
    for name, part in after.items():
        was = before.get(name)
        if was is None:
            yield Change(kind, name, "added", "", "", _summary(part), "")
        elif was != part:
            yield from _changed(kind, name, _fields(was), _fields(part))


def _fields(part: BaseModel) -> dict[str, Any]:
    return {name: getattr(part, name) for name in type(part).model_fields}


def _changed(
    kind: str, name: str, before: Mapping[str, Any], after: Mapping[str, Any], path: str = ""
) -> Iterator[Change]:
    for field in {**before, **after}:
        old, new = before.get(field), after.get(field)
        if old == new:
            continue
        where = f"{path}.{field}" if path else field
        if isinstance(old, BaseModel) or isinstance(new, BaseModel):
            left = _fields(old) if isinstance(old, BaseModel) else {}
            right = _fields(new) if isinstance(new, BaseModel) else {}
            yield from _changed(kind, name, left, right, where)
        else:
            yield Change(kind, name, "changed", where, _text(old), _text(new), unit_of(where))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, tuple):
        if value and isinstance(value[0], BaseModel):
            inner = [" ".join(_text(v) for v in _fields(one).values()) for one in value]
            return "; ".join(inner)[:300]
        if value and isinstance(value[0], tuple):
            return f"{sum(len(ring) for ring in value)} corners"
        return ", ".join(_text(one) for one in value)[:300]
    return str(value)


def _summary(part: Any) -> str:
    """What an added or removed thing is, in a few words."""
    words = []
    if hasattr(part, "type") and hasattr(part, "rated_kw"):
        words = [str(part.type).replace("_", " "), f"{part.rated_kw:g} kW", f"at {part.site}"]
    elif hasattr(part, "peak_kw"):
        words = [str(part.load_class), f"peak {part.peak_kw:g} kW", f"at {part.site}"]
    elif hasattr(part, "backup_load_kw"):
        words = [f"in {part.area}", f"protected load {part.backup_load_kw:g} kW"]
    elif hasattr(part, "border"):
        limit = part.connection
        words = [f"import limit {limit.import_limit_kw:g} kW" if limit else "islanded"]
    return ", ".join(words)


def _capacity(old: Fleet, new: Fleet) -> list[Capacity]:
    before, after = summarise(old), summarise(new)
    left = {str(one.type): one for one in before.types}
    right = {str(one.type): one for one in after.types}
    rows = []
    for name in {**left, **right}:
        was, will = left.get(name), right.get(name)
        rows.append(
            Capacity(
                name,
                was.count if was else 0,
                will.count if will else 0,
                was.rated_kw if was else 0.0,
                will.rated_kw if will else 0.0,
                was.deliverable_kw if was else 0.0,
                will.deliverable_kw if will else 0.0,
                was.firm_kw if was else 0.0,
                will.firm_kw if will else 0.0,
            )
        )
    rows.append(
        Capacity(
            "total",
            before.devices,
            after.devices,
            before.rated_kw,
            after.rated_kw,
            before.deliverable_kw,
            after.deliverable_kw,
            before.firm_kw,
            after.firm_kw,
        )
    )
    return rows


def _lines(
    old: Fleet, new: Fleet, rows: list[Change], view: PlantView, recovery_s: float
) -> Iterator[str]:
    if not rows:
        yield "Nothing differs from the fleet in force."
        return
    places = {device.id: device.site for device in new.devices}
    leaving = {d.id for d in old.devices if places.get(d.id) != d.site}
    running = [d for d in view.devices if d.id in leaving and abs(d.power_kw) >= 0.1]
    if running:
        yield (
            f"Now running and no longer commanded after: {_several([d.id for d in running])}, "
            f"{sum(d.power_kw for d in running):,.0f} kW. Engines and stores are stopped in the "
            "cycle before; sun and wind give what they have."
        )
    held = [d.id for d in view.devices if d.id in leaving and d.override]
    if held:
        yield f"Holds by operators end on {_several(held)}."
    joined = [site.id for site in new.sites if site.id not in old.site_by_id]
    if joined:
        yield (
            f"New sites: {_several(joined)}. The center listens to them for up to "
            f"{recovery_s:g} s before it commands again; setpoints in force hold meanwhile."
        )
    touched = _gateways(old, new, rows)
    if touched:
        yield (
            f"Gateways keep their own copy of the fleet: give it to those of {_several(touched)} "
            "and restart them. Until then they hold commands against the old values, and devices "
            "they do not know stay silent."
        )


def _gateways(old: Fleet, new: Fleet, rows: list[Change]) -> list[str]:
    """Sites whose gateways must be given the new fleet."""
    sites: set[str] = set()
    for row in rows:
        if row.kind == "site" and row.what != "removed":
            sites.add(row.id)
        elif row.kind == "device":
            for fleet in (old, new):
                device = fleet.device_by_id.get(row.id)
                if device is not None and device.site in new.site_by_id:
                    sites.add(device.site)
        elif row.kind == "end-user":
            for fleet in (old, new):
                user = fleet.end_user_by_id.get(row.id)
                if user is not None and user.site in new.site_by_id:
                    sites.add(user.site)
    return sorted(sites)


def _several(names: list[str]) -> str:
    shown = ", ".join(names[:MAX_NAMES])
    return shown + (f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else "")
