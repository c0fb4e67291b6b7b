"""A plant's view put together again from the stream's messages."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct, structs

from gridmuster.center.view import AreaView, DeviceView, PlantView
from gridmuster.console.messages import (
    MESSAGES,
    AreaRow,
    DeviceRow,
    ForecastRow,
    PlanRow,
    PlantMessage,
    command_key,
    decision_key,
)
from gridmuster.errors import SignalError
from gridmuster.units import MS_PER_S

_DECODERS: Final = {name: msgspec.json.Decoder(kind) for name, kind in MESSAGES.items()}
_PLANT: Final = msgspec.json.Decoder(PlantMessage)
_NO_FORECAST: Final = ForecastRow("", 0, 900, [], [], [], [], [])


class Picture:
    """Takes the stream's events in order and gives a view at the end of each edition.

    Topics that were not asked for leave their part of the view empty.
    """

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Any]] = {topic: {} for topic in MESSAGES}

    def take(self, event: str, data: str) -> PlantView | None:
        """Take one event.

        Args:
            event: its name.
            data: its data, JSON.

        Returns:
            The view when the event ends an edition, else None.

        Raises:
            SignalError: when the data is not what the event's name says.
        """
        try:
            if event == "plant":
                return self._view(_PLANT.decode(data))
            decoder = _DECODERS.get(event)
            if decoder is not None:
                self._merge(event, decoder.decode(data))
        except msgspec.DecodeError as error:
            raise SignalError(f"stream event {event!r}: {error}") from error
        return None

    def _merge(self, topic: str, message: Any) -> None:
        rows = self._rows[topic]
        if message.full:
            rows.clear()
        for key in message.gone:
            rows.pop(key, None)
        for row in message.changed:
            rows[_key(topic, row)] = row

    def _view(self, head: PlantMessage) -> PlantView:
        rows = self._rows
        return PlantView(
            at_ms=head.at_ms,
            fleet=head.fleet,
            center_id=head.center_id,
            fence=head.fence,
            mode=head.mode,
            cycle=head.cycle,
            objective=head.objective,
            areas=[_area(row, rows["forecast"].get(row.id)) for row in rows["balance"].values()],
            devices=[
                _device(row, rows["plans"].get(row.id), head) for row in rows["devices"].values()
            ],
            alarms=list(rows["alarms"].values()),
            decisions=sorted(rows["decisions"].values(), key=_at_ms),
            commands=sorted(rows["commands"].values(), key=_at_ms),
            counters=head.counters,
            plan_status=head.plan_status,
            plan_gap=head.plan_gap,
            plan_age_s=head.plan_age_s,
            time_zone=head.time_zone,
            speed=head.speed,
            link_up=head.link_up,
            journal_fault=head.journal_fault,
        )


def _at_ms(row: Any) -> int:
    at_ms: int = row.at_ms
    return at_ms


def _key(topic: str, row: Any) -> str:
    if topic == "commands":
        return command_key(row)
    if topic == "decisions":
        return decision_key(row)
    key: str = row.id
    return key


def _fields(row: Struct) -> list[Any]:
    return [getattr(row, name) for name in row.__struct_fields__]


def _area(row: AreaRow, forecast: ForecastRow | None) -> AreaView:
    ahead = structs.asdict(forecast or _NO_FORECAST)
    return AreaView(**{**ahead, **structs.asdict(row)})


def _device(row: DeviceRow, plan: PlanRow | None, head: PlantMessage) -> DeviceView:
    age_s = (head.at_ms - row.heard_ms) / MS_PER_S
    values = _fields(row)
    values[DeviceRow.__struct_fields__.index("heard_ms")] = age_s
    values.append(plan.planned_kw if plan else [])
    return DeviceView(*values)
