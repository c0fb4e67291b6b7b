"""Follows every generator that was called: did it start, does it run, has it failed?"""

from __future__ import annotations

from msgspec import Struct, field

from gridmuster.center.alarmwords import words_of
from gridmuster.dispatch.commitment import CommitmentMemory, Failure
from gridmuster.fleet.devices import Generator
from gridmuster.signals import DeviceReading, DeviceState
from gridmuster.units import MS_PER_S

ON_STATES = frozenset({DeviceState.STARTING, DeviceState.WARMING, DeviceState.RUNNING})
FAILED_STATES = frozenset({DeviceState.FAULT, DeviceState.LOCKED})
#: Alarm of a controller that a person told to stop at once: no failure of the set.
STOPPED = "emergency_stop"
#: How long a refused or unanswered device is left alone, s.
HOLD_OFF_S = 1800
#: Time on or off assumed for a device first seen in that state, s.
LONG_S = 1.0e9


class Call(Struct):
    """A start that was asked for: when, and the failed-start counter then."""

    since_ms: int
    failed_starts: int
    started: bool = False


class Life(Struct):
    """Since when a device is on or off, as seen from here (ms; 0: since before it was seen)."""

    on: bool
    since_ms: int
    state: DeviceState


class CallMemory(Struct):
    """What is remembered of calls; plain data for the checkpoint."""

    calls: dict[str, Call] = field(default_factory=dict)
    lives: dict[str, Life] = field(default_factory=dict)


class CallBook:
    """Turns readings of generators into edges: started, stopped, failed, recovered.

    Args:
        memory: what an earlier book remembered.
        commitment: where failures are kept.
        grace_s: time beyond the nominal start sequence before a start counts as failed, s.
    """

    def __init__(self, memory: CallMemory, commitment: CommitmentMemory, grace_s: float) -> None:
        self.memory = memory
        self._commitment = commitment
        self._grace_ms = int(grace_s * MS_PER_S)

    def is_on(self, device: str) -> bool:
        """Whether the device was last seen running or on its way to it."""
        life = self.memory.lives.get(device)
        return life is not None and life.on

    def in_state_s(self, device: str, now_ms: int) -> float:
        """How long the device has been on or off, s; long when it was so before it was seen."""
        life = self.memory.lives.get(device)
        if life is None or life.since_ms == 0:
            return LONG_S
        return (now_ms - life.since_ms) / MS_PER_S

    def called(self, device: str, reading: DeviceReading | None, now_ms: int) -> None:
        """Note that the device is now asked to run (repeating changes nothing)."""
        if device not in self.memory.calls:
            failed = (
                0 if reading is None or reading.failed_starts is None else reading.failed_starts
            )
            self.memory.calls[device] = Call(now_ms, failed)

    def released(self, device: str) -> None:
        """Note that the device is no longer asked to run."""
        self.memory.calls.pop(device, None)

    def take(self, device: Generator, reading: DeviceReading, now_ms: int) -> str:
        """Compare a reading with the last.

        Returns:
            ``started``, ``stopped``, ``failed``, ``recovered``, or empty for nothing new.
        """
        life = self.memory.lives.get(device.id)
        on = reading.state in ON_STATES
        edge = ""
        if life is None:
            self.memory.lives[device.id] = Life(on, 0, reading.state)
        else:
            if life.state in FAILED_STATES and reading.state is DeviceState.IDLE:
                self._commitment.failures.pop(device.id, None)
                edge = "recovered"
            if life.on and reading.state in FAILED_STATES:
                edge = self._alone(device, life.state, reading, now_ms)
            if life.on != on:
                life.on, life.since_ms = on, now_ms
                edge = edge or ("started" if on else "stopped")
            life.state = reading.state
        return self._failure(device, reading, now_ms) or edge

    def _alone(
        self, device: Generator, before: DeviceState, reading: DeviceReading, now_ms: int
    ) -> str:
        """Book the failure of a set that its site had started by itself."""
        if device.id in self.memory.calls or device.id in self._commitment.failures:
            return ""
        if STOPPED in reading.alarms:
            return ""
        cause = _cause(reading, ran=before is not DeviceState.STARTING)
        # Nothing of ours is lost with it, so that nothing is to be called in its place.
        self._commitment.failures[device.id] = Failure(now_ms, cause, replaced=True)
        return "failed"

    def _failure(self, device: Generator, reading: DeviceReading, now_ms: int) -> str:
        call = self.memory.calls.get(device.id)
        if call is None or device.id in self._commitment.failures:
            return ""
        if reading.state in (DeviceState.WARMING, DeviceState.RUNNING):
            call.started = True
        cause = ""
        if reading.state in FAILED_STATES:
            cause = _cause(reading, ran=call.started)
        elif reading.failed_starts is not None and reading.failed_starts > call.failed_starts:
            cause = "failed to start"
        if not cause:
            return ""
        self._commitment.failures[device.id] = Failure(now_ms, cause)
        return "failed"

    def overdue(self, device: Generator, now_ms: int) -> bool:
        """Book a call that had no effect within the nominal start and the grace as failed.

        Returns:
            Whether it was booked now.
        """
        call = self.memory.calls.get(device.id)
        if call is None or call.started or device.id in self._commitment.failures:
            return False
        allowed_ms = int((device.start_s + device.sync_s) * MS_PER_S) + self._grace_ms
        waited_ms = now_ms - call.since_ms
        if waited_ms <= allowed_ms:
            return False
        self._commitment.failures[device.id] = Failure(
            now_ms,
            f"did not come on within {waited_ms / MS_PER_S:.0f} s of its call",
            until_ms=now_ms + HOLD_OFF_S * MS_PER_S,
        )
        return True

    def hold_off(self, device: str, cause: str, now_ms: int) -> None:
        """Leave a device alone for a while because its site said no."""
        if device not in self._commitment.failures:
            self._commitment.failures[device] = Failure(
                now_ms, cause, until_ms=now_ms + HOLD_OFF_S * MS_PER_S
            )

    def forgive(self, now_ms: int) -> None:
        """Forget failures whose hold-off is over."""
        failures = self._commitment.failures
        for device in [d for d, f in failures.items() if 0 < f.until_ms <= now_ms]:
            del failures[device]
            self.memory.calls.pop(device, None)


def _cause(reading: DeviceReading, *, ran: bool) -> str:
    """Why a set is in fault, in words."""
    words = [words_of(alarm, "").text for alarm in reading.alarms if alarm != "fail_to_start"]
    what = "tripped" if ran else "failed to start"
    return f"{what}: {', '.join(words)}" if words else what
