"""Frames become messages: routed by topic, decoded, and held against the topic's own name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from gridmuster.center.changes import FleetNotice, History
from gridmuster.errors import SignalError
from gridmuster.fleet.model import Fleet
from gridmuster.forecast.told import PriceForecast
from gridmuster.planning.problem import PlanSolution
from gridmuster.planning.worth.told import PriceWorth
from gridmuster.signals import (
    Ack,
    DemandReport,
    Frame,
    GridSignal,
    Lease,
    OperatorRequest,
    Price,
    SessionStarted,
    ShellReport,
    SiteReport,
    decode,
)
from gridmuster.topics import Topics


@dataclass(frozen=True, slots=True)
class Malformed:
    """A frame that could not be understood: where it came from and why."""

    topic: str
    reason: str


class Router:
    """Knows every topic the fleet may speak on.

    Args:
        fleet: the fleet.
    """

    def __init__(self, fleet: Fleet) -> None:
        topics = Topics(fleet.id)
        self._routes: dict[str, tuple[type[Struct], str, str]] = {}
        for site in fleet.sites:
            self._routes[topics.report(site.id)] = (SiteReport, "site", site.id)
            self._routes[topics.demand(site.id)] = (DemandReport, "site", site.id)
            self._routes[topics.ack(site.id)] = (Ack, "site", site.id)
        for area in fleet.areas:
            self._routes[topics.grid(area.id)] = (GridSignal, "area", area.id)
            self._routes[topics.price(area.id)] = (Price, "area", area.id)
            self._routes[topics.price_forecast(area.id)] = (PriceForecast, "area", area.id)
            self._routes[topics.price_worth(area.id)] = (PriceWorth, "area", area.id)
        self._routes[topics.lease] = (Lease, "", "")
        self._routes[topics.operator] = (OperatorRequest, "", "")
        self._routes[topics.shell] = (ShellReport, "", "")
        self._routes[topics.fleet_notice] = (FleetNotice, "", "")
        self._routes[topics.history] = (History, "", "")
        self._routes[topics.plan_result] = (PlanSolution, "", "")
        self._session = topics.shell + "/session"
        self._routes[self._session] = (SessionStarted, "", "")

    @property
    def session_topic(self) -> str:
        """Label of a `SessionStarted` in the inbox."""
        return self._session

    def read(self, frame: Frame) -> Any | Malformed:
        """The message in a frame, or why there is none."""
        route = self._routes.get(frame.topic)
        if route is None:
            return Malformed(frame.topic[:200], "no such site, area or kind in this fleet")
        kind, attribute, expected = route
        try:
            message = decode(frame.payload, kind)
        except SignalError as error:
            return Malformed(frame.topic, str(error)[:300])
        if attribute and getattr(message, attribute) != expected:
            return Malformed(
                frame.topic,
                f"speaks for {getattr(message, attribute)!r} on the topic of {expected!r}",
            )
        return message
