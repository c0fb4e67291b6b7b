"""What a command would do, in numbers, before it is given."""

from __future__ import annotations

from msgspec import structs

from gridmuster.center.view import AreaView, DeviceView, PlantView
from gridmuster.console.documents import AreaConsequence, Consequence
from gridmuster.console.problems import Problem, unknown_subject
from gridmuster.signals import Action, DeviceState, Scope

#: States in which a device gives or takes power.
ACTIVE = frozenset({DeviceState.RUNNING, DeviceState.WARMING, DeviceState.STARTING})
#: Most devices that a consequence names one by one.
MAX_NAMED = 20


def devices_in(view: PlantView, scope: Scope, target: str) -> list[DeviceView]:
    """The devices that a command reaches.

    Raises:
        Problem: 404 when the plant has nothing of that name.
    """
    if scope is Scope.FLEET:
        if target != view.fleet:
            raise unknown_subject("fleet", target, [view.fleet])
        return view.devices
    if scope is Scope.DEVICE:
        found = [device for device in view.devices if device.id == target]
        known = [device.id for device in view.devices]
    elif scope is Scope.SITE:
        found = [device for device in view.devices if device.site == target]
        known = sorted({device.site for device in view.devices})
    else:
        found = [device for device in view.devices if device.area == target]
        known = [area.id for area in view.areas]
    if not found and target not in known:
        raise unknown_subject(scope.value, target, known)
    return found


def consequence(
    view: PlantView, action: Action, scope: Scope, target: str, power_kw: float | None
) -> Consequence:
    """What a command would do to the plant as it is in a view.

    Args:
        view: the plant now.
        action: what would be asked for.
        scope: how wide.
        target: of which.
        power_kw: for an override, the power asked of each device, kW; None: off.

    Raises:
        Problem: 404 for an unknown target, 422 for a power that a device cannot give.
    """
    devices = devices_in(view, scope, target)
    after = [_power_after(device, action, power_kw) for device in devices]
    if action is Action.OVERRIDE:
        _check_power(devices, power_kw)
    now_kw = sum(device.power_kw for device in devices)
    after_kw = sum(after)
    changes: dict[str, float] = {}
    for device, power in zip(devices, after, strict=True):
        changes[device.area] = changes.get(device.area, 0.0) + power - device.power_kw
    areas = [_area_after(area, changes[area.id]) for area in view.areas if area.id in changes]
    found = Consequence(
        action.value,
        scope.value,
        target,
        len(devices),
        sum(device.state in ACTIVE for device in devices),
        now_kw,
        after_kw,
        after_kw - now_kw,
        [device.id for device in devices[:MAX_NAMED]],
        areas,
        _warnings(devices, areas, action),
        [],
    )
    return structs.replace(found, lines=_lines(found))


def _power_after(device: DeviceView, action: Action, power_kw: float | None) -> float:
    if action is Action.EMERGENCY_STOP:
        return 0.0
    if action is Action.OVERRIDE:
        return power_kw or 0.0
    return device.power_kw


def _check_power(devices: list[DeviceView], power_kw: float | None) -> None:
    """Refuse a power that a device in scope cannot give or take; the center would too.

    Raises:
        Problem: 422 with the limits.
    """
    if power_kw is None:
        return
    unable = [d for d in devices if not _lowest_kw(d) <= power_kw <= d.rated_kw]
    if not unable:
        return
    first = unable[0]
    others = f"; nor can {len(unable) - 1} more in scope" if len(unable) > 1 else ""
    raise Problem(
        422,
        "invalid",
        f"{first.id} cannot be held at {power_kw:g} kW; its limits are {_lowest_kw(first):g} to "
        f"{first.rated_kw:g} kW{others}.",
        errors=[{"path": "body.power_kw", "message": f"outside the limits of {first.id}"}],
        lowest_kw=_lowest_kw(first),
        highest_kw=first.rated_kw,
        unable=[device.id for device in unable[:MAX_NAMED]],
    )


def _lowest_kw(device: DeviceView) -> float:
    return -device.rated_kw if device.energy_capacity_kwh is not None else 0.0


def _area_after(area: AreaView, change_kw: float) -> AreaConsequence:
    import_after_kw = area.import_kw - change_kw
    return AreaConsequence(
        area.id,
        change_kw,
        area.reserve_kw,
        area.import_kw,
        import_after_kw,
        area.import_limit_kw,
        max(0.0, import_after_kw - area.import_limit_kw),
    )


def _warnings(devices: list[DeviceView], areas: list[AreaConsequence], action: Action) -> list[str]:
    found = [
        f"{area.area}: import would be {area.import_over_limit_kw:,.0f} kW over its limit of "
        f"{area.import_limit_kw:,.0f} kW"
        for area in areas
        if area.import_over_limit_kw > 0.5
    ]
    found += [
        f"{area.area}: {-area.change_kw:,.0f} kW would be lost, more than the reserve of "
        f"{area.reserve_kw:,.0f} kW"
        for area in areas
        if -area.change_kw > max(area.reserve_kw, 0.5)
    ]
    silent = sum(device.quality in ("stale", "bad") for device in devices)
    if silent:
        found.append(f"{silent} of {len(devices)} devices are silent; what they do is not known")
    not_auto = sum(device.mode not in ("auto", "unknown") for device in devices)
    if not_auto and action is not Action.RELEASE:
        found.append(f"{not_auto} of {len(devices)} devices are not in auto and will not obey")
    return found


def _lines(found: Consequence) -> list[str]:
    """The consequence in words."""
    action = Action(found.action)
    verb = {
        Action.OVERRIDE: "would be held",
        Action.RELEASE: "would go back to the plan",
        Action.EMERGENCY_STOP: "would be stopped at once and stay locked until an admin resets",
        Action.RESET: "would be unlocked and go back to the plan",
    }[action]
    plural = "" if found.devices == 1 else "s"
    lines = [f"{found.devices} device{plural} ({found.active} active) {verb}."]
    if action in (Action.OVERRIDE, Action.EMERGENCY_STOP):
        lines.append(
            f"Their power: {found.power_now_kw:,.0f} kW now, {found.power_after_kw:,.0f} kW after."
        )
        lines += [
            f"{area.area}: import {area.import_before_kw:,.0f} kW now, {area.import_after_kw:,.0f}"
            f" kW after if nothing else answered; its limit is {area.import_limit_kw:,.0f} kW."
            for area in found.areas
        ]
    return lines + [f"Warning: {warning}." for warning in found.warnings]
