"""A view's devices as columns, so that a hundred thousand of them are filtered and sorted at once.

A column is made when a query first needs it and kept as long as its view is the latest. What does
not change from cycle to cycle (kinds, places, nameplates, names to search in) is kept as long as
the devices are the same.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gridmuster.center.view import DeviceView, PlantView
from gridmuster.console.sitestates import REST_SHARE, STARTED
from gridmuster.fleet.devices import Generator, PermitClass
from gridmuster.fleet.model import Fleet
from gridmuster.signals import DeviceState, Order, Quality, SwitchMode
from gridmuster.units import Fuel

Floats = NDArray[np.float64]
Codes = NDArray[np.int32]
Mask = NDArray[np.bool_]

#: What the table calls a store that takes power in; devices themselves say that they run, also
#: those that need no start and give nothing, which the table calls idle.
CHARGING: Final = "charging"
#: States in the order in which they are sorted and counted: what needs a look comes last.
STATES: Final = tuple(
    dict.fromkeys(
        state
        for known in DeviceState
        for state in ((known.value, CHARGING) if known is DeviceState.RUNNING else (known.value,))
    )
)


class Coded:
    """A column of words as numbers, with the words they stand for.

    Args:
        words: the words, row by row.
        first: words that get the lowest numbers, in this order.
    """

    def __init__(self, words: Iterable[str], count: int, first: Iterable[str] = ()) -> None:
        numbers = {word: n for n, word in enumerate(first)}
        self.codes: Codes = np.fromiter(
            (numbers.setdefault(word, len(numbers)) for word in words), np.int32, count
        )
        self.words = list(numbers)
        self.numbers = numbers

    def among(self, wanted: Iterable[str]) -> Mask:
        """Rows that hold one of some words."""
        table = np.zeros(len(self.words), np.bool_)
        for word in wanted:
            if word in self.numbers:
                table[self.numbers[word]] = True
        return table[self.codes] if len(self.words) else np.zeros(0, np.bool_)

    def ranks(self, order: list[str] | None = None) -> Codes:
        """Rows by their word's place: in the alphabet, or in the order given."""
        ordered = sorted(self.words) if order is None else order
        place = {word: n for n, word in enumerate(ordered)}
        table = np.array([place.get(word, len(place)) for word in self.words], np.int32)
        return table[self.codes] if len(self.words) else self.codes


class Fixed:
    """What stays as long as the devices are the same.

    Args:
        devices: the devices.
        fleet: their characteristics; None when they are not known.
    """

    def __init__(self, devices: list[DeviceView], fleet: Fleet | None) -> None:
        count = len(devices)
        self.ids = [device.id for device in devices]
        self.fleet = fleet
        self.count = count
        self.by_id: Codes = np.array(
            sorted(range(count), key=self.ids.__getitem__), np.int32
        ).reshape(count)
        self.types = Coded((device.type for device in devices), count)
        self.sites = Coded((device.site for device in devices), count)
        self.areas = Coded((device.area for device in devices), count)
        self.permits = Coded(
            (device.permit_class for device in devices), count, [p.value for p in PermitClass]
        )
        self.rated: Floats = np.fromiter((device.rated_kw for device in devices), float, count)
        self.started = self.types.among(STARTED)
        self._from_fleet()
        self._haystack(devices)

    def _from_fleet(self) -> None:
        known = {} if self.fleet is None else self.fleet.device_by_id
        sites = {} if self.fleet is None else self.fleet.site_by_id
        areas = {} if self.fleet is None else self.fleet.area_by_id
        self.site_names = [_name(sites, site) for site in self.sites.words]
        self.area_names = [_name(areas, area) for area in self.areas.words]
        self.tank: Floats = np.full(self.count, np.nan)
        fuels = [""] * self.count
        self.tags: dict[str, list[int]] = {}
        feeders = [""] * self.count
        for row, device_id in enumerate(self.ids):
            device = known.get(device_id)
            if device is None:
                continue
            if isinstance(device, Generator):
                fuels[row] = device.fuel.value
                if device.tank is not None:
                    self.tank[row] = device.tank.capacity
            feeders[row] = sites[device.site].feeder or ""
            for tag in {*device.tags, *sites[device.site].tags}:
                self.tags.setdefault(tag.lower(), []).append(row)
        self.fuels = Coded(fuels, self.count, ["", *(fuel.value for fuel in Fuel)])
        named = {} if self.fleet is None else self.fleet.feeder_by_id
        self.feeders = Coded(feeders, self.count)
        self.feeder_names = [_name(named, feeder) for feeder in self.feeders.words]

    def _haystack(self, devices: list[DeviceView]) -> None:
        """One text of all names, a line a device, and where each line starts."""
        numbers, names, areas = self.sites.numbers, self.site_names, self.area_names
        lines = [
            f"{d.id}\t{d.type.replace('_', ' ')}\t{d.site}\t{names[numbers[d.site]]}\t{d.area}\t"
            f"{areas[self.areas.numbers[d.area]]}".replace("\n", " ").lower()
            for d in devices
        ]
        self._text = "\n".join(lines)
        lengths = np.fromiter((len(line) + 1 for line in lines), np.int64, self.count)
        self._starts = [0, *np.cumsum(lengths).tolist()]

    def named(self, word: str) -> Mask:
        """Rows whose id, kind, site or area has a text in it, in lower case."""
        found = np.zeros(self.count, np.bool_)
        text, starts = self._text, self._starts
        at = text.find(word)
        while at >= 0:
            row = bisect_right(starts, at) - 1
            found[row] = True
            at = text.find(word, starts[row + 1])
        return found

    def same(self, devices: list[DeviceView], fleet: Fleet | None) -> bool:
        """Whether these are still the devices, in the same order, with the same fleet."""
        return (
            fleet is self.fleet
            and len(devices) == self.count
            and all(
                device.id is known or device.id == known
                for device, known in zip(devices, self.ids, strict=True)
            )
        )


def _name(places: dict[str, Any], place_id: str) -> str:
    place = places.get(place_id)
    return "" if place is None else str(place.name)


class Columns:
    """The devices of one view.

    Args:
        view: the view.
        fixed: what does not change from view to view.
    """

    def __init__(self, view: PlantView, fixed: Fixed) -> None:
        self.view = view
        self.fixed = fixed
        self.count = fixed.count
        self._made: dict[str, Any] = {}

    def _once(self, name: str, make: Callable[[], Any]) -> Any:
        column = self._made.get(name)
        if column is None:
            column = self._made[name] = make()
        return column

    def number(self, name: str) -> Floats:
        """A column of numbers in the unit of its field; not a number where nothing is known.

        Args:
            name: `power`, `setpoint`, `available`, `rated`, `load`, `energy`, `fuel`, `age`,
                `run` or `permit`; `fuel%` and `energy%` are shares of what is full.
        """
        column: Floats = self._once(f"{name}#", lambda: self._number(name))
        return column

    def _number(self, name: str) -> Floats:
        if name == "rated":
            return self.fixed.rated
        if name == "load":
            load: Floats = self.number("power") / self.fixed.rated
            return load
        if name == "fuel%":
            fill: Floats = self.number("fuel") / self.fixed.tank
            return fill
        devices = self.view.devices
        if name == "energy%":
            capacity = np.array([d.energy_capacity_kwh for d in devices], float)
            charge: Floats = self.number("energy") / capacity.reshape(self.count)
            return charge
        field = _FIELDS[name]
        # An array of objects turns None into not-a-number on its own.
        return np.array([getattr(d, field) for d in devices], float).reshape(self.count)

    def word(self, name: str) -> Coded:
        """A column of words: `type`, `site`, `area`, `feeder`, `permit`, `state`, and others."""
        column: Coded = self._once(f"{name}:", lambda: self._word(name))
        return column

    def _word(self, name: str) -> Coded:
        fixed, devices = self.fixed, self.view.devices
        kept = {
            "type": fixed.types,
            "site": fixed.sites,
            "area": fixed.areas,
            "feeder": fixed.feeders,
            "permit": fixed.permits,
            "burns": fixed.fuels,
        }.get(name)
        if kept is not None:
            return kept
        if name == "state":
            states = Coded((d.state for d in devices), self.count, STATES)
            power_kw = self.number("power")
            ready = states.among((DeviceState.RUNNING.value,)) & ~fixed.started
            rests = np.abs(power_kw) <= REST_SHARE * fixed.rated
            states.codes[ready & rests] = states.numbers[DeviceState.IDLE.value]
            states.codes[ready & ~rests & (power_kw < 0.0)] = states.numbers[CHARGING]
            return states
        return Coded((getattr(d, name) for d in devices), self.count, _KNOWN.get(name, ()))

    def flag(self, name: str) -> Mask:
        """A column of yes and no: `override`, or `alarm` (its own ones and the center's)."""
        column: Mask = self._once(f"{name}?", lambda: self._flag(name))
        return column

    def _flag(self, name: str) -> Mask:
        devices = self.view.devices
        if name == "override":
            return np.fromiter((d.override != "" for d in devices), np.bool_, self.count)
        own = np.fromiter((len(d.alarms) > 0 for d in devices), np.bool_, self.count)
        subjects = {alarm.subject for alarm in self.view.alarms}
        return own | self.rows_of(subjects)

    def rows_of(self, ids: set[str]) -> Mask:
        """Rows of some devices by id."""
        if not ids:
            return np.zeros(self.count, np.bool_)
        return np.fromiter((known in ids for known in self.fixed.ids), np.bool_, self.count)

    def says(self, word: str) -> Mask:
        """Rows whose reason or alarms have a text in them, in lower case."""
        texts: list[tuple[int, str]] = self._once("texts", self._texts)
        found = np.zeros(self.count, np.bool_)
        found[[row for row, text in texts if word in text]] = True
        return found

    def _texts(self) -> list[tuple[int, str]]:
        return [
            (row, "\t".join((d.reason, *d.alarms)).lower())
            for row, d in enumerate(self.view.devices)
            if d.reason or d.alarms
        ]


_FIELDS: Final = {
    "power": "power_kw",
    "setpoint": "setpoint_kw",
    "available": "available_kw",
    "energy": "energy_kwh",
    "fuel": "fuel_level",
    "age": "age_s",
    "run": "run_h",
    "permit": "permit_left_h",
}
_KNOWN: Final[dict[str, tuple[str, ...]]] = {
    "quality": tuple(quality.value for quality in Quality),
    "mode": tuple(mode.value for mode in SwitchMode),
    "order": ("", *(order.value for order in Order)),
}


class ColumnKeeper:
    """Columns of the latest view, and of the devices as long as they are the same."""

    def __init__(self) -> None:
        self._fixed: Fixed | None = None
        self._columns: Columns | None = None

    def of(self, view: PlantView, fleet: Fleet | None) -> Columns:
        """The columns of a view.

        Args:
            view: the view; the same object gets the same columns.
            fleet: the devices' characteristics, None when they are not known.
        """
        if self._columns is not None and self._columns.view is view:
            return self._columns
        if self._fixed is None or not self._fixed.same(view.devices, fleet):
            self._fixed = Fixed(view.devices, fleet)
        self._columns = Columns(view, self._fixed)
        return self._columns
