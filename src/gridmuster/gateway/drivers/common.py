"""What all drivers share: words for alarms, switch positions and states, and the silent reading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from gridmuster.signals import DeviceReading, DeviceState, Quality, SwitchMode

Points = Mapping[str, float]
Orders = list[tuple[str, float]]

#: Words of the bits of the point ``alarm_bits``, from bit 0.
ALARM_WORDS: Final = (
    "fail_to_start",
    "overspeed",
    "low_oil_pressure",
    "high_temperature",
    "low_fuel",
    "not_in_auto",
    "emergency_stop",
    "fail_to_stop",
    "breaker_fault",
    "reverse_power",
)
#: States by the index that the point ``state`` carries; what is beyond is unknown.
STATES: Final = {float(k): state for k, state in enumerate(DeviceState)}
#: Switch positions by the number that the point ``mode`` carries.
MODES: Final = {
    0.0: SwitchMode.OFF,
    1.0: SwitchMode.MANUAL,
    2.0: SwitchMode.AUTO,
    3.0: SwitchMode.UNKNOWN,
}
#: States in which a device can be called.
CALLABLE: Final = frozenset(
    {
        DeviceState.IDLE,
        DeviceState.STARTING,
        DeviceState.WARMING,
        DeviceState.RUNNING,
        DeviceState.COOLING,
    }
)
#: States that a start does not improve.
UNDER_WAY: Final = frozenset({DeviceState.STARTING, DeviceState.WARMING, DeviceState.RUNNING})
_MAX_WORDS: Final = 4096
_words: dict[float, tuple[str, ...]] = {0.0: ()}


def alarm_words(bits: float) -> tuple[str, ...]:
    """Words of the alarms that are set.

    Args:
        bits: the point ``alarm_bits``; a bit without a word becomes ``alarm_<bit>``.
    """
    found = _words.get(bits)
    if found is None:
        number = int(bits)
        found = tuple(
            ALARM_WORDS[bit] if bit < len(ALARM_WORDS) else f"alarm_{bit}"
            for bit in range(number.bit_length())
            if number >> bit & 1
        )
        if len(_words) < _MAX_WORDS:
            _words[bits] = found
    return found


def counter(points: Points, name: str) -> float | None:
    """A counter or level that cannot be negative; None when the controller does not say."""
    value = points.get(name)
    return value if value is None or value >= 0.0 else 0.0


def count(points: Points, name: str) -> int | None:
    """A whole counter; None when the controller does not say."""
    value = points.get(name)
    return None if value is None else max(int(value), 0)


def quality_of(points: Points) -> Quality:
    """Good when the controller said what counts most: its state and its power."""
    return Quality.GOOD if "power_kw" in points and "state" in points else Quality.ESTIMATED


def silent(device_id: str, last: DeviceReading | None) -> DeviceReading:
    """The reading of a device whose controller does not answer.

    Stale data is not zero: power and counters stay as they were last heard, nothing is promised
    (``available_kw`` 0), and the quality says why.

    Args:
        device_id: the device.
        last: its last reading, None when it never answered.
    """
    if last is None:
        return DeviceReading(
            device=device_id,
            state=DeviceState.UNKNOWN,
            mode=SwitchMode.UNKNOWN,
            quality=Quality.BAD,
        )
    return msgspec.structs.replace(
        last, state=DeviceState.UNKNOWN, available_kw=0.0, quality=Quality.BAD
    )
