"""The legal basis of a start and the limits of that moment, in words for its record."""

from __future__ import annotations

from gridmuster.fleet.devices import Generator
from gridmuster.safety import Context, permits
from gridmuster.safety.hours import hours_left
from gridmuster.signals import Purpose, Setpoint


def legal_basis(device: Generator, purpose: Purpose) -> str:
    """Under which permit class and for what an engine runs; hours are added up by this.

    Args:
        device: the engine.
        purpose: what it is started for.
    """
    return f"permit {permits.name_of(device.permit)}, for {purpose.value.replace('_', ' ')}"


def hours_text(context: Context, purpose: Purpose) -> str:
    """How many hours the permit leaves a run.

    Args:
        context: what is known of the engine.
        purpose: what it is started for.
    """
    left = hours_left(context, purpose)
    return "no hour cap" if left is None else f"{left.left_h:.0f} h left of {left.limit}"


def limits_now(device: Generator, context: Context, setpoint: Setpoint) -> tuple[str, ...]:
    """The limits of a start and what is used of them, the tightest first.

    Args:
        device: the engine.
        context: what is known of it.
        setpoint: what it is asked to do.
    """
    found: list[tuple[float, str]] = []
    left = hours_left(context, setpoint.purpose)
    if left is not None:
        share = left.used_h / left.stop_h if left.stop_h > 0.0 else 1.0
        text = f"permit: {left.used_h:.1f} of {left.stop_h:.1f} h used, {left.limit}"
        found.append((share, text))
    limits, reading = context.envelope, context.reading
    if device.tank is not None and reading is not None and reading.fuel_level:
        share = limits.fuel_floor / reading.fuel_level
        text = f"fuel: {limits.fuel_floor:.0f} of {reading.fuel_level:.0f} are kept for the site"
        found.append((share, text))
    found.append(
        (
            (context.starts_24h + 1) / max(limits.max_starts, 1),
            f"starts: {context.starts_24h + 1} of {limits.max_starts} in 24 h",
        )
    )
    found.append(_power(context, setpoint.power_kw))
    return tuple(text for _, text in sorted(found, key=lambda one: -one[0]))


def _power(context: Context, power_kw: float) -> tuple[float, str]:
    """How much of what the site or the machine may give is asked for."""
    limits = context.envelope
    if limits.parallels:
        most_kw, what = limits.rated_kw, "rating"
        if context.export_without_kw is not None:
            room_kw = limits.export_limit_kw - context.export_without_kw
            if room_kw < most_kw:
                most_kw, what = max(room_kw, 0.0), "export limit"
    else:
        load_kw = context.backup_load_kw
        most_kw = limits.site.backup_load_kw if load_kw is None else load_kw
        what = "own load behind a transfer switch"
    share = power_kw / most_kw if most_kw > 0.0 else 1.0
    return share, f"power: {power_kw:.1f} of {most_kw:.1f} kW, {what}"
