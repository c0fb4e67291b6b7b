"""What each site does now, as one digit a site, and the stream's topic that tells it.

A site's state is the gravest of its parts, so that a map of many sites shows what needs a look.
From grave to calm: fault, on local backup, silent, starting, running, charging, cooling, idle.
Nothing is believed of what was not heard: a device or site that is silent counts as silent,
whatever it last said.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from gridmuster.center.view import DeviceView, PlantView, SiteView
from gridmuster.console.layout import Charts, Layout
from gridmuster.fleet.devices import DeviceType
from gridmuster.signals import DeviceState, Quality, Supply

#: The topic's name on the stream.
SITES_TOPIC: Final = "sites"
#: Power of a device without a motor below which it rests, share of its rating.
REST_SHARE: Final = 0.01
#: From this share of changed sites on, all codes are shorter than the changes.
FULL_SHARE: Final = 0.25


class SiteState(IntEnum):
    """A site's states, from calm to grave; the number is its digit in the stream."""

    IDLE = 0
    COOLING = 1
    CHARGING = 2
    RUNNING = 3
    STARTING = 4
    SILENT = 5
    BACKUP = 6
    FAULT = 7

    @property
    def word(self) -> str:
        """Its name for pages and the API."""
        return self.name.lower()


#: States of devices that mean the same for every type. Locked is what follows failed starts.
_BY_STATE: Final[dict[str, SiteState]] = {
    DeviceState.FAULT: SiteState.FAULT,
    DeviceState.LOCKED: SiteState.FAULT,
    DeviceState.UNKNOWN: SiteState.SILENT,
    DeviceState.STARTING: SiteState.STARTING,
    DeviceState.WARMING: SiteState.STARTING,
    DeviceState.COOLING: SiteState.COOLING,
}
_UNHEARD: Final = frozenset((Quality.STALE.value, Quality.BAD.value))
#: Types that start and stop: they run when they say so, at any power.
STARTED: Final = frozenset(
    kind.value
    for kind in (
        DeviceType.EMERGENCY_GENERATOR,
        DeviceType.ENGINE,
        DeviceType.MICROTURBINE,
        DeviceType.FUEL_CELL,
    )
)


class SitesMessage(Struct, frozen=True):
    """Topic ``sites``: one digit a site, in the order of ``GET /api/v1/places``.

    When ``full``, ``codes`` holds every site. Otherwise it holds those that changed, and ``gaps``
    how far each stands after the one before it; the first is counted from the first site.
    """

    order: str
    full: bool
    gaps: list[int]
    codes: str


def device_state(device: DeviceView) -> SiteState:
    """What a device does now, as a site's state."""
    if device.quality in _UNHEARD:
        return SiteState.SILENT
    plain = _BY_STATE.get(device.state)
    if plain is not None:
        return plain
    if device.type in STARTED:
        return SiteState.RUNNING if device.state == DeviceState.RUNNING else SiteState.IDLE
    if abs(device.power_kw) <= REST_SHARE * device.rated_kw:
        return SiteState.IDLE
    return SiteState.CHARGING if device.power_kw < 0.0 else SiteState.RUNNING


def supply_state(site: SiteView) -> SiteState:
    """What a site's supply says of its state."""
    if site.quality in _UNHEARD:
        return SiteState.SILENT
    if site.supply == Supply.DEAD:
        return SiteState.FAULT
    return SiteState.BACKUP if site.on_backup else SiteState.IDLE


def site_state(site: SiteView | None, devices: list[DeviceView]) -> SiteState:
    """What a site does now.

    Args:
        site: what is said of its supply; None: fed by the utility and heard.
        devices: its devices.
    """
    own = SiteState.IDLE if site is None else supply_state(site)
    if own is SiteState.SILENT:
        return own
    return max([own, *map(device_state, devices)])


def codes_of(view: PlantView, layout: Layout) -> npt.NDArray[np.uint8]:
    """The state of every site of a layout, in its order."""
    found = np.zeros(len(layout.site_ids), dtype=np.uint8)
    if not len(found):
        return found
    devices = view.devices
    states = np.fromiter(map(device_state, devices), dtype=np.uint8, count=len(devices))
    if [device.id for device in devices] == layout.device_ids:
        sites = layout.site_of_device
    else:
        at = layout.index_of_site
        known = np.array([at.get(device.site, -1) for device in devices], dtype=np.int64)
        states, sites = states[known >= 0], known[known >= 0]
    np.maximum.at(found, sites, states)
    for site in view.sites:
        index = layout.index_of_site.get(site.id)
        if index is not None:
            own = supply_state(site)
            found[index] = own if own is SiteState.SILENT else max(own, found[index])
    return found


class SiteTable:
    """The topic's states, and the edition in which each last changed.

    Args:
        charts: the order of sites.
    """

    def __init__(self, charts: Charts) -> None:
        self._charts = charts
        self._layout: Layout | None = None
        self._codes = np.zeros(0, dtype=np.uint8)
        self._changed_in = np.zeros(0, dtype=np.int64)
        self._since = 0
        self._edition = 0
        self._events: dict[int | None, bytes] = {}

    def event(
        self, view: PlantView, edition: int, after: int | None, encoder: msgspec.json.Encoder
    ) -> bytes:
        """The server-sent event for a reader of edition ``after``; empty when nothing changed.

        Args:
            view: the current edition's view.
            edition: its number.
            after: the edition the reader has, or None for everything.
            encoder: writes the message.
        """
        if edition != self._edition:
            self._update(view, edition)
        event = self._events.get(after)
        if event is None:
            event = self._events[after] = self._encode(after, encoder)
        return event

    def _update(self, view: PlantView, edition: int) -> None:
        layout = self._charts.layout()
        codes = codes_of(view, layout)
        if layout is not self._layout:
            self._layout, self._since = layout, edition
            self._changed_in = np.full(len(codes), edition, dtype=np.int64)
        else:
            self._changed_in[codes != self._codes] = edition
        self._codes, self._edition = codes, edition
        self._events.clear()

    def _encode(self, after: int | None, encoder: msgspec.json.Encoder) -> bytes:
        order = "" if self._layout is None else self._layout.order
        codes, message = self._codes, None
        if after is not None and after >= self._since:
            changed = np.flatnonzero(self._changed_in > after)
            if not len(changed):
                return b""
            if len(changed) <= FULL_SHARE * len(codes):
                gaps = np.diff(changed, prepend=0).tolist()
                message = SitesMessage(order, False, gaps, _digits(codes[changed]))
        if message is None:
            message = SitesMessage(order, True, [], _digits(codes))
        data = encoder.encode(message)
        return b"event: %b\ndata: %b\n\n" % (SITES_TOPIC.encode(), data)


def merged(codes: npt.NDArray[np.uint8], message: SitesMessage) -> npt.NDArray[np.uint8]:
    """A reader's codes after a message.

    Args:
        codes: what it had; any, when the message is full.
        message: what came.
    """
    news = np.frombuffer(message.codes.encode(), dtype=np.uint8) - ord("0")
    if message.full:
        return news
    taken = codes.copy()
    taken[np.cumsum(np.array(message.gaps, dtype=np.int64))] = news
    return taken


def _digits(codes: npt.NDArray[np.uint8]) -> str:
    return (codes + ord("0")).astype(np.uint8).tobytes().decode()
