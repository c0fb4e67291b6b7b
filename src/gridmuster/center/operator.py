"""Operators' wishes: overrides until a time or release, and emergency stops that latch."""

from __future__ import annotations

from msgspec import Struct, field

from gridmuster.center.config import CenterConfig
from gridmuster.fleet.model import Fleet
from gridmuster.signals import Action, OperatorRequest, Order, Purpose, Scope
from gridmuster.units import MS_PER_S

#: Longest time for which a reset is asked of a site that does not answer, s.
RESET_S = 120


class Override(Struct):
    """A device held by a person: at a power (None: off), until when, by whom, what for."""

    power_kw: float | None
    until_ms: int
    actor: str
    purpose: Purpose = Purpose.OPERATOR


class OperatorMemory(Struct):
    """Overrides and latched emergency stops by device id; plain data for the checkpoint."""

    overrides: dict[str, Override] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)
    resetting: dict[str, int] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)


class OperatorDesk:
    """Applies operators' requests.

    Args:
        fleet: the fleet.
        config: the center's settings.
        memory: what an earlier desk remembered.
    """

    def __init__(self, fleet: Fleet, config: CenterConfig, memory: OperatorMemory) -> None:
        self._fleet = fleet
        self._config = config
        self.memory = memory

    def devices(self, scope: Scope, target: str) -> list[str]:
        """Ids of the devices in scope; empty when the target does not exist."""
        fleet = self._fleet
        if scope is Scope.DEVICE:
            return [target] if target in fleet.device_by_id else []
        if scope is Scope.SITE:
            return [device.id for device in fleet.devices_of_site.get(target, ())]
        if scope is Scope.AREA:
            return [
                device.id
                for site in fleet.sites_of_area.get(target, ())
                for device in fleet.devices_of_site[site.id]
            ]
        return [device.id for device in fleet.devices] if target == fleet.id else []

    def take(self, request: OperatorRequest, now_ms: int) -> str:
        """Apply a request.

        Args:
            request: the request, already authorised.
            now_ms: now, ms.

        Returns:
            What was done, in words, beginning with ``refused:`` when nothing was. The same
            request id is answered again and not applied again.
        """
        known = self.memory.answers.get(request.id)
        if known is not None:
            return known
        answer = self._apply(request, now_ms)
        self.answer(request.id, answer)
        return answer

    def answer(self, request_id: str, answer: str) -> None:
        """Keep what became of a request, so that it does not act twice.

        Args:
            request_id: its id.
            answer: what became of it, in words.
        """
        self.memory.answers[request_id] = answer
        while len(self.memory.answers) > 1000:
            del self.memory.answers[next(iter(self.memory.answers))]

    def _apply(self, request: OperatorRequest, now_ms: int) -> str:
        if request.action is Action.ACKNOWLEDGE:
            return f"acknowledged alarm {request.target}"
        devices = self.devices(request.scope, request.target)
        if not devices:
            return f"refused: no device in {request.scope} {request.target!r}"
        memory = self.memory
        if request.action is Action.EMERGENCY_STOP:
            for device in devices:
                memory.stopped[device] = request.actor
                memory.resetting.pop(device, None)
                memory.overrides.pop(device, None)
            return f"emergency stop latched on {len(devices)} device(s)"
        if request.action is Action.RESET:
            if request.role != "admin":
                return "refused: only an admin may reset an emergency stop or a lock-out"
            for device in devices:
                memory.stopped.pop(device, None)
                memory.resetting[device] = now_ms
            return f"reset asked of {len(devices)} device(s)"
        if request.action is Action.RELEASE:
            released = [device for device in devices if memory.overrides.pop(device, None)]
            return f"released {len(released)} device(s)"
        return self._override(request, devices, now_ms)

    def _override(self, request: OperatorRequest, devices: list[str], now_ms: int) -> str:
        until_ms = request.until_ms
        if until_ms is None:
            until_ms = now_ms + self._config.operator_override_s * MS_PER_S
        if until_ms <= now_ms:
            return "refused: the override would already have ended"
        if request.power_kw is not None:
            for device_id in devices:
                device = self._fleet.device_by_id[device_id]
                if abs(request.power_kw) > device.rated_kw:
                    return (
                        f"refused: {request.power_kw} kW is beyond the rating of {device_id}, "
                        f"{device.rated_kw} kW"
                    )
        latched = [device for device in devices if device in self.memory.stopped]
        if latched:
            return f"refused: emergency stop is latched on {latched[0]}; reset it first"
        for held in devices:
            self.memory.overrides[held] = Override(request.power_kw, until_ms, request.actor)
        wish = "off" if request.power_kw is None else f"{request.power_kw:g} kW"
        return f"override to {wish} on {len(devices)} device(s)"

    def orders(self, now_ms: int) -> list[tuple[str, Order]]:
        """What persons ask of devices beside power: stops that are latched, resets under way.

        A reset is asked until its site answers, at the most for `RESET_S`.

        Args:
            now_ms: now, ms.
        """
        memory = self.memory
        since_ms = now_ms - RESET_S * MS_PER_S
        for device in [d for d, at_ms in memory.resetting.items() if at_ms < since_ms]:
            del memory.resetting[device]
        orders = [(device, Order.EMERGENCY_STOP) for device in memory.stopped]
        orders += [(device, Order.RESET) for device in memory.resetting]
        return [(device, order) for device, order in orders if device in self._fleet.device_by_id]

    def expire(self, now_ms: int) -> list[str]:
        """Drop overrides whose time is over; returns their devices."""
        over = [d for d, o in self.memory.overrides.items() if o.until_ms <= now_ms]
        for device in over:
            del self.memory.overrides[device]
        return over
